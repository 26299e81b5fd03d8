"""The bank of background image vectors against which every tag is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vocab.errors import BackgroundError

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BackgroundBank:
    """Vectors of images that stand for the traffic: `(n, d) float32`, unit rows of one model."""

    model_key: str
    vectors: FloatArray

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def empty(cls, model_key: str, dim: int) -> BackgroundBank:
        """A bank that knows no image yet."""
        return cls(model_key, np.zeros((0, dim), dtype=np.float32))

    @classmethod
    def load(cls, path: Path, model_key: str, dim: int) -> BackgroundBank:
        """The bank in an `.npz` file with `vectors (n, d)` and, optionally, `model_key`.

        A file that names no model belongs to the model it is shipped with. Raises
        `BackgroundError` where it cannot be read, or belongs to another model.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                vectors = np.asarray(arrays["vectors"], dtype=np.float32)
                owner = str(arrays["model_key"]) if "model_key" in arrays else model_key
        except (OSError, KeyError, ValueError) as error:
            raise BackgroundError(
                f"背景库文件 {path} 无法读取：{error}", remedy="请删除该文件后重新启动。"
            ) from error
        if owner != model_key or vectors.ndim != 2 or vectors.shape[1] != dim:
            raise BackgroundError(
                f"背景库 {path} 属于模型 {owner}（形状 {vectors.shape}），"
                f"当前模型是 {model_key}（{dim} 维）",
                remedy="背景库不能跨模型使用，请为当前模型重新生成。",
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return cls(model_key, vectors / np.maximum(norms, np.float32(1e-12)))

    def save(self, path: Path) -> None:
        """Writes the bank whole or not at all; half precision is enough for its statistics."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".tmp")
        with draft.open("wb") as file:
            np.savez(
                file, vectors=self.vectors.astype(np.float16), model_key=np.str_(self.model_key)
            )
        draft.replace(path)
