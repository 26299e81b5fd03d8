"""Reading the past: the list of revisions, the vocabulary at one of them, what differs."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import Connection, select

from vocab.contents import head_of, read_at, versions_at
from vocab.errors import RevisionNotFoundError, VocabularyError
from vocab.rules import FIELDS
from vocab.tables import revisions, tag_versions
from vocab.tag_json import tag_from_json
from vocab.tags import Revision, Tag, TagChange, Vocabulary, VocabularyDiff

MAX_PAGE = 1_000


def list_revisions(
    connection: Connection, *, before: int | None, limit: int
) -> tuple[Revision, ...]:
    """Up to `limit` revisions, the newest first, older than `before` where it is given."""
    if not 1 <= limit <= MAX_PAGE:
        raise VocabularyError(
            f"limit 不能是 {limit}", field="limit", remedy=f"请填 1 到 {MAX_PAGE}。"
        )
    wanted = select(revisions).order_by(revisions.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(revisions.c.number < min(before, 2**31 - 1))
    return tuple(
        Revision(row.number, _as_utc(row.created_at), row.author, row.reason, row.changed_tags)
        for row in connection.execute(wanted)
    )


def vocabulary_at(connection: Connection, revision: int) -> Vocabulary:
    """The vocabulary as it was at a revision; 0 is the empty one before the first."""
    _check(connection, revision)
    return read_at(connection, revision).vocabulary


def diff(connection: Connection, older: int, newer: int) -> VocabularyDiff:
    """What turns the vocabulary at `older` into that at `newer`, which may be the earlier one."""
    _check(connection, older)
    _check(connection, newer)
    touched = (
        select(tag_versions.c.tag_id)
        .where(
            tag_versions.c.revision_id > min(older, newer),
            tag_versions.c.revision_id <= max(older, newer),
        )
        .distinct()
        .subquery()
    )

    def versions(revision: int) -> dict[str, tuple[int, Tag | None]]:
        query = versions_at(revision).join(touched, tag_versions.c.tag_id == touched.c.tag_id)
        return {
            tag_id: (position, None if body is None else tag_from_json(tag_id, body))
            for tag_id, body, _, position in connection.execute(query)
        }

    before, after = versions(older), versions(newer)
    places = {i: position for side in (before, after) for i, (position, _) in side.items()}
    nothing = (0, None)
    changes = [
        change_of(before.get(tag_id, nothing)[1], after.get(tag_id, nothing)[1])
        for tag_id in sorted(places, key=places.__getitem__)
    ]
    return VocabularyDiff(older, newer, tuple(c for c in changes if c.before != c.after))


def change_of(before: Tag | None, after: Tag | None) -> TagChange:
    """One tag before and after, with the names of the fields that differ."""
    if before is None or after is None:
        return TagChange(before, after)
    fields = tuple(f for f in FIELDS if getattr(before, f) != getattr(after, f))
    return TagChange(before, after, fields)


def _check(connection: Connection, revision: int) -> None:
    head = head_of(connection)
    if not 0 <= revision <= head:
        raise RevisionNotFoundError(
            f"没有版本 {revision}，最新是 {head}",
            field="revision",
            remedy="请从版本列表里选一个。",
        )


def _as_utc(moment: datetime) -> datetime:
    # SQLite keeps no time zone; every time is written in UTC.
    return (
        moment.replace(tzinfo=timezone.utc)
        if moment.tzinfo is None
        else moment.astimezone(timezone.utc)
    )
