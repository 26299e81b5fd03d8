"""Towers run by ONNX Runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from app.encoders.base import FloatArray, PixelArray, TokenBatch
from app.encoders.runtimes.lanes import Lanes, lanes_for
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
    """An image graph: input `pixels (n, 3, h, w) float32`, first output `(n, d)` embeddings.

    On a CPU a batch is divided among the cores; fewer rows than cores share all of them, in a
    session of their own.
    """

    takes_bytes = False

    def __init__(self, path: Path, threads: int = 0, providers: Providers = ON_CPU):
        self._graph = OnnxGraph(path, threads, providers)
        self.device = self._graph.device
        self._lanes = Lanes(lanes_for(threads, self.device))
        laned = self._lanes.count > 1
        self._alone = OnnxGraph(path, 1, providers) if laned else self._graph

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, d) float32`."""
        (embedding,) = self._run([self._graph.outputs[0]], pixels)
        return embedding

    @property
    def has_features(self) -> bool:
        """Whether the graph also has an output `pooled (n, f)`."""
        return "pooled" in self._graph.outputs

    def with_features(self, pixels: PixelArray) -> tuple[FloatArray, FloatArray]:
        """`(n, 3, h, w) float32` to `(n, d)` embeddings and the `(n, f)` features below them."""
        embedding, pooled = self._run(["embedding", "pooled"], pixels)
        return embedding, pooled

    def _run(self, outputs: list[str], pixels: PixelArray) -> list[FloatArray]:
        if self._lanes.suit(len(pixels)):
            return self._lanes(partial(self._alone, outputs), {"pixels": pixels})
        return self._graph(outputs, {"pixels": pixels})

    def close(self) -> None:
        """Nothing to give back before the session is collected."""


class OnnxTextTower:
    """A text graph: inputs `ids` and, where it has it, `mask (n, length) int64`; `(n, d)` out.

    On a CPU texts are divided among the cores; one alone is short enough for one core.
    """

    def __init__(self, path: Path, threads: int = 0, providers: Providers = ON_CPU):
        on_cpu = providers.names == (CPU,)
        self._graph = OnnxGraph(path, 1 if on_cpu else threads, providers)
        self.device = self._graph.device
        self._lanes = Lanes(lanes_for(threads, "cpu") if on_cpu else 1)

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        given, graph = {"ids": tokens.ids, "mask": tokens.mask}, self._graph
        feed = {name: given[name] for name in graph.inputs}
        (embedding,) = self._lanes(partial(graph, [graph.outputs[0]]), feed)
        return embedding

    def close(self) -> None:
        """Nothing to give back before the session is collected."""
