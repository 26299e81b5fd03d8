"""What the shipped graph's own features give without what must not be known, in NumPy alone.

`recipe_vectors` is ConSE (Norouzi et al. 2013, arXiv 1312.5650): the average of the names' vectors
of the strongest ImageNet classes. `held_out_vectors` adds the head that `image_head` trained
without the 200 concepts: without their photos, their classes and their names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.encoders.base import unit_rows

Rows = NDArray[np.float32]

HELD_OUT = np.random.RandomState(0).permutation(1000)[:200]
WEIGHTS = Path(__file__).parent / "held_out_head.npz"
STRONGEST = 10


def class_average(
    logits: Rows, names: Rows, temperature: float, without: NDArray[np.int64] | None
) -> Rows:
    """`(n, 1000)` logits and `(1000, d)` names to `(n, d)`: the strongest classes' mean vector."""
    shown = logits.astype(np.float32) / temperature
    if without is not None:
        shown[:, without] = -np.inf
    weights = np.exp(shown - shown.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    least = -np.sort(-weights, axis=1)[:, STRONGEST - 1 : STRONGEST]
    weights = np.where(weights >= least, weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ names, dtype=np.float32)


def recipe_vectors(logits: Rows, names: Rows, without: NDArray[np.int64] | None = None) -> Rows:
    """`(n, d)` unit rows of the plain recipe."""
    return unit_rows(class_average(logits, names, 1.0, without))


def held_out_vectors(pooled: Rows, logits: Rows, names: Rows) -> Rows:
    """`(n, d)` unit rows of the head that never saw the held-out concepts."""
    with np.load(WEIGHTS) as stored:
        w = {name: stored[name].astype(np.float32) for name in stored.files}
    average = class_average(logits, names, float(w["temperature"]), HELD_OUT)
    hidden = np.maximum((pooled - w["mean"]) / w["spread"] @ w["w1"].T + w["b1"], 0)
    return unit_rows(average + hidden @ w["w2"].T + w["b2"])
