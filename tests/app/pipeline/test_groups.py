"""Groups of copies within a run, by real photos and the real built-in model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.api.context import Service
from app.intake.sources import UploadSource
from app.pipeline.groups import Groups, Picture, open_groups
from app.pixels import Pixels
from app.recall import FileFacts
from tests.app.conftest import PHOTOS

NAMES = ("astronaut", "cat", "coffee", "pavilion", "tiger")


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


def variants(name: str) -> list[bytes]:
    """A photo, half of its size, its mirror, and a crop."""
    image = Image.open(PHOTOS / f"{name}.jpg")
    width, height = image.size
    return [
        (PHOTOS / f"{name}.jpg").read_bytes(),
        jpeg(image.resize((width // 2, height // 2)), 60),
        jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        jpeg(image.crop((width // 10, height // 10, width, height))),
    ]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture(scope="module")
def pictures(service: Service) -> list[Picture]:
    """Four variants of each of five photos, all first variants first."""
    files = [data for column in zip(*map(variants, NAMES), strict=True) for data in column]
    sources = [UploadSource(BytesIO(data)) for data in files]
    images, encoded = asyncio.run(service.tagger.encode(sources, facts=True, priority="bulk"))
    made = []
    for number, (image, vectors) in enumerate(zip(images, encoded, strict=True)):
        assert isinstance(image, Pixels)
        assert isinstance(image.facts, FileFacts)
        made.append(Picture(number, image.facts, vectors))
    return made


def groups(service: Service, folder: Path, done: int, stack: ExitStack) -> Groups:
    return open_groups(folder, service.tagger.encoder, service.tagger.pool, done, stack)


def leaders(groups: Groups, pictures: Sequence[Picture], chunk: int) -> list[int]:
    return [
        one.leader
        for at in range(0, len(pictures), chunk)
        for one in groups.assign(pictures[at : at + chunk])
    ]


@pytest.mark.parametrize("chunk", [1, 5, 7, 20])
def test_copies_join_the_first_whatever_the_size_of_the_chunks(
    service: Service, pictures: list[Picture], tmp_path: Path, stack: ExitStack, chunk: int
) -> None:
    found = leaders(groups(service, tmp_path, 0, stack), pictures, chunk)
    assert found == list(range(5)) * 4


def test_the_same_bytes_are_exact_and_an_altered_picture_is_near(
    service: Service, pictures: list[Picture], tmp_path: Path, stack: ExitStack
) -> None:
    again = Picture(20, pictures[0].facts, pictures[0].encoded)
    made = groups(service, tmp_path, 0, stack)
    ties = [one.tie for one in made.assign([pictures[0], pictures[5]])]
    assert ties == ["first", "near"]
    assert [one.tie for one in made.assign([again])] == ["exact"]


def test_first_images_noted_for_rows_that_were_lost_are_forgotten(
    service: Service, pictures: list[Picture], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        made = groups(service, tmp_path, 0, stack)
        leaders(made, pictures[:2], 1)
        leaders(made, pictures[2:4], 1)  # noted, and the rows never written
    with ExitStack() as stack:
        again = groups(service, tmp_path, 2, stack)
        assert leaders(again, pictures[2:], 4) == (list(range(5)) * 4)[2:]
