"""Vectors for telling copies apart, from the same pass that embeds an image.

An embedding lives where texts live and puts two dogs together. The features below its head still
tell one photo from another; centred, and whitened against what copying changes, they make a
second, copy-detection vector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from app.encoders.base import FloatArray, PixelArray, unit_rows
from app.errors import ModelFileError


class FeatureTower(Protocol):
    """An image tower that also gives what is below its head."""

    def with_features(self, pixels: PixelArray) -> tuple[FloatArray, FloatArray]:
        """`(n, 3, h, w)` to embeddings `(n, d)` and features `(n, f)`, neither unit rows."""


@dataclass(frozen=True)
class CopySpace:
    """`mean (f,)` and `projection (f, c)` float32, fitted by `bench/copy_space.py`.

    `bank (m, c)` are the copy-detection vectors of unrelated photos, unit rows.
    """

    mean: FloatArray
    projection: FloatArray
    bank: FloatArray

    @property
    def dim(self) -> int:
        """Length of a copy-detection vector."""
        return int(self.projection.shape[1])

    def __call__(self, features: FloatArray) -> FloatArray:
        """`(n, f)` features to `(n, c) float32`, unit rows."""
        return unit_rows((features - self.mean) @ self.projection)

    @staticmethod
    def fit(
        features: FloatArray, changes: FloatArray, dim: int, *, shrinkage: float, banked: int
    ) -> CopySpace:
        """The space of `(m, f)` features of different photos in which copies stay together.

        `changes (k, f)` is how features differed after a photo was changed: first those directions
        are made weak (`shrinkage`, in parts of their mean variance, keeps the rest from becoming
        too strong), then what tells photos apart is whitened. `banked` photos make the bank.
        """
        mean = features.mean(axis=0)
        values, directions = np.linalg.eigh(np.cov(changes.T))
        weak = directions / np.sqrt(np.maximum(values, 0) + shrinkage * values.mean())
        values, directions = np.linalg.eigh(np.cov(((features - mean) @ weak).T))
        strongest = np.argsort(-values)[:dim]
        projection = weak @ directions[:, strongest] / np.sqrt(values[strongest])
        made = CopySpace(
            mean.astype(np.float32), projection.astype(np.float32), np.zeros((0, dim), np.float32)
        )
        return replace(made, bank=made(features[:: max(1, len(features) // banked)][:banked]))

    def save(self, path: Path) -> None:
        """Writes the file that `load` reads; half precision is enough."""
        np.savez(
            path,
            mean=self.mean.astype(np.float16),
            projection=self.projection.astype(np.float16),
            bank=self.bank.astype(np.float16),
        )

    @staticmethod
    def load(path: Path) -> CopySpace:
        """Raises `ModelFileError` where the file cannot be read."""
        try:
            with np.load(path) as file:
                parts = (file[name].astype(np.float32) for name in ("mean", "projection", "bank"))
                return CopySpace(*parts)
        except (OSError, ValueError, KeyError) as error:
            raise ModelFileError(f"{path} 无法读取：{error}") from error
