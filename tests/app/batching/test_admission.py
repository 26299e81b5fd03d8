"""The gates."""

import asyncio
import threading

import pytest

from app.batching.admission import Gate, WaitingGate
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


def test_the_images_turned_away_are_counted() -> None:
    gate = Gate(1)
    with gate.place(1), pytest.raises(OverloadedError), gate.place(3):
        pass
    assert gate.refused == 3


async def come_and_go(gate: WaitingGate, most: list[int], images: int) -> None:
    async with gate.place(images):
        most.append(gate.inside)
        await asyncio.sleep(0)


def test_bulk_callers_wait_for_a_place_and_all_get_one() -> None:
    async def everyone() -> list[int]:
        gate, most = WaitingGate(4), list[int]()
        await asyncio.gather(*(come_and_go(gate, most, 1 + i % 3) for i in range(50)))
        assert gate.inside == 0
        assert gate.waiting == 0
        return most

    seen = asyncio.run(everyone())
    assert len(seen) == 50
    assert max(seen) <= 4


def test_more_bulk_images_than_the_capacity_enter_when_nobody_is_inside() -> None:
    async def alone() -> None:
        gate = WaitingGate(2)
        async with gate.place(5):
            assert gate.inside == 5

    asyncio.run(asyncio.wait_for(alone(), 10))


def test_a_bulk_caller_who_leaves_the_line_takes_no_place_and_holds_nobody_up() -> None:
    async def leave() -> None:
        gate = WaitingGate(1)
        async with gate.place(1):
            impatient = asyncio.ensure_future(come_and_go(gate, [], 1))
            patient = asyncio.ensure_future(come_and_go(gate, [], 1))
            await asyncio.sleep(0.01)
            assert gate.waiting == 2
            impatient.cancel()
            await asyncio.sleep(0.01)
            assert gate.waiting == 1
        await asyncio.wait_for(patient, 10)
        assert gate.inside == 0

    asyncio.run(leave())


def test_a_bulk_caller_who_leaves_just_as_it_is_let_in_gives_its_place_back() -> None:
    async def leave() -> None:
        gate = WaitingGate(1)
        async with gate.place(1):
            late = asyncio.ensure_future(come_and_go(gate, [], 1))
            await asyncio.sleep(0.01)
        late.cancel()  # its place is taken, and it has not been told yet
        await asyncio.gather(late, return_exceptions=True)
        assert gate.inside == 0

    asyncio.run(leave())


def test_threads_and_event_loops_share_a_waiting_gate() -> None:
    gate, inside = WaitingGate(2), list[int]()

    def on_a_thread() -> None:
        for _ in range(50):
            with gate.place_blocking(1):
                inside.append(gate.inside)

    async def on_a_loop() -> None:
        await asyncio.gather(*(come_and_go(gate, inside, 1) for _ in range(50)))

    threads = [threading.Thread(target=on_a_thread) for _ in range(3)]
    for thread in threads:
        thread.start()
    asyncio.run(on_a_loop())
    for thread in threads:
        thread.join(10)
    assert max(inside) <= 2
    assert len(inside) == 200
    assert gate.inside == 0
