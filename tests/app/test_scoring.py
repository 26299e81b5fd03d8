"""What a model without a bank of its own is measured against."""

from pathlib import Path

import numpy as np

from app.encoders.builtin import load_builtin
from app.scoring import SEED_PHOTOS, background_of, score_model_of
from tests.fixtures.tiny import write_tiny_model
from vocab.score_model import ScoreModel


def test_a_model_without_a_bank_is_measured_against_the_seed_photos(tmp_path: Path) -> None:
    encoder = load_builtin(write_tiny_model(tmp_path))
    bank = background_of(encoder, tmp_path / "state")
    assert len(bank) == len(list(SEED_PHOTOS.glob("*.jpg"))) > 20
    assert np.allclose(np.linalg.norm(bank.vectors, axis=1), 1, atol=1e-3)


def test_the_seed_photos_are_embedded_once(tmp_path: Path) -> None:
    encoder = load_builtin(write_tiny_model(tmp_path))
    first = background_of(encoder, tmp_path / "state")
    (kept,) = (tmp_path / "state" / "background").iterdir()
    written = kept.stat().st_mtime_ns
    assert np.array_equal(background_of(encoder, tmp_path / "state").vectors, first.vectors)
    assert kept.stat().st_mtime_ns == written


def test_the_built_in_model_has_numbers_of_its_own_and_others_the_defaults(tmp_path: Path) -> None:
    tiny, builtin = load_builtin(write_tiny_model(tmp_path)), load_builtin()
    assert score_model_of(tiny) == ScoreModel()
    assert score_model_of(builtin) != ScoreModel()
    assert len(background_of(builtin, tmp_path)) == 2_000
