"""Models as folders: what is refused, and which form of a model is chosen."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.encoders.base import Encoder
from app.encoders.catalog import open_encoder
from app.encoders.folder import load_folder
from app.encoders.optimized import PROBE_FILE, choices_of, optimized_dir, probe_of
from app.errors import ModelFileError, SettingsError
from tests.fixtures.tiny import write_tiny_model

NAME = "chinese-clip-vit-b-16"
KEY = f"{NAME}@{'a' * 12}-12345678"


def install(models_dir: Path, form: str = "int8", *, key: str = KEY, **stated: Any) -> Path:
    """A form of a Chinese-CLIP model over the tiny graphs, as `optimize` leaves it."""
    folder = optimized_dir(models_dir, NAME) / form
    folder.mkdir(parents=True)
    facts: dict[str, Any] = {
        "name": NAME,
        "key": key,
        "precision": form,
        "images_per_s": {"onnx": 10.0},
    }
    write_tiny_model(folder, **(facts | stated))
    encoder = load_folder(folder)
    np.save(folder / PROBE_FILE, encoder.encode_pixels(probe_of(encoder.preprocessing)))
    return folder


def opened(models_dir: Path, **how: Any) -> Encoder:
    return open_encoder(NAME, models_dir=models_dir, device="cpu", **how)


def test_a_form_is_served_under_the_key_of_the_weights_it_was_made_from(tmp_path: Path) -> None:
    install(tmp_path)
    encoder = opened(tmp_path)
    assert (encoder.name, encoder.model_key) == (NAME, KEY)
    assert encoder.encode_texts(["猫", "一只狗"]).shape == (2, 12)


def test_auto_takes_the_fastest_form_and_a_precision_narrows_the_choice(tmp_path: Path) -> None:
    slow = install(tmp_path, "fp32", images_per_s={"onnx": 4.0})
    fast = install(tmp_path, "int8", images_per_s={"onnx": 12.0})
    everything = choices_of(tmp_path, NAME, weights=None)
    assert [choice.folder for choice in everything] == [fast, slow]
    exact = choices_of(tmp_path, NAME, weights=None, precision="fp32")
    assert [choice.folder for choice in exact] == [slow]


def test_a_runtime_that_was_not_verified_is_no_choice(tmp_path: Path) -> None:
    install(tmp_path, images_per_s={"onnx": 1.0})
    assert choices_of(tmp_path, NAME, weights=None, runtime="openvino") == []


def test_a_form_of_other_weights_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path)
    weights = tmp_path / "other.pt"
    weights.write_bytes(b"other weights")
    assert choices_of(tmp_path, NAME, weights=weights) == []
    assert "other weights" in caplog.text
    digest = hashlib.sha256(b"other weights").hexdigest()[:12]
    install(tmp_path, "fp32", key=f"{NAME}@{digest}-12345678")
    assert [c.folder.name for c in choices_of(tmp_path, NAME, weights=weights)] == ["fp32"]


def test_a_form_that_gives_other_vectors_here_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = install(tmp_path, "int8", images_per_s={"onnx": 12.0})
    install(tmp_path, "fp32", images_per_s={"onnx": 4.0})
    right = np.load(broken / PROBE_FILE)
    np.save(broken / PROBE_FILE, np.roll(right, 1, axis=1))
    with caplog.at_level(logging.INFO):
        assert opened(tmp_path).model_key == KEY
    assert "int8" in caplog.text
    assert "runs as fp32" in caplog.text


def test_a_form_that_gives_other_vectors_here_is_an_error_when_its_runtime_was_asked_for(
    tmp_path: Path,
) -> None:
    broken = install(tmp_path)
    np.save(broken / PROBE_FILE, -np.load(broken / PROBE_FILE))
    with pytest.raises(ModelFileError, match="余弦"):
        opened(tmp_path, runtime="onnx")


@pytest.mark.parametrize("how", [{"runtime": "onnx"}, {"precision": "int8"}])
def test_asking_for_a_form_that_is_not_there_says_how_to_make_it(
    tmp_path: Path, how: dict[str, str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        opened(tmp_path, **how)
    assert raised.value.remedy is not None
    assert "tuqian models optimize" in raised.value.remedy


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = install(tmp_path)
    stated = json.loads((folder / "model.json").read_text())
    stated["files"]["text.onnx"] = "0" * 64
    (folder / "model.json").write_text(json.dumps(stated))
    with pytest.raises(ModelFileError, match="校验和"):
        opened(tmp_path, runtime="onnx")


def test_the_builtin_model_is_not_run_by_torch(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="torch"):
        open_encoder("builtin", models_dir=tmp_path, runtime="torch")
