"""How often a tag fires on images that are nothing in particular."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vocab.background import BackgroundBank
from vocab.calibration import Calibration

FloatArray = NDArray[np.float32]

# Tags looked at together, so that 100,000 of them do not need their whole matrix at once.
TAGS_A_STEP = 1_000


def background_rates(
    vectors: FloatArray,
    calibration: Calibration,
    bank: BackgroundBank,
    confidence: float | None = None,
) -> FloatArray:
    """`(n, d)` tag vectors to `(n,) float32` in [0, 1]: the share of the bank each tag fires on.

    `confidence` moves the cut as in `Calibration.thresholds`. NaN where the bank is empty.
    """
    if not len(bank):
        return np.full(len(vectors), np.nan, dtype=np.float32)
    means = calibration.image_means(bank.vectors)
    rates = np.zeros(len(vectors), dtype=np.float32)
    for at in range(0, len(vectors), TAGS_A_STEP):
        rows = np.arange(at, min(at + TAGS_A_STEP, len(vectors)))
        needed = calibration.taken(rows).thresholds(means, confidence)
        rates[rows] = (bank.vectors @ vectors[rows].T >= needed).mean(axis=0)
    return rates


def usual_threshold(
    calibration: Calibration, bank: BackgroundBank, confidence: float | None = None
) -> FloatArray:
    """`(n,) float32`: the similarity each tag needs on an average image of the bank."""
    mean = float(calibration.image_means(bank.vectors).mean()) if len(bank) else 0.0
    needed: FloatArray = calibration.thresholds(np.full(1, mean, dtype=np.float32), confidence)
    return needed.reshape(-1)
