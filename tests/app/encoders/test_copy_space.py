"""The second vector of a pass: for telling copies apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.encoders.builtin import load_builtin
from app.encoders.copy_space import CopySpace
from app.errors import ModelFileError
from tests.fixtures.tiny import write_tiny_model


def test_whitened_features_have_no_direction_in_common() -> None:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(4000, 8)).astype(np.float32) * np.arange(1, 9) + 5
    space = CopySpace.fit(mixed.astype(np.float32), 4, shrinkage=0.0)
    rows = (mixed - space.mean) @ space.projection
    np.testing.assert_allclose(np.cov(rows.T), np.eye(4), atol=0.02)
    np.testing.assert_allclose(
        np.linalg.norm(space(mixed.astype(np.float32)), axis=1), 1, atol=1e-5
    )


def test_a_saved_space_is_read_again_and_a_broken_file_is_named(tmp_path: Path) -> None:
    space = CopySpace.fit(np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32), 3)
    space.save(tmp_path / "copy.npz")
    assert CopySpace.load(tmp_path / "copy.npz").dim == 3
    (tmp_path / "copy.npz").write_bytes(b"broken")
    with pytest.raises(ModelFileError, match=r"copy\.npz"):
        CopySpace.load(tmp_path / "copy.npz")


def test_a_model_without_features_has_no_copy_vectors(tmp_path: Path) -> None:
    encoder = load_builtin(write_tiny_model(tmp_path), device="cpu", threads=1)
    assert encoder.copy_dim == 0
    pixels = np.random.default_rng(2).normal(size=(2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(encoder.encode_pixels_full(pixels), encoder.encode_pixels(pixels))


def test_the_built_in_model_gives_both_vectors_in_one_pass() -> None:
    encoder = load_builtin(device="cpu", threads=1)
    size = encoder.preprocessing.size
    pixels = np.random.default_rng(3).normal(size=(2, 3, size, size)).astype(np.float32)
    rows = encoder.encode_pixels_full(pixels)
    assert rows.shape == (2, encoder.dim + encoder.copy_dim)
    assert encoder.copy_dim > 0
    np.testing.assert_allclose(rows[:, : encoder.dim], encoder.encode_pixels(pixels), atol=1e-5)
    for part in (rows[:, : encoder.dim], rows[:, encoder.dim :]):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-4)
