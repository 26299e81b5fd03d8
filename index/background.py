"""What similarity is usual for a query: that to pictures which it certainly is no copy of."""

from __future__ import annotations

import numpy as np

from index.vectors import FloatArray


class Background:
    """Unit vectors `bank (m, d)` of unrelated pictures, in the space that copies are told apart in.

    A blurred or plain query is near to everything; `part` of its mean similarity to its
    `neighbours` nearest in the bank, taken from its similarities, makes one threshold mean the
    same for every query. It changes no ranking within a query.
    """

    def __init__(self, bank: FloatArray, part: float, neighbours: int):
        self._bank = np.ascontiguousarray(bank, dtype=np.float32)
        self._part = part
        self._neighbours = min(neighbours, len(bank))

    def usual(self, vector: FloatArray) -> float:
        """What to take from the similarities of a `(d,)` query; 0 where the bank is empty."""
        if self._neighbours == 0:
            return 0.0
        similarities = self._bank @ vector
        nearest = np.partition(similarities, -self._neighbours)[-self._neighbours :]
        return self._part * float(nearest.mean())
