"""Sends the webhooks that are due, and decides what becomes of those that failed."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta

from app.errors import FetchError, JobNotFoundError
from app.jobs.deliveries import Deliveries, Delivery
from app.jobs.store import JobStore
from app.jobs.webhook import Post, body_of, delay_s, headers_of

log = logging.getLogger(__name__)


class Teller:
    """At most `max_attempts` a webhook, further and further apart; all of it is in the database.

    A receiver may hear of a job twice, where the process dies between its answer and our note.
    """

    def __init__(
        self,
        store: JobStore,
        deliveries: Deliveries,
        post: Post,
        secret: str,
        max_attempts: int,
        *,
        delay_s: Callable[[int, Callable[[], float]], float] = delay_s,
    ):
        self._store = store
        self._deliveries = deliveries
        self._post = post
        self._secret = secret
        self._max_attempts = max_attempts
        self._delay_s = delay_s

    @property
    def has_work(self) -> bool:
        """Whether a webhook is due."""
        return bool(self._deliveries.due())

    async def tell(self) -> None:
        """Attempts every webhook that is due, together."""
        await asyncio.gather(*(self._attempt(one) for one in self._deliveries.due()))

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            job = self._store.get(delivery.job_id)
        except JobNotFoundError:  # deleted in the meantime, with its webhook
            return
        body = body_of(job)
        headers = headers_of(self._secret, int(time.time()), body)
        error = ""
        try:
            status = await asyncio.to_thread(self._post, delivery.url, body, headers)
            if not 200 <= status < 300:
                error = f"对方回答 HTTP {status}"
        except FetchError as failure:
            error = str(failure)
        if error:
            self._failed(delivery, error)
        else:
            self._deliveries.delivered(delivery)

    def _failed(self, delivery: Delivery, error: str) -> None:
        attempts = delivery.attempts + 1
        last = attempts >= self._max_attempts
        wait = None if last else timedelta(seconds=self._delay_s(attempts, random.random))
        self._deliveries.failed(delivery, error, wait)
        log.warning(
            "webhook failed",
            extra={"job": delivery.job_id, "attempts": attempts, "given_up": last},
        )
