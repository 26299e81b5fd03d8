"""The tags of many images at once, as `app.choice.choose` gives them one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.choice import EXAMINED, Numbers, Options, Rows, differing, directions_of, numbers_of
from app.echoes import without_echoes_of_many
from app.snapshot import FloatArray, Snapshot
from vocab.logistic import probabilities

# What is stored with an image: the usual options, whoever asked for what.
USUAL = Options()
# Images whose echoes are looked for together: some megabytes of tags.
IMAGES_AT_ONCE = 64

TagIds = tuple[tuple[str, float], ...]


def choose_many(snapshot: Snapshot, vectors: FloatArray, similarities: FloatArray) -> list[TagIds]:
    """`(m, d)` unit vectors and their `(m, n)` similarities to the tags of each image.

    Ids and confidences, strongest first: those of `choose` with the usual options and without
    parents. The arithmetic is that of `choose`; only the calls are shared among the images.
    """
    numbers = numbers_of(snapshot, vectors, similarities, USUAL)
    orders = [_passed(one) for one in numbers]
    orders = _without_echoes(snapshot, vectors, orders)
    return [_tags(snapshot, one, order) for one, order in zip(numbers, orders, strict=True)]


def _passed(numbers: Numbers) -> Rows:
    """The rows that reach their thresholds, strongest first."""
    rows = np.flatnonzero(numbers.similarities >= numbers.thresholds)
    return rows[np.argsort(-numbers.logits[rows], kind="stable")[:EXAMINED]]


def _without_echoes(snapshot: Snapshot, vectors: FloatArray, orders: Sequence[Rows]) -> list[Rows]:
    kept = list(orders)
    counts = np.asarray([len(order) for order in orders], dtype=np.int64)
    # Images of few tags with one another, so that little of the arrays stays empty.
    several = np.argsort(counts, kind="stable")[np.count_nonzero(counts < 2) :]
    for at in range(0, len(several), IMAGES_AT_ONCE):
        images = several[at : at + IMAGES_AT_ONCE]
        most = int(counts[images[-1]])
        rows = np.zeros((len(images), most), dtype=np.int64)
        for place, image in enumerate(images.tolist()):
            rows[place, : counts[image]] = orders[image]
        tags = directions_of(snapshot, rows)
        found = without_echoes_of_many(vectors[images], tags, counts[images], USUAL.top_k)
        for place, image in enumerate(images.tolist()):
            kept[image] = rows[place][found[place]]
    return kept


def _tags(snapshot: Snapshot, numbers: Numbers, order: Rows) -> TagIds:
    rows = differing(snapshot, order.tolist(), USUAL.top_k, keep_parents=False)
    confidences = probabilities(numbers.logits[rows]).tolist() if rows else []
    return tuple(zip([snapshot.tags[row].id for row in rows], confidences, strict=True))
