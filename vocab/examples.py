"""Vectors of example images, by tag and model. `Tag.examples` says which of them count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import delete, insert, select

from vocab.store import Transactions
from vocab.tables import batches, tag_examples
from vocab.vectors import FloatArray, vector_from_bytes, vector_to_bytes


class ExampleStore:
    """`(d,) float32` vectors in the table `tag_examples`. Safe to share between threads.

    Vectors are added before the edit that names them in `Tag.examples`, so that an edit never
    names one that is missing; those no tag names any more wait for `prune`, because a roll-back
    may need them.
    """

    def __init__(self, transactions: Transactions):
        self._transactions = transactions

    def add(self, tag_id: str, model_key: str, vectors: Mapping[str, FloatArray]) -> None:
        """Keeps a tag's example vectors by the image's id. Raises `EmbeddingError`."""
        rows = [
            {
                "tag_id": tag_id,
                "model_key": model_key,
                "example_id": example_id,
                "vector": vector_to_bytes(vector),
            }
            for example_id, vector in vectors.items()
        ]
        if not rows:
            return
        columns = tag_examples.c
        with self._transactions.write() as connection:
            for some in batches(list(vectors)):
                old = delete(tag_examples).where(
                    columns.tag_id == tag_id,
                    columns.model_key == model_key,
                    columns.example_id.in_(some),
                )
                connection.execute(old)
            connection.execute(insert(tag_examples), rows)

    def remove(self, tag_id: str, example_ids: Iterable[str]) -> None:
        """Forgets a tag's examples under every model; unknown ids are passed over."""
        with self._transactions.write() as connection:
            for some in batches(list(example_ids)):
                old = delete(tag_examples).where(tag_examples.c.tag_id == tag_id)
                connection.execute(old.where(tag_examples.c.example_id.in_(some)))

    def list(self, tag_id: str, model_key: str) -> dict[str, FloatArray]:
        """A tag's example vectors of one model by the image's id."""
        columns = tag_examples.c
        query = select(columns.example_id, columns.vector).where(
            columns.tag_id == tag_id, columns.model_key == model_key
        )
        with self._transactions.read() as connection:
            rows = connection.execute(query.order_by(columns.example_id))
            return {example_id: vector_from_bytes(blob) for example_id, blob in rows}

    def all(self, model_key: str) -> dict[str, dict[str, FloatArray]]:
        """Every tag's example vectors of one model: by tag id, then by the image's id."""
        columns = tag_examples.c
        query = select(columns.tag_id, columns.example_id, columns.vector)
        found: dict[str, dict[str, FloatArray]] = {}
        with self._transactions.read() as connection:
            for tag_id, example_id, blob in connection.execute(
                query.where(columns.model_key == model_key)
            ):
                found.setdefault(tag_id, {})[example_id] = vector_from_bytes(blob)
        return found

    def prune(self, keep: Collection[str]) -> int:
        """Removes the examples of all tags but those whose ids are in `keep`; returns how many."""
        kept = set(keep)
        removed = 0
        with self._transactions.write() as connection:
            known = connection.scalars(select(tag_examples.c.tag_id).distinct()).all()
            for some in batches([tag_id for tag_id in known if tag_id not in kept]):
                old = delete(tag_examples).where(tag_examples.c.tag_id.in_(some))
                removed += connection.execute(old).rowcount
        return removed
