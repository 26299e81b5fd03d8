"""What the service itself says of a query: a real collection of the references, and its verdict."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

import index
from app.database import Database
from app.encoders.copy_space import CopySpace
from app.encoders.dual import DualEncoder
from bench.methods import copies
from bench.ranking import Answers
from bench.seen import FloatArray, Seen
from index import collection as untyped_collection
from index.collection import ImageCollection, Query
from index.duplicates import Duplicate, DuplicateRules
from index.image_store import ImageStore
from index.images import NewImage
from index.local_check import Evidence
from index.tables import image_names

# Its own `judge` is replaced by one that is watched.
collection_module: Any = untyped_collection


@dataclass(frozen=True)
class Said:
    """One answer of the service: `place` of the reference, and what the verdict rests on."""

    place: int
    tier: str
    score: float
    bits: int | None
    inliers: int
    agreement: float

    @property
    def strength(self) -> float:
        """A number by which verdicts are ranked: the surer the tier, and then its evidence."""
        if self.tier == "exact":
            return 4.0
        if self.tier == "similar":
            return self.score
        if self.inliers:
            return 2 + 0.5 * self.agreement + min(self.inliers, 350) / 1000
        return 3 - (self.bits or 0) / 256


@dataclass(frozen=True)
class Judged:
    """The answers to one query, how long they took, and what the local check saw.

    `looks` holds place, inliers and agreement of every picture that was compared.
    """

    answers: tuple[Said, ...]
    milliseconds: float
    looks: tuple[tuple[int, int, float], ...]


def store_all(folder: Path, encoder: DualEncoder, parts: Iterable[Seen]) -> None:
    """A database of the references under their places, in one transaction: adding takes longer."""
    assert encoder.copy_space is not None
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{folder}/bench.db")
    database.migrate()
    store = ImageStore(database, encoder.model_key, encoder.dim, copy_dim=encoder.copy_dim)
    place = 0
    with database.write() as connection:
        for part in parts:
            for at, copy in enumerate(copies(encoder.copy_space, part)):
                image = _reference(place, part, at, copy)
                number, _ = store._content(connection, image)
                connection.execute(insert(image_names).values(_name(encoder, place, number)))
                place += 1
    database.close()


def _reference(place: int, part: Seen, at: int, copy: FloatArray) -> NewImage:
    return NewImage(
        sha256=hashlib.sha256(str(place).encode()).hexdigest(),
        width=1,
        height=1,
        format="JPEG",
        bytes=1,
        fingerprint=part.prints[at].fingerprint,
        vector=part.vectors[at],
        copy_vector=copy,
        id=str(place),
    )


def _name(encoder: DualEncoder, place: int, number: int) -> dict[str, Any]:
    return {
        "model_key": encoder.model_key,
        "id": str(place),
        "number": number,
        "created_at": datetime.now(timezone.utc),
        "source": "",
        "metadata": {},
    }


class Judge:
    """The service's collection over some references, in a folder of its own."""

    def __init__(self, folder: Path, encoder: DualEncoder, rules: DuplicateRules):
        assert encoder.copy_space is not None
        self._space: CopySpace = encoder.copy_space
        self._database = Database(f"sqlite:///{folder}/bench.db")
        store = ImageStore(
            self._database, encoder.model_key, encoder.dim, copy_dim=encoder.copy_dim
        )
        self.collection = ImageCollection(
            self._database, store, folder, rules=rules, background=encoder.copy_bank
        )
        self._looks: list[tuple[int, int, float]] = []
        self._watch()

    def of(self, seen: Seen) -> list[Judged]:
        """The verdict on each of the pictures, as `/v1/tag` would give it."""
        made = []
        for at, copy in enumerate(copies(self._space, seen)):
            made.append(self.ask(Query("", seen.prints[at], seen.vectors[at], copy)))
        return made

    def of_stored(self, place: int) -> Judged:
        """The verdict on a reference, which is among what it is compared with."""
        query = self.collection.stored_query(self.collection.get(str(place)).number)
        assert query is not None
        return self.ask(query)

    def ask(self, query: Query) -> Judged:
        """The verdict on one query."""
        self._looks = []
        began = time.perf_counter()
        found = self.collection.duplicates(query)
        spent = (time.perf_counter() - began) * 1e3
        return Judged(tuple(self._said(found)), spent, tuple(self._looks))

    def close(self) -> None:
        self.collection.save()
        self._database.close()

    def _said(self, found: list[Duplicate]) -> list[Said]:
        images = self.collection.store.load([one.number for one in found])
        return [
            Said(
                int(images[one.number].id),
                one.tier,
                one.score,
                one.hash_bits,
                one.evidence.inliers if one.evidence else 0,
                one.evidence.agreement if one.evidence else 0.0,
            )
            for one in found
        ]

    def _watch(self) -> None:
        """Notes what the local check says, of which a verdict names only the best."""
        judge = collection_module.judge

        def watched(candidates: Any, rules: Any, look: Any, **more: Any) -> Any:
            def noted(number: int) -> Evidence:
                evidence: Evidence = look(number)
                # Numbers count from one, in the order in which the references were added.
                self._looks.append((number - 1, evidence.inliers, evidence.agreement))
                return evidence

            return judge(candidates, rules, noted, **more)

        collection_module.judge = watched


def key(encoder: DualEncoder, rules: DuplicateRules) -> str:
    """Differs where the rules, the copy space or any code of the verdict does."""
    space = encoder.copy_space
    assert space is not None
    code = b"".join(path.read_bytes() for path in sorted(Path(index.__path__[0]).glob("*.py")))
    numbers = b"".join(part.tobytes() for part in (space.mean, space.projection, space.bank))
    return hashlib.sha256(code + numbers + repr(rules).encode()).hexdigest()[:8]


def write(path: Path, judged: list[Judged]) -> None:
    half = path.with_suffix(".part")
    half.write_text(json.dumps([asdict(one) for one in judged]), encoding="utf-8")
    half.rename(path)


def read(path: Path) -> list[Judged]:
    return [
        Judged(
            tuple(Said(**said) for said in one["answers"]),
            one["milliseconds"],
            tuple((place, inliers, agreement) for place, inliers, agreement in one["looks"]),
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def ranked(judged: Judged, truth: int, other: int) -> Answers:
    """The answers as a ranking; `other` is a place neither right nor wrong, or -1."""
    kept = [said for said in judged.answers if said.place != other]
    return Answers(
        np.asarray([said.strength for said in kept], dtype=np.float64),
        np.asarray([said.place == truth for said in kept], dtype=bool),
        1,
    )
