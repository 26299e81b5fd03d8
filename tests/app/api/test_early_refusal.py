"""A full house says so before it reads what it was sent."""

import pytest
from fastapi.testclient import TestClient

from app.api import early_refusal
from app.api.context import Service
from app.errors import OverloadedError


@pytest.mark.parametrize("path", ["/v1/tag", "/predict"])
def test_a_full_house_refuses_without_taking_the_body_apart(
    client: TestClient, service: Service, path: str
) -> None:
    gate = service.tagger.gate
    before = gate.refused
    with gate.place(gate.capacity):
        # It would be told that its form is broken if anyone looked at it.
        response = client.post(
            path, content=b"no form", headers={"content-type": "multipart/form-data; boundary=x"}
        )
    assert response.status_code == 503
    assert response.json()["code"] == "overloaded"
    assert "retry-after" in response.headers
    assert gate.refused == before + 1


def test_many_refusals_are_one_line_of_the_log(
    client: TestClient,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with caplog.at_level("INFO"), service.tagger.gate.place(service.tagger.gate.capacity):
        for pause_s in (0, 3600, 3600, 3600):
            monkeypatch.setattr(early_refusal, "SECONDS_BETWEEN_LINES", pause_s)
            assert client.post("/v1/tag", content=b"").status_code == 503
    assert len([one for one in caplog.records if "refused" in one.getMessage()]) == 1
    assert not [one for one in caplog.records if one.name == "tuqian.request"]


def test_a_house_with_one_place_left_looks_at_what_it_was_sent(
    client: TestClient, service: Service, cat: bytes
) -> None:
    gate = service.tagger.gate
    with gate.place(gate.capacity - 1):
        gate.check()
        assert client.post("/v1/tag", files=[("files", ("a.jpg", cat))]).status_code == 200
    with gate.place(gate.capacity), pytest.raises(OverloadedError):
        gate.check()
