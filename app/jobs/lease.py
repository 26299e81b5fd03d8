"""One process works on the jobs of a database, however many share it."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from app.database import Database
from app.jobs.store import in_utc, now_utc
from app.jobs.tables import job_leases

NAME = "jobs"
TERM = timedelta(seconds=30)


class Lease:
    """Held by asking for it again and again; a holder that is silent for `TERM` has lost it.

    A holder of this machine whose process is gone loses it at once, so that a restart goes on
    where the kill was. Clocks that disagree can give two holders for a while: then work is done
    twice, but no result is kept twice.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = now_utc):
        self._database = database
        self._clock = clock
        self._host = socket.gethostname()[:100]
        self._owner = f"{self._host}:{os.getpid()}:{secrets.token_hex(8)}"
        self._until: datetime | None = None

    def hold(self) -> bool:
        """Whether this process may work now. Writes only when half of the term is over."""
        now = self._clock()
        if self._until is not None and now < self._until - TERM / 2:
            return True
        self._until = None
        row = {"owner": self._owner, "until": now + TERM}
        with self._database.write() as connection:
            held = connection.execute(select(job_leases).where(job_leases.c.name == NAME)).first()
            if held is None:
                connection.execute(insert(job_leases).values(name=NAME, **row))
            elif held.owner == self._owner or in_utc(held.until) < now or self._gone(held.owner):
                connection.execute(update(job_leases).where(job_leases.c.name == NAME).values(row))
            else:
                return False
        self._until = now + TERM
        return True

    def release(self) -> None:
        """Gives it back, so that another need not wait for the end of the term."""
        if self._until is None:
            return
        self._until = None
        ours = (job_leases.c.name == NAME, job_leases.c.owner == self._owner)
        with self._database.write() as connection:
            connection.execute(delete(job_leases).where(*ours))

    def _gone(self, owner: str) -> bool:
        """Whether the owner was a process of this machine that is no more."""
        host, _, process = owner.rpartition(":")[0].rpartition(":")
        if host != self._host:
            return False
        if int(process) == os.getpid():
            return True  # the number is ours now, so it is not theirs
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except OSError:  # it lives, and belongs to another user
            return False
        return False
