"""Text vectors kept by model and by digest of their prompts, so that a start encodes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import delete, insert, select

from vocab.store import Transactions
from vocab.tables import batches, tag_embeddings
from vocab.vectors import FloatArray, vector_from_bytes, vector_to_bytes

# From here on one pass over the model's rows is quicker than looking up each digest.
MANY_DIGESTS = 5_000


class EmbeddingStore:
    """`(d,) float32` vectors in the table `tag_embeddings`. Safe to share between threads."""

    def __init__(self, transactions: Transactions):
        self._transactions = transactions

    def get(self, model_key: str, digests: Iterable[str]) -> dict[str, FloatArray]:
        """The vectors that are kept, by digest; unknown digests are left out."""
        wanted = list(dict.fromkeys(digests))
        columns = tag_embeddings.c
        query = select(columns.text_digest, columns.vector).where(columns.model_key == model_key)
        with self._transactions.read() as connection:
            if len(wanted) > MANY_DIGESTS:
                known = set(wanted)
                rows = connection.execution_options(yield_per=1_000).execute(query)
                return {d: vector_from_bytes(blob) for d, blob in rows if d in known}
            return {
                digest: vector_from_bytes(blob)
                for some in batches(wanted)
                for digest, blob in connection.execute(query.where(columns.text_digest.in_(some)))
            }

    def put(self, model_key: str, vectors: Mapping[str, FloatArray]) -> None:
        """Keeps vectors by digest, in place of those kept before, all or none.

        Raises `EmbeddingError` where one is not a finite `(d,)` float array.
        """
        columns = tag_embeddings.c
        rows = [
            {"model_key": model_key, "text_digest": digest, "vector": vector_to_bytes(vector)}
            for digest, vector in vectors.items()
        ]
        if not rows:
            return
        with self._transactions.write() as connection:
            for some in batches(list(vectors)):
                old = delete(tag_embeddings).where(columns.model_key == model_key)
                connection.execute(old.where(columns.text_digest.in_(some)))
            connection.execute(insert(tag_embeddings), rows)

    def prune(self, model_key: str, keep: Collection[str]) -> int:
        """Removes the model's vectors whose digest is not in `keep`; returns how many."""
        columns = tag_embeddings.c
        kept = set(keep)
        with self._transactions.write() as connection:
            known = connection.scalars(
                select(columns.text_digest).where(columns.model_key == model_key)
            ).all()
            unused = [digest for digest in known if digest not in kept]
            for some in batches(unused):
                old = delete(tag_embeddings).where(columns.model_key == model_key)
                connection.execute(old.where(columns.text_digest.in_(some)))
        return len(unused)
