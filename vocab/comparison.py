"""Two evaluations of the same photos: what got better and what got worse, and is it chance?

Both runs are resampled together, photo by photo (the paired bootstrap, Efron and Tibshirani 1993,
chapter 16), so that what is hard for both does not count as a difference. A p-value is twice the
smaller share of samples on either side of no difference. Over tags they are corrected by Holm's
step-down (1979); a tag on which both runs gave the same has nothing to test and is not counted
(Tarone 1990).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vocab.errors import ReportError
from vocab.evaluation import (
    Bools,
    Floats,
    average_precisions,
    bootstrap_weights,
    mean_over_tags,
    rates,
    resampled_ece,
    tag_rates,
)
from vocab.pairs_file import Pairs
from vocab.quality_report import Figure, Measured, shown_pairs

Verdict = Literal["better", "worse", "unclear"]

SIGNIFICANT = 0.05
# Samples weighed at a time.
AT_ONCE = 500
# Figures that take long are resampled less often; their intervals need no more.
SLOW_SAMPLES = 300
RISES = ("mean_ap", "macro_f1", "micro_precision", "micro_recall", "micro_f1")
FALLS = ("ece",)
# More tags are not better in themselves.
NEITHER = ("tags_per_image", "without_tags")


@dataclass(frozen=True)
class Change:
    """One figure before and after; `difference` is after less before, with its 95 % interval.

    Of the tags an image gets, more or fewer is neither better nor worse: always `unclear`.
    """

    name: str
    before: float
    after: float
    difference: Figure
    p: float
    verdict: Verdict


@dataclass(frozen=True)
class TagChange:
    """F1 of one tag at its automatic threshold; `adjusted` is its p-value after Holm."""

    id: str
    name: str
    positives: int
    before: float
    after: float
    difference: Figure
    p: float
    adjusted: float
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common, and how they differ on it.

    `disagreeing` pairs have another truth in either run, and are left out; `only_before` and
    `only_after` are names of tags that just one run has. `turned` counts the pairs given by one
    run only.
    """

    images: int
    tags_compared: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    disagreeing: int
    turned: int
    samples: int
    seed: int
    figures: tuple[Change, ...]
    tags: tuple[TagChange, ...]


def compare(before: Pairs, after: Pairs, *, samples: int = 10_000, seed: int = 0) -> Comparison:
    """How `after` differs from `before` on the photos and tags they share.

    Photos are known by their file names, tags by their ids, else by their names. Raises
    `ReportError` where fewer than two photos, or no tag, are shared.
    """
    old, new, disagreeing = _aligned(before, after)
    shared = set(old.ids)
    names = set(new.names)
    weights = bootstrap_weights(len(old.truth), min(samples, SLOW_SAMPLES), seed)
    return Comparison(
        images=len(old.truth),
        tags_compared=len(old.ids),
        only_before=tuple(
            name
            for tag, name in zip(before.measured.ids, before.measured.names, strict=True)
            if tag not in shared
        ),
        only_after=tuple(name for name in after.measured.names if name not in names),
        disagreeing=disagreeing,
        turned=int((old.served != new.served).sum()),
        samples=samples,
        seed=seed,
        figures=_figures(old, new, weights),
        tags=_tags(old, new, samples, seed),
    )


def holm(p: Floats) -> Floats:
    """`(k,)` p-values to those adjusted by Holm's step-down: rising with the p, 1 at most."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def two_sided(differences: Floats) -> Floats:
    """`(b, k)` resampled differences to `(k,)` p-values: never 0, however many samples agree."""
    count = len(differences)
    below = (differences <= 0).sum(axis=0) + 1
    above = (differences >= 0).sum(axis=0) + 1
    found: Floats = np.minimum(2.0 * np.minimum(below, above) / (count + 1), 1.0)
    return found


def _aligned(before: Pairs, after: Pairs) -> tuple[Measured, Measured, int]:
    """Both runs over the same photos in rows and the same tags in columns."""
    place = {name: row for row, name in enumerate(after.files)}
    rows = [(row, place[name]) for row, name in enumerate(before.files) if name in place]
    by_id = {tag: column for column, tag in enumerate(after.measured.ids)}
    by_name = {name: column for column, name in enumerate(after.measured.names)}
    columns = [
        (column, found)
        for column, (tag, name) in enumerate(
            zip(before.measured.ids, before.measured.names, strict=True)
        )
        if (found := by_id.get(tag, by_name.get(name))) is not None
    ]
    if len(rows) < 2 or not columns:
        raise ReportError(
            f"两次评测只有 {len(rows)} 张图片、{len(columns)} 个标签相同，无法比较",
            field="--compare",
            remedy="请用同一个数据集各评测一次，再比较两份报告。",
        )
    old = _taken(before.measured, [row for row, _ in rows], [column for column, _ in columns])
    new = _taken(after.measured, [row for _, row in rows], [column for _, column in columns])
    same = old.counted & new.counted & (old.truth == new.truth)
    disagreeing = int((old.counted & new.counted & (old.truth != new.truth)).sum())
    return replace(old, counted=same), replace(new, counted=same), disagreeing


def _taken(measured: Measured, rows: list[int], columns: list[int]) -> Measured:
    both = np.ix_(rows, columns)
    return Measured(
        ids=tuple(measured.ids[column] for column in columns),
        names=tuple(measured.names[column] for column in columns),
        scores=measured.scores[both],
        confidences=measured.confidences[both],
        passed=measured.passed[both],
        served=measured.served[both],
        truth=measured.truth[both],
        counted=measured.counted[both],
        tags_per_image=measured.tags_per_image[rows],
    )


def _figures(old: Measured, new: Measured, drawn: Floats) -> tuple[Change, ...]:
    weights = np.vstack([np.ones((1, len(old.truth))), drawn])
    before, after = _resampled(old, weights), _resampled(new, weights)
    return tuple(_change(name, before[name], after[name]) for name in before)


def _resampled(measured: Measured, weights: Floats) -> dict[str, Floats]:
    """Every figure under each of `(b, m)` weights, `(b,)`; the first row is the data itself."""
    truth, counted = measured.truth, measured.counted
    ap = mean_over_tags(average_precisions(measured.scores, truth, counted, weights))
    passed = rates(measured.passed, truth, counted, weights)
    served = rates(measured.served, truth, counted, weights)
    seen = shown_pairs(measured)
    confidences = measured.confidences[seen].astype(np.float64)
    error = resampled_ece(confidences, truth[seen], np.nonzero(seen)[0], weights)
    count = weights.sum(axis=1)
    return {
        "mean_ap": ap,
        "macro_f1": passed.macro_f1,
        "micro_precision": served.micro_precision,
        "micro_recall": served.micro_recall,
        "micro_f1": served.micro_f1,
        "ece": error,
        "tags_per_image": weights @ measured.tags_per_image / count,
        "without_tags": weights @ (measured.tags_per_image == 0) / count,
    }


def _change(name: str, before: Floats, after: Floats) -> Change:
    difference = after - before
    known = difference[1:][~np.isnan(difference[1:])]
    p = float(two_sided(known[:, None])[0])
    figure = _figure(float(difference[0]), known)
    rises = 1.0 if name in RISES else -1.0 if name in FALLS else 0.0
    return Change(
        name, float(before[0]), float(after[0]), figure, p, _verdict(rises * figure.value, p)
    )


def _figure(value: float, samples: Floats) -> Figure:
    """A difference and the middle 95 % of its samples."""
    if not len(samples) or np.isnan(value):
        return Figure(value, float("nan"), float("nan"))
    low, high = np.quantile(samples, [0.025, 0.975])
    return Figure(value, float(low), float(high))


def _verdict(gained: float, p: float) -> Verdict:
    if not p < SIGNIFICANT or gained == 0:
        return "unclear"
    return "better" if gained > 0 else "worse"


def _tags(old: Measured, new: Measured, samples: int, seed: int) -> tuple[TagChange, ...]:
    """Every shared tag, the surest changes first; those nothing happened to last."""
    everything = np.ones((1, len(old.truth)))
    before, after = _f1(old.passed, old, everything)[0], _f1(new.passed, new, everything)[0]
    tested = np.flatnonzero(((old.passed != new.passed) & old.counted).any(axis=0))
    differences = np.concatenate(
        [np.zeros((0, len(tested))), *_differences(old, new, tested, samples, seed)]
    )
    p, adjusted = np.ones(len(old.ids)), np.ones(len(old.ids))
    if len(tested):
        p[tested] = two_sided(differences)
        adjusted[tested] = holm(p[tested])
    place = {int(tag): column for column, tag in enumerate(tested)}
    positives = (old.truth & old.counted).sum(axis=0)
    found = []
    for tag, (tag_id, name) in enumerate(zip(old.ids, old.names, strict=True)):
        value = float(after[tag] - before[tag])
        drawn = differences[:, place[tag]] if tag in place else np.zeros(1)
        found.append(
            TagChange(
                id=tag_id,
                name=name,
                positives=int(positives[tag]),
                before=float(before[tag]),
                after=float(after[tag]),
                difference=_figure(value, drawn),
                p=float(p[tag]),
                adjusted=float(adjusted[tag]),
                verdict=_verdict(value, float(adjusted[tag])),
            )
        )
    found.sort(key=lambda one: (one.adjusted, one.p, -abs(one.difference.value), one.id))
    return tuple(found)


def _differences(
    old: Measured, new: Measured, tested: NDArray[np.int64], samples: int, seed: int
) -> Iterator[Floats]:
    """`(b, k)` resampled differences of F1 of the tested tags, some samples at a time."""
    few_old, few_new = (
        _taken(one, list(range(len(one.truth))), tested.tolist()) for one in (old, new)
    )
    for at in range(0, samples, AT_ONCE):
        weights = bootstrap_weights(len(old.truth), min(AT_ONCE, samples - at), seed + at)
        yield _f1(few_new.passed, few_new, weights) - _f1(few_old.passed, few_old, weights)


def _f1(given: Bools, measured: Measured, weights: Floats) -> Floats:
    """`(b, t)`: F1 of every tag under each of `(b, m)` weights."""
    truth, counted = measured.truth, measured.counted
    pairs = (given & truth & counted, given & counted, truth & counted)
    return tag_rates(*(weights @ one.astype(np.float64) for one in pairs))[2]
