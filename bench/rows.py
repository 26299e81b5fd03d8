"""A measurement as a row that can be read by itself years later: `bench/results/CASE.jsonl`.

Each row says what was measured with which parameters, against which baseline in the same run, how
often, how much it scattered, on which machine and with which versions; or why there is no number.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from app.bench.machine import machine, versions

RESULTS = Path(__file__).parent / "results"


def write_row(
    case: str,
    parameters: Mapping[str, Any],
    samples: Sequence[float],
    unit: str,
    *,
    baseline: tuple[str, Sequence[float]] | None = None,
    error: str = "",
    results: Path = RESULTS,
) -> dict[str, Any]:
    """Appends the row and gives it back; `samples` is empty where there is an `error`."""
    row: dict[str, Any] = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "case": case,
        "command": " ".join(["python", "-m", *_module(), *map(_shown, sys.argv[1:])]),
        "parameters": dict(parameters),
        "unit": unit,
        **summary(samples),
        "machine": machine(),
        "versions": versions(),
    }
    if baseline is not None:
        row["baseline"] = {"name": baseline[0], **summary(baseline[1])}
    if error:
        row["error"] = error
    results.mkdir(parents=True, exist_ok=True)
    with (results / f"{case}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return row


def summary(samples: Sequence[float]) -> dict[str, float | int | None]:
    """Median, median absolute deviation, and how many there were."""
    if not samples:
        return {"median": None, "mad": None, "n": 0}
    middle = statistics.median(samples)
    spread = statistics.median([abs(one - middle) for one in samples])
    return {"median": round(middle, 4), "mad": round(spread, 4), "n": len(samples)}


def _shown(argument: str) -> str:
    """An argument without the folders of this machine."""
    return Path(argument).name if argument.startswith("/") else argument


def _module() -> list[str]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return [spec.name] if spec else [Path(sys.argv[0]).name]
