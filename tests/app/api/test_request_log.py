"""The id of a request, its line in the log, and the headers of every response."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.logs import REQUEST_ID

LOGGER = "tuqian.request"
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("given", ["abc", "a.B-c_9", "x" * 64])
def test_a_sensible_id_of_the_caller_is_kept(given: str, editable: TestClient) -> None:
    response = editable.get("/healthz", headers={"X-Request-ID": given})
    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "<b>", "a/../b", "\u00e9"])
def test_any_other_id_is_replaced(given: str, editable: TestClient) -> None:
    response = editable.get("/healthz", headers=[(b"x-request-id", given.encode("latin-1"))])
    got = response.headers["X-Request-ID"]
    assert got != given
    assert len(got) == 32


def test_each_request_has_an_id_of_its_own(editable: TestClient) -> None:
    seen = {editable.get("/healthz").headers["X-Request-ID"] for _ in range(20)}
    assert len(seen) == 20
    assert REQUEST_ID.get() == ""


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == LOGGER]


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger=LOGGER)
    return caplog


def test_a_request_has_a_line_with_route_status_and_time(
    editable: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    editable.get("/v1/images/nobody?secret=query")
    (said,) = lines(caplog)
    fields = said.fields  # type: ignore[attr-defined]
    assert fields["route"] == "/v1/images/{image_id}"
    assert (fields["method"], fields["status"], fields["key"]) == ("GET", 404, "")
    assert fields["path"] == "/v1/images/nobody"
    assert fields["ms"] >= 0
    assert "query" not in said.getMessage()


def test_an_address_cannot_break_a_line(
    editable: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    editable.get("/%0aINFO%20forged%1b[31m" + "x" * 500)
    (said,) = lines(caplog)
    message = said.getMessage()
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 300


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_machines_ask_all_day_has_no_line(
    path: str, editable: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    editable.get(path)
    assert lines(caplog) == []


def test_an_unforeseen_error_is_logged_with_the_id_and_tells_the_caller_nothing(
    editable: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr("app.api.health.service_of", broken)
    response = editable.get("/v1/models", headers={"X-Request-ID": "abc"})
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "inside" not in response.text
    assert response.headers["X-Request-ID"] == "abc"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "the inside" in caplog.text


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/healthz", "/v1/models", "/nowhere", "/v1/images/none", "/openapi.json"]
)
def test_every_response_tells_the_browser_what_not_to_do(path: str, editable: TestClient) -> None:
    headers = editable.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_has_nothing_inline_that_the_policy_would_stop() -> None:
    for page in (ROOT / "app" / "web").rglob("*.html"):
        text = page.read_text(encoding="utf-8").lower()
        assert "<style" not in text
        assert 'style="' not in text
        assert "onclick=" not in text
        for tag in text.split("<script")[1:]:
            assert "src=" in tag.split(">")[0]
            assert tag.split(">")[1].startswith("</script")
