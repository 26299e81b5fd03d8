"""What is worth judging next: of the images at hand, the pairs whose judgement would teach most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.health import logits_of
from app.learning import Learning
from app.snapshot import Snapshot
from index.collection import ImageCollection
from vocab.feedback import information
from vocab.review import Candidate, spread
from vocab.tags import Tag

FloatArray = NDArray[np.float32]

# Images looked at, half of them stored ones and half answered lately.
MOST_IMAGES = 500
# Pairs of one tag that are kept while the others are looked at.
PAIRS_OF_A_TAG = 4
# A pair less likely than this teaches about images that nobody is shown.
LEAST_LOGIT = -3.0


@dataclass(frozen=True)
class Suggestion:
    """A pair to be judged, with what is thought of it now.

    `gain` is the information one judgement would bring on the tag's shift, in nats, times the
    share of the images at hand whose verdict is open.
    """

    sha256: str
    image_id: str | None
    tag: Tag
    confidence: float
    threshold: float
    similarity: float
    gain: float


@dataclass(frozen=True)
class Material:
    """Images at hand: digests, ids where they are stored, and `(m, d)` unit vectors."""

    digests: tuple[str, ...]
    ids: tuple[str | None, ...]
    vectors: FloatArray


def suggestions(
    learning: Learning, collection: ImageCollection, snapshot: Snapshot, count: int
) -> tuple[Suggestion, ...]:
    """The `count` most instructive pairs, spread over tags, none of which anybody has judged."""
    material = _material(learning, collection, snapshot.index.dim)
    if not material.digests or not snapshot.tags:
        return ()
    judged = learning.judgements.judged(material.digests)
    candidates = [
        one
        for one in _candidates(learning, snapshot, material.vectors)
        if (material.digests[one.image], snapshot.tags[one.tag].id) not in judged
    ]
    chosen = spread(candidates, count)
    return tuple(_suggestion(snapshot, material, one) for one in chosen)


def _candidates(learning: Learning, snapshot: Snapshot, vectors: FloatArray) -> list[Candidate]:
    """The most instructive pairs of every tag.

    What a judgement teaches of a tag is worth as much as there are images whose verdict may turn:
    those no further from the cut than the tag's shift is unsure.
    """
    deviations = np.full(len(snapshot.tags), learning.recalibration.prior.deviation)
    for tag_id, shift in learning.recalibration.shifts().items():
        if tag_id in snapshot.positions:
            deviations[snapshot.positions[tag_id]] = shift.deviation
    sure = snapshot.calibration.model.default_confidence
    cut = float(np.log(sure / (1 - sure)))
    found: list[Candidate] = []
    for rows, logits, _ in logits_of(snapshot, vectors):
        unsure = deviations[rows]
        turning = (np.abs(logits - cut) <= unsure).mean(axis=0)
        gains = information(logits.astype(np.float64), unsure) * turning
        gains[logits < LEAST_LOGIT] = 0.0
        best = np.argsort(-gains, axis=0, kind="stable")[:PAIRS_OF_A_TAG]
        kept = np.take_along_axis(gains, best, axis=0)
        for rank, place in np.argwhere(kept > 0):
            image = int(best[rank, place])
            found.append(Candidate(image, int(rows[place]), float(kept[rank, place])))
    return found


def _suggestion(snapshot: Snapshot, material: Material, one: Candidate) -> Suggestion:
    vector = material.vectors[one.image][None, :]
    calibration = snapshot.calibration.taken(np.asarray([one.tag], dtype=np.int64))
    side = calibration.image_side(vector)
    similarities = vector @ snapshot.index.vectors[[one.tag]].T
    return Suggestion(
        sha256=material.digests[one.image],
        image_id=material.ids[one.image],
        tag=snapshot.tags[one.tag],
        confidence=float(calibration.confidences(calibration.scores(similarities, side))[0, 0]),
        threshold=float(calibration.thresholds(side)[0, 0]),
        similarity=float(similarities[0, 0]),
        gain=one.gain,
    )


def _material(learning: Learning, collection: ImageCollection, dim: int) -> Material:
    """The newest images answered and stored, each content once."""
    digests: list[str] = []
    ids: list[str | None] = []
    vectors: list[FloatArray] = []
    newest = collection.store.numbers()[-MOST_IMAGES // 2 :].tolist()
    stored = collection.store.load(newest)
    for batch in collection.store.vectors(newest):
        for number, vector in zip(batch.numbers.tolist(), batch.vectors, strict=True):
            if number in stored:
                digests.append(stored[number].sha256)
                ids.append(stored[number].id)
                vectors.append(vector)
    known = set(digests)
    for one in learning.recent.newest(MOST_IMAGES // 2):
        if one.sha256 not in known:
            digests.append(one.sha256)
            ids.append(None)
            vectors.append(one.vector)
    stacked = np.stack(vectors) if vectors else np.zeros((0, dim), dtype=np.float32)
    return Material(tuple(digests), tuple(ids), stacked)
