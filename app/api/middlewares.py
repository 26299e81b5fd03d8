"""What a request passes on its way in, in one order."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.api.access import AccessControl
from app.api.body_limit import BodyLimit
from app.api.early_refusal import EarlyRefusal
from app.api.metrics import RequestCounts
from app.api.request_log import HEADER, RequestLog
from app.api.security_headers import SecurityHeaders

ASKED = ("Authorization", "X-API-Key", "Content-Type", "If-Match", "Idempotency-Key", "X-Author")
TOLD = ("ETag", "Location", "Retry-After", "Server-Timing", "Idempotent-Replayed", HEADER)


def add_middlewares(
    app: FastAPI, max_request_bytes: int, body_timeout_s: float, cors_origins: Sequence[str]
) -> None:
    """Adds them from the inside out: the last one here is the first that a request meets."""
    app.add_middleware(BodyLimit, max_request_bytes=max_request_bytes, timeout_s=body_timeout_s)
    app.add_middleware(AccessControl, cors_origins=cors_origins)
    app.add_middleware(EarlyRefusal)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[*ASKED, HEADER],
            expose_headers=list(TOLD),
        )
    app.add_middleware(RequestLog)
    app.add_middleware(RequestCounts)
    app.add_middleware(SecurityHeaders)
