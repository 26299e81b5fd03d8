"""What confidences promised beside what people said of the same images and tags."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.recalibration import unshifted_logits
from app.snapshot import Snapshot
from vocab.judgements import Evidence
from vocab.logistic import probabilities

# 97.5 % of a normal distribution lie below it.
Z = 1.959964
# Groups of equal size, each of enough verdicts to say something.
MOST_GROUPS, LEAST_IN_GROUP = 10, 5
MOST_CUTS = 50


@dataclass(frozen=True)
class Kept:
    """Of the verdicts on tags that were given: the share that was right, with its 95 % interval.

    `promised` is the mean confidence the same pairs have now without what feedback taught; apart
    from that, the calibration can be judged by the difference.
    """

    judged: int
    right: float
    low: float
    high: float
    promised: float


@dataclass(frozen=True)
class Cut:
    """Were tags given from this confidence on: the share of the judged pairs above it that are
    right, and of those that are right (found missing among them) the share above it.
    """

    confidence: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Promises:
    """All in one figure, in groups from the least confident to the surest, and at every cut."""

    kept: Kept | None
    reliability: tuple[Kept, ...]
    cuts: tuple[Cut, ...]


def promises(snapshot: Snapshot, evidence: Evidence, rows: Mapping[str, Sequence[int]]) -> Promises:
    """Over the verdicts on tags that are in the vocabulary; `rows` has the evidence's by tag id.

    What was missing was picked because it was, and says nothing of the share that is right: it
    counts in the cuts alone.
    """
    confidences = np.full(len(evidence.judgements), np.nan)
    for tag_id, some in rows.items():
        position = snapshot.positions.get(tag_id)
        if position is not None:
            logits = unshifted_logits(snapshot, position, evidence.vectors[list(some)])
            confidences[list(some)] = probabilities(logits)
    right = np.array([one.positive for one in evidence.judgements], dtype=bool)
    given = np.array([one.verdict != "missing" for one in evidence.judgements], dtype=bool)
    known = ~np.isnan(confidences)
    shown = known & given
    if not shown.any():
        return Promises(None, (), _cuts(confidences[known], right[known]))
    order = np.argsort(confidences[shown], kind="stable")
    promised, kept = confidences[shown][order], right[shown][order]
    groups = min(MOST_GROUPS, len(promised) // LEAST_IN_GROUP)
    parts = np.array_split(np.arange(len(promised)), groups) if groups > 1 else []
    return Promises(
        _kept(promised, kept),
        tuple(_kept(promised[part], kept[part]) for part in parts),
        _cuts(confidences[known], right[known]),
    )


def _kept(promised: NDArray[np.float64], right: NDArray[np.bool_]) -> Kept:
    low, high = wilson(int(right.sum()), len(right))
    return Kept(len(right), float(right.mean()), low, high, float(promised.mean()))


def _cuts(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Cut, ...]:
    """At up to `MOST_CUTS` of the confidences there are, the surest first."""
    if not right.any():
        return ()
    order = np.argsort(-confidences, kind="stable")
    sure, hits = confidences[order], np.cumsum(right[order])
    # Only behind the last of several that are equally sure can be cut.
    places = np.flatnonzero(np.append(sure[1:] < sure[:-1], True))
    if len(places) > MOST_CUTS:
        places = places[np.linspace(0, len(places) - 1, MOST_CUTS).astype(int)]
    return tuple(
        Cut(float(sure[at]), float(hits[at] / (at + 1)), float(hits[at] / hits[-1]))
        for at in places
    )


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927); never outside [0, 1]."""
    share = hits / count
    scale = 1 + Z**2 / count
    middle = (share + Z**2 / (2 * count)) / scale
    half = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
