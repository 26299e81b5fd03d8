"""Where a tag is cut for a target: pure functions over profiles and the logits of their bins.

Throughout, `counts (n, BINS)` are profiles (vocab.profiles) and `logits (n, BINS)` the log-odds at
the centres of the bins, rising from left to right. Results are `(n,) float32`: the lowest bin
centre, in the profile's unit, that a tag may be emitted at; infinite where it must not be.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocab.logistic import probabilities
from vocab.profiles import BIN, CENTRES, Counts

FloatArray = NDArray[np.float32]

# A promise about false positives is kept with this probability (Tong, Feng and Li 2018).
ASSURANCE = 0.95
# The part of the bank a tail is fitted to, where there are too few images for the promise itself.
TAIL_SHARE = 0.1
# Below it an F1 cannot be called best: the tag would be emitted at random.
LEAST_F1 = 0.1


def precision_cuts(counts: Counts, logits: FloatArray, precision: float) -> FloatArray:
    """The lowest cut above which the mean probability over the bank reaches the precision.

    A tag the bank shows nowhere that high is cut where its own probability reaches it: being
    rare in the bank is no reason to be silent when it is seen.
    """
    return at_precision(precision_levels(counts, logits), precision)


def precision_levels(counts: Counts, logits: FloatArray) -> FloatArray:
    """`(n, BINS)`, rising to the right: the strictest precision that a cut at each bin keeps."""
    probability = probabilities(logits)
    seen, right = _from_above(counts), _from_above(counts * probability)
    kept = np.maximum(right / np.maximum(seen, 1), probability)
    return np.minimum.accumulate(kept[:, ::-1], axis=1)[:, ::-1]


def at_precision(levels: FloatArray, precision: float) -> FloatArray:
    """The lowest cut that keeps a precision, by what `precision_levels` says of every cut."""
    return _lowest(levels >= np.float32(precision))


def best_f1_cuts(counts: Counts, logits: FloatArray) -> FloatArray:
    """Half of the best F1 expected over the bank, as a probability (Lipton, Elkan and
    Naryanaswamy 2014, arXiv 1402.1892); infinite for a tag whose best is below `LEAST_F1`.
    """
    probability = probabilities(logits)
    emitted, right = _from_above(counts), _from_above(counts * probability)
    all_right = right[:, :1]
    best = (2 * right / np.maximum(emitted + all_right, 1e-9)).max(axis=1)
    cuts = _lowest(probability >= best[:, None] / 2)
    return np.where(best < LEAST_F1, np.float32(np.inf), cuts)


def false_positive_cuts(counts: Counts, rate: float) -> FloatArray:
    """The lowest cut that at most a share `rate` of images exceeds, with 95 % assurance.

    With enough images (299 for 1 %) by order statistics: the largest exceedance count whose upper
    Clopper-Pearson bound stays at the rate (Tong, Feng and Li, Science Advances 2018). With fewer
    by a generalised Pareto tail. The bank's own positives count as false, so cuts are careful.
    """
    total = counts.sum(axis=1, dtype=np.int64)
    above = _from_above(counts, np.int64)
    cuts = np.full(len(counts), np.inf, dtype=np.float32)
    for size in np.unique(total):
        rows = np.flatnonzero(total == size)
        allowed = allowed_exceedances(int(size), rate)
        if allowed >= 0:
            cuts[rows] = _lowest(above[rows] <= allowed)
        elif size:
            cuts[rows] = [_tail_cut(counts[row], rate) for row in rows]
    return cuts


def share_cuts(counts: Counts, share: float) -> FloatArray:
    """The lowest cut that at most a share of the bank reaches; the lowest of all without a bank."""
    above = _from_above(counts, np.int64)
    return _lowest(above <= share * above[:, :1])


def allowed_exceedances(size: int, rate: float) -> int:
    """How many of `size` negatives may exceed a cut that promises the rate; -1 where none may.

    The largest k with P(Binomial(size, rate) <= k) <= 1 - assurance.
    """
    below, count = 0.0, -1
    for k in range(size + 1):
        ways = math.lgamma(size + 1) - math.lgamma(k + 1) - math.lgamma(size - k + 1)
        below += math.exp(ways + k * math.log(rate) + (size - k) * math.log1p(-rate))
        if below > 1 - ASSURANCE:
            return count
        count = k
    return count


def _tail_cut(counts: Counts, rate: float) -> float:
    """The cut by a generalised Pareto tail over the upper tenth, moments matched (Hosking and
    Wallis 1987), its shape held within 0 and 0.3 because a few images cannot tell it, and moved
    up by 1.645 standard errors of an exponential tail's scale, so that the assurance holds.
    """
    total = int(counts.sum())
    above = np.cumsum(counts[::-1])[::-1]
    start = int(np.argmax(above <= max(1, round(TAIL_SHARE * total))))
    tail, centres = counts[start:], CENTRES[start:]
    found = int(tail.sum())
    if not found or rate >= found / total:
        return float(CENTRES[start])
    over = centres - CENTRES[start] + BIN / 2
    mean = float((tail * over).sum() / found)
    variance = max(float((tail * (over - mean) ** 2).sum() / found), 1e-6)
    shape = min(max(0.5 * (1 - mean * mean / variance), 0.0), 0.3)
    scale = mean * (1 - shape)
    left = rate * total / found  # of the tail
    over_start = scale * (left**-shape - 1) / shape if shape > 1e-6 else -scale * math.log(left)
    margin = 1 + 1.645 / math.sqrt(found)
    return float(CENTRES[start] + margin * over_start)


def _from_above(values: NDArray[Any], dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """`(n, BINS)`: at each bin the sum of it and of all to its right."""
    return np.cumsum(values[:, ::-1], axis=1, dtype=dtype)[:, ::-1]


def _lowest(kept: NDArray[np.bool_]) -> FloatArray:
    """For each row the centre from which on every bin to the right is kept, or infinity."""
    broken = ~kept[:, ::-1]
    length = np.where(broken.any(axis=1), broken.argmax(axis=1), kept.shape[1])
    first = kept.shape[1] - length
    cuts = np.where(length > 0, CENTRES[np.minimum(first, kept.shape[1] - 1)], np.inf)
    return np.asarray(cuts, dtype=np.float32)
