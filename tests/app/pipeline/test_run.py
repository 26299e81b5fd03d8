"""The flow of a run: everything overlaps, little is in memory, and what fails is a row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from app.api.context import Service
from app.batching.batcher import Batcher, Encoded
from app.choice import Options
from app.errors import EncoderError
from app.intake.sources import UploadSource
from app.pipeline.checkpoint import Checkpoint
from app.pipeline.items import Item, Skipped
from app.pipeline.run import CHUNK_BYTES, CHUNKS_AHEAD, Run
from tests.fixtures.collection_files import jpeg
from vocab.targets import Target

PHOTO = jpeg(1)


@dataclass
class Counted:
    """A collection that counts what it has given and nobody has kept yet."""

    checkpoint: Checkpoint
    images: int
    held_bytes: int = 1
    most: int = 0
    skipped: Skipped = field(default_factory=Skipped)
    identity: Mapping[str, object] = field(default_factory=dict)

    def count(self) -> int:
        return self.images

    def items(self, start: int) -> Iterator[Item]:
        for number in range(start, self.images):
            self.most = max(self.most, number + 1 - self.checkpoint.done)
            data = b"no image" if number % 5 == 3 else PHOTO
            yield Item(f"{number}", UploadSource(BytesIO(data)), self.held_bytes)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Checkpoint]:
    made = Checkpoint(tmp_path / "r.partial")
    yield made
    made.close()


def run_of(service: Service, source: Counted, chunk: int = 4) -> Run:
    return Run(
        tagger=service.tagger,
        snapshot=service.live.current(),
        source=source,
        checkpoint=source.checkpoint,
        code_of=lambda error: type(error).__name__,
        options=Options(min_confidence=0.0),
        chunk=chunk,
    )


def go(run: Run, limit: int | None = None) -> list[int]:
    told: list[int] = []
    asyncio.run(run.go(limit, told.append))
    return told


@pytest.mark.parametrize(("confidence", "some"), [(0.001, True), (0.9999, False)])
def test_a_run_keeps_to_the_targets_of_the_tags(
    service: Service, checkpoint: Checkpoint, confidence: float, some: bool
) -> None:
    run = run_of(service, Counted(checkpoint, 2))
    calibration = run.snapshot.calibration
    aims = np.full(len(run.snapshot.tags), Target("confidence", confidence), dtype=np.object_)
    own = replace(run.snapshot, calibration=replace(calibration, aims=aims))
    go(replace(run, snapshot=own, options=Options()))
    assert [bool(row.tags) for row, _ in checkpoint.rows()] == [some, some]


def test_every_image_has_a_row_in_its_place_and_a_bad_one_says_why(
    service: Service, checkpoint: Checkpoint
) -> None:
    told = go(run_of(service, Counted(checkpoint, 22)))
    rows = [row for row, _ in checkpoint.rows()]
    assert [row.source for row in rows] == [str(number) for number in range(22)]
    bad = [row for row in rows if row.problem]
    assert [row.source for row in bad] == ["3", "8", "13", "18"]
    assert {row.problem.code for row in bad if row.problem} == {"UnsupportedImageError"}
    good = [row for row in rows if not row.problem]
    assert all(row.sha256 and (row.width, row.height) == (96, 64) and row.tags for row in good)
    assert told == [4, 8, 12, 16, 20, 22]


def test_few_images_are_in_memory_at_a_time(service: Service, checkpoint: Checkpoint) -> None:
    source = Counted(checkpoint, 60)
    go(run_of(service, source))
    assert source.most <= 4 * (CHUNKS_AHEAD + 1)


def test_large_files_make_small_chunks(service: Service, checkpoint: Checkpoint) -> None:
    source = Counted(checkpoint, 20, held_bytes=CHUNK_BYTES // 2)
    assert go(run_of(service, source, chunk=16))[:3] == [2, 4, 6]
    assert source.most <= 2 * (CHUNKS_AHEAD + 1)


def test_a_limit_ends_the_run_and_a_larger_one_takes_it_further(
    service: Service, checkpoint: Checkpoint
) -> None:
    run = run_of(service, Counted(checkpoint, 22))
    go(run, 5)
    assert checkpoint.done == 5
    assert go(run, 5) == []
    go(run, 9)
    go(run)
    names = [row.source for row, _ in checkpoint.rows()]
    assert names == [str(number) for number in range(22)]


def test_an_encoder_that_fails_ends_the_run_and_the_rows_before_it_stay(
    service: Service, checkpoint: Checkpoint
) -> None:
    class FailingLater:
        calls = 0

        async def encode(self, pixels: object, deadline: float, priority: object) -> Encoded:
            self.calls += 1
            if self.calls > 13:
                raise EncoderError("编码图片时出错")
            return await service.tagger.batcher.encode(pixels, deadline)  # type: ignore[arg-type]

    run = run_of(service, Counted(checkpoint, 40))
    broken = replace(run.tagger, batcher=cast(Batcher, FailingLater()))
    with pytest.raises(EncoderError):
        go(replace(run, tagger=broken))
    kept = checkpoint.done
    assert 0 < kept <= 16
    go(run)
    names = [row.source for row, _ in checkpoint.rows()]
    assert names == [str(number) for number in range(40)]
    assert service.tagger.bulk_gate.inside == 0


def test_the_next_images_are_decoded_while_the_encoder_works(
    service: Service, checkpoint: Checkpoint
) -> None:
    started: list[int] = []
    source = Counted(checkpoint, 16)

    class Watching:
        """Encodes the first chunk only when a later one has been decoded and asks to be encoded."""

        def __init__(self) -> None:
            self.later = asyncio.Event()

        async def encode(self, pixels: object, deadline: float, priority: object) -> Encoded:
            started.append(len(started))
            if len(started) > 4:
                self.later.set()
            await asyncio.wait_for(self.later.wait(), 20)
            return await service.tagger.batcher.encode(pixels, deadline)  # type: ignore[arg-type]

    run = run_of(service, source)
    watched = replace(run.tagger, batcher=cast(Batcher, Watching()))
    go(replace(run, tagger=watched))
    assert checkpoint.done == 16
