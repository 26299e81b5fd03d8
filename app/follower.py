"""Watches the database for changes of other processes, so that all of them answer alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Follower:
    """A thread that calls `catch_up` whenever the database has changed.

    `data_version` is the cheap question whether it has; it is asked every `every_s` seconds, so
    that a change elsewhere is live here within a second.
    """

    def __init__(
        self,
        data_version: Callable[[], int],
        catch_up: Callable[[], bool],
        *,
        every_s: float = 0.25,
    ):
        self._data_version = data_version
        self._catch_up = catch_up
        self._every_s = every_s
        self._seen: int | None = None
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self._look()
                self._failing = False
            except Exception:  # whatever failed, the next look may succeed
                if not self._failing:
                    log.exception("cannot follow other processes; trying again")
                self._failing = True

    def _look(self) -> None:
        version = self._data_version()
        if version == self._seen:
            return
        if self._catch_up():
            log.info("followed a change of another process")
        self._seen = version  # only now: what failed is tried again
