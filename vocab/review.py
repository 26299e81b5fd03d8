"""Which judgements would teach most: pure functions over pairs of image and tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# Pairs of one image on one list: more would be answered with the same glance, and learn the same.
MOST_OF_AN_IMAGE = 2


@dataclass(frozen=True)
class Candidate:
    """A pair that may be judged; `gain` says how much would be learned from it."""

    image: int
    tag: int
    gain: float


def spread(candidates: Iterable[Candidate], count: int) -> tuple[Candidate, ...]:
    """The `count` most instructive pairs, spread over tags: a tag's second comes after the first
    of every other, and so on.
    """
    ranked = sorted(candidates, key=lambda one: (-one.gain, one.tag, one.image))
    turns: Counter[int] = Counter()
    ordered = []
    for one in ranked:
        ordered.append((turns[one.tag], one))
        turns[one.tag] += 1
    ordered.sort(key=lambda pair: pair[0])
    chosen: list[Candidate] = []
    images: Counter[int] = Counter()
    for _, one in ordered:
        if len(chosen) < count and images[one.image] < MOST_OF_AN_IMAGE:
            images[one.image] += 1
            chosen.append(one)
    return tuple(chosen)
