"""Which images of a run are one picture: each with the first that it is a copy of."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.batching.batcher import Encoded
from app.database import Database
from app.encoders.base import Encoder
from app.pipeline.rows import Tie
from app.recall import FileFacts, Name, new_image
from index.collection import ImageCollection, Query
from index.image_store import ImageStore

# What two images of one chunk must have in common to be compared once more; of 256 bits at most
# so many differ. Of unrelated pairs of photos some 3 in 100 pass, so that few are.
LEAST_SIMILARITY = 0.35
MOST_BITS = 96


@dataclass(frozen=True)
class Belongs:
    """The number of the first image of a group, and how an image is tied to it."""

    leader: int
    tie: Tie


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of the run by its number, with what copies are known by."""

    number: int
    facts: FileFacts
    encoded: Encoded


class Groups:
    """An image belongs to the earliest group whose first image it is a copy of, surest first.

    It is compared with first images alone, so a group is a picture with its copies and no chain
    of neighbours, and an image that belongs to one is not kept. The first images lie in
    `leaders`, named by their numbers, on the disk: a run that goes on finds what it found before.
    """

    def __init__(self, leaders: ImageCollection, pool: Executor, done: int):
        """`done` images have their rows; what was noted for later ones is forgotten."""
        self._leaders = leaders
        self._pool = pool
        self._forget_from(done)

    def assign(self, pictures: Sequence[Picture]) -> list[Belongs]:
        """The group of each of the next pictures, in order.

        All are compared at once with the first images of before; an image that found nothing and
        resembles a new one of these is compared again. Raises `StorageFullError`.
        """
        known = list(self._pool.map(self._among_leaders, pictures))  # before any is added
        belongs: list[Belongs] = []
        new: list[Picture] = []
        for one, found in zip(pictures, known, strict=True):
            if found is None and any(_may_be_alike(one, other) for other in new):
                found = self._among_leaders(one)
            if found is None:
                new.append(one)
                self._leaders.add(new_image(one.facts, one.encoded, Name(str(one.number))))
                found = Belongs(one.number, "first")
            belongs.append(found)
        return belongs

    def _among_leaders(self, one: Picture) -> Belongs | None:
        for verdict in self._leaders.duplicates(_query(one)):
            if verdict.tier != "similar":
                loaded = self._leaders.store.load([verdict.number])
                return Belongs(int(loaded[verdict.number].id), verdict.tier)
        return None

    def _forget_from(self, done: int) -> None:
        """A kill may come between the first images of some rows and the rows themselves."""
        for number in reversed(self._leaders.store.numbers().tolist()):
            (image,) = self._leaders.store.load([number]).values()
            if int(image.id) < done:
                return
            self._leaders.delete(image.id)


def _query(one: Picture) -> Query:
    vectors = one.encoded
    return Query(one.facts.sha256, one.facts.print, vectors.vector, vectors.copy_vector)


def _may_be_alike(one: Picture, other: Picture) -> bool:
    """Whether two pictures are worth a second look: one that most pairs do not pass."""
    return (
        one.facts.sha256 == other.facts.sha256
        or _similarity(one, other) >= LEAST_SIMILARITY
        or _bits(one, other) <= MOST_BITS
    )


def _similarity(one: Picture, other: Picture) -> float:
    a, b = one.encoded.copy_vector, other.encoded.copy_vector
    if a is None or b is None:
        a, b = one.encoded.vector, other.encoded.vector
    return float(a @ b)


def _bits(one: Picture, other: Picture) -> int:
    """How many bits the hashes differ in, at the best turn or mirror of the first."""
    stored = np.frombuffer(other.facts.print.fingerprint.hash, dtype=np.uint8)
    differing = np.unpackbits(one.facts.print.hashes ^ stored, axis=1).sum(axis=1)
    return int(differing.min())


def open_groups(
    folder: Path, encoder: Encoder, pool: Executor, done: int, stack: ExitStack
) -> Groups:
    """The groups of a run whose progress lies in `folder`; closed with the stack."""
    database = Database(f"sqlite:///{folder / 'images.db'}")
    stack.callback(database.close)
    database.migrate()
    store = ImageStore(
        database, encoder.model_key, encoder.dim, copy_dim=encoder.copy_dim, vector_type="float16"
    )
    return Groups(ImageCollection(database, store, folder / "index"), pool, done)
