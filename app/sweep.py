"""One image's tags at every precision target from the one asked for upwards, answered at once.

A reader who moves a slider wants to see what another request would say without making it. Echoes,
exclusive groups and parents are decided among the tags that pass, so what a stricter target gives
is not simply less: every target is decided for itself, those that the same tags pass together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.choice import Options, Swept, TagHit, given_to_each
from app.numbers import Numbers, Rows
from app.snapshot import Snapshot

PERCENTS = tuple(percent / 100 for percent in range(1, 100))


def swept(
    snapshot: Snapshot,
    numbers: Numbers,
    rows: Rows,
    misses: Sequence[TagHit],
    options: Options,
    *,
    blank: bool,
) -> tuple[tuple[TagHit, ...], tuple[TagHit, ...]]:
    """The tags some target gives, or nothing asked at all, strongest first; and the misses.

    `numbers` are those of the request, whose precision target is the lowest looked at. A `blank`
    image has no tags where nothing is asked.
    """
    usual = _usual(snapshot, numbers)
    by_default = () if blank else given_to_each(snapshot, [usual], rows, rows, options)[0]
    found = {hit.tag.id: hit for hit in by_default}
    targets = _targets(options)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for at, hits in enumerate(_at_each(snapshot, numbers, rows, options, targets)):
        for hit in hits:
            if hit.tag.id not in ranges:
                found[hit.tag.id], ranges[hit.tag.id] = hit, []
            _extend(ranges[hit.tag.id], at)
    given = {hit.tag.id for hit in by_default}

    def marked(hit: TagHit) -> TagHit:
        runs = ranges.get(hit.tag.id, ())
        precisions = tuple((targets[first], targets[last]) for first, last in runs)
        threshold = float(usual.thresholds[snapshot.positions[hit.tag.id]])
        return replace(hit, swept=Swept(precisions, threshold, hit.tag.id in given))

    tags = sorted(map(marked, found.values()), key=lambda hit: -hit.confidence)
    return tuple(tags), () if tags else tuple(map(marked, misses))


def _targets(options: Options) -> tuple[float, ...]:
    """The precision target asked for, and every whole percent above it."""
    lowest = options.precision_target
    assert lowest is not None  # noqa: S101 - the interface asks for it
    return (lowest, *(percent for percent in PERCENTS if percent > lowest))


def _usual(snapshot: Snapshot, numbers: Numbers) -> Numbers:
    """The image's numbers where nothing is asked."""
    calibration = snapshot.calibration
    (thresholds,) = calibration.thresholds(numbers.side)
    return replace(numbers, thresholds=thresholds, uncertain=~calibration.reaches(()))


def _at_each(
    snapshot: Snapshot,
    numbers: Numbers,
    rows: Rows,
    options: Options,
    targets: Sequence[float],
) -> list[tuple[TagHit, ...]]:
    """The tags at each of the targets, as a request for that one would give them."""
    passed = numbers.passing(rows)
    needed = snapshot.calibration.taken(passed).precision_thresholds(numbers.side, targets)
    kept = numbers.similarities[passed] >= needed
    found: list[tuple[TagHit, ...]] = []
    for at, passing in enumerate(kept):
        if at and np.array_equal(passing, kept[at - 1]):
            found.append(found[-1])
        else:
            found += given_to_each(snapshot, [numbers], rows, passed[passing], options)
    return found


def _extend(runs: list[tuple[int, int]], at: int) -> None:
    """Adds a place to runs of places that follow each other."""
    if runs and runs[-1][1] == at - 1:
        runs[-1] = (runs[-1][0], at)
    else:
        runs.append((at, at))
