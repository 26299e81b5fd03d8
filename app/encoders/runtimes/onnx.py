"""Towers run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from app.encoders.base import FloatArray, TokenBatch
from app.errors import ModelFileError


def open_session(
    path: Path, threads: int, providers: tuple[str, ...]
) -> onnxruntime.InferenceSession:
    """A session over one ONNX file; `threads` 0 leaves the number to ONNX Runtime.

    Raises `ModelFileError` where the file is missing or cannot be read.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's own exceptions share no public base class
        raise ModelFileError(f"{path} is not a usable ONNX model: {error}") from error


def device_of(session: onnxruntime.InferenceSession) -> str:
    """`cuda:0` where the first provider in use is a GPU's, else `cpu`."""
    first = session.get_providers()[0]
    return "cuda:0" if first.startswith(("CUDA", "Tensorrt")) else "cpu"


class OnnxImageTower:
    """An image graph with input `pixels (n, 3, h, w) float32` and output `embedding (n, d)`."""

    def __init__(
        self, path: Path, threads: int = 0, providers: tuple[str, ...] = ("CPUExecutionProvider",)
    ):
        self._session = open_session(path, threads, providers)
        self.device = device_of(self._session)

    def __call__(self, pixels: FloatArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, d) float32`."""
        (embedding,) = self._session.run(["embedding"], {"pixels": pixels})
        return np.asarray(embedding, dtype=np.float32)

    @property
    def has_features(self) -> bool:
        """Whether the graph also has an output `pooled (n, f)`."""
        return any(output.name == "pooled" for output in self._session.get_outputs())

    def with_features(self, pixels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`(n, 3, h, w) float32` to `(n, d)` embeddings and the `(n, f)` features below them."""
        embedding, pooled = self._session.run(["embedding", "pooled"], {"pixels": pixels})
        return np.asarray(embedding, dtype=np.float32), np.asarray(pooled, dtype=np.float32)

    def close(self) -> None:
        """Nothing to give back before the session is collected."""


class OnnxTextTower:
    """A text graph with inputs `ids`, `mask (n, length) int64` and output `embedding (n, d)`."""

    def __init__(
        self, path: Path, threads: int = 0, providers: tuple[str, ...] = ("CPUExecutionProvider",)
    ):
        self._session = open_session(path, threads, providers)
        self.device = device_of(self._session)

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        (embedding,) = self._session.run(["embedding"], {"ids": tokens.ids, "mask": tokens.mask})
        return np.asarray(embedding, dtype=np.float32)

    def close(self) -> None:
        """Nothing to give back before the session is collected."""
