"""The confidence to cut at so that at most a share of the true tags is missed.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster 2022, arXiv 2208.02814): with
labelled images drawn like the traffic, the promise holds on average over images to come, whatever
the model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

MISSES = (0.5, 0.3, 0.1)


def miss_cut(
    confidences: NDArray[np.float32], truth: Bools, counted: Bools, share: float
) -> float | None:
    """The highest cut whose expected share of missed true tags an image is at most `share`.

    `(m, t)` confidences and labels; images without a true tag do not count. None where so few
    images promise nothing but a cut of 0.
    """
    kept = truth & counted
    images = kept.any(axis=1)
    count = int(images.sum())
    if (count + 1) * share < 1:
        return None
    kept, own = kept[images], confidences[images]
    weights = np.repeat(1 / kept.sum(axis=1), kept.sum(axis=1))  # what missing one tag costs
    found = own[kept]
    order = np.argsort(found, kind="stable")
    # Cutting above the k lowest true pairs misses them: the losses rise with the cut.
    losses = np.cumsum(weights[order])
    allowed = (count + 1) * share - 1
    lost = int(np.searchsorted(losses, allowed + 1e-9, side="right"))
    return float(found[order][min(lost, len(found) - 1)])
