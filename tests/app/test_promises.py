"""What confidences promised beside what people said, on numbers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.promises import MOST_CUTS, _cuts, wilson

Pairs = list[tuple[float, bool]]
PAIRS = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), max_size=80)


def cuts(pairs: Pairs) -> list[tuple[float, float, float]]:
    confidences = np.array([one for one, _ in pairs], dtype=np.float64)
    right = np.array([one for _, one in pairs], dtype=bool)
    return [(one.confidence, one.precision, one.recall) for one in _cuts(confidences, right)]


def test_a_cut_counts_what_is_above_it() -> None:
    found = cuts([(0.9, True), (0.5, True), (0.7, False), (0.2, False), (0.1, True)])
    assert found == [
        (0.9, 1, 1 / 3),
        (0.7, 1 / 2, 1 / 3),
        (0.5, 2 / 3, 2 / 3),
        (0.2, 2 / 4, 2 / 3),
        (0.1, 3 / 5, 1),
    ]


@given(PAIRS)
def test_every_cut_is_what_counting_says(pairs: Pairs) -> None:
    found = cuts(pairs)
    total = sum(right for _, right in pairs)
    assert bool(found) == bool(total)
    for confidence, precision, recall in found:
        above = [right for one, right in pairs if one >= confidence]
        assert precision == pytest.approx(sum(above) / len(above))
        assert recall == pytest.approx(sum(above) / total)
    assert not found or found[-1][2] == 1


def test_of_many_confidences_some_are_cut_at_and_the_first_and_last_are_among_them() -> None:
    found = cuts([(n / 1000, n % 2 == 0) for n in range(1000)])
    assert len(found) == MOST_CUTS
    assert (found[0][0], found[-1][0]) == (0.999, 0.0)


def test_an_interval_holds_its_share_and_is_narrower_with_more() -> None:
    few, many = wilson(8, 10), wilson(80, 100)
    assert few[0] < many[0] < 0.8 < many[1] < few[1]
    assert wilson(0, 3)[0] == 0
    assert wilson(3, 3)[1] == 1
