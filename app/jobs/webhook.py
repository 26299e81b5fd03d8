"""Telling another service that a job has come to its end: what is sent, and how it is signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping

from app.jobs.job import Job

TIMESTAMP = "Tuqian-Timestamp"
SIGNATURE = "Tuqian-Signature"

FIRST_DELAY_S = 10.0
LONGEST_DELAY_S = 3600.0

# Told a URL, a body and headers, answers the HTTP status; raises `FetchError`.
Post = Callable[[str, bytes, Mapping[str, str]], int]


def body_of(job: Job) -> bytes:
    """What is told of a job: its id, how it ended, and the counts. Results are fetched."""
    finished_at = job.finished_at
    told = {
        "event": "job.finished",
        "id": job.id,
        "state": job.state,
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "finished_at": finished_at.isoformat() if finished_at else None,
    }
    return json.dumps(told).encode()


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the timestamp, a full stop and the body, as `v1=` and hexadecimal.

    The timestamp is signed too, so that an old message sent again can be told.
    """
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def headers_of(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt; `timestamp` is in seconds since 1970."""
    moment = str(timestamp)
    return {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        TIMESTAMP: moment,
        SIGNATURE: signature(secret, moment, body),
    }


def delay_s(attempts: int, chance: Callable[[], float] = random.random) -> float:
    """How long to wait after so many attempts: doubled each time, between half of it and all.

    The jitter (`chance` is uniform in [0, 1)) keeps many receivers' retries from coming together.
    """
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempts - 1, 30))
    return longest * (0.5 + 0.5 * chance())
