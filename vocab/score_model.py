"""The numbers by which one encoder's scores become confidences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vocab.profiles import Counts, features, moments

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ScoreModel:
    """The numbers of one encoder.

    `tag_side` standardises a tag by its mean and spread over the bank; without labels for a model
    that is all there is to make one logistic serve every tag. `weights` are what a spread of each
    of `vocab.profiles.FEATURES`, less what is `typical`, adds to a tag's intercept; none for a
    model nobody has fitted. `shrinkage` is how many images of the bank the typical tag weighs.
    Unless asked, a tag needs `default_confidence`, and is for the `usual_share` of the bank that
    shows most of it: what is true of most images tells nothing of one. `labelled` holds slope and
    intercept of the tags whose labels were at hand when the model was fitted, by their names.
    """

    slope: float = 1.6
    intercept: float = -4.0
    default_confidence: float = 0.5
    usual_share: float = 1.0
    shrinkage: float = 10.0
    tag_side: bool = True
    weights: tuple[float, ...] = ()
    typical: tuple[float, ...] = ()
    labelled: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def intercepts(self, counts: Counts) -> FloatArray:
        """`(n, BINS)` profiles to `(n,) float32`: the intercept each tag is predicted to have."""
        if not self.weights:
            return np.full(len(counts), self.intercept, dtype=np.float32)
        known = self._known(counts)
        apart = features(counts) - np.asarray(self.typical, dtype=np.float32)
        added = apart @ np.asarray(self.weights, dtype=np.float32)
        return np.asarray(self.intercept + known * added, dtype=np.float32)

    def standards(self, counts: Counts) -> tuple[FloatArray, FloatArray]:
        """`(n, BINS)` profiles to `(n,)` means and positive spreads a tag is standardised by.

        Shrunk towards those of the probes themselves, 0 and 1, so that a handful of images moves
        them little.
        """
        mean, spread = np.zeros(len(counts), np.float32), np.ones(len(counts), np.float32)
        if not self.tag_side:
            return mean, spread
        own_mean, own_spread = moments(counts)
        known = self._known(counts)
        shrunk = np.sqrt(known * own_spread**2 + (1 - known))
        return np.asarray(known * own_mean, np.float32), np.asarray(shrunk, np.float32)

    def _known(self, counts: Counts) -> FloatArray:
        """`(n,)` in [0, 1): how much the bank's images weigh against what is assumed without."""
        total = counts.sum(axis=1, dtype=np.float32)
        return np.asarray(total / np.maximum(total + self.shrinkage, 1e-9), dtype=np.float32)
