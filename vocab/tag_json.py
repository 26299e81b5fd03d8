"""A tag as JSON, the form it has in the database and in an exported file."""

from __future__ import annotations

import json
from typing import Any

from vocab.tags import Tag

LIST_FIELDS = (
    "parents",
    "aliases",
    "prompt_templates",
    "negative_prompts",
    "examples",
)


def fields_of(tag: Tag) -> dict[str, object]:
    """The tag's fields that hold something, without its id. A field left out is empty.

    `state` is left out where it is active. Rows written today must mean the same for ever, so a
    field added to `Tag` has an empty default.
    """
    fields: dict[str, object] = {}
    for field, value in vars(tag).items():
        if field == "id" or value in ("", (), None) or (field == "state" and value == "active"):
            continue
        fields[field] = list(value) if isinstance(value, tuple) else value
    return fields


def tag_to_json(tag: Tag) -> str:
    """What `tag_from_json` reads, without the id, which is a column of its own."""
    return json.dumps(fields_of(tag), ensure_ascii=False, separators=(",", ":"))


def tag_from_json(tag_id: str, body: str) -> Tag:
    """The tag a row holds."""
    fields: dict[str, Any] = json.loads(body)
    for field in LIST_FIELDS:
        if field in fields:
            fields[field] = tuple(fields[field])
    return Tag(id=tag_id, **fields)
