"""The single methods that the verdict is compared with: hashes and vectors, each by itself."""

from __future__ import annotations

from typing import Any

import faiss as untyped_faiss
import numpy as np
from numpy.typing import NDArray

from app.encoders.copy_space import CopySpace
from bench.ranking import Answers
from bench.seen import Seen

faiss: Any = untyped_faiss
FloatArray = NDArray[np.float32]
NEAREST = 10


class Hashes:
    """A perceptual hash: an answer is a reference in few bits of the query, or of its turns."""

    def __init__(self, references: NDArray[np.uint8]):
        self._bits = references.shape[1] * 8
        self._index = faiss.IndexBinaryFlat(self._bits)
        self._index.add(np.ascontiguousarray(references))

    def nearest(self, hashes: NDArray[np.uint8]) -> tuple[FloatArray, NDArray[np.int64]]:
        """`(n, m, bytes)`, m hashes a query, to scores (higher is nearer) and places `(n, k)`."""
        count, turns = hashes.shape[:2]
        flat = np.ascontiguousarray(hashes.reshape(count * turns, -1))
        bits, places = self._index.search(flat, NEAREST)
        bits, places = bits.reshape(count, -1), places.reshape(count, -1)
        order = np.argsort(bits, axis=1, kind="stable")
        scores = -np.take_along_axis(bits, order, axis=1).astype(np.float32)
        return scores, np.take_along_axis(places, order, axis=1)


class Vectors:
    """A vector: an answer is a reference with a high cosine, less a part of what is usual.

    `beta` of the mean cosine to the `neighbours` nearest rows of `bank (m, d)` is taken away.
    """

    def __init__(
        self,
        references: FloatArray,
        bank: FloatArray | None = None,
        beta: float = 0.0,
        neighbours: int = 1,
    ):
        self._references, self._bank = references, bank
        self._beta, self._neighbours = beta, neighbours

    def nearest(self, vectors: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
        """`(n, d)` to scores and places `(n, k)`, best first."""
        scores = vectors @ self._references.T
        places = np.argsort(-scores, axis=1)[:, : NEAREST + 1]
        best = np.take_along_axis(scores, places, axis=1)
        if self._bank is not None:
            usual = np.sort(vectors @ self._bank.T, axis=1)[:, -self._neighbours :].mean(axis=1)
            best = best - self._beta * usual[:, None]
        return best, places


def answers(
    found: tuple[FloatArray, NDArray[np.int64]], truth: int, also: NDArray[np.int64]
) -> list[Answers]:
    """One `Answers` a query; `also (n,)` is the place that is neither right nor wrong, or -1."""
    made = []
    for scores, places, other in zip(*found, also, strict=True):
        # The first time a place is named is its best.
        _, first = np.unique(places, return_index=True)
        kept = np.sort(first)
        kept = kept[places[kept] != other][:NEAREST]
        made.append(Answers(scores[kept].astype(np.float64), places[kept] == truth, 1))
    return made


def copies(space: CopySpace, seen: Seen) -> FloatArray:
    """`(n, c)` copy-detection vectors."""
    return space(seen.features)
