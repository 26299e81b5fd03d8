"""Perceptual hashes by image number: which of them differ from a query's in few bits."""

from __future__ import annotations

from typing import Any

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from index.read_write_lock import ReadWriteLock

faiss: Any = untyped_faiss
BITS = 256


class HashIndex:
    """Exact Hamming search. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = ReadWriteLock()
        self._index = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(BITS))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, numbers: NDArray[np.int64], hashes: NDArray[np.uint8]) -> None:
        """Adds `(n, 32) uint8` hashes; the caller adds no number twice."""
        with self._lock.writing():
            self._index.add_with_ids(np.ascontiguousarray(hashes), numbers)

    def remove(self, numbers: NDArray[np.int64]) -> None:
        """Forgets those numbers."""
        with self._lock.writing():
            self._index.remove_ids(numbers)

    def near(self, hashes: NDArray[np.uint8], count: int, radius: int) -> dict[int, int]:
        """The `count` nearest of each of `(m, 32)` hashes within `radius` bits: number -> bits."""
        with self._lock.reading():
            count = min(count, len(self))
            if count == 0 or len(hashes) == 0:
                return {}
            distances, numbers = self._index.search(np.ascontiguousarray(hashes), count)
        found: dict[int, int] = {}
        for bits, number in zip(distances.ravel().tolist(), numbers.ravel().tolist(), strict=True):
            if number >= 0 and bits <= radius:
                found[number] = min(bits, found.get(number, BITS))
        return found
