"""A vector as bytes, float32 or float16, little-endian, whatever machine wrote it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from index.errors import InvalidImageError, ModelMismatchError, VectorShapeError

FloatArray = NDArray[np.float32]
VectorType = Literal["float32", "float16"]

CODES: dict[str, str] = {"float32": "<f4", "float16": "<f2"}


def to_bytes(vector: FloatArray, kind: VectorType) -> bytes:
    """`(d,) float32` to `4 d` or `2 d` bytes."""
    return vector.astype(CODES[kind]).tobytes()


def from_bytes(blob: bytes, kind: str) -> FloatArray:
    """The bytes of a vector to `(d,) float32`."""
    return np.frombuffer(blob, dtype=CODES[kind]).astype(np.float32)


def checked_vector(vector: FloatArray, dim: int, field: str = "vector") -> FloatArray:
    """The vector itself, `(dim,) float32`.

    Raises `VectorShapeError` for another length and `InvalidImageError` for NaN, infinity, or a
    length far from 1.
    """
    array = np.asarray(vector, dtype=np.float32)
    if array.shape != (dim,):
        raise VectorShapeError(
            f"向量的形状是 {array.shape}，应为 ({dim},)",
            field=field,
            remedy="请确认向量由当前模型算出。",
        )
    if not np.isfinite(array).all() or abs(float(np.linalg.norm(array)) - 1.0) > 0.01:
        raise InvalidImageError(
            "向量含有 NaN 或无穷大，或者长度不是 1",
            field=field,
            remedy="请先把向量归一化到单位长度。",
        )
    return array


def checked_rows(
    vectors: FloatArray, model_key: str, *, expected_key: str, dim: int, field: str
) -> FloatArray:
    """`(n, dim) float32`, contiguous, of the model that an index holds.

    Raises `ModelMismatchError` for vectors of another model, `VectorShapeError` for another shape.
    """
    if model_key != expected_key:
        raise ModelMismatchError(
            f"向量来自模型 {model_key}，而索引属于 {expected_key}，二者不能比较",
            field="model",
            remedy="请用同一个模型重新计算向量，或用原来的模型启动服务。",
        )
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise VectorShapeError(
            f"向量的形状是 {vectors.shape}，应为 (n, {dim})",
            field=field,
            remedy="请确认向量由当前模型算出。",
        )
    return np.ascontiguousarray(vectors, dtype=np.float32)
