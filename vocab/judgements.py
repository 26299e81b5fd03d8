"""What people said of tags on images: right, wrong, or missing; kept so that it can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from vocab.errors import JudgementNotFoundError
from vocab.learning_tables import judged_tags, judgements
from vocab.names import clean_line
from vocab.store import MAX_AUTHOR_LENGTH, Transactions, now_utc
from vocab.tables import batches

FloatArray = NDArray[np.float32]
Verdict = Literal["right", "wrong", "missing"]
State = Literal["added", "exists", "replaced"]

# The newest judgements of one tag that count; with so many, an older one no longer moves it.
MOST_OF_A_TAG = 2_000
# Judgements read at once to be evaluated.
MOST_AT_ONCE = 200_000


@dataclass(frozen=True)
class NewJudgement:
    """A verdict to be kept: `vector` is `(d,) float32`, unit length, of the image judged.

    `image` tells images apart: the SHA-256 of the file, or a digest of the vector where the file
    is not known. `missing` says that the tag is right and was not shown.
    """

    tag_id: str
    tag_name: str
    image: str
    verdict: Verdict
    vector: FloatArray
    revision: int
    image_id: str | None = None


@dataclass(frozen=True)
class Judgement:
    """A verdict that is kept, on what the tag was called and the vocabulary's revision then."""

    id: int
    model_key: str
    author: str
    image: str
    tag_id: str
    tag_name: str
    verdict: Verdict
    image_id: str | None
    revision: int
    created_at: datetime

    @property
    def positive(self) -> bool:
        """Whether the tag is on the image."""
        return self.verdict != "wrong"


@dataclass(frozen=True)
class Kept:
    """A judgement as it is now, and what became of it."""

    judgement: Judgement
    state: State


@dataclass(frozen=True)
class Evidence:
    """Judgements and, in the same order, the `(n, d) float32` unit vectors of their images."""

    judgements: tuple[Judgement, ...]
    vectors: FloatArray


class JudgementStore:
    """The judgements passed under one model. Safe to share between threads."""

    def __init__(
        self,
        transactions: Transactions,
        model_key: str,
        *,
        clock: Callable[[], datetime] = now_utc,
    ):
        self._transactions = transactions
        self.model_key = model_key
        self._clock = clock

    def add(self, author: str, given: Sequence[NewJudgement]) -> tuple[Kept, ...]:
        """Keeps the verdicts of one author, all or none; when this returns they are on the disk.

        A verdict takes the place of the author's earlier one on the same image and tag. Raises
        `InvalidTagError` for a name that is none.
        """
        author = clean_line(author, field="X-Author", limit=MAX_AUTHOR_LENGTH) or "anonymous"
        with self._transactions.write() as connection:
            kept = tuple(self._put(connection, author, one) for one in given)
            changed = {one.judgement.tag_id for one in kept if one.state != "exists"}
            self._mark(connection, changed)
        return kept

    def delete(self, number: int) -> Judgement:
        """Takes a judgement back. Raises `JudgementNotFoundError`."""
        with self._transactions.write() as connection:
            row = connection.execute(select(*FACTS).where(*self._numbered(number))).first()
            if row is None:
                raise JudgementNotFoundError(
                    f"没有编号为 {number} 的评判",
                    field="id",
                    remedy="用 GET /v1/feedback 查看编号。",
                )
            connection.execute(delete(judgements).where(*self._numbered(number)))
            self._mark(connection, {row.tag_id})
        return _judgement(row)

    def list(
        self, *, before: int | None = None, limit: int = 50, tag_id: str | None = None
    ) -> tuple[Judgement, ...]:
        """The newest first; `before` is the last number of the page before."""
        columns = judgements.c
        query = select(*FACTS).where(columns.model_key == self.model_key)
        if before is not None:
            query = query.where(columns.id < before)
        if tag_id is not None:
            query = query.where(columns.tag_id == tag_id)
        with self._transactions.read() as connection:
            rows = connection.execute(query.order_by(columns.id.desc()).limit(limit))
            return tuple(_judgement(row) for row in rows)

    def change(self) -> int:
        """The number of the last change, 0 before the first: cheap to ask again and again."""
        with self._transactions.read() as connection:
            return self._change(connection)

    def changed_since(self, change: int) -> tuple[str, ...]:
        """The tags whose judgements changed after that number."""
        columns = judged_tags.c
        query = select(columns.tag_id).where(
            columns.model_key == self.model_key, columns.change > change
        )
        with self._transactions.read() as connection:
            return tuple(connection.scalars(query.order_by(columns.tag_id)))

    def evidence(self, tag_ids: Iterable[str]) -> dict[str, Evidence]:
        """The newest judgements of each tag, in an order that does not depend on their coming."""
        columns = judgements.c
        found: dict[str, Evidence] = {}
        with self._transactions.read() as connection:
            for tag_id in tag_ids:
                query = select(*FACTS, columns.vector).where(
                    columns.model_key == self.model_key, columns.tag_id == tag_id
                )
                newest = query.order_by(columns.id.desc()).limit(MOST_OF_A_TAG)
                rows = sorted(connection.execute(newest), key=lambda row: (row.image, row.author))
                if rows:
                    found[tag_id] = _evidence(rows)
        return found

    def everything(self) -> Evidence:
        """The newest judgements of all tags, in order of tag, image and author."""
        columns = judgements.c
        query = select(*FACTS, columns.vector).where(columns.model_key == self.model_key)
        with self._transactions.read() as connection:
            found = connection.execute(query.order_by(columns.id.desc()).limit(MOST_AT_ONCE))
            rows = sorted(found, key=lambda row: (row.tag_id, row.image, row.author))
        return _evidence(rows)

    def judged(self, images: Sequence[str]) -> set[tuple[str, str]]:
        """The pairs of image and tag id, among these images, that somebody has judged."""
        columns = judgements.c
        found: set[tuple[str, str]] = set()
        with self._transactions.read() as connection:
            for some in batches(images):
                query = select(columns.image, columns.tag_id).where(
                    columns.model_key == self.model_key, columns.image.in_(some)
                )
                found.update((row.image, row.tag_id) for row in connection.execute(query))
        return found

    def counts(self) -> dict[str, dict[Verdict, int]]:
        """How many verdicts of each kind every judged tag has."""
        columns = judgements.c
        query = (
            select(columns.tag_id, columns.verdict, func.count().label("many"))
            .where(columns.model_key == self.model_key)
            .group_by(columns.tag_id, columns.verdict)
        )
        found: dict[str, dict[Verdict, int]] = {}
        with self._transactions.read() as connection:
            for row in connection.execute(query):
                none: dict[Verdict, int] = {"right": 0, "wrong": 0, "missing": 0}
                found.setdefault(row.tag_id, none)[cast(Verdict, row.verdict)] = row.many
        return found

    def _put(self, connection: Connection, author: str, new: NewJudgement) -> Kept:
        columns = judgements.c
        key = {
            "model_key": self.model_key,
            "author": author,
            "image": new.image,
            "tag_id": new.tag_id,
        }
        same = [columns[name] == value for name, value in key.items()]
        known = connection.execute(select(*FACTS).where(*same)).first()
        values = {
            "tag_name": new.tag_name,
            "verdict": new.verdict,
            "image_id": new.image_id,
            "revision": new.revision,
            "created_at": self._clock(),
            "vector": new.vector.astype("<f2").tobytes(),
        }
        if known is None:
            made = connection.execute(insert(judgements).values(key | values))
            number, state = int(made.inserted_primary_key[0]), "added"  # type: ignore[index]
        elif (known.verdict, known.tag_name) == (new.verdict, new.tag_name):
            return Kept(_judgement(known), "exists")
        else:
            number, state = known.id, "replaced"
            connection.execute(update(judgements).where(columns.id == number).values(values))
        row = connection.execute(select(*FACTS).where(columns.id == number)).one()
        return Kept(_judgement(row), cast(State, state))

    def _mark(self, connection: Connection, tag_ids: Iterable[str]) -> None:
        """Numbers a change of these tags' judgements."""
        number = self._change(connection) + 1
        columns = judged_tags.c
        for tag_id in sorted(tag_ids):
            mine = (columns.model_key == self.model_key, columns.tag_id == tag_id)
            connection.execute(delete(judged_tags).where(*mine))
            row = {"model_key": self.model_key, "tag_id": tag_id, "change": number}
            connection.execute(insert(judged_tags).values(row))

    def _change(self, connection: Connection) -> int:
        columns = judged_tags.c
        query = select(func.max(columns.change)).where(columns.model_key == self.model_key)
        return int(connection.scalar(query) or 0)

    def _numbered(self, number: int) -> tuple[Any, Any]:
        return judgements.c.id == number, judgements.c.model_key == self.model_key


FACTS = [column for column in judgements.c if column.name != "vector"]


def _evidence(rows: Sequence[Any]) -> Evidence:
    found = [np.frombuffer(row.vector, dtype="<f2").astype(np.float32) for row in rows]
    vectors = np.stack(found) if found else np.zeros((0, 0), dtype=np.float32)
    # Half precision leaves the length a thousandth off.
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Evidence(
        tuple(_judgement(row) for row in rows), vectors / np.maximum(lengths, np.float32(1e-12))
    )


def _judgement(row: Row[Any]) -> Judgement:
    facts = {column.name: getattr(row, column.name) for column in FACTS}
    made: datetime = row.created_at
    # SQLite forgets the zone of what it was given, which was UTC.
    facts["created_at"] = made if made.tzinfo else made.replace(tzinfo=timezone.utc)
    return Judgement(**facts)
