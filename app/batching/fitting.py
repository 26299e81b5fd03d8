"""Keeps batches as small as the memory of a device proves to need."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.errors import DeviceMemoryError

FloatArray = NDArray[np.float32]
PixelArray = NDArray[np.float32 | np.uint8]
log = logging.getLogger(__name__)


class FittingEncode:
    """An encode function that halves its batch when the device is out of memory, and carries on.

    The smaller size is kept: a batch that did not fit once would fail, slowly, each time. A
    single image that does not fit raises `DeviceMemoryError`.
    """

    def __init__(self, encode: Callable[[PixelArray], FloatArray]):
        self._encode = encode
        self._limit: int | None = None

    @property
    def limit(self) -> int | None:
        """The largest batch tried after memory ran out; `None` while it never did."""
        return self._limit

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w)` prepared pixels to `(n, d) float32`."""
        parts, at = [], 0
        while at < len(pixels):
            count = min(self._limit or len(pixels), len(pixels) - at)
            try:
                parts.append(self._encode(pixels[at : at + count]))
            except DeviceMemoryError:
                if count == 1:
                    raise
                self._limit = count // 2
                log.warning("out of device memory at %d images; now %d", count, self._limit)
                continue
            at += count
        return np.concatenate(parts)
