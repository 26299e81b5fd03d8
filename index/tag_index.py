"""Exact inner-product search over the vectors of the tags."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from index.errors import VectorShapeError
from index.vectors import checked_rows

FloatArray = NDArray[np.float32]

# Rows multiplied at a time: they and their products stay in the cache.
ROWS_AT_ONCE = 1024
# Multiplications that take some 15 ms by one thread: from there on it is worth starting others.
# A service keeps BLAS from having its own (app.matrix_threads).
WORTH_THREADS = 1 << 29
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Matches:
    """The k best rows for each of m queries, best first; both arrays are `(m, k)`.

    `positions` int64 are rows of the index, `similarities` float32 the inner products.
    """

    positions: NDArray[np.int64]
    similarities: FloatArray


class TagIndex:
    """`(n, d)` unit rows of one model, never changed after they are given.

    The rows lie in an array of our own, which FAISS searches where it is: numpy asks for large
    pages, so that copying 100,000 rows for an edit takes a fifth of what it takes in FAISS.
    """

    def __init__(self, vectors: FloatArray, model_key: str):
        if vectors.ndim != 2 or vectors.dtype != np.float32:
            raise VectorShapeError(
                f"标签向量应为二维 float32 数组，实际为 {vectors.ndim} 维 {vectors.dtype}",
                field="vectors",
                remedy="请传入形状为 (n, d) 的 float32 数组。",
            )
        self.model_key = model_key
        self._rows = np.array(vectors, order="C")
        self._rows.flags.writeable = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._rows.shape[1])

    @property
    def vectors(self) -> FloatArray:
        """`(n, d) float32`, the rows as given; read-only."""
        return self._rows

    def rearranged(self, rows: NDArray[np.int64], more: FloatArray) -> TagIndex:
        """An index whose row i is row `rows[i]` of this one's rows with `more (p, d)` below them.

        The one copy an edit makes: rows that keep their places go over in blocks.
        """
        kept = len(self)
        # Rows up to the first that moved, which in most edits is all of them, are one block.
        count = min(len(rows), kept)
        moved = np.flatnonzero(rows[:count] != np.arange(count))
        block = int(moved[0]) if len(moved) else count
        if block == len(rows) == kept:
            return self
        copied = np.empty((len(rows), self.dim), dtype=np.float32)
        copied[:block] = self._rows[:block]
        rest = rows[block:]
        old = rest < kept
        into = np.arange(block, len(rows))
        copied[into[old]] = self._rows[rest[old]]
        copied[into[~old]] = more[rest[~old] - kept]
        made = object.__new__(TagIndex)
        made.model_key, made._rows = self.model_key, copied
        copied.flags.writeable = False
        return made

    def similarities(self, queries: FloatArray, model_key: str) -> FloatArray:
        """`(m, d)` queries to `(m, n) float32`: every inner product, in the order of the rows.

        A threshold on every tag needs every product, and one matrix product is the fastest way
        to have them all; `search` is for the few best.
        """
        checked = self._checked(queries, model_key)
        products = np.empty((len(checked), len(self)), dtype=np.float32)

        def fill(first: int, last: int) -> None:
            for at in range(first, last, ROWS_AT_ONCE):
                rows = slice(at, min(at + ROWS_AT_ONCE, last))
                # The many rows times the few queries: the other way round BLAS copies them all.
                products[:, rows] = (self._rows[rows] @ checked.T).T

        parts = _THREADS if len(checked) * self._rows.size >= WORTH_THREADS else 1
        ends = [len(self) * part // parts for part in range(parts + 1)]
        if parts == 1:
            fill(0, len(self))
        else:
            with ThreadPoolExecutor(parts, thread_name_prefix="products") as pool:
                list(pool.map(fill, ends[:-1], ends[1:]))
        return products

    def search(self, queries: FloatArray, k: int, model_key: str) -> Matches:
        """The `min(k, n)` best rows of each of `(m, d)` queries; equal ones in order of rows."""
        checked = self._checked(queries, model_key)
        k = min(k, len(self))
        if k <= 0 or len(checked) == 0:
            shape = (len(checked), max(k, 0))
            return Matches(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32))
        similarities, positions = faiss.knn(
            checked, self._rows, k, metric=faiss.METRIC_INNER_PRODUCT
        )
        return Matches(positions, similarities)

    def _checked(self, queries: FloatArray, model_key: str) -> FloatArray:
        return checked_rows(
            queries, model_key, expected_key=self.model_key, dim=self.dim, field="vectors"
        )
