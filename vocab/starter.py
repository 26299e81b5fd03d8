"""The vocabulary a new installation begins with."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from importlib import resources

from vocab.errors import ImportRefusedError
from vocab.imports import read_tags
from vocab.names import name_key
from vocab.tags import TagDraft

# Texts over which an image is measured: enough for a mean and a spread, soon embedded.
PROBES = 256


@lru_cache(maxsize=1)
def starter_tags() -> tuple[TagDraft, ...]:
    """The tags of vocab/data/starter.csv, with ids that are the same in every installation.

    Raises `ImportRefusedError` where the file has a line that is no tag.
    """
    file = read_tags((resources.files("vocab") / "data" / "starter.csv").read_bytes())
    if file.problems:
        raise ImportRefusedError(file.problems)
    return tuple(replace(row.draft, id=_starter_id(row.draft.name)) for row in file.rows)


def _starter_id(name: str) -> str:
    return f"t{hashlib.sha256(name_key(name).encode()).hexdigest()[:12]}"


def probe_rows(count: int) -> slice:
    """Which of `count` starter tags are the probe set: some 256, evenly spread."""
    return slice(None, None, max(1, count // PROBES))
