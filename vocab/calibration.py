"""From similarities to scores, confidences and thresholds.

For tag t and image x with cosine s(x, t), and the mean m(x) and spread d(x) of the image's
similarities over the probe set:

    score(x, t)      = ((s(x, t) - m(x)) / d(x) - mean_t) / spread_t
    confidence(x, t) = 1 / (1 + exp(-(slope_t * score + intercept_t + shift_t)))

The first part is the image side, the second the tag side: SPARC (CVPR 2025, arXiv 2502.16911),
with statistics from probes and a bank in place of the test images. The logistic is Platt's. Where
labels exist for a model, a tag's intercept is predicted from its profile over the bank (level,
spread, shape, tail), and the tag side is left out: what a bank says of a tag's level is partly how
common the tag is, and dividing that away made every threshold worse (bench/calibration).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocab import cuts
from vocab.background import BackgroundBank
from vocab.logistic import probabilities
from vocab.probes import ImageSide, ProbeSet
from vocab.profiles import CENTRES, Counts, profiles
from vocab.score_model import ScoreModel
from vocab.targets import Aims, Target, rows_by_target

FloatArray = NDArray[np.float32]


# The arrays of a calibration with one number for each tag.
BY_TAG = ("mean", "spread", "slope", "intercept", "shift", "manual", "aims", "profile")
# A similarity no image has: the threshold of a tag that must not be emitted.
UNREACHABLE = np.float32(2.0)
# Cuts kept for the targets asked for lately, of which there are few.
CUTS_KEPT = 16


@dataclass(frozen=True)
class Calibration:
    """What is known of n tags: every array is `(n,) float32` but for the last two.

    `mean` and `spread` standardise a tag's similarities, `slope` and `intercept` are its logistic,
    `shift` is what feedback adds to the logit, 0 without any. `manual` is an operator's own
    threshold on the similarity, NaN where there is none, and `aims (n,) object` the `Target` an
    operator gave that tag, or None. `profile (n, BINS) uint16` is how the tag is spread over the
    bank (vocab.profiles).
    """

    model: ScoreModel
    probes: ProbeSet
    mean: FloatArray
    spread: FloatArray
    slope: FloatArray
    intercept: FloatArray
    shift: FloatArray
    manual: FloatArray
    aims: Aims
    profile: Counts
    _cuts: dict[Target, FloatArray] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def joined(self, other: Calibration) -> Calibration:
        """These tags and below them the other's, measured with the same probes and bank."""
        return self._with(lambda name: np.concatenate([getattr(self, name), getattr(other, name)]))

    def taken(self, rows: NDArray[np.int64]) -> Calibration:
        """The tags at these rows, in their order."""
        return self._with(lambda name: getattr(self, name)[rows])

    def _with(self, array: Callable[[str], Any]) -> Calibration:
        return replace(self, **{name: array(name) for name in BY_TAG})

    def image_side(self, images: FloatArray) -> ImageSide:
        """`(m, d)` unit image vectors to each image's mean and spread over the probe set."""
        return self.probes.image_side(images)

    def scores(self, similarities: FloatArray, side: ImageSide) -> FloatArray:
        """`(m, n)` similarities of m images to `(m, n) float32` scores."""
        centred = (similarities - side.means[:, None]) / side.spreads[:, None]
        return np.asarray((centred - self.mean) / self.spread, dtype=np.float32)

    def with_logistics(self, slope: FloatArray, intercept: FloatArray) -> Calibration:
        """`(n,)` each: these in place of the predicted ones, except where they are NaN."""
        unknown = np.isnan(slope)
        return replace(
            self,
            slope=np.where(unknown, self.slope, slope).astype(np.float32),
            intercept=np.where(unknown, self.intercept, intercept).astype(np.float32),
        )

    def logits(self, scores: FloatArray) -> FloatArray:
        """`(m, n)` scores, or `(n,)` of one image, to logits of the same shape: log-odds."""
        return np.asarray(self.slope * scores + self._base, dtype=np.float32)

    def of_rows(
        self, rows: NDArray[np.int64], similarities: FloatArray, side: ImageSide
    ) -> tuple[FloatArray, FloatArray]:
        """`(k,)` similarities of one image to the tags at `(k,)` rows: their scores and logits.

        Those that `scores` and `logits` give for all tags.
        """
        centred = (similarities - side.means) / side.spreads
        scores = np.asarray((centred - self.mean[rows]) / self.spread[rows], dtype=np.float32)
        base = self.intercept[rows] + self.shift[rows]
        return scores, np.asarray(self.slope[rows] * scores + base, dtype=np.float32)

    def confidences(self, scores: FloatArray) -> FloatArray:
        """`(m, n)` scores, or `(n,)` of one image, to confidences in [0, 1], float32."""
        return probabilities(self.logits(scores))

    def scores_at(self, confidence: float) -> FloatArray:
        """`(n,) float32`: the score whose confidence is the given one; infinite at 0 and at 1."""
        with np.errstate(divide="ignore"):
            logit = np.log(np.float32(confidence)) - np.log1p(-np.float32(confidence))
        return np.asarray((logit - self._base) / self.slope, dtype=np.float32)

    def cuts(self, target: Target) -> FloatArray:
        """`(n,) float32`: the score each tag needs for the target; infinite where it cannot.

        A tag that would need more than any image has shown (`HIGHEST` over the probes) cannot.
        """
        known = self._cuts.get(target)
        if known is None:
            if len(self._cuts) >= CUTS_KEPT:
                self._cuts.clear()
            known = self._cuts[target] = self._cut(target)
        return known

    def _cut(self, target: Target) -> FloatArray:
        if target.kind == "confidence":
            return self.scores_at(target.value)
        if target.kind == "false_positive_rate":
            found = cuts.false_positive_cuts(self.profile, target.value)
        elif target.kind == "background_share":
            found = cuts.share_cuts(self.profile, target.value)
        else:
            logits = self._logits_of_bins
            if target.kind == "precision":
                found = cuts.precision_cuts(self.profile, logits, target.value)
            else:
                found = cuts.best_f1_cuts(self.profile, logits)
        return self._scored(found)

    @functools.cached_property
    def own_cuts(self) -> FloatArray:
        """`(n,) float32`: the score each tag needs where a request asks for nothing: for the
        target an operator gave it, or else for the usual ones; infinite where it cannot.
        """
        found: FloatArray = self._strictest(self.usual).copy()
        for target, rows in rows_by_target(self.aims).items():
            found[rows] = self.taken(rows).cuts(target)
        return found

    def reaches(self, targets: Sequence[Target]) -> NDArray[np.bool_]:
        """`(n,) bool`: which tags can keep every one of the targets, or, without any, their own."""
        cut = self._strictest(targets) if targets else self.own_cuts
        return np.asarray(cut < np.inf)

    def thresholds(self, side: ImageSide, targets: Sequence[Target] = ()) -> FloatArray:
        """`(m, n) float32`: the similarity each tag needs on each of m images.

        With targets the strictest of their cuts is there for every tag; without one it is the
        tag's own (`own_cuts`), and an operator's threshold goes before it. `UNREACHABLE` where a
        tag cannot keep a target.
        """
        if targets:
            return self._needed(side, self._strictest(targets))
        return self._by_hand(self._needed(side, self.own_cuts))

    def lenient_thresholds(self, side: ImageSide) -> FloatArray:
        """The same without targets, but a tag that cannot keep its own has the usual cut."""
        usual = self._strictest(self.usual)
        cut = np.where(np.isposinf(self.own_cuts), usual, self.own_cuts)
        return self._by_hand(self._needed(side, cut))

    def precision_thresholds(self, side: ImageSide, precisions: Sequence[float]) -> FloatArray:
        """`(k, n) float32`: of one image, the `thresholds` at each of k precision targets.

        What all of them share is computed once.
        """
        levels = cuts.precision_levels(self.profile, self._logits_of_bins)
        found = [self._scored(cuts.at_precision(levels, one)) for one in precisions]
        return np.concatenate([self._needed(side, cut) for cut in found])

    def _strictest(self, targets: Sequence[Target]) -> FloatArray:
        cut: FloatArray = functools.reduce(np.maximum, map(self.cuts, targets))
        return cut

    def _scored(self, on_bins: FloatArray) -> FloatArray:
        """`(n,)` in the profile's unit to scores."""
        return np.asarray((on_bins - self.mean) / self.spread, dtype=np.float32)

    def _needed(self, side: ImageSide, cut: FloatArray) -> FloatArray:
        """`(n,)` scores to the similarities, `(m, n)`, that m images have at them."""
        levels = np.asarray(self.mean + cut * self.spread, dtype=np.float32)
        never = np.flatnonzero(np.isposinf(cut))
        needed = np.empty((len(side.means), len(levels)), dtype=np.float32)
        # One image after the other and in place: a row of 100,000 tags stays in the cache.
        for row, mean, spread in zip(needed, side.means, side.spreads, strict=True):
            np.multiply(levels, spread, out=row)
            row += mean
            np.clip(row, -1.0, 1.0, out=row)
            row[never] = UNREACHABLE
        return needed

    def _by_hand(self, needed: FloatArray) -> FloatArray:
        """The same array with the operators' own thresholds in it."""
        given = np.flatnonzero(~np.isnan(self.manual))
        needed[:, given] = self.manual[given]
        return needed

    @property
    def _logits_of_bins(self) -> FloatArray:
        """`(n, BINS)`: the log-odds at the centre of each bin of the profile."""
        on_bins = (CENTRES[None, :] - self.mean[:, None]) / self.spread[:, None]
        return np.asarray(on_bins * self.slope[:, None] + self._base[:, None], dtype=np.float32)

    @property
    def _base(self) -> FloatArray:
        """`(n,)`: the logits at a score of 0."""
        return self.intercept + self.shift

    @property
    def usual(self) -> tuple[Target, ...]:
        """What a tag is cut for unless the request or its operator asks otherwise."""
        return (
            Target("confidence", self.model.default_confidence),
            Target("background_share", self.model.usual_share),
        )


def calibrate(
    tags: FloatArray,
    probes: ProbeSet,
    bank: BackgroundBank,
    model: ScoreModel,
    manual: FloatArray | None = None,
    aims: Aims | None = None,
) -> Calibration:
    """`(n, d)` tag vectors against the bank, each tag by itself.

    `manual (n,)` are operators' own thresholds, NaN or None where there is none; `aims (n,)`
    their targets, None where there is none.
    A tag's numbers depend on that tag, the probe set and the bank alone, so another tag's coming
    or going never moves them.
    """
    count = len(tags)
    counts = profiles(tags, probes, bank)
    mean, spread = model.standards(counts)
    return Calibration(
        model=model,
        probes=probes,
        mean=mean,
        spread=spread,
        slope=np.full(count, model.slope, dtype=np.float32),
        intercept=model.intercepts(counts),
        shift=np.zeros(count, dtype=np.float32),
        manual=np.full(count, np.nan, dtype=np.float32) if manual is None else manual,
        aims=np.full(count, None, dtype=np.object_) if aims is None else aims,
        profile=counts,
    )
