"""The domain types of a vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

TagState = Literal["active", "paused"]


@dataclass(frozen=True)
class Tag:
    """One tag as it is at one revision.

    `id` is stable for ever; `parents` holds ids. `prompt_templates` replaces the default ones
    where it is not empty; each holds `{}` where the name goes. `threshold` is an operator's own
    cut on the similarity, in place of the calibrated one.
    """

    id: str
    name: str
    category: str = ""
    parents: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    gloss: str = ""
    description: str = ""
    prompt_templates: tuple[str, ...] = ()
    negative_prompts: tuple[str, ...] = ()
    state: TagState = "active"
    threshold: float | None = None
    notes: str = ""
    exclusive_group: str = ""


@dataclass(frozen=True)
class Revision:
    """One edit of the vocabulary, single or bulk."""

    number: int
    created_at: datetime
    author: str
    reason: str
    changed_tags: int = 0


@dataclass(frozen=True)
class Vocabulary:
    """All tags at one revision, in the order of their ids' creation."""

    revision: int
    tags: tuple[Tag, ...] = field(default=())
