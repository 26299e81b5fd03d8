"""Towers run by OpenVINO, over the same ONNX files. Imported only where it is installed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from app.encoders.base import FloatArray, PixelArray, TokenBatch
from app.encoders.runtimes.lanes import Lanes, lanes_for
from app.errors import EncoderError, ModelFileError

PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
_settling = threading.Lock()


class OpenVinoGraph:
    """One graph compiled for the CPU; `precision` is that of its arithmetic.

    With `lanes` above 1 so many callers compute at the same time, each on one core; else all
    `threads` (0: all cores) belong to the one that calls. Raises `ModelFileError` where the file
    is missing or cannot be compiled.
    """

    def __init__(self, path: Path, threads: int, precision: str, lanes: int = 1):
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision]}
        if lanes > 1:
            config |= {"NUM_STREAMS": str(lanes), "INFERENCE_NUM_THREADS": lanes}
        else:
            config["PERFORMANCE_HINT"] = "LATENCY"
            if threads:
                config["INFERENCE_NUM_THREADS"] = threads
        _settle()
        try:
            core = openvino.Core()
            self._compiled = core.compile_model(core.read_model(str(path)), "CPU", config)
        except RuntimeError as error:
            raise ModelFileError(f"{path} is not a graph OpenVINO can run: {error}") from error
        self._names = {name for port in self._compiled.inputs for name in port.get_names()}
        self._requests = threading.local()

    def __call__(self, feed: dict[str, Any]) -> list[FloatArray]:
        """The first output as float32; safe to call from several threads."""
        request = getattr(self._requests, "mine", None)
        if request is None:
            request = self._requests.mine = self._compiled.create_infer_request()
        try:
            found = request.infer({k: v for k, v in feed.items() if k in self._names})
        except RuntimeError as error:
            raise EncoderError(f"模型运行失败：{error}") from error
        # A copy: the request writes its next answer into the same memory.
        return [np.array(found[0], dtype=np.float32)]


def _settle() -> None:
    """Has OpenVINO's binding find NumPy now, on one thread.

    It does so at its first use and holds a lock of C++ meanwhile: two lanes that both came first
    waited, one for that lock and one for Python's, for ever.
    """
    with _settling:
        openvino.Tensor(np.zeros(1, dtype=np.float32)).data[:] = 0


class OpenVinoImageTower:
    """An image graph: input `pixels (n, 3, h, w) float32`, output `(n, d)` embeddings.

    A batch is divided among the cores; fewer rows than cores share all of them.
    """

    device = "cpu"
    takes_bytes = False

    def __init__(self, path: Path, threads: int = 0, precision: str = "fp32"):
        self._graph = OpenVinoGraph(path, threads, precision)
        self._lanes = Lanes(lanes_for(threads, self.device))
        count = self._lanes.count
        self._alone = OpenVinoGraph(path, threads, precision, count) if count > 1 else self._graph

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, d) float32`."""
        feed = {"pixels": pixels}
        suits = self._lanes.suit(len(pixels))
        (vectors,) = self._lanes(self._alone, feed) if suits else self._graph(feed)
        return vectors

    def close(self) -> None:
        """Nothing to give back before the graph is collected."""


class OpenVinoTextTower:
    """A text graph: inputs `ids`, `mask (n, length) int64`, output `(n, d)` embeddings.

    Texts are divided among the cores; one alone is short enough for one core.
    """

    device = "cpu"

    def __init__(self, path: Path, threads: int = 0, precision: str = "fp32"):
        self._lanes = Lanes(lanes_for(threads, self.device))
        self._graph = OpenVinoGraph(path, threads, precision, self._lanes.count)

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        (vectors,) = self._lanes(self._graph, {"ids": tokens.ids, "mask": tokens.mask})
        return vectors

    def close(self) -> None:
        """Nothing to give back before the graph is collected."""
