"""What is kept of an image's pixels beside its vector: a digest, a hash, a small picture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
import pdqhash
from numpy.typing import NDArray

from index.images import Fingerprint

Pixels = NDArray[np.uint8]

# PDQ itself looks at 64 x 64 after smoothing; more pixels than this only cost time.
HASH_SIDE = 512
# Enough for keypoints on a quarter of the picture; some 8 KB as a JPEG.
THUMBNAIL_SIDE = 256
THUMBNAIL_QUALITY = 80
# A border line's values lie this close together, and this close to the outermost line.
BORDER_SPREAD = 10
# What is left of each side must be at least this part of it, or there is no border.
LEAST_KEPT = 0.3


@dataclass(frozen=True)
class Print:
    """A fingerprint with what only a query needs: `hashes (8, 32) uint8`, all turns and mirrors.

    Row 0 is the hash of the image as it is.
    """

    fingerprint: Fingerprint
    hashes: NDArray[np.uint8]


def fingerprint(pixels: Pixels) -> Print:
    """The print of one `(h, w, 3) uint8` RGB image. Pure; safe on any thread."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    content = trimmed(shrunk(pixels, HASH_SIDE))
    turns, quality = pdqhash.compute_dihedral(np.ascontiguousarray(content))
    hashes = np.packbits(np.stack(turns).astype(np.uint8), axis=1)
    grey = cv2.cvtColor(shrunk(content, THUMBNAIL_SIDE), cv2.COLOR_RGB2GRAY)
    _, jpeg = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])
    kept = Fingerprint(digest.hexdigest(), hashes[0].tobytes(), int(quality), jpeg.tobytes())
    return Print(kept, hashes)


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """The image with its longer side at most `side`, never enlarged."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def trimmed(pixels: Pixels) -> Pixels:
    """The image without a border of one colour, as frames and letterboxes leave it."""
    top, bottom = _content_span(pixels)
    left, right = _content_span(pixels[top:bottom].transpose(1, 0, 2))
    return pixels[top:bottom, left:right]


def _content_span(pixels: Pixels) -> tuple[int, int]:
    """First and last-but-one row that is not border; all rows where hardly any would be left."""
    low, high = pixels.min(axis=1).astype(int), pixels.max(axis=1).astype(int)

    def border_rows(lows: NDArray[np.int_], highs: NDArray[np.int_]) -> int:
        flat = (highs - lows).max(axis=1) <= BORDER_SPREAD
        near = (np.abs(lows - lows[0]).max(axis=1) <= BORDER_SPREAD) & flat
        return int(np.argmin(near)) if not near.all() else len(near)

    rows = len(pixels)
    first = border_rows(low, high)
    last = rows - border_rows(low[::-1], high[::-1])
    return (first, last) if last - first >= max(8, rows * LEAST_KEPT) else (0, rows)
