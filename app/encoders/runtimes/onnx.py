"""Towers run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from app.encoders.base import FloatArray, PixelArray, TokenBatch
from app.encoders.runtimes.providers import CPU, Providers, check_providers
from app.errors import DeviceMemoryError, EncoderError, ModelFileError

ON_CPU = Providers((CPU,))
# What the allocators of ONNX Runtime say in an exception that has no class of its own.
NO_MEMORY = ("Failed to allocate memory", "out of memory", "OUT_OF_MEMORY", "bad_alloc")


class OnnxGraph:
    """A session over one ONNX file; `threads` 0 leaves the number to ONNX Runtime.

    `addition` is a file with nodes and outputs for the same graph (bench.builtin.parts): protobuf
    reads two serialised messages one after the other as one, with what both have.
    Raises `ModelFileError` where the file is missing or cannot be read, and `SettingsError` where
    the operator named a device that it does not run on.
    """

    def __init__(
        self, path: Path, threads: int, providers: Providers, addition: Path | None = None
    ):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            model = path.read_bytes() + addition.read_bytes() if addition else str(path)
            self._session = onnxruntime.InferenceSession(
                model, options, providers=providers.as_options()
            )
        except Exception as error:  # ONNX Runtime's own exceptions share no public base class
            raise ModelFileError(f"{path} is not a usable ONNX model: {error}") from error
        self.device = check_providers(providers, self._session.get_providers(), str(path))
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        self.outputs = tuple(one.name for one in self._session.get_outputs())

    def __call__(self, outputs: list[str], feed: dict[str, Any]) -> list[FloatArray]:
        """The named outputs, as float32. Raises `DeviceMemoryError` or `EncoderError`."""
        try:
            found = self._session.run(outputs, feed)
        except Exception as error:  # as above
            if any(words in str(error) for words in NO_MEMORY):
                raise DeviceMemoryError(f"设备内存不足：{error}") from error
            raise EncoderError(f"模型运行失败：{error}") from error
        return [np.asarray(array, dtype=np.float32) for array in found]


class OnnxImageTower:
    """An image graph: input `pixels (n, 3, h, w) float32`, first output `(n, d)` embeddings."""

    takes_bytes = False

    def __init__(self, path: Path, threads: int = 0, providers: Providers = ON_CPU):
        self._graph = OnnxGraph(path, threads, providers)
        self.device = self._graph.device

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, d) float32`."""
        (embedding,) = self._graph([self._graph.outputs[0]], {"pixels": pixels})
        return embedding

    @property
    def has_features(self) -> bool:
        """Whether the graph also has an output `pooled (n, f)`."""
        return "pooled" in self._graph.outputs

    def with_features(self, pixels: PixelArray) -> tuple[FloatArray, FloatArray]:
        """`(n, 3, h, w) float32` to `(n, d)` embeddings and the `(n, f)` features below them."""
        embedding, pooled = self._graph(["embedding", "pooled"], {"pixels": pixels})
        return embedding, pooled

    def close(self) -> None:
        """Nothing to give back before the session is collected."""


class OnnxTextTower:
    """A text graph: inputs `ids` and, where it has it, `mask (n, length) int64`; `(n, d)` out."""

    def __init__(self, path: Path, threads: int = 0, providers: Providers = ON_CPU):
        self._graph = OnnxGraph(path, threads, providers)
        self.device = self._graph.device

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        feed = {"ids": tokens.ids, "mask": tokens.mask}
        graph = self._graph
        (embedding,) = graph([graph.outputs[0]], {name: feed[name] for name in graph.inputs})
        return embedding

    def close(self) -> None:
        """Nothing to give back before the session is collected."""
