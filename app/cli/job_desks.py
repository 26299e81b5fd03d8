"""Where `tuqian jobs` does its work: the database itself, or a service that runs.

Both answer with the JSON of `/v1/jobs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol
from urllib.parse import quote

from app.api.job_render import job_out
from app.cli.remote import Json, Remote
from app.jobs.deliveries import Deliveries
from app.jobs.job import Job
from app.jobs.store import JobStore
from app.settings import Settings, load_settings
from app.stores import open_database

LINES_AT_ONCE = 500


class JobsDesk(Protocol):
    """What can be done with jobs from the shell."""

    def page(self, limit: int) -> Json:
        """The newest jobs."""

    def get(self, job_id: str) -> Json:
        """One job."""

    def cancel(self, job_id: str) -> Json:
        """Cancels a job."""

    def results(self, job_id: str) -> Iterator[str]:
        """The results there are, line by line."""

    def close(self) -> None:
        """Gives back what the desk holds."""


class LocalJobs:
    """The database of the settings."""

    def __init__(self, settings: Settings):
        self._stack = ExitStack()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = open_database(settings.database, self._stack)
        self._store = JobStore(database, max_unfinished=settings.max_jobs)
        self._deliveries = Deliveries(database)

    def page(self, limit: int) -> Json:
        """The newest jobs."""
        page = self._store.page(None, limit)
        items = [job_out(job, None).model_dump(mode="json") for job in page.jobs]
        return {"items": items, "next": page.next}

    def get(self, job_id: str) -> Json:
        """One job; its rate is known to the service alone."""
        return self._out(self._store.get(job_id))

    def cancel(self, job_id: str) -> Json:
        """Cancels a job; a service that works on it stops within moments."""
        return self._out(self._store.cancel(job_id))

    def results(self, job_id: str) -> Iterator[str]:
        """The results there are, line by line."""
        job, position = self._store.get(job_id), 0
        while found := self._store.lines(job, position, LINES_AT_ONCE):
            yield from (line for _, line in found)
            position = found[-1][0] + 1

    def close(self) -> None:
        """Closes the database."""
        self._stack.close()

    def _out(self, job: Job) -> Json:
        return job_out(job, None, self._deliveries.of(job.id)).model_dump(mode="json")


class RemoteJobs(Remote):
    """A service at an address."""

    def __init__(self, url: str):
        super().__init__(url, "/v1")

    def page(self, limit: int) -> Json:
        """The newest jobs."""
        return self.json("GET", "/jobs", params={"limit": limit})

    def get(self, job_id: str) -> Json:
        """One job."""
        return self.json("GET", f"/jobs/{quote(job_id, safe='')}")

    def cancel(self, job_id: str) -> Json:
        """Cancels a job."""
        return self.json("POST", f"/jobs/{quote(job_id, safe='')}/cancel")

    def results(self, job_id: str) -> Iterator[str]:
        """The results there are, line by line."""
        return self.lines(f"/jobs/{quote(job_id, safe='')}/results")


@contextmanager
def jobs_of(url: str | None) -> Iterator[JobsDesk]:
    """Where a command does its work: the service at `url`, else the database."""
    desk: JobsDesk = RemoteJobs(url) if url else LocalJobs(load_settings())
    try:
        yield desk
    finally:
        desk.close()
