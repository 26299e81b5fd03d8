"""Reading many stored vectors, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, select

from index.tables import batches, images
from index.transactions import Transactions
from index.vectors import FloatArray, from_bytes

# Rows read at a time: enough for the database, little for the memory.
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class VectorBatch:
    """Some stored vectors: `numbers (n,) int64`, `vectors (n, d)`, and what belongs to them.

    `copies` is `(n, c) float32`, or None where the model has no copy-detection vectors;
    `hashes` is `(n, 32) uint8`.
    """

    numbers: NDArray[np.int64]
    vectors: FloatArray
    copies: FloatArray | None
    hashes: NDArray[np.uint8]


def vector_batches(
    transactions: Transactions, model_key: str, numbers: NDArray[np.int64], copies: bool
) -> Iterator[VectorBatch]:
    """The vectors of the `(n,) int64` numbers that are (still) stored, in their order."""
    for some in batches(numbers.tolist(), ROWS_AT_ONCE):
        rows: list[Row[Any]] = []
        with transactions.read() as connection:
            for few in batches(some):
                rows.extend(connection.execute(_query(few, model_key)))
        if rows:
            found = {row.number: row for row in rows}
            yield _batch([found[number] for number in some if number in found], copies)


def _query(numbers: Sequence[int], model_key: str) -> Any:
    columns = images.c
    wanted = (columns.number, columns.vector_type, columns.vector, columns.copy_vector)
    return select(*wanted, columns.hash).where(
        columns.number.in_(numbers), columns.model_key == model_key
    )


def _batch(rows: Sequence[Row[Any]], copies: bool) -> VectorBatch:
    return VectorBatch(
        numbers=np.asarray([row.number for row in rows], dtype=np.int64),
        vectors=np.stack([from_bytes(row.vector, row.vector_type) for row in rows]),
        copies=np.stack([from_bytes(row.copy_vector, "float16") for row in rows])
        if copies
        else None,
        hashes=np.stack([np.frombuffer(row.hash, dtype=np.uint8) for row in rows]),
    )
