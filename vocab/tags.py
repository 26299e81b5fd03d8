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
    cut on the similarity, in place of the calibrated one, and `target` what the tag has to keep
    (vocab.targets) unless a request asks otherwise; a tag has at most one of them. `examples`
    holds the ids of the example images whose vectors `vocab.examples` keeps.
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
    target: str = ""
    notes: str = ""
    exclusive_group: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class TagDraft:
    """A tag that is not yet stored: the fields of `Tag`, with what a person can know of them.

    `parents` may be names, aliases or ids; an empty `id` lets the store choose one.
    """

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
    target: str = ""
    notes: str = ""
    exclusive_group: str = ""
    examples: tuple[str, ...] = ()
    id: str = ""


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


@dataclass(frozen=True)
class StoredTag:
    """A tag and the revision that last changed it, which is its version for `If-Match`."""

    tag: Tag
    revision: int


@dataclass(frozen=True)
class TagPage:
    """Some of the tags that were asked for; `next` is the cursor of the rest, if any."""

    items: tuple[StoredTag, ...]
    next: str | None
    revision: int


@dataclass(frozen=True)
class TagChange:
    """One tag before and after, each `None` where it did not exist; `fields` names what differs."""

    before: Tag | None
    after: Tag | None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class VocabularyDiff:
    """What turns the vocabulary at one revision into that at another."""

    older: int
    newer: int
    changes: tuple[TagChange, ...]

    @property
    def added(self) -> tuple[Tag, ...]:
        """Tags that only the newer one has."""
        return tuple(c.after for c in self.changes if c.before is None and c.after is not None)

    @property
    def removed(self) -> tuple[Tag, ...]:
        """Tags that only the older one has."""
        return tuple(c.before for c in self.changes if c.after is None and c.before is not None)

    @property
    def changed(self) -> tuple[TagChange, ...]:
        """Tags that both have, with different fields."""
        return tuple(c for c in self.changes if c.before is not None and c.after is not None)


@dataclass(frozen=True)
class Outcome:
    """What an edit did. `revision` is the head after it; nothing `changed` leaves it as it was."""

    revision: int
    changed: bool
    created: tuple[Tag, ...] = ()
    updated: tuple[Tag, ...] = ()
    deleted: tuple[Tag, ...] = ()
