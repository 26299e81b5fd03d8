"""The logistic function, from log-odds to probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def probabilities(logits: FloatArray) -> FloatArray:
    """Log-odds of any shape to probabilities in [0, 1], float32."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))), dtype=np.float32)
