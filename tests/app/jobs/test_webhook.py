"""Webhooks against real local servers: signed, retried, given up, and none lost by a restart."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.choice import Options
from app.database import Database
from app.intake.fetch import Fetcher
from app.jobs.deliveries import Deliveries, Delivery
from app.jobs.job import Draft, Job
from app.jobs.store import JobStore
from app.jobs.teller import Teller
from app.jobs.webhook import LONGEST_DELAY_S, Post, delay_s, headers_of, signature
from tests.fixtures.web import Answer, plain, serving

SIGNED_WITH = "a long and random text"
ATTEMPTS = 4


class Clock:
    """A time that passes when told."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now


class World:
    """A store, its webhooks and what sends them, over one database and one clock."""

    def __init__(self, database: Database, post: Post | None = None):
        self.clock = Clock()
        self.store = JobStore(database, max_unfinished=10, clock=self.clock)
        self.deliveries = Deliveries(database, clock=self.clock)
        here = Fetcher(max_bytes=1000, timeout_s=5, is_allowed=lambda address: True)
        self.teller = Teller(self.store, self.deliveries, post or here.post, SIGNED_WITH, ATTEMPTS)

    def job(self, url: str | None, *, ended: bool = True) -> Job:
        job = self.store.create(Draft((("image_id", "a"),), Options(), url))
        self.store.begin(job.number)
        if ended:
            self.store.finish(job.number, "done")
        return self.store.get(job.id)

    def tell(self) -> None:
        asyncio.run(self.teller.tell())

    def delivery(self, job: Job) -> Delivery:
        found = self.deliveries.of(job.id)
        assert found is not None
        return found


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def failing_first(times: int) -> Answer:
    """Answers 500 so often, then 204."""
    left = [times]

    def answer(request: bytes, send: Callable[[bytes], None]) -> None:
        left[0] -= 1
        status = "500 Internal Server Error" if left[0] >= 0 else "204 No Content"
        plain(b"", status)(request, send)

    return answer


def parts(request: bytes) -> tuple[Mapping[str, str], bytes]:
    """A raw request's headers, their names in lower case, and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in pairs}, body


def test_a_receiver_that_fails_twice_is_told_the_third_time_each_time_signed(
    world: World,
) -> None:
    with serving(failing_first(2)) as web:
        job = world.job(web.url("/hook"))
        gaps = []
        for _ in range(2):
            world.tell()
            failed = world.delivery(job)
            assert (failed.state, failed.last_error) == ("waiting", "对方回答 HTTP 500")
            world.tell()  # not due yet: nobody is asked
            began = world.clock.now
            while not world.teller.has_work:
                world.clock.now += timedelta(seconds=1)
            gaps.append((world.clock.now - began).total_seconds())
        world.tell()
        world.clock.now += timedelta(days=1)
        world.tell()
    assert world.delivery(job).state == "delivered"
    assert world.delivery(job).attempts == 3
    assert web.hits == 3
    assert 5 <= gaps[0] <= 11
    assert 10 <= gaps[1] <= 21
    for request in web.requests:
        headers, body = parts(request)
        stamp = headers["tuqian-timestamp"]
        wanted = hmac.new(SIGNED_WITH.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        assert headers["tuqian-signature"] == f"v1={wanted.hexdigest()}"
        told = json.loads(body)
        assert (told["id"], told["state"], told["total"]) == (job.id, "done", 1)


def test_a_receiver_that_never_accepts_is_given_up_after_its_attempts(world: World) -> None:
    with serving(plain(b"", "302 Found", Location="/elsewhere")) as web:
        job = world.job(web.url())
        for _ in range(ATTEMPTS + 3):
            world.tell()
            world.clock.now += timedelta(hours=2)
    assert web.hits == ATTEMPTS
    assert world.delivery(job).state == "given_up"
    assert world.delivery(job).last_error == "对方回答 HTTP 302"


def test_nobody_there_is_a_failure_to_be_tried_again(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        job = world.job(f"http://127.0.0.1:{taken.getsockname()[1]}/")
        world.tell()
    assert world.delivery(job).state == "waiting"
    assert "连不上" in world.delivery(job).last_error


def test_an_address_that_is_not_public_is_never_connected_to(database: Database) -> None:
    world = World(database, Fetcher(max_bytes=1000, timeout_s=5).post)
    with serving(plain(b"")) as web:
        job = world.job(web.url())
        world.tell()
    assert web.hits == 0
    assert "不是公网地址" in world.delivery(job).last_error


def test_retries_are_remembered_by_the_next_process(database: Database) -> None:
    with serving(failing_first(1)) as web:
        before = World(database)
        job = before.job(web.url())
        before.tell()
        after = World(database)
        after.clock.now = before.clock.now + timedelta(minutes=1)
        after.tell()
    assert after.delivery(job).state == "delivered"
    assert after.delivery(job).attempts == 2


def test_a_job_under_way_or_deleted_is_told_to_nobody(world: World) -> None:
    with serving(plain(b"")) as web:
        under_way = world.job(web.url(), ended=False)
        deleted = world.job(web.url())
        world.store.delete(deleted.id)
        silent = world.job(None)
        world.tell()
        assert web.hits == 0
        world.store.cancel(under_way.id)
        world.tell()
    assert web.hits == 1
    assert json.loads(parts(web.requests[0])[1])["state"] == "cancelled"
    assert world.deliveries.of(silent.id) is None


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_between_half_and_all_of_a_doubling_that_ends(
    attempts: int, chance: float
) -> None:
    whole = min(LONGEST_DELAY_S, 10 * 2.0 ** (attempts - 1))
    assert whole / 2 <= delay_s(attempts, lambda: chance) <= whole


@given(st.binary(), st.binary(), st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_signature_is_of_this_body_at_this_time_alone(
    one: bytes, other: bytes, then: int, now: int
) -> None:
    signed = headers_of(SIGNED_WITH, then, one)["Tuqian-Signature"]
    assert (signed == signature(SIGNED_WITH, str(now), other)) == ((one, then) == (other, now))
