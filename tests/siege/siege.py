"""Schemathesis against a real service: requests made from its own OpenAPI, all checks on.

    python -m tests.siege.siege --cases 5000

A case is one request. Every phase is seeded, so that a finding can be found again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.browser import serving
from tests.fixtures.served import small_vocabulary

CONFIG = Path(__file__).parent / "schemathesis.toml"
# A lower bound on the addresses and methods of the document; each is met many times.
ADDRESSES = 40


@dataclass(frozen=True)
class Siege:
    """What came of it: `said` is the tool's own account, findings included."""

    cases: int
    server_errors: int
    passed: bool
    said: str


def lay(address: str, folder: Path, *, examples: int, seed: int, phases: str) -> Siege:
    """Sends what Schemathesis thinks of to a running service, `examples` an address and phase."""
    events = folder / "events.ndjson"
    command = [
        str(Path(sys.executable).parent / "st"),
        *("--config-file", str(CONFIG)),
        *("run", f"{address}/openapi.json", "--checks", "all", "--phases", phases),
        *("--seed", str(seed), "--max-examples", str(examples), "--continue-on-failure"),
        *("--request-timeout", "60", "--suppress-health-check", "all", "--no-shrink"),
        *("--report", "ndjson", "--report-ndjson-path", str(events)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    cases, server_errors = count(events)
    return Siege(cases, server_errors, done.returncode == 0, done.stdout + done.stderr)


def count(events: Path) -> tuple[int, int]:
    """How many requests were answered, and how many of them with a fault of the service.

    501 is the documented answer to what this version or this configuration does not do.
    """
    statuses = [
        status
        for line in events.read_text(encoding="utf-8").splitlines()
        for status in _statuses(json.loads(line))
    ]
    return len(statuses), sum(status >= 500 and status != 501 for status in statuses)


def _statuses(value: Any) -> list[int]:
    if isinstance(value, dict):
        response = value.get("response")
        own = [int(response["status_code"])] if isinstance(response, dict) else []
        return own + [found for one in value.values() for found in _statuses(one)]
    if isinstance(value, list):
        return [found for one in value for found in _statuses(one)]
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="at least so many requests")
    parser.add_argument("--examples", type=int, default=60, help="an address, phase and round")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sent = 0
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        small_vocabulary(data_dir)
        with serving(data_dir) as address:
            while sent < given.cases:
                phases = "examples,coverage,fuzzing,stateful" if not sent else "fuzzing,stateful"
                found = lay(
                    address,
                    Path(folder),
                    examples=given.examples,
                    seed=given.seed + sent,
                    phases=phases,
                )
                sent += found.cases
                sys.stdout.write(f"{sent} requests, {found.server_errors} answered with 5xx\n")
                if not found.passed or not found.cases:
                    sys.exit(found.said)


if __name__ == "__main__":
    main()
