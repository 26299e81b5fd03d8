"""The tags of many images at once, as `app.choice.choose` gives them one by one."""

from __future__ import annotations

import numpy as np

from app.choice import Options, numbers_of, orders_of
from app.kin import differing
from app.numbers import FloatArray, Rows, measured
from app.snapshot import Snapshot
from vocab.logistic import probabilities

# What is stored with an image: the usual options, whoever asked for what.
USUAL = Options()

TagIds = tuple[tuple[str, float], ...]


def choose_many(snapshot: Snapshot, vectors: FloatArray, similarities: FloatArray) -> list[TagIds]:
    """`(m, d)` unit vectors and their `(m, n)` similarities to the tags of each image.

    Ids and confidences, strongest first: those of `choose` with the usual options and without
    parents. The arithmetic is that of `choose`; only the calls are shared among the images.
    """
    numbers = numbers_of(snapshot, vectors, similarities, USUAL)
    every = np.arange(len(snapshot.tags), dtype=np.int64)
    orders = orders_of(snapshot, numbers, every, USUAL.top_k)
    chosen = [
        np.asarray(differing(snapshot, order.tolist(), USUAL.top_k, keep_parents=False), np.int64)
        for order in orders
    ]
    pairs = zip(chosen, measured(numbers, chosen), strict=True)
    return [_tags(snapshot, rows, logits) for rows, (_, logits) in pairs]


def _tags(snapshot: Snapshot, rows: Rows, logits: FloatArray) -> TagIds:
    ids = [snapshot.tags[row].id for row in rows.tolist()]
    return tuple(zip(ids, probabilities(logits).tolist(), strict=True))
