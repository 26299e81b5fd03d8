"""The images answered last, in memory: what a judgement may name, and what health is read from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """An image that was tagged: the SHA-256 of its file and its `(d,) float32` unit vector."""

    sha256: str
    vector: FloatArray
    at: datetime


def seen_now(sha256: str, vector: FloatArray) -> Seen:
    """An image as tagged at this moment; its vector is copied, so that no batch is held on to."""
    return Seen(sha256, vector.copy(), datetime.now(timezone.utc))


class RecentImages:
    """The last `size` different images. Safe to share between threads."""

    def __init__(self, size: int):
        self._size = size
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, seen: Sequence[Seen]) -> None:
        """Remembers images as the newest; the oldest go."""
        with self._lock:
            for one in seen:
                self._seen.pop(one.sha256, None)
                self._seen[one.sha256] = one
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)

    def vector_of(self, sha256: str) -> FloatArray | None:
        """`(d,) float32` of an image seen lately, None of any other."""
        with self._lock:
            found = self._seen.get(sha256)
        return None if found is None else found.vector

    def newest(self, count: int) -> tuple[Seen, ...]:
        """The newest images, the very newest last."""
        with self._lock:
            return tuple(self._seen.values())[-count:]
