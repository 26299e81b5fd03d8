"""The whole vocabulary in memory, read from the database or brought up to date from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, select

from vocab.tables import revisions, tag_versions, tags
from vocab.tag_json import tag_from_json
from vocab.tags import Tag, Vocabulary


class Entry(NamedTuple):
    """A tag, the revision that last changed it, and its place in the order of creation."""

    tag: Tag
    revision: int
    position: int


@dataclass(frozen=True)
class Contents:
    """All tags at one revision, by id, in the order of creation. `entries` is never changed."""

    revision: int
    entries: dict[str, Entry]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The same as a domain type."""
        # The loop runs in C, because every edit goes through it.
        return Vocabulary(self.revision, tuple(map(itemgetter(0), self.entries.values())))

    def changed(self, revision: int, changes: Mapping[str, Entry | None]) -> Contents:
        """These contents after `changes`, in which `None` stands for a deleted tag."""
        entries = dict(self.entries)
        last = entries[next(reversed(entries))].position if entries else -1
        returning = False
        for tag_id, entry in changes.items():
            if entry is None:
                entries.pop(tag_id, None)
            else:
                returning |= tag_id not in entries and entry.position < last
                entries[tag_id] = entry
                last = max(last, entry.position)
        if returning:
            entries = dict(sorted(entries.items(), key=lambda item: item[1].position))
        return Contents(revision, entries)


def head_of(connection: Connection) -> int:
    """The number of the newest revision; 0 where there is none."""
    return int(connection.scalar(select(func.max(revisions.c.number))) or 0)


def read_current(connection: Connection) -> Contents:
    """The newest contents, all read from the database."""
    return _read(
        connection,
        head_of(connection),
        select(tags.c.id, tags.c.body, tags.c.revision, tags.c.position).order_by(tags.c.position),
    )


def read_at(connection: Connection, revision: int) -> Contents:
    """The contents at an older revision, which must exist."""
    query = versions_at(revision).order_by(tag_versions.c.position)
    return _read(connection, revision, query.where(tag_versions.c.body.is_not(None)))


def brought_up_to_date(connection: Connection, known: Contents | None) -> Contents:
    """The newest contents, of which those of `known` are not read again.

    Revisions are numbered under the writer's lock, so none can appear below one already seen. A
    head below the known one means that an older database was put in place: all is read again.
    """
    head = head_of(connection)
    if known is None or head < known.revision:
        return read_current(connection)
    if head == known.revision:
        return known
    columns = tag_versions.c
    rows = connection.execute(
        select(columns.tag_id, columns.body, columns.revision_id, columns.position)
        .where(columns.revision_id > known.revision)
        .order_by(columns.revision_id, columns.position)
    )
    changes: dict[str, Entry | None] = {}
    for tag_id, body, revision, position in rows:
        gone = body is None
        changes[tag_id] = None if gone else Entry(tag_from_json(tag_id, body), revision, position)
    # A tag that was deleted and brought back takes its place by position, not by first mention.
    placed = sorted(changes.items(), key=lambda item: item[1].position if item[1] else -1)
    return known.changed(head, dict(placed))


def versions_at(revision: int) -> Select[Any]:
    """A query for what each tag was at `revision`: id, body (null: deleted), revision, position."""
    columns = tag_versions.c
    newest = (
        select(columns.tag_id, func.max(columns.revision_id).label("revision_id"))
        .where(columns.revision_id <= revision)
        .group_by(columns.tag_id)
        .subquery()
    )
    return select(columns.tag_id, columns.body, columns.revision_id, columns.position).join(
        newest,
        and_(
            columns.tag_id == newest.c.tag_id,
            columns.revision_id == newest.c.revision_id,
        ),
    )


def _read(connection: Connection, revision: int, query: Select[Any]) -> Contents:
    return Contents(
        revision,
        {
            tag_id: Entry(tag_from_json(tag_id, body), changed_at, position)
            for tag_id, body, changed_at, position in connection.execute(query)
        },
    )
