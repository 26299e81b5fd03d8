"""mAP and what a change adds to it, with 95 % bootstrap intervals over images.

The same draws of images serve every variant, so that the interval of a difference is not that of
two figures apart. The tags that count are fixed before: those with `LEAST` positives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.calibration.truth import Labelled
from vocab.evaluation import average_precisions

Floats = NDArray[np.floating]
LEAST = 5
DRAWS = 200


@dataclass(frozen=True)
class Ranking:
    """`(1 + b, t)` average precisions in percent: as it is, then under each of b draws of images.

    NaN where a tag has no positive.
    """

    found: NDArray[np.float64]

    def mean(self, columns: NDArray[np.int64] | None = None) -> float:
        """mAP, of some of the tags or of all."""
        chosen = self.found if columns is None else self.found[:, columns]
        return float(np.nanmean(chosen[0]))

    def gain(self, base: Ranking, columns: NDArray[np.int64] | None = None) -> tuple[float, ...]:
        """What it has more than `base`, and the interval's ends."""
        apart = self.found - base.found
        means = np.nanmean(apart if columns is None else apart[:, columns], axis=1)
        return float(means[0]), *(float(end) for end in np.percentile(means[1:], [2.5, 97.5]))

    def against(self, base: Ranking, columns: NDArray[np.int64] | None = None) -> str:
        """`mAP 44.4, +1.3 (+0.8 to +1.7)`."""
        value, low, high = self.gain(base, columns)
        return f"mAP {self.mean(columns):.1f}, {value:+.1f} ({low:+.1f} to {high:+.1f})"


def counting_tags(truth: Labelled) -> NDArray[np.int64]:
    """Columns of the tags with positives enough."""
    return np.flatnonzero((truth.truth & truth.counted).sum(axis=0) >= LEAST)


def ranking(scores: Floats, truth: Labelled, columns: NDArray[np.int64], seed: int = 0) -> Ranking:
    """`(m, t)` scores of every tag of the set, read on these columns."""
    images = len(scores)
    draws = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), DRAWS)
    weights = np.concatenate([np.ones((1, images)), draws]).astype(np.float64)
    right, counted = truth.truth[:, columns], truth.counted[:, columns]
    return Ranking(100 * average_precisions(scores[:, columns], right, counted, weights))
