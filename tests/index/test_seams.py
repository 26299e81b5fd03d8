"""Finding where one picture lies in another, by its edges alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index.part_hashes import part_hashes
from index.seams import pasted_rectangles

PHOTOS = Path(__file__).parents[1] / "data"
Grey = NDArray[np.uint8]


def photo(name: str, width: int, height: int) -> Grey:
    grey = np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("L"))
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(("left", "top"), [(20, 15), (70, 50), (100, 30)])
def test_a_pasted_photo_is_found_where_it_was_put(left: int, top: int) -> None:
    made = photo("pavilion", 256, 200)
    made[top : top + 110, left : left + 140] = photo("cat", 140, 110)
    found = pasted_rectangles(made)
    wanted = (left, top, left + 140, top + 110)
    assert any(np.abs(np.subtract(one, wanted)).max() <= 2 for one in found)


def test_its_hash_is_among_those_of_the_parts() -> None:
    made, cat = photo("coffee", 256, 200), photo("cat", 150, 120)
    made[40:160, 60:210] = cat
    whole = part_hashes(np.tile(cat, (1, 2)), 50)[0]
    assert min(np.unpackbits(part ^ whole).sum() for part in part_hashes(made, 50)) <= 40


def test_a_blank_picture_has_no_seams() -> None:
    assert pasted_rectangles(np.full((120, 160), 77, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 256), (256, 1), (2, 2), (9, 3)])
def test_tiny_pictures_are_no_error(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert pasted_rectangles(noise) == []
    assert part_hashes(noise, 50).shape == (0, 32)


def test_rectangles_lie_in_the_picture_and_are_few() -> None:
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(0, 256, (90, 130), dtype=np.uint8)
        found = pasted_rectangles(noise)
        assert len(found) <= 4
        for left, top, right, bottom in found:
            assert 0 <= left < right <= 130
            assert 0 <= top < bottom <= 90
