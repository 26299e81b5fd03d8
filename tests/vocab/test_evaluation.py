"""The metrics against slow formulas that follow their definitions word by word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocab.evaluation import (
    average_precision,
    average_precisions,
    best_cuts,
    bootstrap_weights,
    counts,
    interval,
    rates,
    reliability,
    resampled_ece,
)

# Few distinct scores, so that ties are common.
columns = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-4, 4), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)
seeds = st.integers(0, 100_000)


def slow_ap(scores: list[float], truth: list[bool]) -> float:
    """Precision at each distinct score, times the share of the truth that lies at that score."""
    if not any(truth):
        return math.nan
    total = 0.0
    for cut in sorted(set(scores)):
        above = [right for score, right in zip(scores, truth, strict=True) if score >= cut]
        here = [right for score, right in zip(scores, truth, strict=True) if score == cut]
        total += sum(here) / sum(truth) * sum(above) / len(above)
    return total


def slow_f1(emitted: list[bool], truth: list[bool]) -> float:
    both = sum(e and t for e, t in zip(emitted, truth, strict=True))
    return 2 * both / (sum(emitted) + sum(truth)) if both else 0.0


def drawn(seed: int, images: int = 12, tags: int = 4) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-5, 5, (images, tags)).astype(np.float64)
    return scores, rng.random((images, tags)) < 0.3, rng.random((images, tags)) < 0.8


@given(columns)
def test_average_precision_is_what_its_definition_says(
    column: tuple[list[int], list[bool], list[int]],
) -> None:
    scores, truth, _ = column
    found = average_precision(np.asarray(scores), np.asarray(truth), np.ones((1, len(truth))))
    assert found[0] == pytest.approx(slow_ap(list(map(float, scores)), truth), nan_ok=True)


@given(columns)
def test_a_weight_is_as_good_as_that_many_copies(
    column: tuple[list[int], list[bool], list[int]],
) -> None:
    scores, truth, weights = column
    copies = np.repeat(np.arange(len(scores)), weights)
    found = average_precision(
        np.asarray(scores), np.asarray(truth), np.asarray([weights], dtype=np.float64)
    )
    expected = slow_ap([float(scores[i]) for i in copies], [truth[i] for i in copies])
    assert found[0] == pytest.approx(expected, nan_ok=True)


@given(seeds)
def test_an_arguable_pair_has_no_say_in_any_number(seed: int) -> None:
    scores, truth, counted = drawn(seed)
    other = np.where(counted, truth, ~truth)
    weights = np.ones((1, len(truth)))
    for one, two in (
        (average_precisions(scores, t, counted, weights) for t in (truth, other)),
        (best_cuts(scores, t, counted) for t in (truth, other)),
        (rates(scores > 0, t, counted, weights).macro_f1 for t in (truth, other)),
        (rates(scores > 0, t, counted, weights).micro_precision for t in (truth, other)),
    ):
        assert np.array_equal(one, two, equal_nan=True)


@given(seeds)
def test_no_cut_gives_a_tag_a_better_f1_than_the_oracles(seed: int) -> None:
    scores, truth, counted = drawn(seed)
    cuts = best_cuts(scores, truth, counted)
    for tag in range(truth.shape[1]):
        kept = counted[:, tag]
        column, right = scores[kept, tag], truth[kept, tag].tolist()
        tried = [slow_f1((column >= cut).tolist(), right) for cut in {*column.tolist(), math.inf}]
        assert slow_f1((column >= cuts[tag]).tolist(), right) == pytest.approx(max(tried))


@given(seeds)
def test_micro_and_macro_rates_are_what_their_definitions_say(seed: int) -> None:
    scores, truth, counted = drawn(seed)
    emitted = scores > 1
    found = rates(emitted, truth, counted, np.ones((1, len(truth))))
    pairs = [(bool(emitted[p]), bool(truth[p])) for p in np.ndindex(truth.shape) if counted[p]]
    right = sum(e and t for e, t in pairs)
    assert found.micro_precision[0] == pytest.approx(right / max(1, sum(e for e, _ in pairs)))
    assert found.micro_recall[0] == pytest.approx(right / max(1, sum(t for _, t in pairs)))
    kept = [counted[:, tag] for tag in range(truth.shape[1])]
    present = [tag for tag, rows in enumerate(kept) if truth[rows, tag].any()]
    f1 = [slow_f1(emitted[kept[t], t].tolist(), truth[kept[t], t].tolist()) for t in present]
    if f1:
        assert found.macro_f1[0] == pytest.approx(sum(f1) / len(f1))
    else:
        assert math.isnan(found.macro_f1[0])


@given(seeds)
def test_the_rates_of_a_sample_are_those_of_its_images(seed: int) -> None:
    scores, truth, counted = drawn(seed)
    (weights,) = bootstrap_weights(len(truth), 1, seed)
    copies = np.repeat(np.arange(len(truth)), weights.astype(int))
    sampled = rates(scores > 0, truth, counted, weights[None, :])
    copied = rates(scores[copies] > 0, truth[copies], counted[copies], np.ones((1, len(copies))))
    for one, two in zip(vars(sampled).values(), vars(copied).values(), strict=True):
        assert np.allclose(one, two, equal_nan=True)


def test_the_counts_of_each_tag_add_up() -> None:
    emitted = np.asarray([[True, True], [True, False], [False, False]])
    truth = np.asarray([[True, False], [False, False], [True, False]])
    right, shown, true = counts(emitted, truth, np.ones((3, 2), dtype=bool))
    assert (right.tolist(), shown.tolist(), true.tolist()) == ([1, 0], [2, 1], [2, 0])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60), st.integers(1, 20))
def test_the_bins_have_equal_mass_and_the_error_is_their_mean_distance(
    pairs: list[tuple[float, bool]], bins: int
) -> None:
    confidences = np.asarray([p for p, _ in pairs], dtype=np.float64)
    found = reliability(confidences, np.asarray([r for _, r in pairs], dtype=bool), bins)
    if not pairs:
        assert math.isnan(found.ece)
        return
    assert found.count.sum() == len(pairs)
    assert found.count.max() - found.count.min() <= 1
    assert (np.diff(found.confidence) >= -1e-12).all()
    assert 0 <= found.ece <= 1
    distances = zip(found.count, found.confidence, found.precision, strict=True)
    slow = sum(n * abs(c - p) for n, c, p in distances) / len(pairs)
    assert found.ece == pytest.approx(slow)


def test_confidences_that_keep_their_word_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(20_000)
    kept = rng.random(20_000) < confidences
    assert reliability(confidences, kept).ece < 0.02
    assert reliability(confidences, rng.random(20_000) < confidences**3).ece > 0.1


@given(seeds)
def test_the_error_of_the_sample_that_is_everything_is_the_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidences, right, image = rng.random(40), rng.random(40) < 0.5, rng.integers(0, 9, 40)
    found = resampled_ece(confidences, right, image, np.ones((1, 9)))
    assert found[0] == pytest.approx(reliability(confidences, right).ece)


@settings(max_examples=20)
@given(st.integers(1, 50), seeds)
def test_a_bootstrap_draws_as_many_images_as_there_are_and_the_same_again(
    images: int, seed: int
) -> None:
    weights = bootstrap_weights(images, 7, seed)
    assert weights.shape == (7, images)
    assert (weights.sum(axis=1) == images).all()
    assert np.array_equal(weights, bootstrap_weights(images, 7, seed))


def test_an_interval_holds_the_middle_and_leaves_the_unknown_out() -> None:
    values = np.append(np.linspace(0, 1, 1001), np.nan)
    assert interval(0.5, values) == pytest.approx((0.025, 0.975))
    assert all(math.isnan(end) for end in interval(0.5, np.full(3, np.nan)))
    assert all(math.isnan(end) for end in interval(math.nan, values))


def test_an_interval_lies_around_its_value_and_inside_what_is_possible() -> None:
    values = np.linspace(0.5, 0.7, 1001)
    assert interval(0.4, values) == pytest.approx((0.305, 0.495))
    assert interval(0.02, values)[0] == 0
    assert interval(0.99, values)[1] == 1


def test_the_interval_of_an_average_precision_covers_that_of_many_images() -> None:
    def sample(rng: np.random.Generator, images: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.random(images) < 0.2
        return rng.normal(size=images) + truth, truth

    scores, truth = sample(np.random.default_rng(0), 100_000)
    exact = average_precision(scores, truth, np.ones((1, len(truth))))[0]
    covered = 0
    for seed in range(100):
        scores, truth = sample(np.random.default_rng(seed + 1), 100)
        weights = np.vstack([np.ones(100), bootstrap_weights(100, 200, seed)])
        found = average_precision(scores, truth, weights)
        low, high = interval(found[0], found[1:])
        covered += low <= exact <= high
    assert covered >= 85


def test_the_interval_of_a_mean_covers_it_about_as_often_as_promised() -> None:
    covered = 0
    for seed in range(100):
        emitted = np.random.default_rng(seed).random((80, 1)) < 0.6
        everything = np.ones_like(emitted)
        weights = bootstrap_weights(80, 200, seed)
        found = rates(everything, emitted, everything, weights).micro_precision
        low, high = interval(float(emitted.mean()), found)
        covered += low <= 0.6 <= high
    assert covered >= 85
