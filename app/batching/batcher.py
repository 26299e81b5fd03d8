"""Joins the images of many requests into batches for the encoder, on a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.errors import EncoderError, OverloadedError, RequestTimeoutError, TuqianError

FloatArray = NDArray[np.float32]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoded:
    """One image's `(d,) float32` row as the encoder gave it, and its waits in milliseconds."""

    vector: FloatArray
    queue_ms: float
    encode_ms: float
    copy_vector: FloatArray | None = None


@dataclass
class _Waiting:
    """An image in the queue; `deadline` and `since` are readings of the monotonic clock."""

    pixels: FloatArray
    deadline: float
    since: float = field(default_factory=time.monotonic)
    future: Future[Encoded] = field(default_factory=Future)


class Batcher:
    """One owner of the queue: three numbers say everything about it.

    `max_batch` images at most go to the encoder together. Under load a batch that is not full
    waits `max_wait_ms` for company; an image that finds the encoder idle never waits. Beyond
    `max_queue` waiting images, one more is refused at once.
    """

    def __init__(
        self,
        encode: Callable[[FloatArray], FloatArray],
        *,
        max_batch: int,
        max_wait_ms: float,
        max_queue: int,
    ):
        self._encode = encode
        self._max_batch = max_batch
        self._max_wait_s = max_wait_ms / 1000
        self._max_queue = max_queue
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Images in the queue."""
        return len(self._queue)

    async def encode(self, pixels: FloatArray, deadline: float) -> Encoded:
        """The vector of one image's `(3, h, w)` prepared pixels.

        Cancelling the caller takes the image out of the queue, unless its batch has begun.
        Raises `OverloadedError`, `EncoderError`, or `RequestTimeoutError` where the monotonic
        clock passed `deadline` before its batch began.
        """
        return await asyncio.wrap_future(self.submit(pixels, deadline))

    def submit(self, pixels: FloatArray, deadline: float) -> Future[Encoded]:
        """The same for a caller without an event loop."""
        item = _Waiting(pixels, deadline)
        with self._changed:
            if self._closed:
                raise EncoderError("服务正在关闭，不再接收图片")
            if len(self._queue) >= self._max_queue:
                raise OverloadedError(f"等待编码的图片已有 {self._max_queue} 张，达到上限")
            self._queue.append(item)
            self._changed.notify()
        return item.future

    def close(self) -> None:
        """Finishes the images in the queue and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            alive = [item for item in batch if self._still_wanted(item)]
            if alive:
                self._run(alive)

    def _next_batch(self) -> list[_Waiting]:
        """The images of the next batch; an empty list when the batcher is closed."""
        with self._changed:
            idle = not self._queue
            while not self._queue and not self._closed:
                self._changed.wait()
            if not idle:
                self._wait_for_company()
            count = min(len(self._queue), self._max_batch)
            return [self._queue.popleft() for _ in range(count)]

    def _wait_for_company(self) -> None:
        """Under load, and holding the lock: until the batch is full or the oldest waited enough."""
        until = self._queue[0].since + self._max_wait_s
        while len(self._queue) < self._max_batch and not self._closed:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _still_wanted(self, item: _Waiting) -> bool:
        """False where the caller left or the time is up: it must not cost the encoder anything."""
        if not item.future.set_running_or_notify_cancel():
            return False
        if time.monotonic() > item.deadline:
            item.future.set_exception(RequestTimeoutError("图片在等待编码时超过了请求时限"))
            return False
        return True

    def _run(self, batch: list[_Waiting]) -> None:
        began = time.monotonic()
        try:
            vectors = self._encode(np.stack([item.pixels for item in batch]))
        except Exception as error:  # whatever the runtime raises, the thread must live on
            log.exception("encoder failed", extra={"batch": len(batch)})
            failure = error if isinstance(error, TuqianError) else EncoderError("编码图片时出错")
            for item in batch:
                item.future.set_exception(failure)
            return
        encode_ms = (time.monotonic() - began) * 1000
        for item, vector in zip(batch, vectors, strict=True):
            queue_ms = (began - item.since) * 1000
            item.future.set_result(Encoded(vector, queue_ms, encode_ms))
