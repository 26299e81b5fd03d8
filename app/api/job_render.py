"""Jobs and the results of their items as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.api.job_schemas import JobOut, WebhookOut
from app.api.problems import problem_of
from app.api.schemas import ProblemOut
from app.api.tag import result_out
from app.jobs.deliveries import Delivery
from app.jobs.job import Job
from app.jobs.work import Rendering
from app.tagger import Problem, Tagged


def job_out(job: Job, rate: float | None, delivery: Delivery | None = None) -> JobOut:
    """A job; `rate` is in images a second, where it is known."""
    running = job.state == "running"
    return JobOut(
        id=job.id,
        state=job.state,
        total=job.total,
        done=job.done,
        failed=job.failed,
        rate=None if rate is None else round(rate, 2),
        eta_s=round(job.left / rate, 1) if running and rate else None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        options=asdict(job.options),
        problem=None if job.problem is None else ProblemOut.model_validate(job.problem),
        webhook=None if delivery is None else _webhook_out(delivery),
    )


def _webhook_out(delivery: Delivery) -> WebhookOut:
    return WebhookOut(
        url=delivery.url,
        state=delivery.state,
        attempts=delivery.attempts,
        last_error=delivery.last_error,
    )


def _result(result: Tagged | Problem) -> dict[str, Any]:
    """A result as in the answer of `POST /v1/tag`."""
    return result_out(result).model_dump(mode="json", exclude_none=True)


RENDERING = Rendering(result=_result, error=problem_of)
