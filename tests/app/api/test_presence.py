"""Callers who leave before their answer is ready."""

import asyncio

import pytest
from fastapi import Request

from app.api.presence import CallerLeftError, while_present


def request(*, leaves_after_s: float) -> Request:
    async def receive() -> dict[str, str]:
        await asyncio.sleep(leaves_after_s)
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)  # type: ignore[arg-type]


def test_a_caller_who_waits_gets_the_result() -> None:
    async def work() -> int:
        await asyncio.sleep(0.01)
        return 3

    assert asyncio.run(while_present(request(leaves_after_s=30), work())) == 3


def test_the_work_of_a_caller_who_left_is_cancelled() -> None:
    given_up = []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    async def scene() -> None:
        with pytest.raises(CallerLeftError):
            await while_present(request(leaves_after_s=0.01), work())
        await asyncio.sleep(0)

    asyncio.run(scene())
    assert given_up == [True]


def test_a_failure_of_the_work_is_the_callers_to_see() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(while_present(request(leaves_after_s=30), work()))
