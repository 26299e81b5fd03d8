"""The one thread that works on jobs: takes the oldest, tags its items, tells who asked to know."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.errors import InvalidRequestError
from app.jobs.desk import JobDesk
from app.jobs.job import Item, ItemResult, Job
from app.jobs.store import now_utc
from app.jobs.teller import Teller
from app.jobs.webhook import Post
from app.jobs.work import Rendering, results_of, step_back
from app.tagger import Tagger

log = logging.getLogger(__name__)

# Requests of a job at a time: one that is encoded and one that is decoded meanwhile.
AT_ONCE = 2
LOOK_EVERY_S = 0.5
PRUNE_EVERY_S = 3600.0
# A job that fails as a whole so often without any progress between is given up.
TRIES = 5
LONGEST_REST_S = 60.0


class Runner:
    """Goes on where the last process stopped; what was recorded is never done again.

    `images_in_flight` of a job at most are in the house, on threads of their own that yield to
    those of requests, and wait for the encoder behind them. Jobs finished longer than `keep` ago
    are forgotten.
    """

    def __init__(
        self,
        desk: JobDesk,
        tagger: Tagger,
        teller: Teller | None,
        rendering: Rendering,
        *,
        images_in_flight: int,
        keep: timedelta,
        rest_s: float = 1.0,
    ):
        self._store = desk.store
        self._pace = desk.pace
        self._lease = desk.lease
        self._teller = teller
        self._rendering = rendering
        self._chunk = max(1, images_in_flight // AT_ONCE)
        self._keep = keep
        self._rest_s = rest_s
        self._failures = 0
        self._pool = ThreadPoolExecutor(images_in_flight, "jobs-decode", initializer=step_back)
        self._tagger = replace(tagger, pool=self._pool)
        self._stop: Future[Callable[[], None]] = Future()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Gives up what is under way, which the next start does again, and ends the thread."""
        self._stop.result()()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        with suppress(Exception):  # a lease not given back ends by itself
            self._lease.release()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._main())

    async def _main(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        self._stop.set_result(lambda: _call(loop, task.cancel))
        await asyncio.gather(
            _again(self._work, LOOK_EVERY_S),
            _again(self._tell, LOOK_EVERY_S),
            _again(self._prune, PRUNE_EVERY_S),
        )

    async def _work(self) -> None:
        """Works on jobs, the oldest first, until there is none."""
        while (job := self._store.oldest_unfinished()) is not None and self._lease.hold():
            self._store.begin(job.number)
            try:
                await self._carry_out(job)
            except InvalidRequestError as error:
                # Nothing of it can be done: the vocabulary lost a category it asks for.
                self._store.finish(job.number, "failed", self._rendering.error(error))
            except Exception as error:
                await self._rest(job, error)

    async def _carry_out(self, job: Job) -> None:
        """Every item without a result, some requests at a time; ends where the job is no more."""
        self._pace.step(job.number, 0)
        after, under_way = -1, set[asyncio.Task[list[ItemResult]]]()
        try:
            while self._lease.hold():
                while len(under_way) < AT_ONCE and (items := self._items(job, after)):
                    after = items[-1].position
                    work = results_of(self._tagger, job, items, self._rendering)
                    under_way.add(asyncio.ensure_future(work))
                if not under_way:
                    self._store.finish(job.number, "done")
                    return
                ready, under_way = await asyncio.wait(
                    under_way, return_when=asyncio.FIRST_COMPLETED
                )
                for task in ready:
                    if not self._store.record(job.number, task.result()):
                        return
                    self._pace.step(job.number, len(task.result()))
                    self._failures = 0
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _items(self, job: Job, after: int) -> tuple[Item, ...]:
        return self._store.waiting(job.number, after, self._chunk)

    async def _rest(self, job: Job, error: Exception) -> None:
        """After a failure of more than one item: waits, longer each time, or gives the job up."""
        self._failures += 1
        log.exception("job interrupted", exc_info=error, extra={"job": job.id})
        if self._failures >= TRIES:
            self._failures = 0
            self._store.finish(job.number, "failed", self._rendering.error(error))
        else:
            await asyncio.sleep(min(LONGEST_REST_S, self._rest_s * 2.0**self._failures))

    async def _tell(self) -> None:
        if self._teller is not None and self._teller.has_work and self._lease.hold():
            await self._teller.tell()

    async def _prune(self) -> None:
        while self._store.prune(now_utc() - self._keep):
            await asyncio.sleep(0)  # the jobs at work go on


async def _again(work: Callable[[], Coroutine[Any, Any, None]], every_s: float) -> None:
    """The work for ever; what fails is tried again the next time."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a look at the jobs failed; trying again")
        await asyncio.sleep(every_s)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(what)


def start_runner(
    desk: JobDesk,
    tagger: Tagger,
    post: Post,
    rendering: Rendering,
    *,
    secret: str,
    attempts: int,
    images_in_flight: int,
    keep_days: float,
) -> Runner:
    """A runner at work; without a secret no webhook is sent."""
    teller = Teller(desk.store, desk.deliveries, post, secret, attempts) if secret else None
    return Runner(
        desk,
        tagger,
        teller,
        rendering,
        images_in_flight=images_in_flight,
        keep=timedelta(days=keep_days),
    )
