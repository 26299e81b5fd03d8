"""Webhooks in the database: which are due, and what came of each attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select, update

from app.database import Database
from app.jobs.store import now_utc
from app.jobs.tables import job_webhooks, jobs

DeliveryState = Literal["waiting", "delivered", "given_up"]
MOST_AT_ONCE = 16
MAX_ERROR_CHARS = 500


@dataclass(frozen=True)
class Delivery:
    """A webhook and how far telling it has come."""

    job_id: str
    url: str
    state: DeliveryState
    attempts: int
    last_error: str


class Deliveries:
    """Safe to share between threads and processes."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = now_utc):
        self._database = database
        self._clock = clock

    def due(self) -> list[Delivery]:
        """Those to be attempted now, the longest due first."""
        hook = job_webhooks.c
        ready = (hook.state == "waiting", hook.due_at <= self._clock())
        query = _SELECT.where(*ready).order_by(hook.due_at).limit(MOST_AT_ONCE)
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def of(self, job_id: str) -> Delivery | None:
        """The webhook of a job, where it has one."""
        with self._database.read() as connection:
            row = connection.execute(_SELECT.where(jobs.c.id == job_id)).first()
        return None if row is None else _delivery(row)

    def delivered(self, delivery: Delivery) -> None:
        """The receiver has accepted it."""
        self._change(delivery, state="delivered", last_error="")

    def failed(self, delivery: Delivery, error: str, retry_in: timedelta | None) -> None:
        """An attempt that failed; without `retry_in` it was the last."""
        error = error[:MAX_ERROR_CHARS]
        if retry_in is None:
            self._change(delivery, state="given_up", last_error=error)
        else:
            self._change(delivery, due_at=self._clock() + retry_in, last_error=error)

    def _change(self, delivery: Delivery, **columns: Any) -> None:
        number = select(jobs.c.number).where(jobs.c.id == delivery.job_id).scalar_subquery()
        change = update(job_webhooks).where(job_webhooks.c.job == number)
        with self._database.write() as connection:
            connection.execute(change.values(attempts=delivery.attempts + 1, **columns))


_SELECT = select(job_webhooks, jobs.c.id.label("job_id")).join(
    jobs, jobs.c.number == job_webhooks.c.job
)


def _delivery(row: Any) -> Delivery:
    return Delivery(row.job_id, row.url, row.state, row.attempts, row.last_error)
