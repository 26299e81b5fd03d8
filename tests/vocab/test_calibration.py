"""Properties of scores, confidences and thresholds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocab.background import BackgroundBank
from vocab.calibration import Calibration, FloatArray, calibrate
from vocab.cuts import allowed_exceedances, best_f1_cuts
from vocab.errors import BackgroundError
from vocab.probes import ImageSide, ProbeSet
from vocab.profiles import BINS, CENTRES, FEATURES, features, moments, profiles
from vocab.score_model import ScoreModel
from vocab.targets import Target

DIM = 12
MODEL = ScoreModel()
PREDICTING = ScoreModel(
    tag_side=False, weights=(0.5,) * len(FEATURES), typical=(0.1,) * len(FEATURES)
)


def unit(rng: np.random.Generator, n: int) -> FloatArray:
    rows = rng.normal(size=(n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def calibrated(seed: int, tags: int = 5, bank: int = 80, manual: float = np.nan) -> Calibration:
    rng = np.random.default_rng(seed)
    return calibrate(
        unit(rng, tags),
        ProbeSet(unit(rng, 30)),
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
    side = calibration.image_side(images)
    confidences = calibration.confidences(calibration.scores(similarities, side))
    passed = similarities >= calibration.thresholds(side, [Target("confidence", cut)])
    clear = np.abs(confidences - cut) > 1e-3  # rounding may go either way on the line itself
    assert (passed == (confidences >= cut))[clear].all()


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_a_tags_numbers_do_not_depend_on_the_other_tags(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tags, probes = unit(rng, 6), ProbeSet(unit(rng, 30))
    bank = BackgroundBank("m", unit(rng, 50))
    together, alone = (calibrate(rows, probes, bank, PREDICTING) for rows in (tags, tags[2:3]))
    # A similarity on the border of two bins may be rounded into either.
    assert np.abs(together.profile[2].astype(int) - alone.profile[0]).sum() <= 2
    assert np.allclose(together.intercept[2], alone.intercept[0], atol=0.1)


def test_scores_over_a_large_bank_have_mean_zero_and_spread_one() -> None:
    rng = np.random.default_rng(0)
    tags, probes, bank = unit(rng, 4), ProbeSet(unit(rng, 30)), unit(rng, 20_000)
    calibration = calibrate(tags, probes, BackgroundBank("m", bank), MODEL)
    scores = calibration.scores(bank @ tags.T, calibration.image_side(bank))
    assert np.allclose(scores.mean(axis=0), 0, atol=0.01)
    assert np.allclose(scores.std(axis=0), 1, atol=0.01)


def test_without_a_bank_every_tag_has_the_assumed_numbers() -> None:
    calibration = calibrated(3, bank=0)
    assert np.allclose(calibration.mean, 0)
    assert np.allclose(calibration.spread, 1)
    rng = np.random.default_rng(3)
    blind = calibrate(
        unit(rng, 5), ProbeSet(unit(rng, 30)), BackgroundBank.empty("m", DIM), PREDICTING
    )
    assert np.allclose(blind.intercept, PREDICTING.intercept)


def test_a_bank_of_one_image_moves_a_tag_little() -> None:
    assert np.abs(calibrated(3, bank=1).mean).max() < 0.5


def test_an_operators_threshold_goes_before_the_usual_cut_but_not_before_a_request() -> None:
    calibration = calibrated(3, manual=0.31)
    side = ImageSide(np.zeros(2, dtype=np.float32), np.full(2, 0.1, dtype=np.float32))
    assert np.allclose(calibration.thresholds(side), 0.31)
    asked = [Target("confidence", 0.5)]
    assert not np.allclose(calibration.thresholds(side, asked), 0.31)


@pytest.mark.parametrize(
    "target",
    [
        Target("precision", 0.6),
        Target("false_positive_rate", 0.1),
        Target("confidence", 0.3),
        Target("best_f1"),
    ],
)
def test_a_tags_own_target_cuts_it_as_a_request_for_it_would_and_no_other_tag(
    target: Target,
) -> None:
    plain = calibrated(3)
    own = replace(plain, aims=np.asarray([None, target, None, target, None], dtype=np.object_))
    side = plain.image_side(unit(np.random.default_rng(1), 4))
    asked, usual, found = (
        plain.thresholds(side, [target]),
        plain.thresholds(side),
        own.thresholds(side),
    )
    assert (found[:, [1, 3]] == asked[:, [1, 3]]).all()
    assert (found[:, [0, 2, 4]] == usual[:, [0, 2, 4]]).all()
    other = [Target("confidence", 0.7)]
    assert (own.thresholds(side, other) == plain.thresholds(side, other)).all()
    halves = own.taken(np.asarray([0, 1])).joined(own.taken(np.asarray([2, 3, 4])))
    assert (halves.thresholds(side) == found).all()


def test_a_tag_that_cannot_keep_its_own_target_says_so_and_is_out_of_reach() -> None:
    aims = np.full(5, None, dtype=np.object_)
    aims[2] = Target("precision", 0.9)
    hopeless = replace(calibrated(3), shift=np.asarray([0, 0, -60, 0, 0], dtype=np.float32))
    own = replace(hopeless, aims=aims)
    assert own.reaches([]).tolist() == [True, True, False, True, True]
    assert own.reaches([Target("confidence", 0.1)]).all()  # the request asks for something else
    side = ImageSide(np.zeros(1, dtype=np.float32), np.full(1, 0.1, dtype=np.float32))
    assert own.thresholds(side)[0, 2] > 1
    assert (own.lenient_thresholds(side) == hopeless.thresholds(side)).all()


def test_of_several_targets_the_strictest_counts() -> None:
    calibration = calibrated(3)
    side = ImageSide(np.zeros(2, dtype=np.float32), np.full(2, 0.1, dtype=np.float32))
    each = [Target("confidence", 0.3), Target("precision", 0.9), Target("false_positive_rate", 0.2)]
    alone = [calibration.thresholds(side, [target]) for target in each]
    assert np.allclose(calibration.thresholds(side, each), np.max(alone, axis=0))


def test_a_tag_that_cannot_keep_a_target_says_so_and_is_out_of_reach() -> None:
    calibration = replace(calibrated(3), shift=np.asarray([0, 0, -60, 0, 0], dtype=np.float32))
    target = Target("precision", 0.9)
    assert calibration.reaches([target]).tolist() == [True, True, False, True, True]
    side = ImageSide(np.zeros(1, dtype=np.float32), np.full(1, 0.1, dtype=np.float32))
    assert calibration.thresholds(side, [target])[0, 2] > 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.3, 0.95))
def test_over_the_bank_a_precision_target_is_what_its_confidences_promise(
    seed: int, precision: float
) -> None:
    rng = np.random.default_rng(seed)
    model = ScoreModel(slope=1.5, intercept=-2.0, tag_side=False)
    bank = unit(rng, 400)
    calibration = calibrate(unit(rng, 8), ProbeSet(unit(rng, 30)), BackgroundBank("m", bank), model)
    cut = calibration.cuts(Target("precision", precision))
    on_bins = np.broadcast_to(CENTRES[:, None], (len(CENTRES), 8))
    confidences = calibration.confidences(on_bins)
    for tag in range(8):
        above = (cut[tag] - 1e-4 <= CENTRES) & (calibration.profile[tag] > 0)
        if above.any():
            weights = calibration.profile[tag, above]
            assert np.average(confidences[above, tag], weights=weights) >= precision - 1e-3


def test_the_profile_counts_every_image_of_the_bank_where_it_lies() -> None:
    rng = np.random.default_rng(1)
    tags, probes, bank = unit(rng, 3), ProbeSet(unit(rng, 30)), unit(rng, 300)
    counts = profiles(tags, probes, BackgroundBank("m", bank))
    side = probes.image_side(bank)
    exact = (bank @ tags.T - side.means[:, None]) / side.spreads[:, None]
    assert (counts.sum(axis=1) == 300).all()
    mean, spread = moments(counts)
    assert np.allclose(mean, exact.mean(axis=0), atol=0.02)
    assert np.allclose(spread, exact.std(axis=0), atol=0.02)
    shape = features(counts)
    third = ((exact - exact.mean(axis=0)) / exact.std(axis=0)) ** 3
    assert np.allclose(shape[:, FEATURES.index("skew")], third.mean(axis=0), atol=0.05)
    assert np.isfinite(features(np.zeros_like(counts))).all()


@pytest.mark.parametrize(
    ("size", "rate", "allowed"),
    [(298, 0.01, -1), (299, 0.01, 0), (2_994, 0.001, -1), (2_995, 0.001, 0), (473, 0.01, 1)],
)
def test_a_promise_about_false_positives_takes_as_many_images_as_it_takes(
    size: int, rate: float, allowed: int
) -> None:
    assert allowed_exceedances(size, rate) == allowed


@pytest.mark.parametrize(("size", "rate"), [(5_000, 0.05), (5_000, 0.01), (150, 0.01)])
def test_the_promised_false_positive_rate_holds_on_images_not_in_the_bank(
    size: int, rate: float
) -> None:
    rng = np.random.default_rng(4)
    tags, probes = unit(rng, 100), ProbeSet(unit(rng, 30))
    calibration = calibrate(tags, probes, BackgroundBank("m", unit(rng, size)), MODEL)
    fresh = unit(rng, 20_000)
    needed = calibration.thresholds(
        calibration.image_side(fresh), [Target("false_positive_rate", rate)]
    )
    observed = (fresh @ tags.T >= needed).mean(axis=0)
    assert (observed <= rate).mean() >= 0.9
    assert observed.mean() > rate / 10


def test_the_best_f1_is_cut_at_half_of_itself_and_refused_where_it_is_hopeless() -> None:
    counts = np.zeros((2, BINS), dtype=np.uint16)
    counts[:, 40] = 90
    counts[0, 100] = 10
    logits = np.where(CENTRES > 5, 20.0, -20.0).astype(np.float32) * np.ones((2, 1), np.float32)
    found = best_f1_cuts(counts, logits)
    assert found[0] == CENTRES[CENTRES > 5][0]
    assert np.isposinf(found[1])


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


def test_by_default_a_tag_is_for_the_images_that_stand_out() -> None:
    rng = np.random.default_rng(6)
    model = ScoreModel(default_confidence=0.01, usual_share=0.1)
    bank, tags = unit(rng, 500), unit(rng, 6)
    calibration = calibrate(tags, ProbeSet(unit(rng, 30)), BackgroundBank("m", bank), model)
    given_to = bank @ tags.T >= calibration.thresholds(calibration.image_side(bank))
    assert (given_to.mean(axis=0) <= 0.12).all()
    assert (given_to.mean(axis=0) >= 0.05).all()
    asked = [Target("confidence", 0.01)]
    wide = bank @ tags.T >= calibration.thresholds(calibration.image_side(bank), asked)
    assert wide.mean() > 0.3


def test_without_a_bank_no_tag_is_held_back_for_not_standing_out() -> None:
    rng = np.random.default_rng(6)
    model = ScoreModel(usual_share=0.1)
    calibration = calibrate(
        unit(rng, 2), ProbeSet(unit(rng, 30)), BackgroundBank.empty("m", DIM), model
    )
    assert np.allclose(calibration.cuts(calibration.usual[1]), CENTRES[0])
