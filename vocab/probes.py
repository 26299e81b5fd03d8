"""The probe set: fixed texts over which an image's own level and spread are measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# An image no probe tells apart has no spread to divide by.
LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class ImageSide:
    """Of m images each one's mean similarity to the probes and the spread around it: `(m,)`."""

    means: FloatArray
    spreads: FloatArray


@dataclass(frozen=True, eq=False)
class ProbeSet:
    """`(p, d) float32` unit vectors of texts that no edit of the vocabulary changes.

    An image's similarities to them say how bright and how sharp its similarities are altogether;
    a blurred frame that is near to everything is near to the probes too.
    """

    vectors: FloatArray

    @cached_property
    def mean(self) -> FloatArray:
        """`(d,) float32`: the mean vector; an inner product with it is a mean of similarities."""
        return np.asarray(self.vectors.mean(axis=0), dtype=np.float32)

    def image_side(self, images: FloatArray) -> ImageSide:
        """`(m, d)` unit image vectors to each image's mean and spread over the probes."""
        similarities = images @ self.vectors.T
        if not similarities.size:
            return ImageSide(np.zeros(len(images), np.float32), np.ones(len(images), np.float32))
        return ImageSide(
            means=np.asarray(similarities.mean(axis=1), dtype=np.float32),
            spreads=np.asarray(
                np.maximum(similarities.std(axis=1), LEAST_SPREAD), dtype=np.float32
            ),
        )
