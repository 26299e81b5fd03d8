"""What can be said of tags without a label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocab.health import Pair, always_together, beyond_chance, stability_index
from vocab.review import MOST_OF_AN_IMAGE, Candidate, spread


def test_the_same_distribution_has_an_index_near_zero_and_another_a_large_one() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=(500, 3))
    now = rng.normal(size=(500, 3)) + np.asarray([0.0, 0.1, 2.0])
    same, near, far = stability_index(before, now)
    assert same < 0.05
    assert near < 0.2
    assert far > 1
    assert stability_index(before, before) == pytest.approx(0, abs=0.05)


def test_the_index_is_as_its_definition_says() -> None:
    before, now = np.arange(1.0, 101.0)[:, None], np.full((50, 1), 0.0)
    p, q = np.full(10, 0.1), np.asarray([1.0, *[0.5 / 50] * 9])
    assert stability_index(before, now)[0] == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_chance_alone_is_hardly_ever_called_a_drift() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.normal(size=(500, 2000)), rng.normal(size=(60, 2000))
    indices = stability_index(before, now)
    assert np.mean([beyond_chance(float(one), 500, 60) for one in indices]) < 0.01


def test_tags_that_hardly_ever_come_alone_are_found() -> None:
    sets = [("a", "b")] * 19 + [("a",)] + [("c", "d")] * 10 + [("c",)] * 10 + [("e", "f")] * 5
    assert always_together(sets, 10) == (Pair("a", "b", 19, 20),)
    assert always_together([("b", "a", "b")] * 10, 10) == (Pair("a", "b", 10, 10),)


candidates = st.lists(
    st.builds(Candidate, st.integers(0, 5), st.integers(0, 5), st.floats(0, 1)),
    max_size=40,
    unique_by=lambda one: (one.image, one.tag),
)


@given(candidates, st.integers(0, 10))
def test_no_tag_comes_twice_before_another_that_could_has_come_once(
    given_: list[Candidate], count: int
) -> None:
    chosen = spread(given_, count)
    assert len(chosen) <= count
    assert set(chosen) <= set(given_)
    images = [one.image for one in chosen]
    assert all(images.count(image) <= MOST_OF_AN_IMAGE for image in images)


def test_the_most_instructive_pair_of_each_tag_comes_first() -> None:
    given_ = [Candidate(0, 0, 0.9), Candidate(1, 0, 0.8), Candidate(2, 1, 0.1)]
    assert spread(given_, 3) == (given_[0], given_[2], given_[1])
