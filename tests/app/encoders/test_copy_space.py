"""The second vector of a pass: for telling copies apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.encoders.builtin import load_builtin
from app.encoders.copy_space import CopySpace
from app.errors import ModelFileError
from index.duplicates import DuplicateRules
from tests.fixtures.tiny import write_tiny_model


def test_what_copying_changes_counts_little_in_the_space() -> None:
    rng = np.random.default_rng(0)
    photos = rng.normal(size=(2000, 8)).astype(np.float32) * 3 + 5
    # Copying shakes the first two features, and hardly the others.
    shaken = np.array([6, 6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    changes = (rng.normal(size=(4000, 8)) * shaken).astype(np.float32)
    space = CopySpace.fit(photos, changes, 6, shrinkage=0.01, banked=10)
    copies = space(photos[:500] + changes[:500])
    to_own = (space(photos[:500]) * copies).sum(axis=1)
    assert np.median(to_own) > 0.95
    assert np.abs(space.projection[:2]).max() < 0.3 * np.abs(space.projection[2:]).max()


def test_different_photos_have_no_direction_in_common() -> None:
    rng = np.random.default_rng(0)
    mixed = (rng.normal(size=(4000, 8)) * np.arange(1, 9) + 5).astype(np.float32)
    changes = rng.normal(size=(4000, 8)).astype(np.float32)
    space = CopySpace.fit(mixed, changes, 4, shrinkage=0.1, banked=10)
    rows = (mixed - space.mean) @ space.projection
    np.testing.assert_allclose(np.cov(rows.T), np.eye(4), atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(space(mixed), axis=1), 1, atol=1e-5)


def test_a_saved_space_is_read_again_and_a_broken_file_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    features, changes = rng.normal(size=(2, 50, 6)).astype(np.float32)
    space = CopySpace.fit(features, changes, 3, shrinkage=0.1, banked=7)
    space.save(tmp_path / "copy.npz")
    read = CopySpace.load(tmp_path / "copy.npz")
    assert (read.dim, read.bank.shape) == (3, (7, 3))
    (tmp_path / "copy.npz").write_bytes(b"broken")
    with pytest.raises(ModelFileError, match=r"copy\.npz"):
        CopySpace.load(tmp_path / "copy.npz")


def test_a_model_without_features_has_no_copy_vectors(tmp_path: Path) -> None:
    encoder = load_builtin(write_tiny_model(tmp_path), device="cpu", threads=1)
    assert encoder.copy_dim == 0
    assert len(encoder.copy_bank) == 0
    pixels = np.random.default_rng(2).normal(size=(2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(encoder.encode_pixels_full(pixels), encoder.encode_pixels(pixels))


def test_the_built_in_model_gives_both_vectors_in_one_pass() -> None:
    encoder = load_builtin(device="cpu", threads=1)
    size = encoder.preprocessing.size
    pixels = np.random.default_rng(3).normal(size=(2, 3, size, size)).astype(np.float32)
    rows = encoder.encode_pixels_full(pixels)
    assert rows.shape == (2, encoder.dim + encoder.copy_dim)
    assert encoder.copy_dim > 0
    bank = encoder.copy_bank
    assert len(bank) >= DuplicateRules().usual_neighbours
    assert bank.shape[1] == encoder.copy_dim
    np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1, atol=1e-2)
    np.testing.assert_allclose(rows[:, : encoder.dim], encoder.encode_pixels(pixels), atol=1e-5)
    for part in (rows[:, : encoder.dim], rows[:, encoder.dim :]):
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-4)
