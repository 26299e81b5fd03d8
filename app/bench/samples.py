"""Timed runs and what is said of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measured:
    """One line of the report: what was measured with which parameters, and the samples.

    `unit` is that of the samples. `error` says why there are none.
    """

    case: str
    parameters: dict[str, Any]
    unit: str
    samples: tuple[float, ...]
    error: str = ""
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle of the samples; NaN where there are none."""
        return statistics.median(self.samples) if self.samples else float("nan")

    @property
    def spread(self) -> float:
        """The median absolute deviation of the samples."""
        middle = self.median
        return (
            statistics.median([abs(one - middle) for one in self.samples]) if self.samples else 0.0
        )


def timed(work: Callable[[], object], seconds: float, least: int = 3) -> tuple[float, ...]:
    """Milliseconds of each run, after one that warms up: as many as fit, at least a few."""
    work()
    found: list[float] = []
    until = time.perf_counter() + seconds
    while len(found) < least or time.perf_counter() < until:
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return tuple(found)


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample that `share` (0 to 1) of all do not exceed; NaN where there are none."""
    ordered = sorted(samples)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
