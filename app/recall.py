"""What the stored images say of one that has just been tagged, and keeping it with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.batching.batcher import Encoded
from index.collection import ImageCollection, Query
from index.duplicates import Tier
from index.fingerprint import Print
from index.images import Added, NewImage

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


def recall(collection: ImageCollection, facts: FileFacts, encoded: Encoded) -> Recalled:
    """What is stored already that the image is a copy of, or similar to."""
    query = Query(facts.sha256, facts.print, encoded.vector, encoded.copy_vector)
    found = collection.duplicates(query, DUPLICATES)
    images = collection.store.load([one.number for one in found])
    return Recalled(
        tuple(
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
    )


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
    stored = collection.add(
        NewImage(
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
    )
    return Recalled(before.duplicates, stored)
