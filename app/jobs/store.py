"""Jobs in the database: what is asked, what is done of it, and what came out, item by item."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from app.choice import Options
from app.database import Database
from app.errors import JobFinishedError, JobNotFoundError, OverloadedError
from app.jobs.job import UNFINISHED, Draft, Item, ItemResult, Job, State
from app.jobs.tables import job_items, job_webhooks, jobs
from vocab import idempotency

# The vocabulary's editors keep their answers under their names; this is none of theirs.
KEY_OWNER = "\x1fjobs"
ITEMS_AT_ONCE = 5_000
MOST_REMEMBERED = 200


def now_utc() -> datetime:
    """The time a job is dated with."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Page:
    """Some jobs, the newest first; `next` is the cursor of the page that follows."""

    jobs: tuple[Job, ...]
    next: int | None


class JobStore:
    """Safe to share between threads and processes; every change is one transaction."""

    def __init__(
        self, database: Database, *, max_unfinished: int, clock: Callable[[], datetime] = now_utc
    ):
        self._database = database
        self._max_unfinished = max_unfinished
        self._clock = clock

    def create(self, draft: Draft, key: str | None = None, digest: str = "") -> Job:
        """Keeps a new job; when this returns it is on the disk.

        Asked again with the same `key`, it answers with the job of the first time. Raises
        `OverloadedError` where too many jobs wait, and `IdempotencyError` where the key came with
        a request of another `digest`.
        """
        with self._database.write() as connection:
            if key is not None:
                known = idempotency.recall(connection, KEY_OWNER, key, digest)
                if known is not None:
                    return self._get(connection, known)
            self._check_room(connection)
            job_id = secrets.token_hex(16)
            self._insert(connection, job_id, draft)
            if key is not None:
                idempotency.remember(connection, KEY_OWNER, key, digest, job_id, self._clock())
            return self._get(connection, job_id)

    def get(self, job_id: str) -> Job:
        """The job of that id. Raises `JobNotFoundError`."""
        with self._database.read() as connection:
            return self._get(connection, job_id)

    def page(self, cursor: int | None, limit: int, state: State | None = None) -> Page:
        """`limit` jobs older than the one numbered `cursor`, in that state where one is given."""
        query = _SELECT.order_by(jobs.c.number.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(jobs.c.number < cursor)
        if state is not None:
            query = query.where(jobs.c.state == state)
        with self._database.read() as connection:
            found = [_job(row) for row in connection.execute(query)]
        some = tuple(found[:limit])
        return Page(some, some[-1].number if len(found) > limit else None)

    def cancel(self, job_id: str) -> Job:
        """Ends a job where it stands; its results so far are kept. Again, it changes nothing.

        Raises `JobNotFoundError`, and `JobFinishedError` for a job that came to its end.
        """
        with self._database.write() as connection:
            job = self._get(connection, job_id)
            if job.state in ("done", "failed"):
                raise JobFinishedError(f"任务 {job_id} 已经结束，不能取消", field="id")
            if not job.finished:
                self._end(connection, job.number, "cancelled", None)
            return self._get(connection, job_id)

    def delete(self, job_id: str) -> None:
        """Forgets a job and its results, finished or not. Raises `JobNotFoundError`."""
        with self._database.write() as connection:
            job = self._get(connection, job_id)
            connection.execute(delete(jobs).where(jobs.c.number == job.number))

    def oldest_unfinished(self) -> Job | None:
        """The job to be worked on; None where there is none."""
        query = _SELECT.where(jobs.c.state.in_(UNFINISHED)).order_by(jobs.c.number).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _job(row)

    def begin(self, number: int) -> None:
        """Makes a queued job a running one; any other is left as it is."""
        queued = (jobs.c.number == number, jobs.c.state == "queued")
        columns = {"state": "running", "started_at": self._clock()}
        with self._database.write() as connection:
            connection.execute(update(jobs).where(*queued).values(columns))

    def waiting(self, number: int, after: int, count: int) -> tuple[Item, ...]:
        """The next `count` items beyond position `after` that have no result."""
        columns = job_items.c
        query = select(columns.position, columns.kind, columns.value).where(
            columns.job == number, columns.position > after, columns.state == "waiting"
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(columns.position).limit(count)).all()
        return tuple(Item(row.position, row.kind, row.value) for row in rows)

    def record(self, number: int, results: Sequence[ItemResult]) -> bool:
        """Keeps results, each item's first alone; False where the job runs no more."""
        with self._database.write() as connection:
            running = select(jobs.c.number).where(jobs.c.number == number)
            if connection.scalar(running.where(jobs.c.state == "running")) is None:
                return False
            done = sum(self._keep(connection, number, one) for one in results if one.ok)
            failed = sum(self._keep(connection, number, one) for one in results if not one.ok)
            counts = {"done": jobs.c.done + done, "failed": jobs.c.failed + failed}
            connection.execute(update(jobs).where(jobs.c.number == number).values(counts))
        return True

    def finish(self, number: int, state: State, problem: Mapping[str, Any] | None = None) -> None:
        """Ends a running job, unless someone else has."""
        with self._database.write() as connection:
            self._end(connection, number, state, problem)

    def lines(self, job: Job, start: int, count: int) -> list[tuple[int, str]]:
        """Up to `count` results from position `start` on, as positions and JSON objects.

        They end where the next item has no result yet, so that going on from there misses none.
        A job that ended early has gaps that nobody will fill: they are left out.
        """
        columns = job_items.c
        query = select(columns.position, columns.line).where(
            columns.job == job.number, columns.position >= start
        )
        if job.finished:
            query = query.where(columns.state != "waiting")
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(columns.position).limit(count)).all()
        found: list[tuple[int, str]] = []
        for row in rows:
            if row.line is None:
                break
            found.append((row.position, row.line))
        return found

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state that any job is in."""
        query = select(jobs.c.state, func.count().label("jobs")).group_by(jobs.c.state)
        with self._database.read() as connection:
            return {row.state: int(row.jobs) for row in connection.execute(query)}

    def prune(self, before: datetime) -> int:
        """Forgets the jobs that finished before that time; returns how many there were."""
        with self._database.read() as connection:
            old = select(jobs.c.number).where(jobs.c.finished_at < before).limit(MOST_REMEMBERED)
            numbers = list(connection.scalars(old))
        for number in numbers:  # one by one, so that other writers get their turn
            with self._database.write() as connection:
                connection.execute(delete(jobs).where(jobs.c.number == number))
        return len(numbers)

    def _get(self, connection: Connection, job_id: str) -> Job:
        row = connection.execute(_SELECT.where(jobs.c.id == job_id)).first()
        if row is None:
            raise JobNotFoundError(f"没有 id 为 {job_id[:64]} 的任务", field="id")
        return _job(row)

    def _check_room(self, connection: Connection) -> None:
        unfinished = select(func.count()).where(jobs.c.state.in_(UNFINISHED))
        if (waiting := connection.execute(unfinished).scalar_one()) >= self._max_unfinished:
            raise OverloadedError(
                f"未完成的任务已有 {waiting} 个，达到上限",
                remedy="等一些任务完成，或取消不需要的任务；上限由 TUQIAN_MAX_JOBS 设置。",
            )

    def _insert(self, connection: Connection, job_id: str, draft: Draft) -> None:
        row = {
            "id": job_id,
            "state": "queued",
            "options": asdict(draft.options),
            "total": len(draft.items),
            "done": 0,
            "failed": 0,
            "created_at": self._clock(),
        }
        made = connection.execute(insert(jobs).values(row))
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
        for at in range(0, len(draft.items), ITEMS_AT_ONCE):
            some = draft.items[at : at + ITEMS_AT_ONCE]
            connection.execute(
                insert(job_items),
                [
                    {"job": number, "position": i, "state": "waiting", "kind": kind, "value": value}
                    for i, (kind, value) in enumerate(some, at)
                ],
            )
        if draft.webhook is not None:
            hook = {"job": number, "url": draft.webhook, "state": "waiting"}
            connection.execute(insert(job_webhooks).values(**hook, attempts=0, last_error=""))

    def _keep(self, connection: Connection, number: int, result: ItemResult) -> int:
        columns = job_items.c
        kept = connection.execute(
            update(job_items)
            .where(
                columns.job == number,
                columns.position == result.position,
                columns.state == "waiting",
            )
            .values(
                state="done" if result.ok else "failed",
                line=json.dumps(result.line, ensure_ascii=False),
            )
        )
        return kept.rowcount

    def _end(
        self, connection: Connection, number: int, state: State, problem: Mapping[str, Any] | None
    ) -> None:
        now = self._clock()
        ended = connection.execute(
            update(jobs)
            .where(jobs.c.number == number, jobs.c.state.in_(UNFINISHED))
            .values(state=state, finished_at=now, problem=problem)
        )
        if ended.rowcount:
            hook = job_webhooks.c
            told = update(job_webhooks).where(hook.job == number, hook.state == "waiting")
            connection.execute(told.values(due_at=now))


_SELECT = select(jobs, job_webhooks.c.url.label("webhook")).outerjoin(
    job_webhooks, job_webhooks.c.job == jobs.c.number
)


def _job(row: Row[Any]) -> Job:
    options = dict(row.options)
    options["categories"] = tuple(options["categories"])
    return Job(
        number=row.number,
        id=row.id,
        state=row.state,
        options=Options(**options),
        total=row.total,
        done=row.done,
        failed=row.failed,
        created_at=in_utc(row.created_at),
        started_at=row.started_at and in_utc(row.started_at),
        finished_at=row.finished_at and in_utc(row.finished_at),
        problem=row.problem,
        webhook=row.webhook,
    )


def in_utc(moment: datetime) -> datetime:
    """SQLite forgets the zone of what it was given, which was UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
