"""The gates: how many images may be in the house, and what happens to one more.

`Gate` refuses at once, for callers who wait at the other end of a connection. `WaitingGate` lets
its callers wait, for work that nobody watches.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

from app.errors import OverloadedError


class Gate:
    """Counts the images of all requests in progress and refuses at once beyond `capacity`.

    Refusing at the door costs nothing; a queue that grows costs memory and makes every answer
    late. A request larger than the whole capacity is let in when the house is empty, so that it
    is not refused for ever.
    """

    def __init__(self, capacity: int, things: str = "图片"):
        self._capacity = capacity
        self._things = things
        self._inside = 0
        self._refused = 0
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """Images let in at a time."""
        return self._capacity

    @property
    def inside(self) -> int:
        """Images of the requests in progress."""
        return self._inside

    @property
    def refused(self) -> int:
        """Images turned away since the start."""
        return self._refused

    def check(self) -> None:
        """Raises `OverloadedError` where not even one more image would be let in."""
        with self._lock:
            self._refuse_beyond(1)

    @contextmanager
    def place(self, images: int) -> Iterator[None]:
        """Holds a place for each image while the block runs; raises `OverloadedError`."""
        with self._lock:
            self._refuse_beyond(images)
            self._inside += images
        try:
            yield
        finally:
            with self._lock:
                self._inside -= images

    def _refuse_beyond(self, images: int) -> None:
        """Holding the lock: counts and raises where so many more do not fit."""
        if self._inside and self._inside + images > self._capacity:
            self._refused += images
            raise OverloadedError(
                f"正在处理的{self._things}已有 {self._inside}，上限 {self._capacity}"
            )


class WaitingGate:
    """Lets at most `capacity` images in and makes the next caller wait, in order of arrival.

    For bulk work, whose caller holds few images at a time and would only try again when refused.
    Safe from several threads and from any event loop. As with `Gate`, more images than the whole
    capacity enter when the house is empty.
    """

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._inside = 0
        self._line: deque[tuple[int, Future[None]]] = deque()
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """Images let in at a time."""
        return self._capacity

    @property
    def inside(self) -> int:
        """Images that were let in and have not left."""
        return self._inside

    @property
    def waiting(self) -> int:
        """Callers in the line."""
        return len(self._line)

    @asynccontextmanager
    async def place(self, images: int) -> AsyncIterator[None]:
        """Holds a place for each image while the block runs; a cancelled caller leaves the line."""
        turn = self._stand_in_line(images)
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            self._give_up(images, turn)
            raise
        try:
            yield
        finally:
            self._leave(images)

    @contextmanager
    def place_blocking(self, images: int) -> Iterator[None]:
        """The same for a thread without an event loop."""
        self._stand_in_line(images).result()
        try:
            yield
        finally:
            self._leave(images)

    def _stand_in_line(self, images: int) -> Future[None]:
        turn: Future[None] = Future()
        with self._lock:
            self._line.append((images, turn))
            self._admit()
        return turn

    def _give_up(self, images: int, turn: Future[None]) -> None:
        """A caller who left while it was let in gives the place back; else it leaves the line."""
        with self._lock:
            if not turn.cancel() and not turn.cancelled():
                self._inside -= images
            self._admit()

    def _leave(self, images: int) -> None:
        with self._lock:
            self._inside -= images
            self._admit()

    def _admit(self) -> None:
        """Holding the lock: lets in whoever fits, from the front, and forgets those who left."""
        while self._line:
            images, turn = self._line[0]
            if not turn.cancelled() and self._inside and self._inside + images > self._capacity:
                return
            self._line.popleft()
            # False where the caller cancelled: then nobody takes the place.
            if turn.set_running_or_notify_cancel():
                self._inside += images
                turn.set_result(None)
