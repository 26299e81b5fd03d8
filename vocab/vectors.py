"""A vector as bytes: float32, little-endian, whatever machine wrote it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vocab.errors import EmbeddingError

FloatArray = NDArray[np.float32]


def vector_to_bytes(vector: FloatArray) -> bytes:
    """`(d,) float32` to `4 d` bytes. Raises `EmbeddingError` for any other shape, NaN or inf."""
    array = np.asarray(vector)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind != "f":
        raise EmbeddingError(
            f"向量的形状是 {array.shape}、类型是 {array.dtype}，应是一维浮点数组", field="vector"
        )
    if not np.isfinite(array).all():
        raise EmbeddingError("向量含有 NaN 或无穷大", field="vector")
    return array.astype("<f4").tobytes()


def vector_from_bytes(blob: bytes) -> FloatArray:
    """`4 d` bytes to `(d,) float32`, which may be written to."""
    return np.frombuffer(blob, dtype="<f4").astype(np.float32)
