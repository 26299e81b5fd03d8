"""A tag that only repeats a stronger one is an echo; one that says more is a finding."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.echoes import without_echoes


def rows(*vectors: tuple[float, ...]) -> np.ndarray:
    return np.asarray(vectors, dtype=np.float32)


def test_a_tag_whose_likeness_is_explained_by_a_stronger_one_is_left_out() -> None:
    image = rows((1.0, 0.0, 0.0))[0]
    tags = rows((0.95, 0.3, 0.0), (0.6, 0.0, 0.8), (0.5, 0.8, 0.0))
    assert without_echoes(image, tags, 10) == [0]


def test_two_things_in_one_picture_are_two_findings() -> None:
    image = rows((0.8, 0.6, 0.0))[0]
    tags = rows((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert without_echoes(image, tags, 10) == [0, 1]


def test_the_same_tag_twice_is_one_finding_and_the_number_asked_for_is_kept() -> None:
    image = rows((0.6, 0.6, 0.5))[0]
    tags = rows((1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    assert without_echoes(image, tags, 10) == [0, 2, 3]
    assert without_echoes(image, tags, 2) == [0, 2]


@given(arrays(np.float32, (6, 4), elements=st.floats(-1, 1, width=32)), st.integers(1, 6))
def test_the_strongest_is_always_kept_and_the_order_never_changes(
    tags: np.ndarray, most: int
) -> None:
    kept = without_echoes(np.ones(4, dtype=np.float32), tags, most)
    assert kept[0] == 0
    assert len(kept) <= most
    assert kept == sorted(set(kept))
