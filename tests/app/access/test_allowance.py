"""Rates and quotas of keys, on a clock of the test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.allowance import Allowances
from app.access.keys import Key
from app.access.roles import Role
from app.errors import QuotaExhaustedError, RateLimitedError

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


def key(rate: float = 0.0, daily: int = 0) -> Key:
    return Key("k", "name", Role.TAG, "", NOON, None, rate, daily)


def allowances(clock: Clock) -> Allowances:
    return Allowances(clock.monotonic, clock.now)


def test_a_key_without_limits_is_never_refused() -> None:
    spent = allowances(Clock())
    for _ in range(10_000):
        spent.spend(key())


def test_a_burst_is_two_seconds_worth_and_then_the_rate_holds() -> None:
    clock = Clock()
    spent, one = allowances(clock), key(rate=5)
    for _ in range(10):
        spent.spend(one)
    with pytest.raises(RateLimitedError) as caught:
        spent.spend(one)
    assert caught.value.retry_after_s == pytest.approx(0.2)
    clock.seconds += 0.2
    spent.spend(one)
    with pytest.raises(RateLimitedError):
        spent.spend(one)


@given(st.floats(0.01, 100), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_no_pattern_of_requests_gets_more_than_the_rate_and_one_burst(
    rate: float, gaps: Sequence[float]
) -> None:
    clock = Clock()
    spent, one, passed = allowances(clock), key(rate=rate), 0
    for gap in gaps:
        clock.seconds += gap
        try:
            spent.spend(one)
        except RateLimitedError as error:
            assert error.retry_after_s > 0  # noqa: PT017 - both outcomes are right
        else:
            passed += 1
    assert passed <= max(1.0, 2 * rate) + rate * clock.seconds + 1e-6


def test_a_quota_ends_with_the_day_and_says_when_that_is() -> None:
    clock = Clock()
    spent, one = allowances(clock), key(daily=2)
    spent.spend(one)
    spent.spend(one)
    with pytest.raises(QuotaExhaustedError) as caught:
        spent.spend(one)
    assert caught.value.retry_after_s == 12 * 3600
    clock.seconds = caught.value.retry_after_s
    spent.spend(one)


def test_a_refused_request_does_not_count_towards_the_day() -> None:
    clock = Clock()
    spent, one = allowances(clock), key(rate=0.5, daily=2)
    spent.spend(one)
    for _ in range(5):
        with pytest.raises(RateLimitedError):
            spent.spend(one)
    clock.seconds = 2
    spent.spend(one)
    assert sum(spent.take_unsaved().values()) == 2


def test_many_images_are_not_refused_for_the_rate_but_those_after_them_wait() -> None:
    clock = Clock()
    spent, one = allowances(clock), key(rate=5)
    spent.spend(one)
    spent.spend_more(one, 31)
    with pytest.raises(RateLimitedError) as caught:
        spent.spend(one)
    assert caught.value.retry_after_s == pytest.approx((32 - 10 + 1) / 5)
    clock.seconds += caught.value.retry_after_s
    spent.spend(one)


def test_more_images_than_the_day_has_left_are_refused_whole_and_count_for_nothing() -> None:
    spent, one = allowances(Clock()), key(daily=10)
    spent.spend(one)
    spent.spend_more(one, 3)
    spent.spend(one)
    with pytest.raises(QuotaExhaustedError, match=r"有 8 张图片.*只剩 6 次") as caught:
        spent.spend_more(one, 7)
    assert caught.value.retry_after_s == 12 * 3600
    spent.spend(one)
    spent.spend_more(one, 5)
    with pytest.raises(QuotaExhaustedError):
        spent.spend(one)
    assert sum(spent.take_unsaved().values()) == 10


def test_what_is_given_back_can_be_used_again_and_what_is_not_paced_leaves_the_rate_alone() -> None:
    spent, one = allowances(Clock()), key(rate=1, daily=10)
    spent.spend(one)
    spent.spend_more(one, 9)
    spent.give_back(one, 9)
    spent.spend(one)
    spent.spend_more(one, 8, paced=False)
    assert sum(spent.take_unsaved().values()) == 10
    with pytest.raises(QuotaExhaustedError):
        spent.spend(one)


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 100))
def test_no_sizes_of_requests_get_more_images_than_the_day_has(
    sizes: Sequence[int], daily: int
) -> None:
    spent, one, passed = allowances(Clock()), key(daily=daily), 0
    for size in sizes:
        try:
            spent.spend(one)
            if size > 1:
                spent.spend_more(one, size - 1)
        except QuotaExhaustedError:
            continue
        passed += size
    assert passed <= daily
    assert passed == sum(spent.take_unsaved().values())


def test_what_was_used_before_a_restart_counts() -> None:
    spent = allowances(Clock())
    spent.start({"k": 2})
    with pytest.raises(QuotaExhaustedError):
        spent.spend(key(daily=2))


def test_counts_are_given_out_once_and_can_be_put_back() -> None:
    spent = allowances(Clock())
    spent.spend(key())
    taken = spent.take_unsaved()
    assert taken == {("k", NOON.date()): 1}
    assert spent.take_unsaved() == {}
    spent.spend(key())
    spent.put_back(taken)
    assert spent.take_unsaved() == {("k", NOON.date()): 2}
