"""One quality report: every figure with its interval, from the arrays of one evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocab.conformal import MISSES, miss_cut
from vocab.confusion import Confusion, confusions
from vocab.evaluation import (
    Bools,
    Floats,
    Rates,
    Reliability,
    average_precisions,
    best_cuts,
    bootstrap_weights,
    counts,
    interval,
    mean_over_tags,
    rates,
    reliability,
    resampled_ece,
    tag_rates,
)

# Pairs below it are shown to nobody; over all pairs the base rate alone would look calibrated.
LEAST_SHOWN = 0.2


@dataclass(frozen=True)
class Measured:
    """m images against the t tags that have labels; matrices are `(m, t)`.

    `passed` is what reaches the automatic thresholds, `served` what a request would have shown
    of it (echoes and repeated parents left out, ten tags at most). `counted` is False for arguable
    pairs. `tags_per_image (m,)` counts served tags of the whole vocabulary.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    scores: NDArray[np.float32]
    confidences: NDArray[np.float32]
    passed: Bools
    served: Bools
    truth: Bools
    counted: Bools
    tags_per_image: NDArray[np.int64]


@dataclass(frozen=True)
class Subject:
    """What was evaluated: on which labels, by which model and vocabulary, and what was left out.

    `unknown` counts the labels no active tag has; `failed` are files that are no usable image.
    """

    dataset: str
    model: str
    model_key: str
    vocabulary_revision: int
    unknown: dict[str, int]
    failed: dict[str, str]


@dataclass(frozen=True)
class Figure:
    """A number and its bootstrap 95 % interval over images; NaN where it cannot be had."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Marks:
    """`Rates`, each with its interval."""

    micro_precision: Figure
    micro_recall: Figure
    micro_f1: Figure
    macro_precision: Figure
    macro_recall: Figure
    macro_f1: Figure


@dataclass(frozen=True)
class Coverage:
    """How many tags images get; `histogram[k]` images have k."""

    mean: Figure
    median: float
    none: Figure
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class TagReport:
    """One tag: `positives` of `judged` images; precision to F1 at the automatic threshold.

    `oracle_score` is the score from which on it would have the best F1, which is `oracle_f1`.
    """

    id: str
    name: str
    judged: int
    positives: int
    emitted: int
    ap: float
    precision: float
    recall: float
    f1: float
    oracle_f1: float
    oracle_score: float


@dataclass(frozen=True)
class QualityReport:
    """Everything a report says.

    `miss_cuts` are the confidences to cut at so that at most the named share of the true tags of an
    image is missed (vocab.conformal).
    """

    subject: Subject
    images: int
    true_pairs: int
    unsure_pairs: int
    seed: int
    samples: int
    mean_ap: Figure
    automatic: Marks
    oracle: Marks
    served: Marks
    ece: Figure
    reliability: Reliability
    coverage: Coverage
    confusions: tuple[Confusion, ...]
    miss_cuts: dict[str, float | None]
    tags: tuple[TagReport, ...]


def quality_report(
    subject: Subject, measured: Measured, *, samples: int = 300, seed: int = 0
) -> QualityReport:
    """The report of at least one image and one tag; the same seed gives the same report."""
    truth, counted = measured.truth, measured.counted
    drawn = bootstrap_weights(len(truth), samples, seed)
    weights = np.vstack([np.ones((1, len(truth))), drawn])  # the first row is the data itself
    precisions = average_precisions(measured.scores, truth, counted, weights)
    cuts = best_cuts(measured.scores, truth, counted)
    best = measured.scores >= cuts
    error, bins = _calibration(measured, weights)
    return QualityReport(
        subject=subject,
        images=len(truth),
        true_pairs=int((truth & counted).sum()),
        unsure_pairs=int((~counted).sum()),
        seed=seed,
        samples=samples,
        mean_ap=_figure(mean_over_tags(precisions)),
        automatic=_marks(rates(measured.passed, truth, counted, weights)),
        oracle=_marks(rates(best, truth, counted, weights)),
        served=_marks(rates(measured.served, truth, counted, weights)),
        ece=error,
        reliability=bins,
        coverage=_coverage(measured.tags_per_image, weights),
        confusions=confusions(measured.ids, measured.names, measured.served, truth, counted),
        miss_cuts={
            f"{share:g}": miss_cut(measured.confidences, truth, counted, share) for share in MISSES
        },
        tags=_tags(measured, precisions[0], best, cuts),
    )


def as_json(value: Any) -> Any:
    """A report as plain values for JSON, which knows neither NaN nor infinity: both are null."""
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, tuple | list | np.ndarray):
        return [as_json(one) for one in value]
    if isinstance(value, float):
        return round(float(value), 6) if math.isfinite(value) else None
    return value


def shown_pairs(measured: Measured) -> Bools:
    """`(m, t)`: the pairs that somebody is shown, and that count."""
    return measured.counted & ((measured.confidences >= LEAST_SHOWN) | measured.served)


def _figure(values: Floats, top: float = 1.0) -> Figure:
    """The first value is that of the data, the others those of its bootstrap samples."""
    return Figure(float(values[0]), *interval(float(values[0]), values[1:], top))


def _marks(found: Rates) -> Marks:
    return Marks(*(_figure(getattr(found, field.name)) for field in fields(found)))


def _calibration(measured: Measured, weights: Floats) -> tuple[Figure, Reliability]:
    """Of the pairs somebody is shown: what they promise against what they keep."""
    seen = shown_pairs(measured)
    confidences = measured.confidences[seen].astype(np.float64)
    right, image = measured.truth[seen], np.nonzero(seen)[0]
    found = resampled_ece(confidences, right, image, weights)
    return _figure(found), reliability(confidences, right)


def _coverage(per_image: NDArray[np.int64], weights: Floats) -> Coverage:
    count = weights.sum(axis=1)
    return Coverage(
        mean=_figure(weights @ per_image / count, math.inf),
        median=float(np.median(per_image)),
        none=_figure(weights @ (per_image == 0) / count),
        histogram=tuple(np.bincount(per_image).tolist()),
    )


def _tags(measured: Measured, ap: Floats, best: Bools, cuts: Floats) -> tuple[TagReport, ...]:
    right, shown, true = counts(measured.passed, measured.truth, measured.counted)
    precision, recall, f1 = tag_rates(right, shown, true)
    _, _, best_f1 = tag_rates(*counts(best, measured.truth, measured.counted))
    judged = measured.counted.sum(axis=0)
    return tuple(
        TagReport(
            id=measured.ids[tag],
            name=measured.names[tag],
            judged=int(judged[tag]),
            positives=int(true[tag]),
            emitted=int(shown[tag]),
            ap=float(ap[tag]),
            precision=float(precision[tag]) if shown[tag] else math.nan,
            recall=float(recall[tag]) if true[tag] else math.nan,
            f1=float(f1[tag]) if true[tag] else math.nan,
            oracle_f1=float(best_f1[tag]) if true[tag] else math.nan,
            oracle_score=float(cuts[tag]),
        )
        for tag in range(len(measured.ids))
    )
