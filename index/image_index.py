"""FAISS over the vectors of stored images, by their numbers; what it holds can be made again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from index.read_write_lock import ReadWriteLock
from index.snapshot_file import read_snapshot, write_snapshot
from index.vectors import checked_rows

log = logging.getLogger(__name__)

# What its type stubs say does not hold for the conveniences it adds at import.
faiss: Any = untyped_faiss
FloatArray = NDArray[np.float32]
Numbers = NDArray[np.int64]

# Up to here every vector is compared: 250,000 of 512 float32 take some 30 ms on one core. Above,
# vectors lie in clusters and a query looks into some of them (IVF, which unlike HNSW can forget).
FLAT_UP_TO = 250_000
TRAINING_VECTORS_PER_CLUSTER = 40


@dataclass(frozen=True)
class Shape:
    """How many vectors are searched exactly, and the clusters beyond that.

    `clusters` is trained on the vectors present when the size is first passed; `probes` of them
    are searched, which costs `probes / clusters` of a full search.
    """

    flat_up_to: int = FLAT_UP_TO
    clusters: int = 1024
    probes: int = 48


@dataclass(frozen=True)
class ImageMatches:
    """The best images of one query, best first: `numbers (k,) int64`, `similarities (k,)`."""

    numbers: Numbers
    similarities: FloatArray


class ImageIndex:
    """Unit vectors of one model by number. Safe to share between threads."""

    def __init__(self, model_key: str, dim: int, shape: Shape | None = None):
        self.model_key = model_key
        self.dim = dim
        self._shape = shape or Shape()
        self._lock = ReadWriteLock()
        self._index = _flat(dim)
        self._present: set[int] = set()

    def __len__(self) -> int:
        return len(self._present)

    @property
    def is_exact(self) -> bool:
        """Whether a search compares every vector."""
        return not isinstance(self._index, faiss.IndexIVF)

    def numbers(self) -> Numbers:
        """`(n,) int64`, ascending: what the index holds."""
        with self._lock.reading():
            return np.sort(np.fromiter(self._present, dtype=np.int64))

    def holds(self, numbers: Numbers) -> NDArray[np.bool_]:
        """`(n,) bool`: which of those numbers it has."""
        with self._lock.reading():
            return np.asarray([n in self._present for n in numbers.tolist()], dtype=bool)

    def add(self, numbers: Numbers, vectors: FloatArray, model_key: str) -> None:
        """Adds `(n,) int64` numbers with their `(n, d)` vectors; those it holds are skipped.

        Raises `ModelMismatchError` and `VectorShapeError`.
        """
        rows = self._checked(vectors, model_key)
        new = ~self.holds(numbers)
        if not new.any():
            return
        chosen = np.ascontiguousarray(numbers[new], dtype=np.int64)
        with self._lock.writing():
            self._index.add_with_ids(rows[new], chosen)
            self._present.update(chosen.tolist())
        if self.is_exact and len(self) > self._shape.flat_up_to:
            self._cluster()

    def remove(self, numbers: Numbers) -> None:
        """Forgets those numbers; what it does not hold is ignored."""
        with self._lock.writing():
            held = [number for number in numbers.tolist() if number in self._present]
            if held:
                self._index.remove_ids(np.asarray(held, dtype=np.int64))
                self._present.difference_update(held)

    def search(
        self, query: FloatArray, k: int, model_key: str, *, among: Numbers | None = None
    ) -> ImageMatches:
        """The `k` best for a `(d,)` query, or fewer; `among` lets only those numbers in.

        Equal similarities come in order of their numbers. Raises as `add` does.
        """
        rows = self._checked(query[None, :], model_key)
        with self._lock.reading():
            k = min(k, len(self._present))
            if k <= 0 or (among is not None and len(among) == 0):
                return ImageMatches(np.zeros(0, np.int64), np.zeros(0, np.float32))
            similarities, numbers = self._index.search(rows, k, params=self._parameters(among))
        found = numbers[0] >= 0
        ids, values = numbers[0][found], similarities[0][found]
        order = np.lexsort((ids, -values))
        return ImageMatches(ids[order], values[order])

    def vector(self, number: int) -> FloatArray | None:
        """`(d,) float32` of one image; None where it is not held."""
        with self._lock.reading():
            if number not in self._present:
                return None
            row: FloatArray = self._index.reconstruct(number)
            return row

    def save(self, path: Path) -> bool:
        """Writes the cache file; a failure is logged and harms nothing."""
        with self._lock.reading():
            return write_snapshot(self._index, path, self._facts())

    def restore(self, path: Path) -> bool:
        """Takes over the cache file where it is whole and of this model; it may be outdated."""
        read = read_snapshot(path, self._facts())
        if read is None:
            return False
        with self._lock.writing():
            self._index = _with_direct_map(read)
            self._present = set(_ids(read).tolist())
        return True

    def _facts(self) -> dict[str, Any]:
        return {"model_key": self.model_key, "dim": self.dim}

    def _checked(self, vectors: FloatArray, model_key: str) -> FloatArray:
        return checked_rows(
            vectors, model_key, expected_key=self.model_key, dim=self.dim, field="vector"
        )

    def _parameters(self, among: Numbers | None) -> Any:
        selector = None if among is None else faiss.IDSelectorBatch(among)
        if self.is_exact:
            return None if selector is None else faiss.SearchParameters(sel=selector)
        return faiss.SearchParametersIVF(sel=selector, nprobe=self._shape.probes)

    def _cluster(self) -> None:
        """Moves everything into a clustered index; searches go on in the old one meanwhile."""
        log.info("the image index passes %d vectors and is clustered", self._shape.flat_up_to)
        with self._lock.reading():
            ids = _ids(self._index)
            flat = faiss.downcast_index(self._index.index)
            vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * self.dim)
            vectors = vectors.reshape(-1, self.dim).copy()
        clusters = min(self._shape.clusters, max(1, len(ids) // TRAINING_VECTORS_PER_CLUSTER))
        made = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(self.dim), self.dim, clusters, faiss.METRIC_INNER_PRODUCT
        )
        step = max(1, len(ids) // (clusters * TRAINING_VECTORS_PER_CLUSTER))
        made.train(vectors[::step])
        made.add_with_ids(vectors, ids)
        with self._lock.writing():
            # Writers take turns outside, so nothing but removals can have happened meanwhile.
            gone = np.asarray([i for i in ids.tolist() if i not in self._present], np.int64)
            if len(gone):
                made.remove_ids(gone)
            self._index = _with_direct_map(made)


def _flat(dim: int) -> Any:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dim))


def _with_direct_map(index: Any) -> Any:
    """Lets a clustered index find a vector by its number."""
    if isinstance(index, faiss.IndexIVF):
        index.set_direct_map_type(faiss.DirectMap.Hashtable)
    return index


def _ids(index: Any) -> Numbers:
    """`(n,) int64`: the numbers in an index, in no order to rely on."""
    if not isinstance(index, faiss.IndexIVF):
        ids: Numbers = faiss.vector_to_array(index.id_map)
        return ids
    lists = index.invlists
    parts = [
        faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
        for i in range(lists.nlist)
        if lists.list_size(i)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
