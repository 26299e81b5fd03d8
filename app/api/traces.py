"""OpenTelemetry: a span for each request, with what its stages took. Needs the extra `otel`."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.request_log import HEADER
from app.errors import MissingExtraError

STAGE = re.compile(r"([a-z]+);dur=([0-9.]+)")


@dataclass(frozen=True)
class Tracing:
    """The parts of OpenTelemetry that are used, as it has no types of ours to lean on."""

    provider: Any
    propagator: Any
    server: Any
    error: Any


def tracing_of(exporter: Any, *, batched: bool = True) -> Tracing:
    """Spans that go to an exporter. Raises `MissingExtraError`."""
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ModuleNotFoundError as error:
        raise _missing() from error
    resource = Resource.create({"service.name": "tuqian", "service.version": version("tuqian")})
    # Nothing is set for the process as a whole: another application in it keeps its own.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    processor = BatchSpanProcessor(exporter) if batched else SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    return Tracing(provider, TraceContextTextMapPropagator(), SpanKind.SERVER, StatusCode.ERROR)


def add_traces(app: FastAPI, endpoint: str) -> None:
    """Sends a span of each request to an OTLP/HTTP collector; nothing where there is none."""
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as error:
        raise _missing() from error
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")
    app.add_middleware(Traces, tracing=tracing_of(exporter))


class Traces:
    """Middleware: the span of a request, child of the caller's where `traceparent` says so."""

    def __init__(self, app: ASGIApp, tracing: Tracing):
        self._app = app
        self._tracing = tracing
        self._tracer = tracing.provider.get_tracer("tuqian")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; at the end of the application, sends what is left."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await asyncio.to_thread(self._tracing.provider.shutdown)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {"traceparent": Headers(scope=scope).get("traceparent", "")}
        parent = self._tracing.propagator.extract(carrier)
        span = self._tracer.start_span(scope["method"], context=parent, kind=self._tracing.server)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._describe(span, message)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # The route is known only now: the door reads it while the request passes.
            route = scope.get("state", {}).get("route", "")
            span.update_name(f"{scope['method']} {route}".strip())
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("http.route", route)
            span.end()

    def _describe(self, span: Any, message: Message) -> None:
        headers = Headers(raw=message["headers"])
        span.set_attribute("http.response.status_code", message["status"])
        span.set_attribute("tuqian.request_id", headers.get(HEADER, ""))
        for stage, spent_ms in STAGE.findall(headers.get("server-timing", "")):
            span.set_attribute(f"tuqian.{stage}_ms", float(spent_ms))
        if message["status"] >= 500:
            span.set_status(self._tracing.error)


def _missing() -> MissingExtraError:
    return MissingExtraError(
        "缺少 OpenTelemetry 的软件包",
        field="TUQIAN_OTEL_ENDPOINT",
        remedy="运行 pip install 'tuqian[otel]'，或去掉 TUQIAN_OTEL_ENDPOINT。",
    )
