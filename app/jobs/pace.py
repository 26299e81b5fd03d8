"""How fast the job at hand goes, for those who wait for it."""

from __future__ import annotations

import threading
import time
from collections import deque

from app.jobs.job import Job

# The rate is that of the last so many steps.
STEPS = 64


class Pace:
    """Told each step, knows the recent rate. Safe to share between threads."""

    def __init__(self) -> None:
        self._job: int | None = None
        self._steps: deque[tuple[float, int]] = deque(maxlen=STEPS)
        self._lock = threading.Lock()

    def step(self, job: int, images: int) -> None:
        """So many images of a job are through; 0 says that it begins or goes on."""
        with self._lock:
            if job != self._job or images == 0:
                self._job = job
                self._steps.clear()
            before = self._steps[-1][1] if self._steps else 0
            self._steps.append((time.monotonic(), before + images))

    def rate(self, job: Job) -> float | None:
        """Images a second: lately where it runs here, on average where it is done, else None."""
        if job.finished:
            return _average(job)
        with self._lock:
            if job.number != self._job or len(self._steps) < 2:
                return None
            (began, first), (now, last) = self._steps[0], self._steps[-1]
        return (last - first) / (now - began) if now > began else None


def _average(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    seconds = (job.finished_at - job.started_at).total_seconds()
    return (job.done + job.failed) / seconds if seconds > 0 else None
