"""A photo in memory, and a way to write it in any format."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from app.intake.limits import Limits

DATA = Path(__file__).parents[2] / "data"
Write = Callable[..., bytes]


def written(image: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    if form == "HEIF":
        pillow_heif.from_pillow(image).save(out, format="HEIF", **options)
    else:
        image.save(out, format=form, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def write() -> Write:
    return written


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A (120, 80) RGB photo."""
    with Image.open(DATA / "coffee.jpg") as image:
        return image.convert("RGB").resize((120, 80))


@pytest.fixture(scope="session")
def quadrants() -> Image.Image:
    """(32, 16) RGB: red, green above blue, white, so that every turn and colour can be told."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = (255, 0, 0)
    pixels[:8, 16:] = (0, 255, 0)
    pixels[8:, :16] = (0, 0, 255)
    pixels[8:, 16:] = 255
    return Image.fromarray(pixels)


@pytest.fixture
def limits() -> Limits:
    return Limits()
