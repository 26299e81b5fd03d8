"""Long work in slices: some processes take tasks until the time is up; the next run goes on."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Task = TypeVar("Task")


def work(
    tasks: Sequence[Task],
    make: Callable[[], Callable[[Task], None]],
    *,
    workers: int,
    until: float,
) -> int:
    """Does the tasks in order, in processes that call `make` once; returns how many are left.

    `until` is a moment of `time.monotonic()`. A task leaves what it found on disk.
    """
    fork = multiprocessing.get_context("fork")
    done = fork.Value("l", 0)
    taken = fork.Value("l", 0)

    def run() -> None:
        do = make()
        while time.monotonic() < until:
            with taken.get_lock():
                place, taken.value = taken.value, taken.value + 1
            if place >= len(tasks):
                return
            do(tasks[place])
            with done.get_lock():
                done.value += 1

    if not tasks:
        return 0
    processes = [fork.Process(target=run) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return len(tasks) - int(done.value)
