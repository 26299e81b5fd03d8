"""The tags of many images at once, as `app.choice.choose` gives them one by one."""

from __future__ import annotations

import numpy as np

from app.choice import Numbers, Options, Rows, numbers_of, orders_of
from app.kin import differing
from app.snapshot import FloatArray, Snapshot
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
    return [_tags(snapshot, one, order) for one, order in zip(numbers, orders, strict=True)]


def _tags(snapshot: Snapshot, numbers: Numbers, order: Rows) -> TagIds:
    rows = differing(snapshot, order.tolist(), USUAL.top_k, keep_parents=False)
    _, logits = numbers.measured(np.asarray(rows, dtype=np.int64))
    confidences = probabilities(logits).tolist()
    return tuple(zip([snapshot.tags[row].id for row in rows], confidences, strict=True))
