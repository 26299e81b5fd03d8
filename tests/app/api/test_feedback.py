"""`/v1/feedback`, up to a real service in a process of its own."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from tests.fixtures.photos import drawn
from tests.fixtures.running import prepare, running
from vocab.tags import TagDraft

PATIENCE_S = 20


def png(seed: int) -> bytes:
    kept = io.BytesIO()
    drawn(seed, 60, 40).save(kept, "PNG")
    return kept.getvalue()


def tag(client: Any, seed: int, **options: Any) -> dict[str, Any]:
    wanted = '{"min_confidence": 0, "distinct": false}'
    response = client.post("/v1/tag", files={"files": png(seed)}, data={"options": wanted})
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()["results"][0]
    return result


def confidence(client: Any, seed: int, tag_id: str) -> float:
    """Without the rounding of what is shown at its parents' sake: every tag is asked for."""
    (found,) = [one for one in tag(client, seed)["tags"] if one["id"] == tag_id]
    return float(found["confidence"])


def judge(client: Any, *judgements: dict[str, Any], author: str = "审核甲") -> list[dict[str, Any]]:
    response = client.post(
        "/v1/feedback",
        json={"judgements": list(judgements)},
        headers={"X-Author": quote(author)},
    )
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def until(true: Callable[[], bool]) -> None:
    """Waits for what is promised soon; how soon is not what a test of a busy machine can say."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def test_a_judgement_moves_the_confidence_and_taking_it_back_restores_it_exactly(
    editable: TestClient,
) -> None:
    before, seen = confidence(editable, 13, "cat"), tag(editable, 13)["sha256"]
    other = confidence(editable, 13, "dog")
    (kept,) = judge(editable, {"tag": "猫", "verdict": "wrong", "sha256": seen})
    assert (kept["status"], kept["state"], kept["author"]) == ("ok", "added", "审核甲")
    assert (kept["tag"], kept["image"]) == ({"id": "cat", "name": "猫"}, seen)
    until(lambda: confidence(editable, 13, "cat") < before)
    assert confidence(editable, 13, "dog") == other
    assert editable.delete(f"/v1/feedback/{kept['id']}").status_code == 204
    until(lambda: confidence(editable, 13, "cat") == before)


def test_missing_raises_the_confidence(editable: TestClient) -> None:
    before, seen = confidence(editable, 10, "dog"), tag(editable, 10)["sha256"]
    judge(editable, {"tag": "dog", "verdict": "missing", "sha256": seen})
    until(lambda: confidence(editable, 10, "dog") > before)


def test_an_alias_and_a_stored_image_can_be_judged(editable: TestClient) -> None:
    editable.post(
        "/v1/images", files={"files": png(3)}, data={"images": '[{"id": "cover"}]'}
    ).raise_for_status()
    (kept,) = judge(editable, {"tag": "猫咪", "verdict": "right", "image_id": "cover"})
    assert (kept["tag"]["id"], kept["image_id"]) == ("cat", "cover")
    (again,) = judge(editable, {"tag": "cat", "verdict": "wrong", "sha256": kept["image"]})
    assert (again["id"], again["state"], again["verdict"]) == (kept["id"], "replaced", "wrong")


def test_a_vector_can_be_judged(editable: TestClient) -> None:
    dim = editable.get("/v1/models").json()["dim"]
    vector = np.arange(1, dim + 1).astype(float).tolist()
    (kept,) = judge(editable, {"tag": "cat", "verdict": "right", "vector": vector})
    assert kept["image"].startswith("vector:")
    twice = [2 * value for value in vector]
    (again,) = judge(editable, {"tag": "cat", "verdict": "right", "vector": twice})
    assert again["state"] == "exists"


@pytest.mark.parametrize(
    ("judgement", "code", "field"),
    [
        ({"tag": "猫", "sha256": "0" * 64}, "image_unseen", "sha256"),
        ({"tag": "猫", "image_id": "nowhere"}, "image_not_found", "id"),
        ({"tag": "恐龙", "sha256": "0" * 64}, "tag_not_found", "tag"),
        ({"tag": "停用", "sha256": "0" * 64}, "tag_not_found", "tag"),
        ({"tag": "猫", "vector": [1.0, 2.0]}, "vector_shape", "vector"),
        ({"tag": "猫", "vector": [0.0] * 12}, "invalid_request", "vector"),
    ],
)
def test_a_verdict_that_cannot_be_kept_says_why_and_spoils_no_other(
    editable: TestClient, judgement: dict[str, Any], code: str, field: str
) -> None:
    seen = tag(editable, 13)["sha256"]
    refused, kept = judge(
        editable,
        judgement | {"verdict": "wrong"},
        {"tag": "猫", "verdict": "right", "sha256": seen},
    )
    assert refused["status"] == "error"
    assert refused["problem"]["code"] == code
    assert refused["problem"]["field"] == f"judgements[0].{field}"
    assert refused["problem"]["remedy"]
    assert kept["status"] == "ok"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"judgements": []},
        {"judgements": [{"tag": "猫", "verdict": "right"}]},
        {"judgements": [{"tag": "猫", "verdict": "perhaps", "image_id": "a"}]},
        {"judgements": [{"tag": "猫", "verdict": "right", "image_id": "a", "sha256": "0" * 64}]},
        {"judgements": [{"tag": "猫", "verdict": "right", "sha256": "xyz"}]},
        {"judgements": [{"tag": "猫", "verdict": "right", "image_id": "a", "why": "?"}]},
    ],
)
def test_a_body_that_is_none_is_refused(editable: TestClient, body: dict[str, Any]) -> None:
    response = editable.post("/v1/feedback", json=body)
    assert response.status_code == 422
    assert response.json()["code"] == "invalid_request"
    assert response.json()["errors"]


def test_judgements_are_listed_the_newest_first_and_by_tag(editable: TestClient) -> None:
    seen = [tag(editable, seed)["sha256"] for seed in range(3)]
    judge(editable, *({"tag": "猫", "verdict": "right", "sha256": one} for one in seen))
    judge(editable, {"tag": "狗", "verdict": "wrong", "sha256": seen[0]}, author="乙")
    page = editable.get("/v1/feedback", params={"limit": 3}).json()
    assert [one["tag"]["id"] for one in page["items"]] == ["dog", "cat", "cat"]
    rest = editable.get("/v1/feedback", params={"limit": 3, "before": page["next"]}).json()
    assert len(rest["items"]) == 1
    assert rest["next"] is None
    only = editable.get("/v1/feedback", params={"tag": "狗"}).json()["items"]
    assert [one["author"] for one in only] == ["乙"]


def test_what_is_not_there_cannot_be_taken_back(editable: TestClient) -> None:
    assert editable.delete("/v1/feedback/12345").json()["code"] == "judgement_not_found"
    assert editable.delete("/v1/feedback/-1").status_code == 404
    assert editable.delete(f"/v1/feedback/{10**30}").status_code == 404
    assert editable.get("/v1/feedback", params={"tag": "恐龙"}).status_code == 404


def test_fifty_wrong_clicks_of_one_author_cannot_silence_a_tag_that_others_confirm(
    editable: TestClient,
) -> None:
    seen = [tag(editable, seed)["sha256"] for seed in range(50)]
    before = confidence(editable, 13, "cat")
    judge(editable, *({"tag": "猫", "verdict": "wrong", "sha256": one} for one in seen))
    until(lambda: confidence(editable, 13, "cat") < before)
    for number, one in enumerate(seen[:20]):
        judge(editable, {"tag": "猫", "verdict": "right", "sha256": one}, author=f"乙{number}")
    until(lambda: confidence(editable, 13, "cat") > before)


def test_a_real_service_learns_within_moments_and_remembers_across_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepare(data, [TagDraft("猫", id="cat"), TagDraft("狗", id="dog")])
    with running(data) as service, httpx.Client(base_url=service.address, timeout=60) as client:
        before, seen = confidence(client, 13, "cat"), tag(client, 13)["sha256"]
        (kept,) = judge(client, {"tag": "猫", "verdict": "wrong", "sha256": seen})
        until(lambda: confidence(client, 13, "cat") < before)
        moved = confidence(client, 13, "cat")
    with running(data) as service, httpx.Client(base_url=service.address, timeout=60) as client:
        assert confidence(client, 13, "cat") == moved
        client.delete(f"/v1/feedback/{kept['id']}").raise_for_status()
        until(lambda: confidence(client, 13, "cat") == before)


def test_what_one_process_is_told_another_learns(tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepare(data, [TagDraft("猫", id="cat"), TagDraft("狗", id="dog")])
    with (
        running(data) as one,
        running(data) as other,
        httpx.Client(base_url=one.address, timeout=60) as told,
        httpx.Client(base_url=other.address, timeout=60) as learning,
    ):
        before, seen = confidence(learning, 13, "cat"), tag(told, 13)["sha256"]
        judge(told, {"tag": "猫", "verdict": "wrong", "sha256": seen})
        until(lambda: confidence(learning, 13, "cat") < before)
        assert confidence(told, 13, "cat") == confidence(learning, 13, "cat")
