"""Which images of a run are one picture: each with the first that it is a copy of."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from app.batching.batcher import Encoded
from app.database import Database
from app.encoders.base import Encoder
from app.pipeline.rows import Tie
from app.recall import FileFacts, Name, new_image
from index.collection import ImageCollection, Query
from index.duplicates import Candidate, DuplicateRules, judge
from index.image_store import ImageStore
from index.local_check import Evidence, Features, compare, features


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

    @cached_property
    def features(self) -> Features:
        """Its keypoints, found when the first comparison asks for them."""
        return features(self.facts.print.fingerprint.thumbnail)


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

        All are compared with the first images of before at once; then those that are new, with
        one another. Raises `StorageFullError`.
        """
        known = list(self._pool.map(self._among_leaders, pictures))
        new = [one for one, found in zip(pictures, known, strict=True) if found is None]
        likes = dict(zip(new, self._pool.map(_Others(new, self._leaders.rules), new), strict=True))
        belongs: list[Belongs] = []
        first: set[int] = set()
        for one, found in zip(pictures, known, strict=True):
            found = found or next((b for b in likes[one] if b.leader in first), None)
            if found is None:
                first.add(one.number)
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


class _Others:
    """Which of the earlier ones of some pictures is one a copy of, surest first?"""

    def __init__(self, pictures: Sequence[Picture], rules: DuplicateRules):
        self._pictures = pictures
        self._rules = rules

    def __call__(self, one: Picture) -> list[Belongs]:
        before = {other.number: other for other in self._pictures if other.number < one.number}
        exact = [Belongs(number, "exact") for number, other in before.items() if _same(one, other)]
        candidates = [
            Candidate(number, similarity, bits)
            for number, other in before.items()
            for similarity, bits in [(_similarity(one, other), _bits(one, other))]
            if similarity >= self._rules.vector_objects or bits <= self._rules.hash_candidate
        ]

        def look(number: int) -> Evidence:
            return compare(before[number].features, one.features)

        speaks = one.facts.print.fingerprint.quality >= self._rules.hash_quality
        verdicts = judge(candidates, self._rules, look, hash_speaks=speaks)
        near = [Belongs(found.number, "near") for found in verdicts if found.tier == "near"]
        return exact + near


def _query(one: Picture) -> Query:
    vectors = one.encoded
    return Query(one.facts.sha256, one.facts.print, vectors.vector, vectors.copy_vector)


def _same(one: Picture, other: Picture) -> bool:
    prints = one.facts.print.fingerprint, other.facts.print.fingerprint
    return one.facts.sha256 == other.facts.sha256 or (
        prints[0].pixel_digest == prints[1].pixel_digest
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
