"""The line of waiting images: who comes next, and how long company is worth waiting for."""

import numpy as np
import pytest

from app.batching.line import BULK_SHARE, Line, Waiting
from app.errors import OverloadedError


def image(since: float = 0.0) -> Waiting:
    return Waiting(np.zeros((3, 1, 1), dtype=np.float32), deadline=1e9, since=since)


def line_of(interactive: int, bulk: int, longest: int = 1000) -> Line:
    line = Line(longest)
    for _ in range(interactive):
        line.add(image(), "interactive")
    for _ in range(bulk):
        line.add(image(), "bulk")
    return line


def bulk_of(line: Line, count: int) -> int:
    """How many bulk images the next batch holds."""
    before = len(line._lines["bulk"])
    line.take(count)
    return before - len(line._lines["bulk"])


def test_interactive_images_come_first_and_bulk_takes_what_is_left() -> None:
    assert bulk_of(line_of(interactive=3, bulk=10), 5) == 2


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_bulk_images_move_however_many_interactive_images_wait(batch: int) -> None:
    line = line_of(interactive=800, bulk=200)
    batches = 4 * BULK_SHARE
    moved = sum(bulk_of(line, batch) for _ in range(batches))
    assert moved == pytest.approx(batches * batch / BULK_SHARE, rel=0.3)


def test_each_priority_has_a_limit_of_its_own() -> None:
    line = line_of(interactive=0, bulk=2, longest=2)
    with pytest.raises(OverloadedError, match="2"):
        line.add(image(), "bulk")
    line.add(image(), "interactive")
    assert len(line) == 3


def test_images_of_one_priority_keep_their_order() -> None:
    line = Line(10)
    items = [image(float(i)) for i in range(5)]
    for item in items:
        line.add(item, "interactive")
    assert line.take(3) + line.take(3) == items


def test_the_wait_for_company_follows_the_rate_of_arrivals() -> None:
    line = Line(100)
    assert line.wait_of(missing=4, longest_s=1.0) == 0  # nothing is known yet
    for at in range(10):
        line.add(image(since=at * 0.1), "interactive")
    assert line.wait_of(missing=1, longest_s=1.0) == pytest.approx(0.2)
    assert line.wait_of(missing=50, longest_s=1.0) == 1.0
    assert line.wait_of(missing=1, longest_s=0.05) == 0  # not one would come within that
