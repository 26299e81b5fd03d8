"""What an edit leaves in the database: its tags, their names, their history, and its revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, update

from vocab.contents import Entry
from vocab.names import name_key
from vocab.rules import names_by_key
from vocab.search import names_text, pinyin_text
from vocab.tables import batches, revisions, tag_names, tag_versions, tags
from vocab.tag_json import tag_to_json
from vocab.tags import Revision


def write_edit(
    connection: Connection,
    revision: Revision,
    before: Mapping[str, Entry],
    changes: Mapping[str, Entry | None],
) -> None:
    """Writes the revision and each changed tag (`None`: deleted) in the caller's transaction.

    A tag's version is written beside the tag, here and nowhere else.
    """
    bodies = {tag_id: tag_to_json(e.tag) for tag_id, e in changes.items() if e is not None}
    connection.execute(insert(revisions), [_revision_row(revision)])
    known = [tag_id for tag_id in changes if tag_id in before]
    for some in batches(known):
        connection.execute(delete(tag_names).where(tag_names.c.tag_id.in_(some)))
    for some in batches([tag_id for tag_id in known if tag_id not in bodies]):
        connection.execute(delete(tags).where(tags.c.id.in_(some)))
    rows = {tag_id: _tag_row(e, bodies[tag_id]) for tag_id, e in changes.items() if e is not None}
    _write_tags(
        connection,
        old=[row for tag_id, row in rows.items() if tag_id in before],
        new=[row for tag_id, row in rows.items() if tag_id not in before],
    )
    names = [
        {"tag_id": tag_id, "key": key, "active": entry.tag.state == "active"}
        for tag_id, entry in changes.items()
        if entry is not None
        for key in names_by_key(entry.tag)
    ]
    if names:
        connection.execute(insert(tag_names), names)
    versions = [
        {
            "tag_id": tag_id,
            "revision_id": revision.number,
            "position": (entry or before[tag_id]).position,
            "body": bodies.get(tag_id),
        }
        for tag_id, entry in changes.items()
    ]
    connection.execute(insert(tag_versions), versions)


def _revision_row(revision: Revision) -> dict[str, int | str | datetime]:
    return {
        "number": revision.number,
        "created_at": revision.created_at,
        "author": revision.author,
        "reason": revision.reason,
        "changed_tags": revision.changed_tags,
    }


def _tag_row(entry: Entry, body: str) -> dict[str, int | str]:
    tag = entry.tag
    return {
        "id": tag.id,
        "position": entry.position,
        "revision": entry.revision,
        "category": tag.category,
        "state": tag.state,
        "name_key": name_key(tag.name),
        "names_text": names_text(tag),
        "pinyin_text": pinyin_text(tag),
        "body": body,
    }


def _write_tags(
    connection: Connection, *, old: list[dict[str, int | str]], new: list[dict[str, int | str]]
) -> None:
    if old:
        changed = update(tags).where(tags.c.id == bindparam("changed_id"))
        connection.execute(changed, [{"changed_id": row.pop("id"), **row} for row in old])
    if new:
        connection.execute(insert(tags), new)
