"""One line of the result: an image with its tags, or the reason why it has none."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

# How an image belongs to its group: its first image, the same bytes or pixels, a near-duplicate.
Tie = Literal["first", "exact", "near"]


@dataclass(frozen=True)
class RowTag:
    """A tag as the result has it; `confidence` 0 to 1, rounded to four places."""

    id: str
    name: str
    confidence: float


@dataclass(frozen=True)
class RowProblem:
    """The code of `docs/reference/errors.md`, and the sentence."""

    code: str
    detail: str


@dataclass(frozen=True)
class Row:
    """An image of the collection; either `problem` is there or `sha256` and the size are.

    `leader` is the number of the first image of its group, its own where it is the first.
    """

    source: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    tags: tuple[RowTag, ...] = ()
    problem: RowProblem | None = None
    leader: int | None = None
    tie: Tie | None = None


def to_json(row: Row) -> str:
    """The row as the progress keeps it; a name that is no text is made one."""
    return json.dumps(asdict(row), ensure_ascii=True)


def from_json(text: str) -> Row:
    """The row that `to_json` wrote."""
    found = json.loads(text)
    tags = tuple(RowTag(**tag) for tag in found.pop("tags"))
    problem = found.pop("problem")
    return Row(**found, tags=tags, problem=RowProblem(**problem) if problem else None)
