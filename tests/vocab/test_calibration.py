"""Properties of scores, confidences and thresholds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocab.background import BackgroundBank
from vocab.calibration import Calibration, FloatArray, ScoreModel, calibrate
from vocab.errors import BackgroundError

DIM = 12
MODEL = ScoreModel()


def unit(rng: np.random.Generator, n: int) -> FloatArray:
    rows = rng.normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def calibrated(seed: int, tags: int = 5, bank: int = 80, manual: float = np.nan) -> Calibration:
    rng = np.random.default_rng(seed)
    return calibrate(
        unit(rng, tags),
        unit(rng, 30).mean(axis=0),
        BackgroundBank("m", unit(rng, bank)),
        MODEL,
        np.full(tags, manual, dtype=np.float32),
    )


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=5, max_size=5))
def test_a_confidence_is_a_probability_and_rises_with_the_score(scores: list[float]) -> None:
    calibration, given_ = calibrated(1), np.asarray(scores, dtype=np.float32)
    confidences = calibration.confidences(given_)
    assert ((confidences >= 0) & (confidences <= 1)).all()
    assert (calibration.confidences(given_ + 1) >= confidences).all()


@given(st.floats(0.001, 0.999))
def test_the_score_at_a_confidence_has_that_confidence(confidence: float) -> None:
    calibration = calibrated(1)
    confidences = calibration.confidences(calibration.scores_at(confidence))
    assert confidences == pytest.approx(confidence, abs=1e-4)


def test_certainty_lies_at_the_ends_of_the_scale() -> None:
    assert (calibrated(1).scores_at(0.0) == -np.inf).all()
    assert (calibrated(1).scores_at(1.0) == np.inf).all()


@given(st.floats(-3, 3))
def test_a_shift_moves_the_log_odds_of_its_tag_alone(shift: float) -> None:
    plain, scores = calibrated(1), np.ones(5, dtype=np.float32)
    moved = replace(plain, shift=np.eye(5, dtype=np.float32)[2] * np.float32(shift))
    apart = moved.logits(scores) - plain.logits(scores)
    assert apart[2] == pytest.approx(shift, abs=1e-5)
    assert (np.delete(apart, 2) == 0).all()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_a_tag_passes_its_threshold_exactly_when_its_confidence_passes_the_cut(
    seed: int, cut: float
) -> None:
    calibration = calibrated(seed)
    images = unit(np.random.default_rng(seed + 1), 4)
    similarities = np.random.default_rng(seed + 2).uniform(-1, 1, (4, 5)).astype(np.float32)
    means = calibration.image_means(images)
    confidences = calibration.confidences(calibration.scores(similarities, means))
    passed = similarities >= calibration.thresholds(means, cut)
    clear = np.abs(confidences - cut) > 1e-3  # rounding may go either way on the line itself
    assert (passed == (confidences >= cut))[clear].all()


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_a_tags_numbers_do_not_depend_on_the_other_tags(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tags, probe = unit(rng, 6), unit(rng, 30).mean(axis=0)
    bank, manual = BackgroundBank("m", unit(rng, 50)), np.full(6, np.nan, dtype=np.float32)
    together = calibrate(tags, probe, bank, MODEL, manual)
    alone = calibrate(tags[2:3], probe, bank, MODEL, manual[:1])
    assert np.allclose(together.mean[2], alone.mean[0], atol=1e-5)
    assert np.allclose(together.spread[2], alone.spread[0], atol=1e-5)


def test_scores_over_a_large_bank_have_mean_zero_and_spread_one() -> None:
    rng = np.random.default_rng(0)
    tags, probe, bank = unit(rng, 4), unit(rng, 30).mean(axis=0), unit(rng, 20_000)
    manual = np.full(4, np.nan, dtype=np.float32)
    calibration = calibrate(tags, probe, BackgroundBank("m", bank), MODEL, manual)
    scores = calibration.scores(bank @ tags.T, calibration.image_means(bank))
    assert np.allclose(scores.mean(axis=0), 0, atol=0.01)
    assert np.allclose(scores.std(axis=0), 1, atol=0.01)


def test_without_a_bank_every_tag_has_the_assumed_numbers() -> None:
    calibration = calibrated(3, bank=0)
    assert np.allclose(calibration.mean, 0)
    assert np.allclose(calibration.spread, MODEL.default_spread)


def test_a_bank_of_one_image_moves_a_tag_little() -> None:
    assert np.abs(calibrated(3, bank=1).mean).max() < 0.12


def test_an_operators_threshold_goes_before_the_usual_cut_but_not_before_a_request() -> None:
    calibration = calibrated(3, manual=0.31)
    means = np.zeros(2, dtype=np.float32)
    assert np.allclose(calibration.thresholds(means), 0.31)
    assert not np.allclose(calibration.thresholds(means, 0.5), 0.31)


def test_a_saved_bank_loads_again(tmp_path: Path) -> None:
    bank = BackgroundBank("m", unit(np.random.default_rng(0), 9))
    bank.save(tmp_path / "deep" / "bank.npz")
    loaded = BackgroundBank.load(tmp_path / "deep" / "bank.npz", "m", DIM)
    assert len(loaded) == 9
    assert np.allclose(loaded.vectors, bank.vectors, atol=2e-3)
    assert np.allclose(np.linalg.norm(loaded.vectors, axis=1), 1, atol=1e-5)


def test_a_bank_of_another_model_or_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bank.npz"
    BackgroundBank("m", unit(np.random.default_rng(0), 9)).save(path)
    with pytest.raises(BackgroundError, match="属于模型 m"):
        BackgroundBank.load(path, "other", DIM)
    path.write_bytes(b"PK not an archive")
    with pytest.raises(BackgroundError, match="无法读取"):
        BackgroundBank.load(path, "m", DIM)
