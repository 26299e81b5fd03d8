"""The gate: how many images may be in the house, and what happens to one more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
        self._lock = threading.Lock()

    @property
    def inside(self) -> int:
        """Images of the requests in progress."""
        return self._inside

    @contextmanager
    def place(self, images: int) -> Iterator[None]:
        """Holds a place for each image while the block runs; raises `OverloadedError`."""
        with self._lock:
            if self._inside and self._inside + images > self._capacity:
                raise OverloadedError(
                    f"正在处理的{self._things}已有 {self._inside}，上限 {self._capacity}"
                )
            self._inside += images
        try:
            yield
        finally:
            with self._lock:
                self._inside -= images
