"""What is known of one image against every tag, and of the few tags that need more."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vocab.calibration import Calibration
from vocab.probes import ImageSide

FloatArray = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Numbers:
    """One image against n tags: each array is `(n,) float32`, in the order of the snapshot.

    `side` is the image over the probes; by it and the calibration a tag has its score and logit,
    which are computed for the few tags that need them. `vector (d,) float32` is the image itself,
    by which a tag is recognised as the echo of a stronger one; None where every tag that passes
    is wanted. `uncertain (n,) bool` marks the tags that cannot keep what was asked.
    """

    similarities: FloatArray
    thresholds: FloatArray
    calibration: Calibration
    side: ImageSide
    vector: FloatArray | None = None
    uncertain: NDArray[np.bool_] | None = None

    def passing(self, rows: Rows) -> Rows:
        """Those of the rows (distinct, rising) that reach their thresholds."""
        if len(rows) == len(self.similarities):
            return np.flatnonzero(self.similarities >= self.thresholds)
        return rows[self.similarities[rows] >= self.thresholds[rows]]


def measured(
    numbers: Sequence[Numbers], rows: Sequence[Rows]
) -> list[tuple[FloatArray, FloatArray]]:
    """For each image of a request the scores and logits of the tags at its rows, in one go."""
    if not numbers:
        return []
    counts = [len(one) for one in rows]
    scores, logits = numbers[0].calibration.of_rows(
        np.concatenate(rows),
        np.concatenate([one.similarities[at] for one, at in zip(numbers, rows, strict=True)]),
        ImageSide(
            np.repeat([one.side.means[0] for one in numbers], counts),
            np.repeat([one.side.spreads[0] for one in numbers], counts),
        ),
    )
    ends = list(itertools.accumulate(counts))
    parts = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    return [(scores[part], logits[part]) for part in parts]
