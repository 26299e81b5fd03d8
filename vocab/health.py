"""What can be said of tags without a label: pure functions over scores and tag sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

BINS = 10
# A common reading of the index: below 0.1 nothing moved, above 0.2 something did.
NOTABLE = 0.2
# Of equally distributed samples one in a thousand has a larger index: quantile of chi-square with
# BINS - 1 degrees of freedom, which the index follows when divided by 1/n + 1/m (Yurdakul 2018).
CHANCE = 27.88
# Two tags fire together always when they share so much of their images, of which there are many.
TOGETHER = 0.9
FEWEST_TOGETHER = 10


def stability_index(before: Floats, now: Floats) -> NDArray[np.float64]:
    """`(n, t)` scores at calibration and `(m, t)` of today to `(t,)`: each tag's population
    stability index, the sum over tenths of `before` of (q - p) * log(q / p).

    0 for equal distributions; empty tenths count as half an image. Neither may be empty.
    """
    edges = np.quantile(before, np.arange(1, BINS) / BINS, axis=0)
    expected = _shares(before, edges)
    found = _shares(now, edges)
    index: NDArray[np.float64] = ((found - expected) * np.log(found / expected)).sum(axis=0)
    return index


def beyond_chance(index: float, before: int, now: int) -> bool:
    """Whether an index of that many images each is notable and more than sampling noise."""
    return index > NOTABLE and index > CHANCE * (1 / before + 1 / now)


def _shares(values: Floats, edges: Floats) -> NDArray[np.float64]:
    """`(n, t)` values between `(BINS - 1, t)` edges to `(BINS, t)` shares, none of them 0."""
    below = np.stack([(values <= edge).sum(axis=0) for edge in edges])
    counts = np.diff(below, axis=0, prepend=0, append=len(values))
    shares: NDArray[np.float64] = np.maximum(counts, 0.5) / len(values)
    return shares


@dataclass(frozen=True)
class Pair:
    """Two tags given to the same images: `both` have both, `either` one at least."""

    first: str
    second: str
    both: int
    either: int


def always_together(tag_sets: Sequence[Sequence[str]], limit: int) -> tuple[Pair, ...]:
    """The pairs of tags that hardly ever come alone, those with most images first."""
    each: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for tags in tag_sets:
        ordered = sorted(set(tags))
        each.update(ordered)
        pairs.update(combinations(ordered, 2))
    found = [
        Pair(first, second, both, each[first] + each[second] - both)
        for (first, second), both in pairs.items()
        if both >= FEWEST_TOGETHER
    ]
    close = [pair for pair in found if pair.both >= TOGETHER * pair.either]
    close.sort(key=lambda pair: (-pair.both, pair.first, pair.second))
    return tuple(close[:limit])
