"""What the stored images say of one that has just been tagged, and keeping it with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.batching.batcher import Encoded
from app.encoders.base import Encoder, FloatArray
from app.scoring import background_of
from index.collection import ImageCollection, Query
from index.duplicates import Duplicate, Tier
from index.errors import ImageNotFoundError, InvalidImageError
from index.fingerprint import Print
from index.images import Added, NewImage, StoredImage, checked_id

DUPLICATES = 10


@dataclass(frozen=True)
class Name:
    """What the caller calls an image, and what should be kept with it."""

    id: str | None = None
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileFacts:
    """An image's file: digest, size of the upright photo, format, bytes, fingerprint."""

    sha256: str
    width: int
    height: int
    format: str
    bytes: int
    print: Print


@dataclass(frozen=True)
class StoredFacts:
    """What is kept of a stored image: its record, and its vectors and fingerprint as a query."""

    image: StoredImage
    query: Query


@dataclass(frozen=True)
class DuplicateHit:
    """A stored image that the new one is a copy of, or similar to."""

    id: str
    tier: Tier
    similarity: float
    hash_bits: int | None
    inliers: int | None


@dataclass(frozen=True)
class Recalled:
    """`duplicates` surest first; `stored` where the image was kept."""

    duplicates: tuple[DuplicateHit, ...]
    stored: Added | None = None


def unrelated_of(encoder: Encoder, data_dir: Path) -> FloatArray:
    """`(m, c)` vectors of unrelated photos, in the space that this model's copies are told in.

    Copy-detection vectors come with the model; a model without any uses its background bank.
    """
    if encoder.copy_dim:
        return encoder.copy_bank
    return background_of(encoder, data_dir).vectors


def recall(collection: ImageCollection, facts: FileFacts, encoded: Encoded) -> Recalled:
    """What is stored already that the image is a copy of, or similar to."""
    query = Query(facts.sha256, facts.print, encoded.vector, encoded.copy_vector)
    return Recalled(_hits(collection, collection.duplicates(query, DUPLICATES)))


def find_stored(collection: ImageCollection, image_id: str) -> StoredFacts:
    """A stored image by its id. Raises `ImageNotFoundError`, for what can be no id as well."""
    try:
        image = collection.get(checked_id(image_id))
    except InvalidImageError as error:
        raise ImageNotFoundError(
            "没有这个 id 的图片：它不是合法的图片 id", field="id", remedy=error.remedy
        ) from error
    query = collection.stored_query(image.number)
    if query is None:  # deleted between the two questions
        raise ImageNotFoundError(f"没有 id 为 {image_id} 的图片", field="id")
    return StoredFacts(image, query)


def recall_others(collection: ImageCollection, stored: StoredFacts, *, keep: bool) -> Recalled:
    """The other stored images that a stored one is a copy of, or similar to.

    Asked to `keep` it, there is nothing to do but to say that it is there.
    """
    number = stored.image.number
    found = collection.duplicates(stored.query, DUPLICATES + 1)
    others = [one for one in found if one.number != number][:DUPLICATES]
    kept = Added(number, stored.image.id, "exists", new_content=False) if keep else None
    return Recalled(_hits(collection, others), kept)


def keep(
    collection: ImageCollection,
    facts: FileFacts,
    encoded: Encoded,
    name: Name,
    tags: tuple[tuple[str, float], ...],
    revision: int,
) -> Recalled:
    """The same, and then stores the image under its name with its tags."""
    before = recall(collection, facts, encoded)
    stored = collection.add(new_image(facts, encoded, name, tags, revision))
    return Recalled(before.duplicates, stored)


def new_image(
    facts: FileFacts,
    encoded: Encoded,
    name: Name,
    tags: tuple[tuple[str, float], ...] = (),
    revision: int | None = None,
) -> NewImage:
    """The image as a collection stores it."""
    return NewImage(
        sha256=facts.sha256,
        width=facts.width,
        height=facts.height,
        format=facts.format,
        bytes=facts.bytes,
        fingerprint=facts.print.fingerprint,
        vector=encoded.vector,
        copy_vector=encoded.copy_vector,
        id=name.id,
        source=name.source,
        metadata=name.metadata,
        tags=tags,
        tags_revision=revision,
    )


def _hits(collection: ImageCollection, found: list[Duplicate]) -> tuple[DuplicateHit, ...]:
    """The duplicates under their names; one deleted in the meantime is left out."""
    images = collection.store.load([one.number for one in found])
    return tuple(
        DuplicateHit(
            images[one.number].id,
            one.tier,
            one.similarity,
            one.hash_bits,
            one.evidence.inliers if one.evidence else None,
        )
        for one in found
        if one.number in images
    )
