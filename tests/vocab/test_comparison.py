"""Two evaluations of the same photos, compared."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocab.comparison import Comparison, compare, holm, two_sided
from vocab.comparison_page import comparison_page, conclusion
from vocab.confusion import Confusion, confusions
from vocab.errors import ReportError
from vocab.pairs_file import Pairs, load_pairs, save_pairs
from vocab.quality_report import Measured

IMAGES, TAGS = 200, 6


def pairs(seed: int, noise: float = 1.0) -> Pairs:
    """A run whose scores follow the truth, which is the same for every seed."""
    truth = np.random.default_rng(99).random((IMAGES, TAGS)) < 0.2
    drawn = np.random.default_rng(seed).normal(size=truth.shape)
    scores = (2.0 * truth + noise * drawn).astype(np.float32)
    given_ = scores > 1.2
    return Pairs(
        files=tuple(f"{n}.jpg" for n in range(IMAGES)),
        measured=Measured(
            ids=tuple(f"t{n}" for n in range(TAGS)),
            names=tuple(f"标签{n}" for n in range(TAGS)),
            scores=scores,
            confidences=(1 / (1 + np.exp(-2 * (scores - 1.2)))).astype(np.float32),
            passed=given_,
            served=given_,
            truth=truth,
            counted=np.ones_like(truth),
            tags_per_image=given_.sum(axis=1),
        ),
    )


def compared(before: Pairs, after: Pairs) -> Comparison:
    return compare(before, after, samples=600, seed=1)


def test_a_run_compared_with_itself_differs_in_nothing() -> None:
    found = compared(pairs(0), pairs(0))
    assert found.turned == 0
    assert all(one.difference.value == 0 for one in found.figures)
    assert all(one.p == 1 and one.verdict == "unclear" for one in found.figures)
    assert all(one.adjusted == 1 and one.verdict == "unclear" for one in found.tags)
    assert "看不出差别" in conclusion(found)


def test_a_better_run_is_better_and_the_other_way_round_worse() -> None:
    poor, good = pairs(0, noise=2.0), pairs(1, noise=0.5)
    forth, back = compared(poor, good), compared(good, poor)
    verdicts = {one.name: one.verdict for one in forth.figures}
    assert verdicts["mean_ap"] == verdicts["macro_f1"] == verdicts["micro_f1"] == "better"
    assert {one.name: one.verdict for one in back.figures}["macro_f1"] == "worse"
    assert all(one.verdict == "better" for one in forth.tags)
    for one, other in zip(forth.figures, back.figures, strict=True):
        assert one.difference.value == pytest.approx(-other.difference.value)


def test_noise_is_seldom_called_a_difference() -> None:
    wrong = sum(
        any(one.verdict != "unclear" for one in compared(pairs(seed), pairs(seed + 5000)).tags)
        for seed in range(1000, 1030)
    )
    assert wrong <= 4  # one in twenty may err, in any of its tags


def test_photos_and_tags_are_matched_by_name_whatever_their_order() -> None:
    old, new = pairs(0), pairs(1)
    rows = np.random.default_rng(5).permutation(IMAGES)[:150]
    columns = [3, 1, 0]
    numbers = new.measured
    shuffled = Pairs(
        tuple(new.files[row] for row in rows),
        replace(
            numbers,
            ids=("x", "t1", "t0"),  # the first by its name alone
            names=tuple(numbers.names[column] for column in columns),
            tags_per_image=numbers.tags_per_image[rows],
            **{
                name: getattr(numbers, name)[np.ix_(rows, columns)]
                for name in ("scores", "confidences", "passed", "served", "truth", "counted")
            },
        ),
    )
    found = compared(old, shuffled)
    assert (found.images, found.tags_compared) == (150, 3)
    assert found.disagreeing == 0
    assert {one.id for one in found.tags} == {"t0", "t1", "t3"}
    assert set(found.only_before) == {"标签2", "标签4", "标签5"}


def test_pairs_whose_truth_differs_are_left_out_and_counted() -> None:
    old, new = pairs(0), pairs(1)
    truth = new.measured.truth.copy()
    truth[:5, 0] ^= True
    found = compared(old, Pairs(new.files, replace(new.measured, truth=truth)))
    assert found.disagreeing == 5


def test_runs_with_nothing_in_common_are_refused() -> None:
    old = pairs(0)
    other = Pairs(tuple(f"other-{name}" for name in old.files), old.measured)
    with pytest.raises(ReportError) as refused:
        compared(old, other)
    assert refused.value.remedy


def test_pairs_come_back_as_they_were_written_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    old = pairs(0)
    for name in ("a.npz", "b.npz"):
        save_pairs(tmp_path / name, old)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = load_pairs(tmp_path / "a.npz")
    assert found.files == old.files
    for name, value in vars(old.measured).items():
        assert np.array_equal(getattr(found.measured, name), value), name


def test_what_is_no_file_of_pairs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "other.npz", version=np.int64(99))
    for name in ("bad.npz", "other.npz", "gone.npz"):
        with pytest.raises(ReportError):
            load_pairs(tmp_path / name)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_is_never_below_the_plain_value(values: list[float]) -> None:
    p = np.asarray(values)
    adjusted = holm(p)
    assert (adjusted >= p - 1e-12).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    assert adjusted.min() <= min(1.0, p.min() * len(p)) + 1e-12


def test_holm_as_in_the_textbook() -> None:
    adjusted = holm(np.asarray([0.01, 0.04, 0.03, 0.005]))
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_samples_that_all_agree_leave_a_p_that_is_small_but_not_zero() -> None:
    assert two_sided(np.ones((999, 1)))[0] == pytest.approx(2 / 1000)
    assert two_sided(np.zeros((999, 1)))[0] == 1


def test_the_page_asks_nobody_and_names_are_text() -> None:
    evil = '<script>alert("x")</script>&'
    old = pairs(0, noise=2.0)
    old = Pairs(old.files, replace(old.measured, names=(evil,) * TAGS))
    shown = comparison_page(compared(old, pairs(1, noise=0.3)), evil, "after")
    assert not re.search(r"https?:|//|url\(|<script|<link|<img|@import|src=", shown)
    ElementTree.fromstring(shown.removeprefix("<!DOCTYPE html>"))  # noqa: S314
    assert "变好" in shown


def test_what_was_given_wrongly_beside_what_was_missed_is_a_confusion() -> None:
    given_ = np.asarray([[1, 0, 0], [1, 0, 1], [1, 1, 0], [0, 0, 1]], bool)
    truth = np.asarray([[0, 1, 0], [0, 1, 1], [1, 1, 0], [0, 1, 1]], bool)
    found = confusions(("a", "b", "c"), ("甲", "乙", "丙"), given_, truth, np.ones_like(truth))
    assert found == (Confusion("a", "甲", "b", "乙", 2, 2),)
    counted = np.ones_like(truth)
    counted[0, 1] = False
    assert confusions(("a", "b", "c"), ("甲", "乙", "丙"), given_, truth, counted) == ()
