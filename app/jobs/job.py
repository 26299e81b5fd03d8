"""What a job is: a list of images to be tagged in the background, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from app.choice import Options
from app.intake.sources import Source, StoredSource, UrlSource

State = Literal["queued", "running", "done", "failed", "cancelled"]
Kind = Literal["url", "image_id"]
ItemState = Literal["waiting", "done", "failed"]

UNFINISHED: tuple[State, ...] = ("queued", "running")


@dataclass(frozen=True)
class Item:
    """One image of a job; `position` counts from 0 in the order the caller gave."""

    position: int
    kind: Kind
    value: str

    @property
    def source(self) -> Source:
        """The image as the tagger takes it."""
        return UrlSource(self.value) if self.kind == "url" else StoredSource(self.value)


@dataclass(frozen=True)
class Draft:
    """A job as it is asked for."""

    items: tuple[tuple[Kind, str], ...]
    options: Options
    webhook: str | None = None


@dataclass(frozen=True)
class ItemResult:
    """What became of one item: `line` is its JSON object, with the model and the revision."""

    position: int
    ok: bool
    line: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A job; `done` items were tagged and `failed` ones could not be.

    A job is `done` when each item has its result, good or bad. It is `failed` where it had to be
    given up as a whole: `problem` says why.
    """

    number: int
    id: str
    state: State
    options: Options
    total: int
    done: int
    failed: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    problem: Mapping[str, Any] | None
    webhook: str | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in UNFINISHED

    @property
    def left(self) -> int:
        """Items without a result."""
        return self.total - self.done - self.failed
