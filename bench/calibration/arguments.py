"""The arguments all of these benches take."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """With `--data`, where the photos are, and `--cache`, where their vectors are kept."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("data/bench"))
    return parser
