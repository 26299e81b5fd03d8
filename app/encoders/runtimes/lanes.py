"""A batch divided among the cores, each of which computes its rows alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.encoders.base import FloatArray

Feed = dict[str, NDArray[Any]]


class Lanes:
    """So many threads that run one graph, each on its own part of a batch.

    Cores that share every product of a graph wait for one another some hundred times a batch, and
    whenever one of them is needed elsewhere, for decoding a photo say, the others wait for it.
    """

    def __init__(self, count: int):
        self.count = count
        # Its threads end when it is collected.
        self._pool = ThreadPoolExecutor(count, "lane") if count > 1 else None

    def suit(self, rows: int) -> bool:
        """Whether a batch of so many rows has one for every lane."""
        return self._pool is not None and rows >= self.count

    def __call__(self, alone: Callable[[Feed], list[FloatArray]], feed: Feed) -> list[FloatArray]:
        """`alone` of each lane's rows of the feed, its outputs put together in order.

        `alone` computes on the thread that calls it and no other. What it raises is raised.
        """
        if self._pool is None:
            return alone(feed)
        parts = {name: np.array_split(rows, self.count) for name, rows in feed.items()}
        of_each = [{name: of[lane] for name, of in parts.items()} for lane in range(self.count)]
        found = list(
            self._pool.map(alone, [one for one in of_each if len(next(iter(one.values())))])
        )
        return [np.concatenate(columns) for columns in zip(*found, strict=True)]


def lanes_for(threads: int, device: str) -> int:
    """How many lanes a graph has: on a CPU one a thread, where `threads` 0 is one a core."""
    if device != "cpu":
        return 1
    if threads:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
