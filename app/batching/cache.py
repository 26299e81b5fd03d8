"""What was computed for an image before: its vectors, and the tags of one vocabulary.

Vectors depend on the file and the model alone, so an edit of the vocabulary keeps them. Tags depend
on the vocabulary's revision, the calibration and the options too.
"""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
V = TypeVar("V")

# Width, height, length of the vector, length of the copy vector (0: none).
HEADER = struct.Struct("<IIII")
# What an entry costs besides its value: the key, the node of the list, the objects around them.
OVERHEAD_BYTES = 250


class BoundedCache(Generic[V]):
    """Keeps the most recently used values within `max_bytes`; safe to share between threads.

    `hits`, `misses` and `evicted` count since the start.
    """

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self.evicted = 0

    def __len__(self) -> int:
        """Values kept."""
        return len(self._entries)

    def get(self, key: Hashable) -> V | None:
        """The value, which becomes the most recently used; `None` where there is none."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keeps a value of `size` bytes; one larger than the whole cache is not kept."""
        size += OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        with self._lock:
            self._drop(key)
            self._entries[key] = value, size
            self.bytes += size
            while self.bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))
                self.evicted += 1

    def clear(self) -> None:
        """Forgets everything but the counts."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def _drop(self, key: Hashable) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self.bytes -= size


class SharedStore(Protocol):
    """A store behind the memory, shared by several processes; it may lose anything at any time."""

    def get(self, key: str) -> bytes | None:
        """The bytes, or `None` where there are none or the store does not answer."""

    def put(self, key: str, value: bytes) -> None:
        """Keeps the bytes if it can."""


@dataclass(frozen=True)
class KnownImage:
    """What an image was found to be: its size, `(d,)` vector and `(c,)` copy vector, if any."""

    width: int
    height: int
    vector: FloatArray
    copy_vector: FloatArray | None = None


class VectorCache:
    """The vectors of images by the SHA-256 of their files, for one model.

    `space` names everything else that vectors depend on: the model key and how files are decoded.
    """

    def __init__(self, space: str, max_bytes: int, shared: SharedStore | None = None):
        self._space = space
        self._shared = shared
        self.memory: BoundedCache[bytes] = BoundedCache(max_bytes)
        self.shared_hits = 0

    def get(self, sha256: str) -> KnownImage | None:
        """What is known of the file with that digest."""
        found = self.memory.get(sha256)
        if found is None and self._shared is not None:
            found = self._shared.get(f"{self._space}:{sha256}")
            known = _unpacked(found) if found is not None else None
            if known is not None and found is not None:
                self.shared_hits += 1
                self.memory.put(sha256, found, len(found))
            return known
        return _unpacked(found) if found is not None else None

    def put(self, sha256: str, image: KnownImage) -> None:
        """Keeps what is known of a file."""
        packed = _packed(image)
        self.memory.put(sha256, packed, len(packed))
        if self._shared is not None:
            self._shared.put(f"{self._space}:{sha256}", packed)


class ResultCache(Generic[V]):
    """What was answered for a file, of one state of the vocabulary at a time.

    An answer of an older state would be wrong, and would keep the old tags in memory.
    """

    def __init__(self, max_bytes: int):
        self._state: tuple[int, int] | None = None
        self.memory: BoundedCache[V] = BoundedCache(max_bytes)

    def get(self, state: tuple[int, int], sha256: str, options: Hashable) -> V | None:
        """The answer under the vocabulary's revision and the calibration's generation."""
        return self.memory.get((state, sha256, options))

    def put(
        self, state: tuple[int, int], sha256: str, options: Hashable, value: V, size: int
    ) -> None:
        """Keeps an answer of `size` bytes; one of a state older than the newest is not kept."""
        if self._state is None or state > self._state:
            self._state = state
            self.memory.clear()
        if state == self._state:
            self.memory.put((state, sha256, options), value, size)


def _packed(image: KnownImage) -> bytes:
    copies = image.copy_vector if image.copy_vector is not None else np.zeros(0, np.float32)
    header = HEADER.pack(image.width, image.height, len(image.vector), len(copies))
    return header + image.vector.astype("<f4").tobytes() + copies.astype("<f4").tobytes()


def _unpacked(data: bytes) -> KnownImage | None:
    """`None` for bytes that are not ours: another version may have written them."""
    if len(data) < HEADER.size:
        return None
    width, height, dim, copy_dim = HEADER.unpack_from(data)
    if len(data) != HEADER.size + 4 * (dim + copy_dim):
        return None
    rows = np.frombuffer(data, dtype="<f4", offset=HEADER.size).astype(np.float32)
    return KnownImage(width, height, rows[:dim], rows[dim:] if copy_dim else None)
