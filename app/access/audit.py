"""What was done to what is kept: by whom, when, and at which revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import Connection, Row, insert, select

from app.access.tables import audit, in_utc
from app.database import Database

MAX_ACTOR, MAX_TARGET = 200, 500


@dataclass(frozen=True)
class Deed:
    """One change: `actor` is a key's name, or what a caller without a key says of itself."""

    actor: str
    action: str
    target: str
    key_id: str = ""
    revision: int | None = None
    request_id: str = ""


@dataclass(frozen=True)
class Entry:
    """A deed as it is kept."""

    id: int
    at: datetime
    deed: Deed


class AuditLog:
    """Deeds in the order they were written; none is changed or removed."""

    def __init__(self, database: Database):
        self._database = database

    def write(self, deed: Deed) -> None:
        """Adds a deed, in a transaction of its own."""
        with self._database.write() as connection:
            write_deed(connection, deed)

    def page(self, before: int | None = None, limit: int = 50) -> Sequence[Entry]:
        """The newest entries, or those before the entry of that id."""
        wanted = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(audit.c.id < before)
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(wanted)]


def write_deed(connection: Connection, deed: Deed) -> None:
    """Adds a deed to the caller's transaction."""
    connection.execute(
        insert(audit).values(
            at=datetime.now(timezone.utc),
            actor=_kept(deed.actor, MAX_ACTOR),
            key_id=deed.key_id,
            action=deed.action,
            target=_kept(deed.target, MAX_TARGET),
            revision=deed.revision,
            request_id=deed.request_id,
        )
    )


def _kept(text: str, limit: int) -> str:
    """What a column takes of a text; PostgreSQL has no room for a zero character."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:limit]


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    one = row._mapping
    deed = Deed(
        one["actor"],
        one["action"],
        one["target"],
        one["key_id"],
        one["revision"],
        one["request_id"],
    )
    return Entry(one["id"], in_utc(one["at"]), deed)
