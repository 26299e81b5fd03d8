"""The figures of a ranking, on rankings small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.ranking import Answers


def ranking(right: str, asked: int) -> Answers:
    """Answers best first, `+` where right; their scores fall by one."""
    scores = np.arange(len(right), 0, -1, dtype=np.float64)
    return Answers(scores, np.asarray([one == "+" for one in right]), asked)


def test_average_precision_counts_the_unanswered_questions() -> None:
    assert ranking("++", 2).average_precision() == 1.0
    assert ranking("++", 4).average_precision() == 0.5
    assert ranking("-+", 1).average_precision() == 0.5
    assert ranking("+-+", 2).average_precision() == pytest.approx((1 + 2 / 3) / 2)


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    answers = ranking("++-++", 4)
    assert answers.threshold(1.0) == 4
    assert answers.threshold(0.8) == 1
    assert answers.recall(answers.threshold(1.0)) == 0.5
    assert answers.precision(1.0) == 0.8
    assert ranking("--", 2).threshold(0.5) == float("inf")


def test_equal_scores_are_taken_together() -> None:
    answers = Answers(np.asarray([2.0, 1.0, 1.0]), np.asarray([True, True, False]), 2)
    assert answers.threshold(1.0) == 2.0
    assert answers.threshold(0.6) == 1.0


def test_no_answer_at_all_is_no_error() -> None:
    empty = Answers(np.zeros(0), np.zeros(0, dtype=bool), 3)
    assert (empty.average_precision(), empty.recall(0.0), empty.precision(0.0)) == (0.0, 0.0, 1.0)
    assert empty.threshold(0.9) == float("inf")
