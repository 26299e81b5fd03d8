"""What a run has done, counted while its result is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from app.pipeline.rows import Row


@dataclass
class Summary:
    """Counts over all rows: `tags` by name, `failures` by code with one image as an example.

    `compared` is how many were compared with others. `before` of the rows were made before this
    run went on; it took `seconds`.
    """

    before: int = 0
    seconds: float = 0.0
    images: int = 0
    failed: int = 0
    untagged: int = 0
    compared: int = 0
    groups: int = 0
    copies: int = 0
    tags: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """How many images could be read."""
        return self.images - self.failed

    @property
    def rate(self) -> float:
        """Images a second since the run went on."""
        return (self.images - self.before) / self.seconds if self.seconds else 0.0

    def counting(self, rows: Iterable[tuple[Row, Row | None]]) -> Iterator[tuple[Row, Row | None]]:
        """The same rows, each counted as it goes by."""
        for row, first in rows:
            self._count(row, first)
            yield row, first

    def _count(self, row: Row, first: Row | None) -> None:
        self.images += 1
        if row.problem is not None:
            self.failed += 1
            self.failures[row.problem.code] += 1
            self.examples.setdefault(row.problem.code, (row.source, row.problem.detail))
            return
        self.untagged += not row.tags
        self.compared += row.leader is not None
        self.tags.update(tag.name for tag in row.tags)
        if first is not None:
            self.groups += row.tie == "first"
            self.copies += row.tie != "first"
