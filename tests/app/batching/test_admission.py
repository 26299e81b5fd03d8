"""The gate."""

import pytest

from app.batching.admission import Gate
from app.errors import OverloadedError


def test_images_within_the_capacity_are_let_in() -> None:
    gate = Gate(3)
    with gate.place(1), gate.place(2):
        assert gate.inside == 3
    assert gate.inside == 0


def test_one_image_too_many_is_refused_at_once() -> None:
    gate = Gate(3)
    with gate.place(3), pytest.raises(OverloadedError, match="上限 3"), gate.place(1):
        pass
    assert gate.inside == 0


def test_a_place_is_given_back_when_the_request_fails() -> None:
    gate = Gate(1)
    with pytest.raises(ZeroDivisionError), gate.place(1):
        raise ZeroDivisionError
    with gate.place(1):
        assert gate.inside == 1


def test_a_request_larger_than_the_house_enters_when_it_is_empty() -> None:
    gate = Gate(2)
    with gate.place(5), pytest.raises(OverloadedError), gate.place(1):
        pass
