"""Jobs in a real database: what may follow what, and that nothing is kept twice or lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest

from app.choice import Options
from app.database import Database
from app.errors import JobFinishedError, JobNotFoundError, OverloadedError
from app.jobs.job import Draft, ItemResult, Job, Kind
from app.jobs.store import JobStore, now_utc
from vocab.errors import IdempotencyError

NOBODY = 10**9


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def jobs(request: pytest.FixtureRequest, database_url: str) -> Iterator[JobStore]:
    url = database_url
    if request.param == "postgres":
        url = request.getfixturevalue("new_postgres_url")()
    database = Database(url)
    database.migrate()
    yield JobStore(database, max_unfinished=3)
    database.close()


def draft(count: int = 3, options: Options | None = None, webhook: str | None = None) -> Draft:
    kinds: tuple[Kind, Kind] = ("image_id", "url")
    items = tuple((kinds[at % 2], f"第{at}张") for at in range(count))
    return Draft(items, options or Options(), webhook)


def result(position: int, ok: bool = True, text: str = "a") -> ItemResult:
    return ItemResult(position, ok, {"index": position, "text": text})


def begun(jobs: JobStore, count: int = 3) -> Job:
    job = jobs.create(draft(count))
    jobs.begin(job.number)
    return jobs.get(job.id)


def texts(jobs: JobStore, job: Job, start: int = 0) -> list[str]:
    return [json.loads(line)["text"] for _, line in jobs.lines(jobs.get(job.id), start, 1000)]


def test_a_new_job_waits_with_all_its_items_and_options(jobs: JobStore) -> None:
    options = Options(top_k=3, categories=("动物",), precision_target=0.8, index=True)
    job = jobs.create(draft(3, options))
    assert job == jobs.get(job.id)
    assert (job.state, job.total, job.done, job.failed, job.left) == ("queued", 3, 0, 0, 3)
    assert job.options == options
    assert job.started_at is job.finished_at is None
    items = jobs.waiting(job.number, -1, 10)
    assert [(one.position, one.kind, one.value) for one in items] == [
        (0, "image_id", "第0张"),
        (1, "url", "第1张"),
        (2, "image_id", "第2张"),
    ]


def test_jobs_are_worked_on_in_the_order_they_came(jobs: JobStore) -> None:
    first, second = jobs.create(draft()), jobs.create(draft())
    assert jobs.oldest_unfinished() == first
    jobs.begin(first.number)
    assert jobs.oldest_unfinished() == jobs.get(first.id)
    jobs.finish(first.number, "done")
    assert jobs.oldest_unfinished() == second
    jobs.cancel(second.id)
    assert jobs.oldest_unfinished() is None


def test_results_are_counted_and_an_item_keeps_its_first_alone(jobs: JobStore) -> None:
    job = begun(jobs)
    assert jobs.record(job.number, [result(0), result(1, ok=False)])
    assert jobs.record(job.number, [result(1, text="again"), result(2)])
    now = jobs.get(job.id)
    assert (now.done, now.failed, now.left) == (2, 1, 0)
    assert texts(jobs, job) == ["a", "a", "a"]
    assert jobs.waiting(job.number, -1, 10) == ()


def test_a_queued_job_takes_no_results(jobs: JobStore) -> None:
    job = jobs.create(draft())
    assert not jobs.record(job.number, [result(0)])
    assert jobs.get(job.id).done == 0


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_what_has_ended_changes_no_more(jobs: JobStore, state: str) -> None:
    job = begun(jobs)
    if state == "cancelled":
        jobs.cancel(job.id)
    else:
        jobs.finish(job.number, state, {"code": "x"})  # type: ignore[arg-type]
    ended = jobs.get(job.id)
    assert ended.finished
    jobs.begin(job.number)
    jobs.finish(job.number, "done")
    assert not jobs.record(job.number, [result(0)])
    if state == "cancelled":
        assert jobs.cancel(job.id) == ended
    else:
        with pytest.raises(JobFinishedError):
            jobs.cancel(job.id)
    assert jobs.get(job.id) == ended


def test_a_running_job_shows_results_up_to_its_first_gap(jobs: JobStore) -> None:
    job = begun(jobs, 5)
    jobs.record(job.number, [result(0), result(1), result(3)])
    assert [at for at, _ in jobs.lines(jobs.get(job.id), 0, 10)] == [0, 1]
    assert [at for at, _ in jobs.lines(jobs.get(job.id), 2, 10)] == []
    jobs.record(job.number, [result(2)])
    assert [at for at, _ in jobs.lines(jobs.get(job.id), 2, 10)] == [2, 3]
    jobs.cancel(job.id)
    assert [at for at, _ in jobs.lines(jobs.get(job.id), 0, 3)] == [0, 1, 2]


def test_a_cancelled_job_leaves_out_what_nobody_will_do(jobs: JobStore) -> None:
    job = begun(jobs, 4)
    jobs.record(job.number, [result(0), result(2)])
    jobs.cancel(job.id)
    assert [at for at, _ in jobs.lines(jobs.get(job.id), 0, 10)] == [0, 2]


def test_waiting_items_are_those_without_a_result_beyond_a_position(jobs: JobStore) -> None:
    job = begun(jobs, 6)
    jobs.record(job.number, [result(1), result(4)])
    assert [one.position for one in jobs.waiting(job.number, -1, 3)] == [0, 2, 3]
    assert [one.position for one in jobs.waiting(job.number, 3, 3)] == [5]


def test_a_job_of_many_items_is_kept_whole(jobs: JobStore) -> None:
    job = jobs.create(draft(12_345))
    assert job.total == 12_345
    positions = [one.position for one in jobs.waiting(job.number, -1, 20_000)]
    assert positions == list(range(12_345))


def test_a_key_used_again_finds_its_job_and_no_other_request(jobs: JobStore) -> None:
    job = jobs.create(draft(), "k", "digest")
    assert jobs.create(draft(), "k", "digest") == job
    with pytest.raises(IdempotencyError):
        jobs.create(draft(), "k", "another")
    jobs.delete(job.id)
    with pytest.raises(JobNotFoundError):
        jobs.create(draft(), "k", "digest")


def test_more_unfinished_jobs_than_allowed_are_refused(jobs: JobStore) -> None:
    made = [jobs.create(draft()) for _ in range(3)]
    with pytest.raises(OverloadedError):
        jobs.create(draft())
    jobs.cancel(made[1].id)
    jobs.create(draft())


def test_what_is_not_there_is_not_found(jobs: JobStore) -> None:
    actions: list[Callable[[str], object]] = [jobs.get, jobs.cancel, jobs.delete]
    for action in actions:
        with pytest.raises(JobNotFoundError):
            action("0" * 32)
    assert not jobs.record(NOBODY, [result(0)])
    jobs.finish(NOBODY, "done")


def test_only_jobs_finished_before_the_time_are_pruned(database: Database) -> None:
    moment = datetime(2030, 1, 1, tzinfo=timezone.utc)
    then = JobStore(database, max_unfinished=9, clock=lambda: moment)
    old, unfinished = begun(then), then.create(draft())
    then.finish(old.number, "done")
    jobs = JobStore(database, max_unfinished=9, clock=lambda: moment + timedelta(days=5))
    new = begun(jobs)
    jobs.finish(new.number, "failed", {"code": "x"})
    assert jobs.prune(moment + timedelta(days=1)) == 1
    assert {one.id for one in jobs.page(None, 10).jobs} == {unfinished.id, new.id}
    with database.read() as connection:
        left = connection.exec_driver_sql("SELECT DISTINCT job FROM job_items").scalars()
        assert set(left) == {unfinished.number, new.number}


def test_times_are_in_utc_and_in_order(jobs: JobStore) -> None:
    job = begun(jobs)
    jobs.finish(job.number, "done")
    done = jobs.get(job.id)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at <= now_utc()
    assert done.created_at.utcoffset() == timedelta(0)
