"""The lease: one holder at a time, none for ever, and none that is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

from app.database import Database
from app.jobs.lease import TERM, Lease

BEGIN = datetime(2030, 1, 1, tzinfo=timezone.utc)
OTHER_HOST = "elsewhere:1:0123456789abcdef"


class Clock:
    """A time that passes when told."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


def give_to(database: Database, owner: str) -> None:
    """Makes another process the holder."""
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM job_leases")
        until = (BEGIN + TERM).strftime("%Y-%m-%d %H:%M:%S.%f")
        connection.exec_driver_sql(
            f"INSERT INTO job_leases VALUES ('jobs', '{owner}', '{until}')"  # noqa: S608
        )


def test_a_lease_of_another_machine_is_respected_until_its_term_is_over(
    database: Database,
) -> None:
    clock = Clock()
    give_to(database, OTHER_HOST)
    lease = Lease(database, clock=clock)
    assert not lease.hold()
    clock.now += TERM + timedelta(seconds=1)
    assert lease.hold()


def test_who_holds_it_goes_on_holding_it_by_asking(database: Database) -> None:
    clock = Clock()
    lease = Lease(database, clock=clock)
    for _ in range(10):
        assert lease.hold()
        clock.now += TERM * 0.9


def test_who_lost_it_learns_so_when_asking(database: Database) -> None:
    clock = Clock()
    lease = Lease(database, clock=clock)
    assert lease.hold()
    clock.now += TERM * 0.8
    give_to(database, OTHER_HOST)
    assert not lease.hold()


def test_a_lease_given_back_can_be_had_at_once(database: Database) -> None:
    first = Lease(database)
    assert first.hold()
    first.release()
    first.release()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM job_leases").scalar() == 0


def test_a_holder_that_was_killed_is_succeeded_at_once_and_a_living_one_is_not(
    database: Database,
) -> None:
    ours = Lease(database, clock=Clock())
    host = ours._host
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    give_to(database, f"{host}:{living.pid}:0123456789abcdef")
    assert not ours.hold()
    living.kill()
    living.communicate()
    assert ours.hold()


def test_a_former_process_with_our_number_is_no_more(database: Database) -> None:
    ours = Lease(database, clock=Clock())
    give_to(database, f"{ours._host}:{os.getpid()}:0123456789abcdef")
    assert ours.hold()
