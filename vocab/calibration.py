"""From similarities to scores, confidences and thresholds.

For tag t and image x with cosine s(x, t), probe mean p(x) over a fixed set of tags, and the mean
and spread of s - p of that tag over the background bank:

    score(x, t)      = (s(x, t) - p(x) - mean_t) / spread_t
    confidence(x, t) = 1 / (1 + exp(-(slope_t * score + intercept_t + shift_t)))

Centring an image over fixed tags and a tag over other images follows SPARC (CVPR 2025,
arXiv 2502.16911), with statistics from a bank in place of the test images; the logistic is Platt's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocab.background import BackgroundBank

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ScoreModel:
    """The numbers of one encoder: the logistic, the usual cut, what to assume without a bank.

    `default_spread` is the spread of a tag no bank has measured; `shrinkage` is how many images
    that assumption weighs against the bank's. `default_confidence` is the cut unless asked.
    `pooling` is how far a tag's own spread gives way to the default one: 0 divides each tag by its
    own, as SPARC does, 1 only centres. Which is better is a matter of the model, and is measured.
    """

    slope: float = 1.6
    intercept: float = -4.0
    default_confidence: float = 0.5
    default_spread: float = 0.03
    shrinkage: float = 10.0
    pooling: float = 0.0


# The arrays of a calibration with one number for each tag.
BY_TAG = ("mean", "spread", "slope", "intercept", "shift", "manual")


@dataclass(frozen=True)
class Calibration:
    """What is known of n tags: every array but `probe_mean` is `(n,) float32`.

    `mean` and `spread` standardise a tag's similarities, `slope` and `intercept` are its logistic,
    `shift` is what feedback adds to the logit, 0 without any. `manual` is an operator's own
    threshold on the similarity, NaN where there is none.
    `probe_mean (d,) float32` is the mean vector of the probe set: because a mean of inner
    products is the inner product with the mean, it is all an image's mean needs.
    """

    model: ScoreModel
    probe_mean: FloatArray
    mean: FloatArray
    spread: FloatArray
    slope: FloatArray
    intercept: FloatArray
    shift: FloatArray
    manual: FloatArray

    def joined(self, other: Calibration) -> Calibration:
        """These tags and below them the other's, measured with the same probes and bank."""
        return self._with(
            {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in BY_TAG}
        )

    def taken(self, rows: NDArray[np.int64]) -> Calibration:
        """The tags at these rows, in their order."""
        return self._with({name: getattr(self, name)[rows] for name in BY_TAG})

    def _with(self, arrays: dict[str, Any]) -> Calibration:
        return replace(self, **arrays)

    def image_means(self, images: FloatArray) -> FloatArray:
        """`(m, d)` image vectors to `(m,)`: each image's mean similarity over the probe set."""
        return np.asarray(images @ self.probe_mean, dtype=np.float32)

    def scores(self, similarities: FloatArray, image_means: FloatArray) -> FloatArray:
        """`(m, n)` similarities and `(m,)` image means to `(m, n) float32` scores."""
        centred = similarities - image_means[:, None] - self.mean
        return np.asarray(centred / self.spread, dtype=np.float32)

    def logits(self, scores: FloatArray) -> FloatArray:
        """`(m, n)` scores, or `(n,)` of one image, to logits of the same shape: log-odds."""
        return np.asarray(self.slope * scores + (self.intercept + self.shift), dtype=np.float32)

    def confidences(self, scores: FloatArray) -> FloatArray:
        """`(m, n)` scores, or `(n,)` of one image, to confidences in [0, 1], float32."""
        return probabilities(self.logits(scores))

    def scores_at(self, confidence: float) -> FloatArray:
        """`(n,) float32`: the score whose confidence is the given one; infinite at 0 and at 1."""
        with np.errstate(divide="ignore"):
            logit = np.log(np.float32(confidence)) - np.log1p(-np.float32(confidence))
        return np.asarray((logit - self.intercept - self.shift) / self.slope, dtype=np.float32)

    def thresholds(self, image_means: FloatArray, confidence: float | None = None) -> FloatArray:
        """`(m,)` image means to `(m, n) float32`: the similarity each tag needs on each image.

        With a `confidence` asked for, the cut is there for every tag; without one it is the
        model's usual one, and an operator's own threshold goes before it.
        """
        asked = self.model.default_confidence if confidence is None else confidence
        needed = image_means[:, None] + self.mean + self.scores_at(asked) * self.spread
        needed = np.clip(needed, -1.0, 1.0)  # no cosine lies outside, and JSON has no infinity
        if confidence is None:
            needed = np.where(np.isnan(self.manual), needed, self.manual)
        return np.asarray(needed, dtype=np.float32)


def probabilities(logits: FloatArray) -> FloatArray:
    """Log-odds of any shape to probabilities in [0, 1], float32."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))), dtype=np.float32)


def calibrate(
    tags: FloatArray,
    probe_mean: FloatArray,
    bank: BackgroundBank,
    model: ScoreModel,
    manual: FloatArray,
) -> Calibration:
    """`(n, d)` tag vectors against the bank, each tag by itself.

    A tag's numbers depend on that tag, the probe set and the bank alone, so another tag's coming
    or going never moves them.
    """
    centred = tags - probe_mean
    mean, spread = _mean_and_spread(centred, bank, model)
    count = len(tags)
    return Calibration(
        model=model,
        probe_mean=probe_mean,
        mean=mean,
        spread=spread,
        slope=np.full(count, model.slope, dtype=np.float32),
        intercept=np.full(count, model.intercept, dtype=np.float32),
        shift=np.zeros(count, dtype=np.float32),
        manual=manual,
    )


def _mean_and_spread(
    centred: FloatArray, bank: BackgroundBank, model: ScoreModel
) -> tuple[FloatArray, FloatArray]:
    """`(n, d)` centred tags over a `(b, d)` bank: `(n,)` means and `(n,)` positive spreads.

    Both are shrunk towards what is assumed without a bank (0 and the default spread), so that
    a handful of images moves them little.
    """
    count = len(bank.vectors)
    weight = count / (count + model.shrinkage) if count else 0.0
    mean = np.zeros(len(centred), dtype=np.float64)
    variance = np.zeros(len(centred), dtype=np.float64)
    if count:
        centre, covariance = bank.moments
        # var(t . x) = t' C t: the bank is read once, however many tags there are.
        mean = centred @ centre
        variance = np.maximum(np.einsum("nd,nd->n", centred @ covariance, centred), 0.0)
    assumed = model.default_spread**2
    own = np.sqrt(np.maximum(weight * variance + (1 - weight) * assumed, 1e-8))
    spread = own ** (1 - model.pooling) * model.default_spread**model.pooling
    return (
        np.asarray(weight * mean, dtype=np.float32),
        np.asarray(spread, dtype=np.float32),
    )
