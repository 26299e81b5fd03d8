"""A target that belongs to a tag: kept wherever tags are given, until a request says otherwise."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from fastapi.testclient import TestClient

from app.api.context import Service
from app.snapshot import recalibrated
from tests.app.conftest import PHOTOS

CAT = "/v1/vocabulary/tags/cat"
NEVER, ALWAYS = "min_confidence=0.999999", "min_confidence=1e-06"


def photo() -> bytes:
    return (PHOTOS / "cat.jpg").read_bytes()


def tags_of(client: TestClient, **options: Any) -> dict[str, dict[str, Any]]:
    data = {"options": json.dumps({"distinct": False, "include_parents": True, **options})}
    (result,) = client.post("/v1/tag", files={"files": photo()}, data=data).json()["results"]
    return {tag["id"]: tag for tag in result["tags"]}


def give(client: TestClient, target: str) -> None:
    answer = client.patch(CAT, json={"target": target})
    assert answer.status_code == 200, answer.text
    assert client.get(CAT).json()["target"] == target


def test_the_next_answer_keeps_to_a_tags_target_and_a_request_goes_before_it(
    editable: TestClient,
) -> None:
    for target, there in ((NEVER, False), (ALWAYS, True)):
        give(editable, target)
        assert ("cat" in tags_of(editable)) is there
    give(editable, NEVER)
    assert "cat" in tags_of(editable, min_confidence=0.0)
    labels = editable.post("/predict", files={"file": photo()}).json()["labels"]
    assert "猫" not in labels


def test_a_tag_that_cannot_keep_its_target_comes_only_when_asked_for_and_says_so(
    editable: TestClient,
) -> None:
    give(editable, "best_f1")
    without_hope(editable)
    assert "cat" not in tags_of(editable)
    assert tags_of(editable, min_confidence=0.0)["cat"]["state"] == "certain"
    seen = editable.get(f"{CAT}/background").json()
    assert (seen["state"], seen["background_rate"]) == ("uncertain", 0)
    assert seen["threshold"] > 1 > seen["highest"]
    tried = {"name": "汉服", "target": "best_f1"}
    assert editable.post("/v1/vocabulary/preview", json=tried).json()["state"] == "uncertain"
    # At its usual cut even this image lacks something, and at a request's it is there.
    found = tags_of(editable, include_uncertain=True, best_f1=True)
    assert all(tag["state"] == "uncertain" for tag in found.values())


def test_a_preview_a_retag_and_a_job_keep_to_it_too(editable: TestClient) -> None:
    drafts = [{"name": "汉服", "target": target} for target in (ALWAYS, NEVER)]
    loose, strict = (editable.post("/v1/vocabulary/preview", json=one).json() for one in drafts)
    assert loose["threshold"] < strict["threshold"]
    assert editable.post(
        "/v1/images", files={"files": photo()}, data={"images": '[{"id": "one"}]'}
    ).is_success
    for target, there in ((ALWAYS, True), (NEVER, False)):
        give(editable, target)
        editable.post("/v1/images/retag", json={})
        stored = editable.get("/v1/images/one").json()["tags"]
        assert ("cat" in [tag["id"] for tag in stored]) is there
        given = _job(editable)
        assert ("cat" in [tag["id"] for tag in given["tags"]]) is there


def test_a_tag_cannot_have_a_threshold_and_a_target(editable: TestClient) -> None:
    give(editable, "best_f1")
    answer = editable.patch(CAT, json={"threshold": 0.3})
    assert (answer.status_code, answer.json()["field"]) == (422, "target")
    assert "清空 target" in answer.json()["remedy"]
    assert editable.patch(CAT, json={"threshold": 0.3, "target": ""}).is_success
    preview = {"name": "汉服", "threshold": 0.3, "target": "best_f1"}
    assert editable.post("/v1/vocabulary/preview", json=preview).status_code == 422


def without_hope(client: TestClient) -> None:
    """Makes every tag so rare, with the bank that is there, that its best F1 is next to nothing."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    editor = service.editor
    rare = replace(editor.measure.score_model, intercept=-30.0)
    editor.measure = replace(editor.measure, score_model=rare)
    base = service.live.current()
    fresh = editor.measure.calibrate(base.index.vectors, base.tags)
    service.live.publish(recalibrated(base, fresh))


def _job(client: TestClient) -> dict[str, Any]:
    """What a job says of the stored image."""
    wanted = {"images": [{"image_id": "one"}], "options": {"distinct": False}}
    job = client.post("/v1/jobs", json=wanted).json()["id"]
    until = time.monotonic() + 20
    while client.get(f"/v1/jobs/{job}").json()["state"] in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(client.get(f"/v1/jobs/{job}/results").text)
    return found
