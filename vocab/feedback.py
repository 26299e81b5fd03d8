"""From judgements to what they say of one tag's confidence: pure functions over arrays.

A tag's logit l is taken as known up to a constant of that tag, the shift d:

    P(y = 1 | l, d) = 1 / (1 + exp(-(l + d))),   d ~ N(0, deviation^2)

which is a random-intercept logistic regression with offset l (Gelman and Hill 2007, chapter 14).
The shift is the mode of its posterior, its uncertainty that of Laplace's approximation (MacKay
1992; Bishop 2006, 4.4). With little said the prior holds the shift near 0.

What one author says of one tag counts for `author_cap` judgements at most, and one image for one:
authors who contradict each other on it give their mean. So however much an author clicks, the
shift moves by at most `deviation^2 * author_cap`: the slope of the log-posterior changes by no
more than the author's weight, and its curvature is never below 1 / deviation^2. At the defaults
that is 1.28, less than the log-odds of 0.8: alone, nobody brings a confidence of 0.8 below 0.5.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 60
CLOSE = 1e-10


@dataclass(frozen=True)
class Prior:
    """What is believed before anybody judges: `deviation` of the shift over tags, in log-odds.

    `author_cap` is how many judgements of one tag one author counts for at most.
    """

    deviation: float = 0.8
    author_cap: float = 2.0


@dataclass(frozen=True)
class Shift:
    """What is added to a tag's logit, and how unsure it is (posterior standard deviation).

    `weight` is how many judgements it rests on, as they count.
    """

    value: float
    deviation: float
    weight: float


@dataclass(frozen=True)
class Said:
    """One verdict: by whom, on which image, and whether the tag is on it."""

    author: str
    image: str
    positive: bool
    logit: float


@dataclass(frozen=True)
class Weighed:
    """Judged images: `(n,)` logits, shares in [0, 1] that say yes, and weights in [0, 1]."""

    logits: Floats
    truth: Floats
    weights: Floats


def weigh(said: Iterable[Said], author_cap: float) -> Weighed:
    """Verdicts on one tag, no two of one author on one image, to one row for each image.

    The rows are in the order of the images' names, so that nothing depends on who came first.
    """
    ordered = sorted(said, key=lambda one: (one.image, one.author))
    clicks = Counter(one.author for one in ordered)
    share = {author: min(1.0, author_cap / many) for author, many in clicks.items()}
    rows: dict[str, list[Said]] = {}
    for one in ordered:
        rows.setdefault(one.image, []).append(one)
    logits, truth, weights = [], [], []
    for verdicts in rows.values():
        total = sum(share[one.author] for one in verdicts)
        logits.append(verdicts[0].logit)
        truth.append(sum(share[one.author] for one in verdicts if one.positive) / total)
        weights.append(min(1.0, total))
    return Weighed(*(np.asarray(one, dtype=np.float64) for one in (logits, truth, weights)))


def posterior_shift(weighed: Weighed, deviation: float) -> Shift:
    """The shift of a tag and its uncertainty; exactly 0 where nothing was said.

    The log-posterior is concave, so its slope falls through 0 once, between plus and minus
    `deviation^2 * weight`; Newton's steps that would leave what is left of that are halved.
    """
    total = float(weighed.weights.sum())
    if total == 0:
        return Shift(0.0, deviation, 0.0)
    precision = 1.0 / deviation**2
    low, high, shift = -total / precision, total / precision, 0.0
    curvature = precision
    for _ in range(STEPS):
        sure = _sigmoid(weighed.logits + shift)
        slope = float((weighed.weights * (weighed.truth - sure)).sum()) - precision * shift
        curvature = precision + float((weighed.weights * sure * (1 - sure)).sum())
        low, high = (shift, high) if slope > 0 else (low, shift)
        if abs(slope) < CLOSE:
            break
        step = shift + slope / curvature
        shift = step if low < step < high else (low + high) / 2
    return Shift(shift, 1.0 / math.sqrt(curvature), total)


def information(logits: Floats, deviations: Floats) -> Floats:
    """`(...)`: what one more judgement would teach of the shift, in nats: the expected gain

        0.5 * log(1 + deviation^2 * p * (1 - p))

    of a Gaussian posterior (MacKay 1992, "Information-based objective functions for active data
    selection"): most for a tag about which little is known, on an image near p = 0.5.
    """
    sure = _sigmoid(logits)
    gained: Floats = 0.5 * np.log1p(deviations**2 * sure * (1 - sure))
    return gained


def _sigmoid(logits: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))
    return found
