"""The vocabulary as a file: CSV and JSON, out and in; what was exported imports back the same."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping

from vocab.names import name_key
from vocab.rules import FIELDS
from vocab.tag_json import LIST_FIELDS, fields_of
from vocab.tags import Tag, Vocabulary

JSON_FORMAT = "tuqian-vocabulary"
JSON_VERSION = 1
COLUMNS = FIELDS


def export_csv(vocabulary: Vocabulary) -> bytes:
    """UTF-8 with a byte order mark, without which Excel takes it for GBK.

    Lists are joined by `|` (in an entry `\\|`, and a backslash `\\\\`); parents are names where
    the name leads back to the parent, else ids.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    references = parent_references(vocabulary)
    for tag in vocabulary.tags:
        writer.writerow(_cells(tag, references))
    return out.getvalue().encode("utf-8-sig")


def export_json(vocabulary: Vocabulary) -> bytes:
    """UTF-8; empty fields are left out; parents as in `export_csv`."""
    references = parent_references(vocabulary)
    tags = [
        {"id": tag.id, **fields_of(tag)}
        | ({"parents": [references[p] for p in tag.parents]} if tag.parents else {})
        for tag in vocabulary.tags
    ]
    document = {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "revision": vocabulary.revision,
        "tags": tags,
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def parent_references(vocabulary: Vocabulary) -> dict[str, str]:
    """What a file calls each tag, by id: its name, or its id where that name means another."""
    ids = {tag.id for tag in vocabulary.tags}
    keys = {tag.id: name_key(tag.name) for tag in vocabulary.tags}
    owned = {
        name_key(name): tag.id
        for tag in vocabulary.tags
        if tag.state == "active"
        for name in (tag.name, *tag.aliases)
    }
    paused = Counter(
        name_key(name)
        for tag in vocabulary.tags
        if tag.state == "paused"
        for name in (tag.name, *tag.aliases)
    )
    references = {}
    for tag in vocabulary.tags:
        key = keys[tag.id]
        means_it = owned.get(key) == tag.id or (key not in owned and paused[key] == 1)
        references[tag.id] = tag.name if means_it and tag.name not in ids else tag.id
    return references


def split_list(cell: str) -> list[str]:
    """The entries of a CSV cell that `join_list` wrote; empty ones are left out."""
    entries = re.findall(r"(?:[^\\|]|\\.|\\$)+", cell, re.DOTALL)
    return [entry for entry in (_unescaped(e).strip() for e in entries) if entry]


def join_list(entries: tuple[str, ...] | list[str]) -> str:
    """One CSV cell for a list."""
    return "|".join(re.sub(r"([\\|])", r"\\\1", entry) for entry in entries)


def _unescaped(entry: str) -> str:
    return re.sub(r"\\([\\|])", r"\1", entry)


def _cells(tag: Tag, references: Mapping[str, str]) -> list[str]:
    cells = []
    for column in COLUMNS:
        value = getattr(tag, column)
        if column == "parents":
            cells.append(join_list([references[parent] for parent in tag.parents]))
        elif column in LIST_FIELDS:
            cells.append(join_list(value))
        elif value is None:
            cells.append("")
        else:
            cells.append(repr(value) if isinstance(value, float) else str(value))
    return cells
