"""The runner over real parts: what one failure costs, and what a stop or a rival changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

import pytest

from app.api.context import Service
from app.api.job_render import RENDERING
from app.batching.line import Priority
from app.choice import Options
from app.database import Database
from app.errors import EncoderError, FetchError, RequestTimeoutError
from app.intake.sources import Source, UrlSource
from app.jobs.desk import JobDesk, desk_of
from app.jobs.job import Draft, Job
from app.jobs.runner import TRIES, Runner
from app.recall import Name
from app.tagger import Answer, Tagger

PATIENCE_S = 60
Trouble = Callable[[list[str]], None]


@dataclass(frozen=True)
class Troubled(Tagger):
    """A real tagger that first lets `trouble` look at the addresses of each request."""

    trouble: Trouble = field(default=lambda urls: None)

    async def tag(
        self,
        sources: Sequence[Source],
        options: Options,
        names: Sequence[Name] = (),
        priority: Priority = "interactive",
    ) -> Answer:
        assert priority == "bulk"
        self.trouble([one.url for one in sources if isinstance(one, UrlSource)])
        return await super().tag(sources, options, names, priority)


class World:
    """Jobs over a database of their own, and the tagger of a service that fetches one photo."""

    def __init__(self, database: Database, tagger: Tagger, photo: bytes):
        self.tagger = replace(tagger, fetch=lambda url: photo)
        self.desk = desk(database)

    @contextmanager
    def runner(
        self, trouble: Trouble | None = None, tagger: Tagger | None = None
    ) -> Iterator[None]:
        parts = {one.name: getattr(tagger or self.tagger, one.name) for one in fields(Tagger)}
        troubled = Troubled(**parts, trouble=trouble or (lambda urls: None))
        runner = Runner(
            self.desk,
            troubled,
            None,
            RENDERING,
            images_in_flight=4,
            keep=timedelta(days=1),
            rest_s=0.001,
        )
        try:
            yield
        finally:
            runner.close()

    def submit(self, count: int) -> Job:
        items = tuple(("url", f"http://host/{n}") for n in range(count))
        return self.desk.store.create(Draft(items, Options()))  # type: ignore[arg-type]

    def wait(self, job: Job, until: Callable[[Job], bool] = lambda job: job.finished) -> Job:
        end = time.monotonic() + PATIENCE_S
        while not until(now := self.desk.store.get(job.id)):
            assert time.monotonic() < end, now
            time.sleep(0.01)
        return now

    def lines(self, job: Job) -> list[dict[str, Any]]:
        found = self.desk.store.lines(self.desk.store.get(job.id), 0, 1000)
        return [json.loads(line) for _, line in found]


def desk(database: Database) -> JobDesk:
    return desk_of(database, max_unfinished=10, max_images=100, fetches=True, signs=False)


@pytest.fixture
def world(database: Database, service: Service, cat: bytes) -> World:
    return World(database, service.tagger, cat)


@pytest.mark.parametrize(
    ("error", "code"),
    [(EncoderError("no"), "encoder_failed"), (RequestTimeoutError("late"), "timeout")],
)
def test_an_image_the_encoder_cannot_take_is_the_only_one_that_fails(
    world: World, error: Exception, code: str
) -> None:
    def trouble(urls: list[str]) -> None:
        if "http://host/3" in urls:
            raise error

    job = world.submit(8)
    with world.runner(trouble):
        done = world.wait(job)
    assert (done.state, done.done, done.failed) == ("done", 7, 1)
    lines = world.lines(job)
    assert [one["index"] for one in lines] == list(range(8))
    assert [one["status"] for one in lines] == ["ok"] * 3 + ["error"] + ["ok"] * 4
    assert lines[3]["problem"]["code"] == code
    assert lines[3]["vocabulary_revision"] == lines[0]["vocabulary_revision"] == 1
    assert lines[3]["model"] == lines[0]["model"]


def test_an_address_that_cannot_be_fetched_is_a_result_with_its_reason(
    world: World, cat: bytes
) -> None:
    def fetch(url: str) -> bytes:
        if url.endswith("/1"):
            raise FetchError("连不上 host")
        return cat

    job = world.submit(3)
    with world.runner(tagger=replace(world.tagger, fetch=fetch)):
        done = world.wait(job)
    assert (done.done, done.failed) == (2, 1)
    assert world.lines(job)[1]["problem"]["code"] == "fetch_failed"


def test_a_failure_that_passes_is_waited_out(world: World) -> None:
    left = [TRIES - 1]

    def trouble(urls: list[str]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError("the disk is away")

    job = world.submit(6)
    with world.runner(trouble):
        done = world.wait(job)
    assert (done.state, done.done) == ("done", 6)


def test_a_job_that_always_fails_is_given_up_and_the_next_one_runs(world: World) -> None:
    bad, good = world.submit(4), world.submit(3)

    def trouble(urls: list[str]) -> None:
        if (
            len(world.desk.store.waiting(bad.number, -1, 1))
            and not world.desk.store.get(bad.id).finished
        ):
            raise OSError("the disk is away")

    with world.runner(trouble):
        given_up, done = world.wait(bad), world.wait(good)
    assert given_up.state == "failed"
    assert given_up.problem is not None
    assert given_up.problem["code"] == "internal_error"
    assert (done.state, done.done) == ("done", 3)


def test_a_stop_in_the_middle_loses_nothing_and_repeats_nothing(world: World) -> None:
    asked: list[str] = []
    job = world.submit(40)
    with world.runner(asked.extend):
        world.wait(job, lambda now: now.done >= 5)
    stopped = world.desk.store.get(job.id)
    assert stopped.state == "running"
    before = world.lines(job)
    with world.runner(asked.extend):
        done = world.wait(job)
    assert (done.state, done.done, done.failed) == ("done", 40, 0)
    lines = world.lines(job)
    assert [one["index"] for one in lines] == list(range(40))
    assert lines[: len(before)] == before
    # Only what was under way at the stop was asked for again.
    assert len(asked) - len(set(asked)) <= 4


def test_two_runners_at_once_keep_no_result_twice(
    world: World, database: Database, cat: bytes
) -> None:
    # The lease takes both for one process after another; the rows do not care.
    rival = World(database, world.tagger, cat)
    job = world.submit(24)
    with world.runner(), rival.runner():
        done = world.wait(job)
    assert (done.state, done.done, done.failed) == ("done", 24, 0)
    assert [one["index"] for one in world.lines(job)] == list(range(24))


def test_the_rate_is_known_while_it_runs_and_afterwards(world: World) -> None:
    job = world.submit(24)
    assert world.desk.pace.rate(job) is None
    with world.runner():
        under_way = world.wait(job, lambda now: now.done >= 8)
        rate = world.desk.pace.rate(under_way)
        done = world.wait(job)
    if not under_way.finished:
        assert rate is not None
        assert rate > 0
    assert (world.desk.pace.rate(done) or 0) > 0
