"""Towers run by OpenVINO, over the same ONNX files. Imported only where it is installed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from app.encoders.base import FloatArray, PixelArray, TokenBatch
from app.errors import EncoderError, ModelFileError

PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}


class OpenVinoGraph:
    """One graph compiled for the CPU; `precision` is that of its arithmetic.

    Raises `ModelFileError` where the file is missing or cannot be compiled.
    """

    def __init__(self, path: Path, threads: int, precision: str):
        # Few large batches one after the other: all threads belong to the one that runs.
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        }
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            core = openvino.Core()
            self._compiled = core.compile_model(core.read_model(str(path)), "CPU", config)
        except RuntimeError as error:
            raise ModelFileError(f"{path} is not a graph OpenVINO can run: {error}") from error
        self._requests = threading.local()

    def __call__(self, feed: dict[str, Any]) -> FloatArray:
        """The first output as float32; safe to call from several threads."""
        request = getattr(self._requests, "mine", None)
        if request is None:
            request = self._requests.mine = self._compiled.create_infer_request()
        names = {name for port in self._compiled.inputs for name in port.get_names()}
        try:
            found = request.infer({k: v for k, v in feed.items() if k in names})
        except RuntimeError as error:
            raise EncoderError(f"模型运行失败：{error}") from error
        # A copy: the request writes its next answer into the same memory.
        return np.array(found[0], dtype=np.float32)


class OpenVinoImageTower:
    """An image graph: input `pixels (n, 3, h, w) float32`, output `(n, d)` embeddings."""

    device = "cpu"
    takes_bytes = False

    def __init__(self, path: Path, threads: int = 0, precision: str = "fp32"):
        self._graph = OpenVinoGraph(path, threads, precision)

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, d) float32`."""
        return self._graph({"pixels": pixels})

    def close(self) -> None:
        """Nothing to give back before the graph is collected."""


class OpenVinoTextTower:
    """A text graph: inputs `ids`, `mask (n, length) int64`, output `(n, d)` embeddings."""

    device = "cpu"

    def __init__(self, path: Path, threads: int = 0, precision: str = "fp32"):
        self._graph = OpenVinoGraph(path, threads, precision)

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        return self._graph({"ids": tokens.ids, "mask": tokens.mask})

    def close(self) -> None:
        """Nothing to give back before the graph is collected."""
