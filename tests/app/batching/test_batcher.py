"""The batcher, with an encoder that shows what it was given."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from app.batching.batcher import HOPELESS, Batcher, FloatArray
from app.errors import EncoderError, OverloadedError, RequestTimeoutError

Encode = Callable[[FloatArray], FloatArray]


class Recorder:
    """Encodes pixels to their first value; holds every batch until it is let go."""

    def __init__(self, held: bool = False):
        self.batches: list[list[float]] = []
        self.go = threading.Event()
        self.busy = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, pixels: FloatArray) -> FloatArray:
        self.batches.append(pixels[:, 0, 0, 0].tolist())
        self.busy.set()
        assert self.go.wait(10)
        return pixels[:, :1, 0, 0]


def pixels(value: float) -> FloatArray:
    return np.full((3, 2, 2), value, dtype=np.float32)


def later(seconds: float = 30) -> float:
    return time.monotonic() + seconds


@contextmanager
def running(
    encode: Encode, max_batch: int = 4, max_wait_ms: float = 0, max_queue: int = 100
) -> Iterator[Batcher]:
    batcher = Batcher(encode, max_batch=max_batch, max_wait_ms=max_wait_ms, max_queue=max_queue)
    try:
        yield batcher
    finally:
        batcher.close()


def test_every_image_gets_its_own_vector() -> None:
    async def everyone(batcher: Batcher) -> list[float]:
        found = await asyncio.gather(*(batcher.encode(pixels(i), later()) for i in range(25)))
        return [float(one.vector[0]) for one in found]

    with running(Recorder()) as batcher:
        assert asyncio.run(everyone(batcher)) == list(range(25))


def test_images_that_wait_together_share_a_batch_no_larger_than_the_limit() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=4) as batcher:
        first = batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        rest = [batcher.submit(pixels(i), later()) for i in range(1, 8)]
        encode.go.set()
        for future in [first, *rest]:
            future.result(10)
    assert encode.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_an_image_that_finds_the_encoder_idle_does_not_wait() -> None:
    with running(Recorder(), max_wait_ms=5_000) as batcher:
        began = time.monotonic()
        batcher.submit(pixels(1), later()).result(10)
        assert time.monotonic() - began < 2


def test_under_load_a_batch_takes_in_what_comes_while_it_waits_for_company() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=2, max_wait_ms=60_000) as batcher:
        slow = [batcher.submit(pixels(0), later())]
        assert encode.busy.wait(10)
        time.sleep(1)  # so that the next is expected about two seconds after it
        second = batcher.submit(pixels(1), later())
        encode.go.set()
        slow[0].result(10)
        third = batcher.submit(pixels(2), later())
        second.result(10)
        third.result(10)
    assert encode.batches == [[0], [1, 2]]


def test_a_batch_that_nobody_is_expected_to_join_does_not_wait() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=2, max_wait_ms=50) as batcher:
        batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        time.sleep(0.2)  # a gap longer than the longest wait
        second = batcher.submit(pixels(1), later())
        encode.go.set()
        second.result(10)
    assert encode.batches == [[0], [1]]


def test_interactive_images_are_encoded_before_bulk_images_that_came_first() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=4) as batcher:
        futures = [batcher.submit(pixels(0), later())]
        assert encode.busy.wait(10)
        futures += [batcher.submit(pixels(i), later(), "bulk") for i in (1, 2)]
        futures.append(batcher.submit(pixels(3), later()))
        encode.go.set()
        for future in futures:
            future.result(10)
    assert encode.batches == [[0], [3, 1, 2]]


def test_bulk_images_that_fill_their_line_turn_no_interactive_image_away() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=100, max_queue=2) as batcher:
        batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        for value in (1, 2):
            batcher.submit(pixels(value), later(), "bulk")
        with pytest.raises(OverloadedError):
            batcher.submit(pixels(3), later(), "bulk")
        batcher.submit(pixels(4), later())
        encode.go.set()


def test_the_next_full_batch_is_put_together_while_the_encoder_works() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=2, max_queue=2) as batcher:
        futures = [batcher.submit(pixels(0), later())]
        assert encode.busy.wait(10)
        futures += [batcher.submit(pixels(i), later()) for i in (1, 2)]
        until = time.monotonic() + 10
        while time.monotonic() < until:  # until there is room in the line again
            try:
                futures.append(batcher.submit(pixels(3), later()))
                break
            except OverloadedError:
                time.sleep(0.01)
        assert batcher.waiting == 3
        encode.go.set()
        for future in futures:
            future.result(10)
    assert encode.batches == [[0], [1, 2], [3]]


def test_a_caller_who_leaves_a_prepared_batch_is_never_encoded() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=2) as batcher:
        batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        left, stays = batcher.submit(pixels(1), later()), batcher.submit(pixels(2), later())
        time.sleep(0.1)  # for the batch to be put together
        assert left.cancel()
        encode.go.set()
        stays.result(10)
    assert encode.batches == [[0], [2]]


def test_two_encoders_work_at_the_same_time() -> None:
    first, second = Recorder(held=True), Recorder(held=True)
    batcher = Batcher([first, second], max_batch=1, max_wait_ms=0, max_queue=10)
    futures = [batcher.submit(pixels(i), later()) for i in range(2)]
    assert first.busy.wait(10)
    assert second.busy.wait(10)
    first.go.set()
    second.go.set()
    for future in futures:
        future.result(10)
    batcher.close()
    assert sorted(first.batches + second.batches) == [[0], [1]]


def test_a_caller_who_left_is_never_encoded() -> None:
    encode = Recorder(held=True)
    with running(encode) as batcher:
        batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        left, stays = batcher.submit(pixels(1), later()), batcher.submit(pixels(2), later())
        assert left.cancel()
        encode.go.set()
        stays.result(10)
    assert encode.batches == [[0], [2]]


def test_an_image_whose_time_is_up_is_never_encoded() -> None:
    encode = Recorder(held=True)
    with running(encode) as batcher:
        batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        late = batcher.submit(pixels(1), later(-1))
        encode.go.set()
        with pytest.raises(RequestTimeoutError):
            late.result(10)
    assert encode.batches == [[0]]


def test_one_image_more_than_the_queue_holds_is_refused_at_once() -> None:
    encode = Recorder(held=True)
    with running(encode, max_queue=2) as batcher:
        batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        batcher.submit(pixels(1), later())
        batcher.submit(pixels(2), later())
        assert batcher.waiting == 2
        with pytest.raises(OverloadedError):
            batcher.submit(pixels(3), later())
        encode.go.set()


def test_a_failure_of_the_encoder_reaches_its_callers_and_the_next_batch_works() -> None:
    def moody(batch: FloatArray) -> FloatArray:
        if batch[0, 0, 0, 0] < 0:
            raise ValueError("inside")
        return batch[:, :1, 0, 0]

    with running(moody) as batcher:
        with pytest.raises(EncoderError):
            batcher.submit(pixels(-1), later()).result(10)
        assert batcher.submit(pixels(5), later()).result(10).vector[0] == 5


def test_what_kills_the_thread_fails_one_batch_and_the_next_one_works() -> None:
    def deadly(batch: FloatArray) -> FloatArray:
        if batch[0, 0, 0, 0] < 0:
            raise SystemExit("the thread ends here")
        return batch[:, :1, 0, 0]

    with running(deadly) as batcher:
        for value in range(3):
            with pytest.raises(EncoderError):
                batcher.submit(pixels(-1), later()).result(10)
            assert batcher.submit(pixels(value), later()).result(10).vector[0] == value
        assert batcher.restarts == 3
        assert batcher.is_working


def test_what_waits_while_the_thread_dies_is_encoded_by_the_next_one() -> None:
    go, busy = threading.Event(), threading.Event()

    def deadly(batch: FloatArray) -> FloatArray:
        busy.set()
        assert go.wait(10)
        if batch[0, 0, 0, 0] < 0:
            raise SystemExit("the thread ends here")
        return batch[:, :1, 0, 0]

    with running(deadly, max_batch=2) as batcher:
        dies = batcher.submit(pixels(-1), later())
        assert busy.wait(10)
        waits = [batcher.submit(pixels(value), later()) for value in range(5)]
        go.set()
        with pytest.raises(EncoderError):
            dies.result(10)
        assert [float(one.result(10).vector[0]) for one in waits] == [0, 1, 2, 3, 4]


def test_an_encoder_with_too_few_vectors_leaves_nobody_waiting() -> None:
    with running(lambda batch: batch[:0, :1, 0, 0]) as batcher, pytest.raises(EncoderError):
        batcher.submit(pixels(1), later()).result(10)


def test_batches_that_cannot_be_put_together_leave_nobody_waiting() -> None:
    encode = Recorder(held=True)
    with running(encode, max_batch=2) as batcher:
        first = batcher.submit(pixels(0), later())
        assert encode.busy.wait(10)
        odd = np.zeros((3, 1, 1), dtype=np.float32)  # of another size than its company
        mixed = [batcher.submit(one, later()) for one in (pixels(1), odd)]
        encode.go.set()
        first.result(10)
        for future in mixed:
            with pytest.raises(EncoderError):
                future.result(10)
        assert batcher.submit(pixels(2), later()).result(10).vector[0] == 2


def test_one_failure_is_an_accident_and_many_in_a_row_are_none() -> None:
    broken = [True]

    def moody(batch: FloatArray) -> FloatArray:
        if broken[0]:
            raise ValueError("inside")
        return batch[:, :1, 0, 0]

    with running(moody) as batcher:
        for n in range(HOPELESS):
            assert batcher.is_working, n
            with pytest.raises(EncoderError):
                batcher.submit(pixels(1), later()).result(10)
        until = time.monotonic() + 10
        while batcher.is_working and time.monotonic() < until:
            time.sleep(0.01)  # the caller may hear of it first
        assert not batcher.is_working
        broken[0] = False
        batcher.submit(pixels(1), later()).result(10)
        while not batcher.is_working and time.monotonic() < until:
            time.sleep(0.01)
        assert batcher.is_working


def test_closing_finishes_what_waits_and_takes_no_more() -> None:
    encode = Recorder(held=True)
    batcher = Batcher(encode, max_batch=1, max_wait_ms=0, max_queue=10)
    futures = [batcher.submit(pixels(i), later()) for i in range(3)]
    encode.go.set()
    batcher.close()
    assert [float(f.result(0).vector[0]) for f in futures] == [0, 1, 2]
    with pytest.raises(EncoderError):
        batcher.submit(pixels(9), later())
