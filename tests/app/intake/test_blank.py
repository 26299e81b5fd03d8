"""Frames with nothing in them are told from photographs."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from app.intake.blank import blank

PHOTO = Path(__file__).parents[2] / "data" / "tiger.jpg"
SEEDS = sorted((Path(__file__).parents[3] / "vocab" / "data" / "seed_images").glob("*.jpg"))


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (7, 130, 201)])
def test_a_frame_of_one_colour_is_flat(colour: tuple[int, int, int]) -> None:
    assert blank(Image.new("RGB", (317, 211), colour)) == "flat"


@pytest.mark.parametrize("side", [100, 1500])
@pytest.mark.parametrize("quality", [None, 60])
def test_noise_is_noise_whatever_its_size_and_compression(side: int, quality: int | None) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    image = Image.fromarray(pixels)
    if quality is not None:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        image = Image.open(file).convert("RGB")
    assert blank(image) == "noise"


def test_a_photo_blurred_beyond_recognition_is_blurred() -> None:
    photo = opened(PHOTO)
    assert blank(photo.filter(ImageFilter.GaussianBlur(min(photo.size) / 8))) == "blurred"


@pytest.mark.parametrize("path", [PHOTO, *SEEDS], ids=lambda path: path.name)
def test_a_photograph_is_not_blank_even_slightly_soft_or_tiny(path: Path) -> None:
    photo = opened(path)
    assert blank(photo) is None
    assert blank(photo.filter(ImageFilter.GaussianBlur(1.5))) is None
    assert blank(photo.resize((48, 48))) is None


def test_an_image_of_one_pixel_is_flat() -> None:
    assert blank(Image.new("RGB", (1, 1), (9, 9, 9))) == "flat"
