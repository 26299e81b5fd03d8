"""The parts of an image by the built-in model: real weights, so what they show can be asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.encoders.base import FloatArray
from app.encoders.builtin import BUILTIN_DIR, PARTS_FILE, load_builtin
from app.encoders.dual import DualEncoder
from app.errors import EncoderError, ModelFileError
from tests.fixtures.photos import some_photos
from tests.fixtures.tiny import write_tiny_model

PHOTOS = Path(__file__).parents[2] / "data"
SIDE = 9  # places in a row and in a column


@pytest.fixture(scope="module")
def encoder() -> DualEncoder:
    return load_builtin(device="cpu", threads=1)


@pytest.fixture(scope="module")
def pixels(encoder: DualEncoder) -> FloatArray:
    """A cat on the left and a tiger on the right, then photos."""
    both = Image.new("RGB", (600, 300))
    for at, name in enumerate(("cat", "tiger")):
        with Image.open(PHOTOS / f"{name}.jpg") as photo:
            both.paste(photo.convert("RGB").resize((300, 300)), (300 * at, 0))
    return np.stack([encoder.prepare(photo) for photo in (both, *some_photos(2))])


def test_the_first_is_the_image_as_it_is_embedded_without_parts(
    encoder: DualEncoder, pixels: FloatArray
) -> None:
    found = encoder.encode_parts(pixels)
    assert found.shape == (3, 1 + SIDE * SIDE, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(found[:, 0], encoder.encode_pixels(pixels), atol=1e-5)


def test_what_is_on_the_left_is_seen_on_the_left(encoder: DualEncoder, pixels: FloatArray) -> None:
    cat, tiger = encoder.encode_texts(["猫", "老虎"])
    places = encoder.encode_parts(pixels[:1])[0, 1:].reshape(SIDE, SIDE, -1)
    more_cat = places @ cat - places @ tiger
    assert more_cat[:, : SIDE // 2].mean() > 0 > more_cat[:, SIDE // 2 + 1 :].mean()


def test_a_model_without_the_addition_gives_no_parts(
    tmp_path: Path, encoder: DualEncoder, pixels: FloatArray
) -> None:
    tiny = load_builtin(write_tiny_model(tmp_path), device="cpu", threads=1)
    assert encoder.gives_parts
    assert not tiny.gives_parts
    with pytest.raises(EncoderError, match="不能给出"):
        tiny.encode_parts(pixels)


def test_an_addition_to_another_graph_is_a_model_file_error(
    tmp_path: Path, pixels: FloatArray
) -> None:
    shutil.copy(BUILTIN_DIR / PARTS_FILE, write_tiny_model(tmp_path))
    with pytest.raises(ModelFileError, match="not a usable ONNX model"):
        load_builtin(tmp_path, device="cpu", threads=1).encode_parts(pixels)
