"""Whether a part of one picture is a part of another: keypoints, one affine map, and the pixels.

Hashes and vectors see a picture whole; a crop, a frame or a collage defeats them and leaves most
keypoints where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2 as untyped_cv2
import numpy as np
from numpy.typing import NDArray

from index.vectors import FloatArray

# Its stubs are behind what the package holds.
cv2: Any = untyped_cv2
Grey = NDArray[np.uint8]

KEYPOINTS = 350
# Far below OpenCV's 0.04: the strongest are kept anyway, and a plain wall has only weak ones.
CONTRAST = 0.005
OCTAVE_LAYERS = 3
# Lowe's ratio between the best and the second-best match, as cosines of RootSIFT vectors.
RATIO = 0.82
RANSAC_PIXELS = 3.0
BLOCK = 16
BLOCK_TEXTURE = 6.0
BLOCK_CORRELATION = 0.7


@dataclass(frozen=True)
class Features:
    """A picture for comparing: `grey (h, w)`, `points (n, 2)`, `vectors (n, 128)` unit rows."""

    grey: Grey
    points: FloatArray
    vectors: FloatArray


@dataclass(frozen=True)
class Evidence:
    """`inliers` keypoints moved by one affine map; of the textured blocks that the map lays on
    each other, the part `agreement` (0 to 1) shows the same.

    Of a burst the keypoints of the background agree too; its blocks do not.
    """

    inliers: int
    agreement: float


NOTHING = Evidence(0, 0.0)


def features(grey: Grey) -> Features:
    """The features of a small grey picture `(h, w) uint8`."""
    detector = cv2.SIFT_create(KEYPOINTS, OCTAVE_LAYERS, CONTRAST)
    found, vectors = detector.detectAndCompute(grey, None)
    if vectors is None or len(found) == 0:
        return Features(grey, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    points = np.asarray([point.pt for point in found], dtype=np.float32)
    # RootSIFT: the square root of shares, whose product is the Hellinger kernel.
    shares = vectors / np.maximum(vectors.sum(axis=1, keepdims=True), 1e-6)
    return Features(grey, points, np.sqrt(shares).astype(np.float32))


def mirrored(picture: Features) -> Features:
    """The same points, described as a mirror would show them; compared, it finds mirrored copies.

    A SIFT vector is 4 rows by 4 columns by 8 directions, laid along its point's own direction: in
    a mirror the rows change places and the directions turn the other way.
    """
    cells = picture.vectors.reshape(-1, 4, 4, 8)[:, ::-1, :, -np.arange(8) % 8]
    return Features(picture.grey, picture.points, np.ascontiguousarray(cells).reshape(-1, 128))


def compare(a: Features, b: Features) -> Evidence:
    """How much of `a` is found in `b` by one affine map."""
    pairs = _pairs(a.vectors, b.vectors)
    if len(pairs) < 4:
        return NOTHING
    source, target = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    matrix, inside = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=RANSAC_PIXELS, maxIters=1000
    )
    if matrix is None or not _plausible(matrix):
        return NOTHING
    kept = inside.ravel().astype(bool)
    # Many keypoints on one spot, as a logo has them, are one piece of evidence.
    spots = {tuple(spot) for spot in (source[kept] // 4).astype(int).tolist()}
    return Evidence(len(spots), _agreement(a.grey, b.grey, matrix))


def _pairs(a: FloatArray, b: FloatArray) -> NDArray[np.int64]:
    """`(m, 2)`: rows that are each other's best match, and clearly so."""
    if len(a) < 2 or len(b) < 2:
        return np.zeros((0, 2), np.int64)
    products = a @ b.T
    best = products.argmax(axis=1)
    rows = np.arange(len(a))
    top = products[rows, best]
    second = np.partition(products, -2, axis=1)[:, -2]
    # Distances of unit vectors: the ratio of sqrt(2 - 2 cos).
    clear = np.sqrt(np.maximum(1 - top, 0)) < RATIO * np.sqrt(np.maximum(1 - second, 1e-9))
    mutual = products.argmax(axis=0)[best] == rows
    pairs: NDArray[np.int64] = np.stack([rows, best], axis=1)[clear & mutual]
    return pairs


def _plausible(matrix: NDArray[np.float64]) -> bool:
    """Whether the map scales by less than eight and squeezes by less than three."""
    stretches = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(stretches[1] > 0.125 and stretches[0] < 8 and stretches[0] < 3 * stretches[1])


def _agreement(a: Grey, b: Grey, matrix: NDArray[np.float64]) -> float:
    height, width = b.shape
    moved = cv2.warpAffine(a, matrix, (width, height), flags=cv2.INTER_AREA)
    inside = cv2.warpAffine(np.full_like(a, 255), matrix, (width, height)) == 255
    same = textured = 0
    for top in range(0, height - BLOCK + 1, BLOCK):
        for left in range(0, width - BLOCK + 1, BLOCK):
            block = slice(top, top + BLOCK), slice(left, left + BLOCK)
            if not inside[block].all():
                continue
            x, y = moved[block].astype(np.float32), b[block].astype(np.float32)
            spread = float(x.std()), float(y.std())
            if max(spread) < BLOCK_TEXTURE:
                continue
            textured += 1
            product = float(((x - x.mean()) * (y - y.mean())).mean())
            same += product > BLOCK_CORRELATION * max(spread[0] * spread[1], 1e-6)
    return same / textured if textured else 0.0


class Look:
    """One query picture, beside any stored one; its keypoints are found when first needed."""

    def __init__(self, grey: Grey, enough: Callable[[Evidence], bool], *, mirrors: bool):
        """`enough` says of what evidence the mirror need not be tried, `mirrors` whether it is."""
        self._grey = grey
        self._enough = enough
        self._mirrors = mirrors
        self._ways: list[Features] = []  # as it is, then in the mirror

    def at(self, stored: Features | None) -> Evidence:
        """The better evidence of the query and its mirror; none where the picture is gone."""
        if stored is None:
            return NOTHING
        if not self._ways:
            self._ways.append(features(self._grey))
        evidence = compare(stored, self._ways[0])
        if self._enough(evidence) or not self._mirrors:
            return evidence
        if len(self._ways) == 1:
            self._ways.append(mirrored(self._ways[0]))
        return max(evidence, compare(stored, self._ways[1]), key=lambda one: one.inliers)
