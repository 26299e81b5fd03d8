"""A collection read as a run would, without a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ImageError
from app.intake.limits import Limits
from app.pipeline.checkpoint import Checkpoint
from app.pipeline.items import Listed, Sequential, in_order
from app.pipeline.sources import open_source

LIMITS = Limits(max_image_bytes=1 << 20)
Read = dict[str, bytes | ImageError]


class Reader:
    """Opens collections; what their names fix is kept in one folder for each."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._opened = 0

    def __call__(self, given: object, start: int = 0, **more: object) -> Read:
        """Every item from `start` on: its name with its bytes, or the error it fails with."""
        return self.read(open_source(str(given), LIMITS, **more), start)  # type: ignore[arg-type]

    def read(self, source: Listed | Sequential, start: int = 0) -> Read:
        self._opened += 1
        checkpoint = Checkpoint(self._folder / f"{self._opened}.partial")
        found: Read = {}
        for item in in_order(source, checkpoint).items(start):
            assert item.name not in found
            try:
                found[item.name] = item.source.read(LIMITS)
            except ImageError as error:
                found[item.name] = error
        checkpoint.close()
        return found


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)
