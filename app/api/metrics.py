"""`GET /metrics`, and the middleware that counts requests for it."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.context import Service, service_of

router = APIRouter(tags=["运行状态"])


@router.get(
    "/metrics",
    summary="Prometheus 指标",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Prometheus 的文本格式；每个指标的含义见 docs/reference/metrics.md。"""
    # Not on the event loop: the drift may take a second, and the jobs are in the database.
    text = generate_latest(service_of(request).counts.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class RequestCounts:
    """Middleware: counts each request under its route, with its time and its problem."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            service = getattr(scope["app"].state, "service", None)
            if isinstance(service, Service):
                state = scope.get("state", {})
                service.counts.request(
                    scope["method"],
                    state.get("route", ""),
                    status,
                    time.monotonic() - began,
                    state.get("problem", ""),
                )
