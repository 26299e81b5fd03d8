"""How good tags are, in numbers: pure functions over arrays of images and tags.

Throughout, m images stand in rows and t tags in columns. `truth (m, t) bool` says what is right;
`counted (m, t) bool` is False for a pair that is arguable and left out. Weights `(m,)` say how
often an image counts, so that a bootstrap sample is nothing but other weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 15


def average_precision(scores: NDArray[np.floating], truth: Bools, weights: Floats) -> Floats:
    """AP of one tag over `(m,)` images, for each of `(b, m)` weights: `(b,)`, NaN without a truth.

    The sum over distinct scores of precision there times the recall gained there, as
    scikit-learn has it; images of equal score count as one step, whatever their order.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # of each group of equals
    weighed = weights[:, order]
    right = np.cumsum(weighed * truth[order], axis=1)[:, last]
    shown = np.cumsum(weighed, axis=1)[:, last]
    precision = np.divide(right, shown, out=np.zeros_like(right), where=shown > 0)
    total = right[:, -1]
    gained = np.diff(right, axis=1, prepend=0.0)
    summed = (gained * precision).sum(axis=1)
    found: Floats = np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)
    return found


def average_precisions(
    scores: NDArray[np.floating], truth: Bools, counted: Bools, weights: Floats
) -> Floats:
    """`(m, t)` scores to `(b, t)`: the AP of every tag under each of `(b, m)` weights."""
    found = np.full((len(weights), truth.shape[1]), np.nan)
    for tag in range(truth.shape[1]):
        kept = counted[:, tag]
        if truth[kept, tag].any():
            found[:, tag] = average_precision(scores[kept, tag], truth[kept, tag], weights[:, kept])
    return found


def best_cuts(scores: NDArray[np.floating], truth: Bools, counted: Bools) -> Floats:
    """`(t,)`: for each tag the score from which on emitting it gives the best F1 there is.

    An oracle: it knows the truth. Infinite for a tag that is right nowhere; of equally good cuts
    the strictest.
    """
    cuts = np.full(truth.shape[1], np.inf)
    for tag in range(truth.shape[1]):
        kept = counted[:, tag]
        if not truth[kept, tag].any():
            continue
        order = np.argsort(-scores[kept, tag], kind="stable")
        ranked, right = scores[kept, tag][order], np.cumsum(truth[kept, tag][order])
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        f1 = 2 * right[last] / (last + 1 + right[-1])
        cuts[tag] = ranked[last[np.argmax(f1)]]
    return cuts


@dataclass(frozen=True)
class Rates:
    """Precision, recall and F1, each of shape `(b,)`: pooled (micro) and mean over tags (macro).

    The macro means run over the tags that are right somewhere in the sample; a tag never emitted
    has precision 0. A macro F1 is the mean of the tags' F1.
    """

    micro_precision: Floats
    micro_recall: Floats
    micro_f1: Floats
    macro_precision: Floats
    macro_recall: Floats
    macro_f1: Floats


def rates(emitted: Bools, truth: Bools, counted: Bools, weights: Floats) -> Rates:
    """What `emitted (m, t) bool` is worth, under each of `(b, m)` weights."""
    right, shown, true = _counts(emitted, truth, counted, weights)
    precision, recall, f1 = tag_rates(right, shown, true)
    present = np.where(true > 0, 1.0, np.nan)
    micro = tag_rates(right.sum(axis=1), shown.sum(axis=1), true.sum(axis=1))
    return Rates(*micro, *(mean_over_tags(one * present) for one in (precision, recall, f1)))


def counts(emitted: Bools, truth: Bools, counted: Bools) -> tuple[Floats, Floats, Floats]:
    """`(t,)` each: how often every tag was emitted rightly, emitted, and true."""
    everything = np.ones((1, len(truth)))
    right, shown, true = _counts(emitted, truth, counted, everything)
    return right[0], shown[0], true[0]


def tag_rates(right: Floats, shown: Floats, true: Floats) -> tuple[Floats, Floats, Floats]:
    """Counts of any one shape to precision, recall and F1; 0 where there is nothing to divide."""
    return _share(right, shown), _share(right, true), _share(2 * right, shown + true)


def mean_over_tags(values: Floats) -> Floats:
    """`(b, t)` to `(b,)`: the mean of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    found: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return found


@dataclass(frozen=True)
class Reliability:
    """Pairs in bins of equal size by confidence: `(k,)` mean confidence, share right, and count."""

    confidence: Floats
    precision: Floats
    count: Floats

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean distance of the two, NaN without a pair."""
        if not self.count.sum():
            return float("nan")
        distance = np.abs(self.confidence - self.precision)
        return float((distance * self.count).sum() / self.count.sum())


def reliability(confidences: Floats, right: Bools, bins: int = BINS) -> Reliability:
    """`(p,)` pairs to at most `bins` bins of equal mass (sizes differ by one at most)."""
    order = np.argsort(confidences, kind="stable")
    parts = np.array_split(order, min(bins, len(order))) if len(order) else []
    return Reliability(
        np.asarray([confidences[part].mean() for part in parts], dtype=np.float64),
        np.asarray([right[part].mean() for part in parts], dtype=np.float64),
        np.asarray([len(part) for part in parts], dtype=np.float64),
    )


def resampled_ece(
    confidences: Floats, right: Bools, image: NDArray[np.int64], weights: Floats, bins: int = BINS
) -> Floats:
    """`(p,)` pairs and the image of each to `(b,)`: the ECE of every sample, in the bins of all.

    The bins stay where they are: a sample has ties that would move their borders.
    """
    order = np.argsort(confidences, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    for place, part in enumerate(np.array_split(order, max(1, min(bins, len(order))))):
        number[part] = place
    gap = confidences - right
    found = np.full(len(weights), np.nan)
    for sample, weight in enumerate(weights):
        each = weight[image]
        if each.sum() > 0:
            summed = np.bincount(number, weights=each * gap)
            found[sample] = np.abs(summed).sum() / each.sum()
    return found


def bootstrap_weights(images: int, samples: int, seed: int) -> Floats:
    """`(samples, images)`: how often each image is drawn when `images` are drawn with return."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, images, (samples, images))
    rows = np.arange(samples)[:, None] * images
    found = np.bincount((drawn + rows).ravel(), minlength=samples * images)
    return found.reshape(samples, images).astype(np.float64)


def interval(value: float, samples: Floats, top: float = 1.0) -> tuple[float, float]:
    """The middle 95 % of bootstrap samples of a value in [0, top], moved to lie around it.

    They are moved by the samples' mean distance from the value: an image drawn twice agrees with
    itself, which raises AP and calibration error in every sample alike. NaN is left out; two NaN
    where nothing remains.
    """
    known = samples[~np.isnan(samples)]
    if not len(known) or np.isnan(value):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975]) - (known.mean() - value)
    return float(max(low, 0.0)), float(min(high, top))


def _counts(
    emitted: Bools, truth: Bools, counted: Bools, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """`(b, t)` each: emitted rightly, emitted, true."""
    pairs = (emitted & truth & counted, emitted & counted, truth & counted)
    right, shown, true = (weights @ one.astype(np.float64) for one in pairs)
    return right, shown, true


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
