"""What a collection is made of, whatever holds it: items in an order that never changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol, runtime_checkable

from app.errors import ImageError
from app.intake.limits import Limits
from app.intake.sources import FileSource
from app.photos import SUFFIXES


@dataclass(frozen=True)
class Item:
    """One image of a collection: `name` is what the result calls it, `held_bytes` what it keeps
    in memory until it is decoded.
    """

    name: str
    source: FileSource
    held_bytes: int = 0


@dataclass(frozen=True)
class FailedSource:
    """An item known to be bad before anybody read it."""

    error: ImageError

    def read(self, limits: Limits) -> bytes:
        """Raises the error."""
        raise self.error


@dataclass
class Skipped:
    """How many files beside the images were left out because their names say they are none."""

    files: int = 0


class Sequential(Protocol):
    """A file that holds its images one after the other: an archive, a table."""

    @property
    def skipped(self) -> Skipped:
        """Files left out."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What must be the same for a run to go on: the file, its size and time."""

    def count(self) -> int | None:
        """How many items there are; None where only reading everything would tell."""

    def items(self, start: int) -> Iterator[Item]:
        """The items from number `start` on; used by one thread at a time.

        Raises `CollectionError` where nothing can be read; damage further on is a failed item.
        """


@runtime_checkable
class Listed(Protocol):
    """Places that can be named first and read in any order: a folder, a glob, a list."""

    @property
    def skipped(self) -> Skipped:
        """Files left out."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What must be the same for a run to go on."""

    def names(self) -> Iterator[str]:
        """The name of every item, in order; asked once a run. Raises `CollectionError`."""

    def item(self, name: str) -> Item:
        """The item of that name."""


def offers_image(name: str) -> bool:
    """Whether a file name with `/` between its parts is an image's, and not a hidden one."""
    path = PurePosixPath(name.replace("\\", "/"))
    hidden = any(part.startswith(".") and part != ".." for part in path.parts)
    # What macOS puts beside every file of an archive it makes.
    hidden = hidden or path.parts[:1] == ("__MACOSX",)
    return not hidden and path.suffix.lower() in SUFFIXES


class Plan(Protocol):
    """The names of a run, kept where the run keeps its progress."""

    def plan(self, names: Iterator[str]) -> None:
        """Fixes the names, unless that has been done."""

    def planned(self) -> int:
        """How many there are."""

    def names(self, start: int) -> Iterator[str]:
        """From number `start` on, in order."""


@dataclass(frozen=True)
class PlannedItems:
    """A `Listed` collection whose names were fixed when the run began, as a `Sequential` one."""

    listed: Listed
    plan: Plan

    @property
    def skipped(self) -> Skipped:
        """That of the collection."""
        return self.listed.skipped

    @property
    def identity(self) -> Mapping[str, object]:
        """That of the collection."""
        return self.listed.identity

    def count(self) -> int:
        """How many names there are."""
        return self.plan.planned()

    def items(self, start: int) -> Iterator[Item]:
        """The items from number `start` on."""
        return map(self.listed.item, self.plan.names(start))


def in_order(collection: Listed | Sequential, plan: Plan) -> Sequential:
    """The collection as a sequence; of one that is listed, the list is fixed now or was before."""
    if not isinstance(collection, Listed):
        return collection
    plan.plan(collection.names())
    return PlannedItems(collection, plan)
