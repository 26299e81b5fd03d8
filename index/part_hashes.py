"""Hashes of turns and parts of a picture, from its thumbnail: found at query time, never stored."""

from __future__ import annotations

import cv2
import numpy as np
import pdqhash
from numpy.typing import NDArray

from index.seams import pasted_rectangles

Grey = NDArray[np.uint8]
Hashes = NDArray[np.uint8]

# A part with fewer pixels a side than this says little.
LEAST_SIDE = 32


def thumbnail_pixels(thumbnail: bytes) -> Grey:
    """`(h, w) uint8` of a stored thumbnail."""
    decoded = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(decoded, dtype=np.uint8)


def turned_hashes(grey: Grey) -> Hashes:
    """`(8, 32) uint8`: all turns and mirrors, the picture as it is first.

    A thumbnail's hash differs from its photo's in some 16 of 256 bits.
    """
    turns, _ = pdqhash.compute_dihedral(_three_channels(grey))
    return np.packbits(np.stack(turns).astype(np.uint8), axis=1)


def part_hashes(grey: Grey, least_quality: int) -> Hashes:
    """`(m, 32) uint8`: halves and quarters, as in a collage, and rectangles that look pasted in.

    Parts so flat that their hash says nothing are left out.
    """
    height, width = grey.shape
    y, x = height // 2, width // 2
    rows, columns = (slice(0, y), slice(y, None)), (slice(0, x), slice(x, None))
    whole = slice(None)
    places = [(whole, column) for column in columns] + [(row, whole) for row in rows]
    places += [(row, column) for row in rows for column in columns]
    pasted = pasted_rectangles(grey)
    places += [(slice(top, low), slice(left, right)) for left, top, right, low in pasted]
    found = []
    for place in places:
        part = grey[place]
        if min(part.shape) < LEAST_SIDE:
            continue
        bits, quality = pdqhash.compute(_three_channels(part))
        if quality >= least_quality:
            found.append(np.packbits(bits.astype(np.uint8)))
    return np.stack(found) if found else np.zeros((0, 32), np.uint8)


def _three_channels(grey: Grey) -> Grey:
    return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
