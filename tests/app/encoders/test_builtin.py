from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.encoders.builtin import BUILTIN_DIR, load_builtin
from app.errors import ModelFileError, SettingsError
from tests.fixtures.photos import some_photos
from tests.fixtures.tiny import tiny_description, write_tiny_model


def test_a_described_folder_becomes_an_encoder(tmp_path: Path) -> None:
    encoder = load_builtin(write_tiny_model(tmp_path), device="cpu", threads=1)
    assert (encoder.name, encoder.dim, encoder.device) == ("tiny", 12, "cpu")
    assert encoder.encode_images(some_photos(3)).shape == (3, 12)
    assert encoder.encode_texts(["狗", "一只猫"]).shape == (2, 12)


def test_the_description_decides_size_and_length(tmp_path: Path) -> None:
    encoder = load_builtin(write_tiny_model(tmp_path), device="cpu")
    assert encoder.prepare(some_photos(1)[0]).shape == (3, 32, 32)
    assert encoder.tokenizer(["狗" * 50]).ids.shape == (1, 16)


def test_the_key_changes_with_the_preprocessing(tmp_path: Path) -> None:
    first = load_builtin(write_tiny_model(tmp_path), device="cpu").model_key
    pixels = tiny_description()["preprocessing"] | {"fit": "crop"}
    second = load_builtin(write_tiny_model(tmp_path, preprocessing=pixels), device="cpu").model_key
    assert first != second
    assert first.split("-")[0] == second.split("-")[0]


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    with (folder / "text.onnx").open("ab") as sink:
        sink.write(b"\0")
    with pytest.raises(ModelFileError, match=r"text\.onnx 的校验和与 model\.json 不符"):
        load_builtin(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "image.onnx").unlink()
    with pytest.raises(ModelFileError, match=r"image\.onnx"):
        load_builtin(folder)
    with pytest.raises(ModelFileError, match=r"model\.json"):
        load_builtin(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"files": {"image.onnx": "0"}}, r"缺少 text\.onnx"),
        ({"dim": None}, "不完整"),
        ({"preprocessing": {}}, "不完整"),
        (
            {"preprocessing": tiny_description()["preprocessing"] | {"interpolation": "magic"}},
            "magic",
        ),
    ],
)
def test_a_description_that_does_not_say_enough_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelFileError, match=said):
        load_builtin(write_tiny_model(tmp_path, **changes))


def test_a_device_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="abacus"):
        load_builtin(write_tiny_model(tmp_path), device="abacus")


def test_the_shipped_model_tells_a_photo_from_another() -> None:
    if not (BUILTIN_DIR / "model.json").exists():
        pytest.skip("the built-in model has not been built yet")
    encoder = load_builtin(device="cpu")
    assert encoder.name == "builtin"
    vectors = encoder.encode_images(some_photos(4))
    assert (np.triu(vectors @ vectors.T, k=1) < 0.999).all()
