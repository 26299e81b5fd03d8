"""Which provider runs a graph, and what is said when it is not the one asked for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from app.encoders.base import TokenBatch
from app.encoders.preprocessing import Preprocessing
from app.encoders.runtimes import onnx as onnx_runtime
from app.encoders.runtimes import providers
from app.encoders.runtimes.onnx import OnnxGraph, OnnxImageTower, OnnxTextTower
from app.encoders.runtimes.providers import (
    CPU,
    CUDA,
    TENSORRT,
    Providers,
    check_providers,
    choose_providers,
)
from app.errors import DeviceMemoryError, EncoderError, ModelFileError, SettingsError
from tests.fixtures.photos import some_photos
from tests.fixtures.tiny import GRAPHS

PIXELS = np.zeros((2, 3, 32, 32), dtype=np.float32)
HOW = Preprocessing(size=32, mean=(0.48, 0.46, 0.41), std=(0.27, 0.26, 0.28))


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ONNX Runtime that was built for GPUs, on whatever machine."""
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU], raising=True
    )


def test_auto_asks_for_a_gpu_where_onnx_runtime_has_one(with_gpu: None) -> None:
    assert choose_providers("auto").names == (CUDA, CPU)
    assert choose_providers("cuda:1") == Providers((CUDA, CPU), 1, explicit=True)
    assert choose_providers("tensorrt").names == (TENSORRT, CUDA, CPU)
    assert choose_providers("cpu").names == (CPU,)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "tensorrt", "cuda:x", "tpu", "cpu:1", ""])
def test_a_device_that_onnx_runtime_lacks_is_refused(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(SettingsError, match="设备"):
        choose_providers(device)


def test_a_gpu_that_onnx_runtime_cannot_use_is_named_in_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    monkeypatch.setattr(providers, "NVIDIA_DEVICE", tmp_path)
    assert choose_providers("auto").names == (CPU,)
    assert "GPU" in caplog.text


def test_falling_back_is_a_warning_on_auto_and_an_error_when_the_device_was_named(
    with_gpu: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert check_providers(choose_providers("auto"), [CPU], "image.onnx") == "cpu"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "fell back" in caplog.text
    with pytest.raises(SettingsError, match=CUDA):
        check_providers(choose_providers("cuda"), [CPU], "image.onnx")
    with pytest.raises(SettingsError, match=TENSORRT):
        check_providers(choose_providers("tensorrt"), [CUDA, CPU], "image.onnx")


def test_the_provider_asked_for_is_named_as_a_device(with_gpu: None) -> None:
    assert check_providers(choose_providers("cuda:1"), [CUDA, CPU], "x") == "cuda:1"
    assert check_providers(choose_providers("tensorrt"), [TENSORRT, CUDA, CPU], "x") == "tensorrt:0"


def test_a_session_that_really_falls_back_is_caught() -> None:
    """Nothing is replaced here: this machine's ONNX Runtime is asked for what it does not have."""
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    unavailable = pytest.warns(UserWarning, match="not in available provider")
    with unavailable, pytest.raises(SettingsError):
        OnnxGraph(GRAPHS / "image.onnx", 1, Providers((CUDA, CPU), explicit=True))


def test_towers_take_any_number_of_rows() -> None:
    image = OnnxImageTower(GRAPHS / "image.onnx", 1)
    text = OnnxTextTower(GRAPHS / "text.onnx", 1)
    for rows in (1, 5):
        assert image(np.repeat(PIXELS[:1], rows, axis=0)).shape == (rows, 12)
        ids = np.ones((rows, 4), dtype=np.int64)
        assert text(TokenBatch(ids, np.ones_like(ids))).shape == (rows, 12)
    assert image.device == "cpu"


def test_a_damaged_graph_is_named(tmp_path: Path) -> None:
    path = tmp_path / "image.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(ModelFileError, match=r"image\.onnx"):
        OnnxImageTower(path)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("BFCArena: Failed to allocate memory for requested buffer", DeviceMemoryError),
        ("something else", EncoderError),
    ],
)
def test_what_onnx_runtime_says_of_memory_is_told_from_other_failures(
    said: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def run(self, *_: object) -> None:
            raise RuntimeError(said)

    tower = OnnxImageTower(GRAPHS / "image.onnx", 1)
    monkeypatch.setattr(tower._graph, "_session", Failing())
    with pytest.raises(error) as raised:
        tower(PIXELS)
    assert type(raised.value) is error
    assert onnx_runtime.ON_CPU.names == (CPU,)


def test_openvino_gives_what_onnx_runtime_gives() -> None:
    pytest.importorskip("openvino", reason="needs the `openvino` extra")
    from app.encoders.runtimes.openvino import OpenVinoImageTower, OpenVinoTextTower

    pixels = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    ids = np.array([[101, 5, 6, 102], [101, 7, 102, 0]])
    tokens = TokenBatch(ids, (ids != 0).astype(np.int64))
    image, text = GRAPHS / "image.onnx", GRAPHS / "text.onnx"
    np.testing.assert_allclose(
        OpenVinoImageTower(image, 1)(pixels), OnnxImageTower(image, 1)(pixels), atol=1e-4
    )
    np.testing.assert_allclose(
        OpenVinoTextTower(text, 1)(tokens), OnnxTextTower(text, 1)(tokens), atol=1e-4
    )


def test_torch_out_of_memory_is_told_from_other_failures() -> None:
    torch = pytest.importorskip("torch", reason="needs the `clip` extra")
    from app.encoders.runtimes.torch import TorchImageTower, choose_placement

    def failing(error: Exception) -> TorchImageTower:
        def encode(_: object) -> object:
            raise error

        return TorchImageTower(encode, choose_placement("cpu", "fp32"), HOW)  # type: ignore[arg-type]

    with pytest.raises(DeviceMemoryError):
        failing(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))(PIXELS)
    with pytest.raises(EncoderError) as raised:
        failing(RuntimeError("shape"))(PIXELS)
    assert type(raised.value) is EncoderError


def test_bytes_are_normalised_on_the_device_as_they_are_on_the_host() -> None:
    torch = pytest.importorskip("torch", reason="needs the `clip` extra")
    from app.encoders.runtimes.torch import TorchImageTower, choose_placement

    tower = TorchImageTower(torch.nn.Flatten(), choose_placement("cpu", "fp32"), HOW)
    photos = some_photos(3)
    given = tower(np.stack([HOW.planes(photo) for photo in photos]))
    prepared = np.stack([HOW(photo) for photo in photos])
    np.testing.assert_array_equal(given, prepared.reshape(3, -1))
    np.testing.assert_array_equal(tower(prepared), given)
    assert not tower.takes_bytes  # only a GPU asks for them


@pytest.mark.parametrize(("rows", "seen"), [(1, 1), (2, 2), (3, 4), (9, 16), (32, 32)])
def test_graphs_of_fixed_sizes_meet_few_sizes_of_batch(rows: int, seen: int) -> None:
    torch = pytest.importorskip("torch", reason="needs the `clip` extra")
    from app.encoders.runtimes.torch import TorchImageTower, choose_placement

    sizes = []

    def encode(pixels: Any) -> Any:
        sizes.append(len(pixels))
        return torch.flatten(pixels, 1)

    tower = TorchImageTower(encode, choose_placement("cpu", "fp32"), HOW)
    tower._round_up = True  # as it is where CUDA graphs are recorded
    pixels = np.random.default_rng(0).normal(size=(rows, 3, 2, 2)).astype(np.float32)
    np.testing.assert_allclose(tower(pixels), pixels.reshape(rows, -1))
    assert sizes == [seen]
