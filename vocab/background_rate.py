"""How often a tag fires on images that are nothing in particular."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vocab.background import BackgroundBank
from vocab.calibration import Calibration
from vocab.probes import ImageSide
from vocab.targets import Target

FloatArray = NDArray[np.float32]

# Tags looked at together, so that 100,000 of them do not need their whole matrix at once.
TAGS_A_STEP = 1_000


def background_rates(
    vectors: FloatArray,
    calibration: Calibration,
    bank: BackgroundBank,
    targets: Sequence[Target] = (),
) -> FloatArray:
    """`(n, d)` tag vectors to `(n,) float32` in [0, 1]: the share of the bank each tag fires on.

    `targets` move the cut as in `Calibration.thresholds`. NaN where the bank is empty.
    """
    if not len(bank):
        return np.full(len(vectors), np.nan, dtype=np.float32)
    side = calibration.image_side(bank.vectors)
    rates = np.zeros(len(vectors), dtype=np.float32)
    for at in range(0, len(vectors), TAGS_A_STEP):
        rows = np.arange(at, min(at + TAGS_A_STEP, len(vectors)))
        needed = calibration.taken(rows).thresholds(side, targets)
        rates[rows] = (bank.vectors @ vectors[rows].T >= needed).mean(axis=0)
    return rates


def usual_threshold(
    calibration: Calibration, bank: BackgroundBank, targets: Sequence[Target] = ()
) -> FloatArray:
    """`(n,) float32`: the similarity each tag needs on an average image of the bank."""
    side = calibration.image_side(bank.vectors)
    average = ImageSide(np.zeros(1, np.float32), np.ones(1, np.float32))
    if len(bank):
        average = ImageSide(side.means.mean(keepdims=True), side.spreads.mean(keepdims=True))
    needed: FloatArray = calibration.thresholds(average, targets)
    return needed.reshape(-1)
