"""Vectors for telling copies apart, from the same pass that embeds an image.

An embedding lives where texts live and puts two dogs together. The features below its head still
tell one photo from another; centred and whitened they make a second, copy-detection vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from app.encoders.base import FloatArray, unit_rows
from app.errors import ModelFileError


class FeatureTower(Protocol):
    """An image tower that also gives what is below its head."""

    def with_features(self, pixels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`(n, 3, h, w)` to embeddings `(n, d)` and features `(n, f)`, neither unit rows."""


@dataclass(frozen=True)
class CopySpace:
    """`mean (f,)` and `projection (f, c)` float32, fitted by `bench/copy_space.py`."""

    mean: FloatArray
    projection: FloatArray

    @property
    def dim(self) -> int:
        """Length of a copy-detection vector."""
        return int(self.projection.shape[1])

    def __call__(self, features: FloatArray) -> FloatArray:
        """`(n, f)` features to `(n, c) float32`, unit rows."""
        return unit_rows((features - self.mean) @ self.projection)

    @staticmethod
    def fit(features: FloatArray, dim: int, shrinkage: float = 0.1) -> CopySpace:
        """The space that whitens `(m, f)` features; `shrinkage` keeps weak directions weak."""
        mean = features.mean(axis=0)
        values, directions = np.linalg.eigh(np.cov((features - mean).T))
        strongest = np.argsort(-values)[:dim]
        spread = np.sqrt(values[strongest] + shrinkage * values.mean())
        projection = directions[:, strongest] / spread
        return CopySpace(mean.astype(np.float32), projection.astype(np.float32))

    def save(self, path: Path) -> None:
        """Writes the file that `load` reads; half precision is enough."""
        np.savez(
            path,
            mean=self.mean.astype(np.float16),
            projection=self.projection.astype(np.float16),
        )

    @staticmethod
    def load(path: Path) -> CopySpace:
        """Raises `ModelFileError` where the file cannot be read."""
        try:
            with np.load(path) as file:
                return CopySpace(
                    file["mean"].astype(np.float32), file["projection"].astype(np.float32)
                )
        except (OSError, ValueError, KeyError) as error:
            raise ModelFileError(f"{path} 无法读取：{error}") from error
