"""The images that wait for the encoder, and which of them come next."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import OverloadedError, RequestTimeoutError

FloatArray = NDArray[np.float32]
PixelArray = NDArray[np.float32 | np.uint8]

# `interactive`: somebody watches; `bulk`: jobs and collections, which take what is left.
Priority = Literal["interactive", "bulk"]

# One place in so many is kept for bulk images, so that they move however busy the others are.
BULK_SHARE = 8
# The rate of arrivals is that of the last so many.
REMEMBERED = 9
# Gaps scatter: waiting for the mean one alone would miss a third of the images.
PATIENCE = 2.0


@dataclass(frozen=True)
class Encoded:
    """One image's `(d,) float32` row as the encoder gave it, and its waits in milliseconds.

    `parts (k, d)` are the unit vectors of its parts, where they were asked for.
    """

    vector: FloatArray
    queue_ms: float
    encode_ms: float
    copy_vector: FloatArray | None = None
    parts: FloatArray | None = None

    def parted(self, dim: int) -> Encoded:
        """The row of an encoder that gives copy vectors too, as its two vectors."""
        if len(self.vector) == dim:
            return self
        return replace(self, vector=self.vector[:dim], copy_vector=self.vector[dim:])


@dataclass
class Waiting:
    """An image in the line; `deadline` and `since` are readings of the monotonic clock."""

    pixels: PixelArray
    deadline: float
    since: float = field(default_factory=time.monotonic)
    future: Future[Encoded] = field(default_factory=Future)

    def still_wanted(self) -> bool:
        """False where the caller left or the time is up: it must not cost the encoder anything.

        Asked once, right before the image is encoded: afterwards it can no longer be cancelled.
        """
        if not self.future.set_running_or_notify_cancel():
            return False
        if time.monotonic() > self.deadline:
            self.future.set_exception(RequestTimeoutError("图片在等待编码时超过了请求时限"))
            return False
        return True


class Line:
    """Two lines of at most `longest` images each; not safe to share without a lock.

    They have a limit each, so that no amount of bulk work turns an interactive image away.
    """

    def __init__(self, longest: int):
        self._longest = longest
        self._lines: dict[Priority, deque[Waiting]] = {"interactive": deque(), "bulk": deque()}
        self._arrivals: deque[float] = deque(maxlen=REMEMBERED)
        self._passed_bulk = 0

    def __len__(self) -> int:
        """Images in both lines."""
        return sum(len(line) for line in self._lines.values())

    @property
    def oldest_since(self) -> float:
        """When the longest waiting image came; the line must not be empty."""
        return min(line[0].since for line in self._lines.values() if line)

    def wait_of(self, missing: int, longest_s: float) -> float:
        """How long the oldest image should wait for `missing` others to come, in seconds.

        About as long as they take at the recent rate, at most `longest_s`; not at all where not
        even one is expected within that.
        """
        if len(self._arrivals) < 2:
            return 0.0
        gap_s = (self._arrivals[-1] - self._arrivals[0]) / (len(self._arrivals) - 1)
        if gap_s >= longest_s:
            return 0.0
        return min(longest_s, PATIENCE * gap_s * missing)

    def add(self, item: Waiting, priority: Priority) -> None:
        """Raises `OverloadedError` where that line is full."""
        line = self._lines[priority]
        if len(line) >= self._longest:
            raise OverloadedError(f"等待编码的图片已有 {self._longest} 张，达到上限")
        line.append(item)
        self._arrivals.append(item.since)

    def take(self, count: int) -> list[Waiting]:
        """Removes the next images, at most `count`: interactive before bulk, each in its order.

        Bulk images get what is left, and one place of `BULK_SHARE` that they had to see pass.
        """
        interactive, bulk = self._lines["interactive"], self._lines["bulk"]
        owed = (self._passed_bulk + count) // BULK_SHARE
        kept = min(len(bulk), owed, count)
        first = min(len(interactive), count - kept)
        then = min(len(bulk), count - first)
        self._passed_bulk = self._passed_bulk + first if bulk and not then else 0
        return [interactive.popleft() for _ in range(first)] + [bulk.popleft() for _ in range(then)]
