"""An encoder that fails under a running service."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.api.context import Service
from app.batching.batcher import HOPELESS
from app.encoders.runtimes.onnx import OnnxGraph

PHOTOS = Path(__file__).parents[2] / "data"


def tag(client: TestClient) -> Response:
    return client.post("/v1/tag", files={"files": (PHOTOS / "cat.jpg").read_bytes()})


@pytest.fixture
def uncached(editable: TestClient) -> TestClient:
    service: Service = editable.app.state.service  # type: ignore[attr-defined]
    object.__setattr__(service.tagger, "seen", None)
    object.__setattr__(service.tagger, "answers", None)
    return editable


@pytest.mark.parametrize("failure", [RuntimeError("CUDA error"), SystemExit("the thread ends")])
def test_a_request_in_flight_gets_a_clean_503_and_the_next_one_an_answer(
    failure: BaseException, uncached: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: OnnxGraph, *given: object, **more: object) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(OnnxGraph, "__call__", fails)
        response = tag(uncached)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    problem = response.json()
    assert problem["code"] == "encoder_failed"
    assert "CUDA" not in problem["detail"]
    again = tag(uncached)
    assert again.status_code == 200
    assert again.json()["results"][0]["status"] == "ok"
    assert uncached.get("/readyz").status_code == 200


def test_a_service_whose_encoder_always_fails_is_neither_ready_nor_healthy_until_it_works(
    uncached: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: OnnxGraph, *given: object, **more: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as broken:
        broken.setattr(OnnxGraph, "__call__", fails)
        for _ in range(HOPELESS):
            assert tag(uncached).status_code == 503
        settled(uncached, 503)
        for address in ("/healthz", "/readyz"):
            refused = uncached.get(address)
            assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
            assert "doctor" in refused.json()["remedy"]
        assert "tuqian_ready 0.0" in uncached.get("/metrics").text
    assert tag(uncached).status_code == 200
    settled(uncached, 200)
    assert uncached.get("/readyz").status_code == 200


def settled(client: TestClient, status: int) -> None:
    """Waits until the batcher has counted what its callers heard of already."""
    stop = threading.Event()
    until = time.monotonic() + 10
    while client.get("/healthz").status_code != status and time.monotonic() < until:
        stop.wait(0.01)
    assert client.get("/healthz").status_code == status
