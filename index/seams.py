"""Where one picture was pasted into another: rectangles with straight edges on all four sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
FloatArray = NDArray[np.float64]
Rectangle = tuple[int, int, int, int]

# A step of brightness that counts, and what a pixel without one takes from a seam's length.
STEP = 8.0
GAP = 1.2
SHORTEST = 8
# Seams of each direction that are tried with one another, strongest first.
SEAMS = 10
# A rectangle's side, in parts of the picture's; and how much of each side must be a seam.
LEAST_SIDE = 0.3
LEAST_FIT = 0.25


def pasted_rectangles(grey: Grey, most: int = 4) -> list[Rectangle]:
    """The likeliest ones of an `(h, w)` picture, as left, top, right, bottom; maybe none."""
    height, width = grey.shape
    across, down = _seams(grey), _seams(grey.T)
    left, right = _pairs(across, LEAST_SIDE * width)
    top, bottom = _pairs(down, LEAST_SIDE * height)
    if len(left) == 0 or len(top) == 0:
        return []
    rows, columns = (top[:, 0], bottom[:, 0]), (left[:, 0], right[:, 0])
    fits = np.stack(
        [
            _fit(left[:, None], rows),
            _fit(right[:, None], rows),
            _fit(top[:, None], columns).T,
            _fit(bottom[:, None], columns).T,
        ]
    )
    total = np.where(fits.min(axis=0) > LEAST_FIT, fits.sum(axis=0), 0.0)
    best = np.argsort(-total, axis=None)[:most]
    places = [divmod(int(at), len(top)) for at in best if total.ravel()[at] > 0]
    return [
        (int(left[i, 0]), int(top[j, 0]), int(right[i, 0]), int(bottom[j, 0])) for i, j in places
    ]


def _seams(grey: Grey) -> FloatArray:
    """`(k, 3)`: column, first and last-but-one row of the strongest vertical seams.

    A seam is a run down one column where brightness steps more than on either side of it.
    """
    steps = np.abs(np.diff(grey.astype(np.float32), axis=1))
    beside = np.maximum(
        np.pad(steps, ((0, 0), (1, 0)))[:, :-1], np.pad(steps, ((0, 0), (0, 1)))[:, 1:]
    )
    gains = np.where((steps > STEP) & (steps > beside), 1.0, -GAP)
    count = gains.shape[1]
    run, best = np.zeros(count), np.zeros(count)
    begun, first, last = (np.zeros(count, np.int64) for _ in range(3))
    for row, gain in enumerate(gains):
        fresh = run <= 0
        begun = np.where(fresh, row, begun)
        run = np.where(fresh, gain, run + gain)
        longer = run > best
        best, first = np.where(longer, run, best), np.where(longer, begun, first)
        last = np.where(longer, row + 1, last)
    strongest = np.argsort(-best)[:SEAMS]
    strongest = strongest[best[strongest] > SHORTEST]
    return np.stack([strongest + 1, first[strongest], last[strongest]], axis=1).astype(np.float64)


def _pairs(seams: FloatArray, apart: float) -> tuple[FloatArray, FloatArray]:
    """`(m, 3)` twice: all pairs of seams, the first at least that far before the second."""
    far = seams[None, :, 0] - seams[:, None, 0] >= apart
    one, other = np.nonzero(far)
    return seams[one], seams[other]


def _fit(seams: FloatArray, between: tuple[FloatArray, FloatArray]) -> FloatArray:
    """`(n, m)`: the part of the sides `between` `(m,)` ends that seams `(n, 1, 3)` cover.

    What a seam goes on beyond the ends counts half against it.
    """
    low, high = between
    first, last = seams[..., 1], seams[..., 2]
    covered = np.maximum(0, np.minimum(last, high) - np.maximum(first, low))
    beyond = np.maximum(0, low - first) + np.maximum(0, last - high)
    fit: FloatArray = (covered - 0.5 * beyond) / (high - low)
    return fit
