"""A span for each request, sent to a real collector's address."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api.traces import Traces, tracing_of
from app.errors import MissingExtraError
from app.main import create_app
from app.settings import Settings
from tests.fixtures.web import plain, serving

PHOTO = Path(__file__).parents[2] / "data" / "cat.jpg"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_request_is_a_span_with_route_status_stages_and_the_callers_trace(
    tiny_model: None, template: Path, tmp_path: Path
) -> None:
    memory = pytest.importorskip(
        "opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="no extra `otel`"
    ).InMemorySpanExporter()
    shutil.copytree(template, tmp_path / "data")
    app: FastAPI = create_app(Settings(data_dir=tmp_path / "data"))
    app.add_middleware(Traces, tracing=tracing_of(memory, batched=False))
    with TestClient(app) as client:
        caller = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Request-ID": "abc"}
        client.post("/v1/tag", files={"files": PHOTO.read_bytes()}, headers=caller)
        client.get("/v1/images/nobody", headers={"traceparent": "nonsense"})
        tagged, missed = memory.get_finished_spans()
    assert tagged.name == "POST /v1/tag"
    assert f"{tagged.context.trace_id:032x}" == TRACE
    assert tagged.attributes["http.response.status_code"] == 200
    assert tagged.attributes["tuqian.request_id"] == "abc"
    assert tagged.attributes["tuqian.encode_ms"] >= 0
    assert missed.name == "GET /v1/images/{image_id}"
    assert missed.attributes["http.response.status_code"] == 404


def test_spans_reach_the_collector_before_the_service_has_stopped(
    tiny_model: None, template: Path, tmp_path: Path
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="no extra `otel`")
    shutil.copytree(template, tmp_path / "data")
    with serving(plain(b"")) as collector:
        settings = Settings(data_dir=tmp_path / "data", otel_endpoint=collector.url(""))
        with TestClient(create_app(settings)) as client:
            client.get("/healthz")
        assert collector.requests[0].startswith(b"POST /v1/traces ")


def test_without_the_extra_the_start_ends_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(MissingExtraError) as caught:
        create_app(Settings(data_dir=tmp_path, otel_endpoint="http://127.0.0.1:4318"))
    assert "otel" in (caught.value.remedy or "")
