"""Judgements as callers pass them, to judgements that are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidRequestError, TuqianError, UnseenImageError
from app.learning import Learning
from app.snapshot import Snapshot
from index.collection import ImageCollection
from index.errors import VectorIndexError
from index.vectors import checked_vector
from vocab.errors import TagNotFoundError, VocabularyError
from vocab.judgements import Kept, NewJudgement, Verdict
from vocab.names import name_key
from vocab.rules import names_by_key
from vocab.tags import Tag

FloatArray = NDArray[np.float32]
OURS = (TuqianError, VocabularyError, VectorIndexError)


@dataclass(frozen=True)
class Opinion:
    """A verdict as it was passed: `tag` is an id, a name or an alias; the image is given in one of
    three ways, a stored image's id, the SHA-256 of one tagged lately, or its vector.
    """

    tag: str
    verdict: Verdict
    image_id: str | None = None
    sha256: str | None = None
    vector: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Refused:
    """Why one verdict was not kept; the others are not affected."""

    error: Exception


def judge(
    learning: Learning,
    collection: ImageCollection,
    snapshot: Snapshot,
    author: str,
    opinions: Sequence[Opinion],
) -> tuple[Kept | Refused, ...]:
    """Keeps what can be kept, in one transaction, and has it weighed; results in their order.

    Raises `InvalidTagError` for an author that is no name, and what the database raises.
    """
    read: list[NewJudgement | Refused] = []
    tags = Meant(snapshot)
    for place, opinion in enumerate(opinions):
        try:
            read.append(_read(learning, collection, snapshot, tags.of(opinion.tag), opinion))
        except OURS as error:
            error.field = f"judgements[{place}].{error.field}" if error.field else None
            read.append(Refused(error))
    good = [one for one in read if isinstance(one, NewJudgement)]
    kept = iter(learning.judgements.add(author, good) if good else ())
    learning.recalibration.wake()
    return tuple(one if isinstance(one, Refused) else next(kept) for one in read)


def _read(
    learning: Learning,
    collection: ImageCollection,
    snapshot: Snapshot,
    tag: Tag,
    opinion: Opinion,
) -> NewJudgement:
    image, vector = _image(learning, collection, snapshot, opinion)
    return NewJudgement(
        tag_id=tag.id,
        tag_name=tag.name,
        image=image,
        verdict=opinion.verdict,
        vector=vector,
        revision=snapshot.revision,
        image_id=opinion.image_id,
    )


class Meant:
    """Which active tags callers mean, by id, name or alias; looks through the names once."""

    def __init__(self, snapshot: Snapshot):
        self._snapshot = snapshot
        self._by_name: dict[str, Tag] | None = None

    def of(self, given: str) -> Tag:
        """The tag. Raises `TagNotFoundError`."""
        row = self._snapshot.positions.get(given)
        if row is not None:
            return self._snapshot.tags[row]
        if self._by_name is None:
            self._by_name = {}
            for tag in self._snapshot.tags:
                for key in names_by_key(tag):
                    self._by_name.setdefault(key, tag)
        found = self._by_name.get(name_key(given))
        if found is None:
            raise TagNotFoundError(
                f"没有启用的标签 {given[:64]!r}",
                field="tag",
                remedy="用 GET /v1/vocabulary/tags 查询标签。",
            )
        return found


def _image(
    learning: Learning, collection: ImageCollection, snapshot: Snapshot, opinion: Opinion
) -> tuple[str, FloatArray]:
    """What the image is called, and its `(d,)` unit vector."""
    if opinion.vector is not None:
        return _given_vector(opinion.vector, snapshot.index.dim)
    if opinion.image_id is not None:
        stored = collection.get(opinion.image_id)
        return stored.sha256, collection.vector_of(opinion.image_id)
    digest = (opinion.sha256 or "").lower()
    vector = learning.recent.vector_of(digest)
    if vector is not None:
        return digest, vector
    for batch in collection.store.vectors(collection.store.same_bytes(digest)):
        stored_vector: FloatArray = batch.vectors[0]
        return digest, stored_vector
    raise UnseenImageError(f"最近没有给 {digest[:12]}… 打过标，图片库里也没有它", field="sha256")


def _given_vector(values: tuple[float, ...], dim: int) -> tuple[str, FloatArray]:
    array = np.asarray(values, dtype=np.float64)
    length = float(np.linalg.norm(array))
    if not np.isfinite(length) or length == 0:
        raise InvalidRequestError("vector 含有 NaN 或无穷大，或者全为 0", field="vector")
    vector = checked_vector((array / length).astype(np.float32), dim)
    digest = hashlib.sha256(vector.astype("<f2").tobytes()).hexdigest()
    return f"vector:{digest}", vector
