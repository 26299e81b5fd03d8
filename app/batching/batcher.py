"""Joins the images of many requests into batches for the encoder, on threads of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.batching.line import Encoded, FloatArray, Line, PixelArray, Priority, Waiting
from app.errors import EncoderError, TuqianError

__all__ = ["Batcher", "Encode", "Encoded", "FloatArray", "Priority"]

Encode = Callable[[PixelArray], FloatArray]
# Told how many images a batch had and how many seconds it took, whether it failed or not.
Observe = Callable[[int, float], None]
log = logging.getLogger(__name__)

# So many batches one after the other are no accident of one of them.
HOPELESS = 5


@dataclass(frozen=True)
class _Batch:
    """Images that go to the encoder together; `pixels` are theirs, where they are stacked."""

    items: Sequence[Waiting]
    pixels: PixelArray | None = None


class Batcher:
    """One owner of the line: three numbers say everything about it.

    `max_batch` images at most go to the encoder together. Under load a batch that is not full
    waits up to `max_wait_ms` for company, and only where the recent rate promises some; an image
    that finds an encoder idle never waits. Beyond `max_queue` waiting images of its priority, one
    more is refused at once.

    Each function in `encoders` (one a GPU) has a thread of its own; whichever is free takes the
    next batch. While all of them work, the next full batch is put together.

    Whatever an encoder raises, its batch fails with `EncoderError` and the thread lives on; what
    ends the thread itself fails that batch too, and another thread takes its place.
    """

    def __init__(
        self,
        encoders: Encode | Sequence[Encode],
        *,
        max_batch: int,
        max_wait_ms: float,
        max_queue: int,
        observe: Observe | None = None,
    ):
        self._observe = observe
        self._max_batch = max_batch
        self._max_wait_s = max_wait_ms / 1000
        self._max_queue = max_queue
        self._line = Line(max_queue)
        self._ahead: _Batch | None = None
        self._stacking = 0
        self._changed = threading.Condition()
        self._closed = False
        each = encoders if isinstance(encoders, Sequence) else (encoders,)
        self._busy = len(each)  # until each has asked for its first batch
        self._workers = len(each)
        self.failed_in_a_row = 0
        self.restarts = 0
        self._alive = 0
        for n, encode in enumerate(each):
            self._start(f"batcher-{n}", partial(self._work, encode))
        self._start("batcher-ahead", self._prepare)

    def beside(self, encoders: Sequence[Encode]) -> Batcher:
        """Another with the same numbers, for other functions of the same models."""
        return Batcher(
            encoders,
            max_batch=self._max_batch,
            max_wait_ms=self._max_wait_s * 1000,
            max_queue=self._max_queue,
        )

    @property
    def encoders(self) -> int:
        """Threads that encode."""
        return self._workers

    @property
    def is_working(self) -> bool:
        """False where batch after batch has failed: then only a new process is likely to help."""
        return self.failed_in_a_row < HOPELESS

    @property
    def waiting(self) -> int:
        """Images whose batch has not begun."""
        prepared = self._ahead
        return len(self._line) + self._stacking + (len(prepared.items) if prepared else 0)

    async def encode(
        self, pixels: PixelArray, deadline: float, priority: Priority = "interactive"
    ) -> Encoded:
        """The vector of one image's `(3, h, w)` prepared pixels.

        Cancelling the caller takes the image out of the line, unless its batch has begun. Raises
        `OverloadedError`, `EncoderError`, or `RequestTimeoutError` where the monotonic clock
        passed `deadline` before its batch began.
        """
        return await asyncio.wrap_future(self.submit(pixels, deadline, priority))

    def submit(
        self, pixels: PixelArray, deadline: float, priority: Priority = "interactive"
    ) -> Future[Encoded]:
        """The same for a caller without an event loop."""
        item = Waiting(pixels, deadline)
        with self._changed:
            if self._closed:
                raise EncoderError("服务正在关闭，不再接收图片")
            self._line.add(item, priority)
            self._changed.notify_all()
        return item.future

    def close(self) -> None:
        """Finishes the images in the line and ends the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._alive)

    def _start(self, name: str, work: Callable[[], None]) -> None:
        """Starts a thread that is started again where something ends it before its time."""

        def live() -> None:
            try:
                work()
            except BaseException:
                log.exception("%s died and is started again", name)
                self.restarts += 1
                threading.Thread(target=live, name=name, daemon=True).start()
                return
            with self._changed:
                self._alive -= 1
                self._changed.notify_all()

        self._alive += 1
        threading.Thread(target=live, name=name, daemon=True).start()

    def _work(self, encode: Encode) -> None:
        while batch := self._next_batch():
            try:
                good = _run(encode, batch, self._observe)
            except BaseException:  # it ends this thread, and must not end it twice over
                self.failed_in_a_row += 1
                raise
            self.failed_in_a_row = 0 if good else self.failed_in_a_row + 1

    def _next_batch(self) -> _Batch | None:
        """What a free encoder does next; `None` when the batcher is closed and nothing is left."""
        with self._changed:
            self._busy -= 1
            idle = not self._has_work()
            while True:
                self._changed.wait_for(lambda: self._has_work() or self._is_over())
                if self._ahead is None and not idle:
                    self._wait_for_company()
                if self._has_work() or self._is_over():  # another encoder may have been faster
                    break
            batch, self._ahead = self._ahead, None
            items = [] if batch else self._line.take(self._max_batch)
            self._busy += 1
            self._changed.notify_all()
        # Outside the lock: copying pixels takes milliseconds.
        return batch or (_Batch(items) if items else None)

    def _has_work(self) -> bool:
        """Holding the lock: whether a batch is ready, or can be taken from the line."""
        return self._ahead is not None or (len(self._line) > 0 and not self._stacking)

    def _is_over(self) -> bool:
        return self._closed and not self._stacking and not self._has_work()

    def _wait_for_company(self) -> None:
        """Under load, and holding the lock: until the batch is full or no more are expected."""
        while 0 < len(self._line) < self._max_batch and not self._closed:
            wait_s = self._line.wait_of(self._max_batch - len(self._line), self._max_wait_s)
            left = self._line.oldest_since + wait_s - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _prepare(self) -> None:
        """While every encoder works: stacks the next batch, once there is a full one.

        Not sooner: who is in a stacked batch is settled, and an image that comes later, perhaps
        more urgent, cannot join it.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._can_prepare())
                if self._closed:
                    return
                items = self._line.take(self._max_batch)
                self._stacking = len(items)
            try:
                batch = _Batch(items, _stacked(items))
            except Exception:  # no memory for it now: the encoder's thread will try again
                log.exception("a batch could not be put together ahead")
                batch = _Batch(items)
            with self._changed:
                self._ahead, self._stacking = batch, 0
                self._changed.notify_all()

    def _can_prepare(self) -> bool:
        all_work = self._busy == self._workers
        return all_work and self._ahead is None and len(self._line) >= self._max_batch


def _stacked(items: Sequence[Waiting]) -> PixelArray:
    return np.stack([item.pixels for item in items])


def _run(encode: Encode, batch: _Batch, observe: Observe | None) -> bool:
    """Encodes the images that are still wanted and tells their callers; False where it failed.

    Whatever happens, each of them hears something. Raises what is meant to end the thread.
    """
    wanted = [item.still_wanted() for item in batch.items]
    alive = [item for item, is_wanted in zip(batch.items, wanted, strict=True) if is_wanted]
    if not alive:
        return True
    began = time.monotonic()
    try:
        if batch.pixels is None:
            vectors = encode(_stacked(alive))
        else:
            all_of_them = len(alive) == len(batch.items)
            vectors = encode(batch.pixels if all_of_them else batch.pixels[wanted])
        if len(vectors) != len(alive):
            raise EncoderError(f"编码器对 {len(alive)} 张图片给出了 {len(vectors)} 个向量")
    except BaseException as error:
        log.exception("encoder failed", extra={"batch": len(alive)})
        failure = error if isinstance(error, TuqianError) else EncoderError("编码图片时出错")
        for item in alive:
            item.future.set_exception(failure)
        if not isinstance(error, Exception):
            raise
        return False
    finally:
        spent_s = time.monotonic() - began
        if observe is not None:
            observe(len(alive), spent_s)
    for item, vector in zip(alive, vectors, strict=True):
        queue_ms = (began - item.since) * 1000
        item.future.set_result(Encoded(vector, queue_ms, spent_s * 1000))
    return True
