"""`/v1/quality`: what is known of the tags while the service runs, and what is worth judging."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from app.api.context import Service
from app.main import create_app
from app.recent import Seen
from app.settings import Settings
from tests.fixtures.photos import drawn
from vocab.store import now_utc


def png(seed: int) -> bytes:
    kept = io.BytesIO()
    drawn(seed, 60, 40).save(kept, "PNG")
    return kept.getvalue()


def tag(client: TestClient, *seeds: int) -> list[str]:
    found = []
    for seed in seeds:
        response = client.post("/v1/tag", files={"files": png(seed)})
        found.append(response.json()["results"][0]["sha256"])
    return found


def judge(client: TestClient, verdict: str, *digests: str, author: str = "a") -> None:
    body = {"judgements": [{"tag": "cat", "verdict": verdict, "sha256": one} for one in digests]}
    response = client.post("/v1/feedback", json=body, headers={"X-Author": author})
    assert [one["status"] for one in response.json()["results"]] == ["ok"] * len(digests)


def quality(client: TestClient) -> dict[str, Any]:
    response = client.get("/v1/quality")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_service_that_saw_nothing_says_so(editable: TestClient) -> None:
    found = quality(editable)
    assert found["vocabulary_revision"] == 1
    assert found["feedback"]["kept"] is None
    assert found["feedback"]["tags"] == []
    assert found["health"]["recent"] is None
    assert found["health"]["drift"] is None
    assert found["health"]["bank"]["images"] > 0
    assert found["bank"]["images"] > 0
    assert (found["bank"]["source"], found["bank"]["learning"]) == ("shipped", True)


def test_enough_verdicts_are_shown_in_groups_and_at_every_cut(editable: TestClient) -> None:
    seen = tag(editable, *range(12))
    judge(editable, "right", *seen[:6])
    judge(editable, "wrong", *seen[6:11])
    judge(editable, "missing", seen[11])
    found = quality(editable)["feedback"]
    assert [one["judged"] for one in found["reliability"]] == [6, 5]
    low, high = (one["promised"] for one in found["reliability"])
    assert low < found["kept"]["promised"] < high
    assert found["cuts"][-1]["recall"] == 1
    assert found["cuts"][-1]["precision"] == 7 / 12


def test_feedback_is_counted_beside_what_was_promised(editable: TestClient) -> None:
    seen = tag(editable, *range(6))
    judge(editable, "right", *seen[:3])
    judge(editable, "wrong", seen[3], author="b")
    judge(editable, "missing", *seen[4:])
    found = quality(editable)["feedback"]
    assert (found["right"], found["wrong"], found["missing"], found["authors"]) == (3, 1, 2, 2)
    kept = found["kept"]
    assert (kept["judged"], kept["right"]) == (4, 0.75)
    assert 0 < kept["low"] < 0.75 < kept["high"] < 1
    assert 0 < kept["promised"] < 1
    (cat,) = found["tags"]
    assert (cat["id"], cat["name"], cat["right"]) == ("cat", "猫", 3)


def test_recent_images_are_looked_at_with_the_live_tags(editable: TestClient) -> None:
    tag(editable, 0, 1, 2, 2)
    assert quality(editable)["health"]["recent"]["images"] == 3
    editable.patch("/v1/vocabulary/tags/cat", json={"threshold": -1}).raise_for_status()
    editable.patch("/v1/vocabulary/tags/dog", json={"threshold": 1}).raise_for_status()
    recent = quality(editable)["health"]["recent"]
    assert recent["without_tags"] == 0
    assert recent["tags_per_image"] >= 1


def test_other_images_than_those_of_the_bank_are_a_drift(editable: TestClient) -> None:
    service: Service = editable.app.state.service  # type: ignore[attr-defined]
    bank = service.editor.measure.bank.vectors
    if len(bank) < 50:
        rng = np.random.default_rng(0)
        vectors = rng.normal(size=(200, bank.shape[1])).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        service.learning.recalibration.remeasure(
            type(service.editor.measure.bank)(service.editor.measure.bank.model_key, vectors)
        )
        bank = vectors
    recent = service.learning.recent
    recent.add([Seen(f"same-{n}", vector, now_utc()) for n, vector in enumerate(bank[:200])])
    drift = quality(editable)["health"]["drift"]
    assert not drift["notable"]
    assert drift["drifted"] == 0
    far = service.live.current().index.vectors[service.live.current().positions["cat"]]
    recent.add([Seen(f"far-{n}", far, now_utc()) for n in range(500)])
    drift = quality(editable)["health"]["drift"]
    assert drift["notable"]
    assert "cat" in {one["id"] for one in drift["tags"]}


def test_the_bank_learns_and_says_how_large_and_how_old_it_is(editable: TestClient) -> None:
    service: Service = editable.app.state.service  # type: ignore[attr-defined]
    tag(editable, 0, 1, 1)
    assert service.learning.reservoir is not None
    service.learning.reservoir.flush()
    bank = quality(editable)["bank"]
    assert (bank["sampled"], bank["different"], bank["seen"]) == (2, 2, 3)
    assert bank["since"] is not None
    assert bank["measured_at"] is None


def test_suggestions_are_pairs_nobody_has_judged_spread_over_tags(editable: TestClient) -> None:
    seen = set(tag(editable, *range(12)))
    items = editable.get("/v1/quality/review", params={"limit": 6}).json()["items"]
    assert 0 < len(items) <= 6
    assert {one["sha256"] for one in items} <= seen
    first = items[0]
    assert first["gain"] > 0
    assert first["shown"] == (first["similarity"] >= first["threshold"])
    body = {"tag": first["tag"]["id"], "verdict": "wrong", "sha256": first["sha256"]}
    editable.post("/v1/feedback", json={"judgements": [body]}).raise_for_status()
    again = editable.get("/v1/quality/review", params={"limit": 200}).json()["items"]
    pairs = {(one["sha256"], one["tag"]["id"]) for one in again}
    assert (first["sha256"], first["tag"]["id"]) not in pairs


def test_a_stored_image_is_suggested_by_its_id(editable: TestClient) -> None:
    for seed in range(10, 14):
        data = {"images": f'[{{"id": "stored-{seed}"}}]'}
        editable.post("/v1/images", files={"files": png(seed)}, data=data).raise_for_status()
    items = editable.get("/v1/quality/review").json()["items"]
    assert items
    assert all(one["image_id"].startswith("stored-") for one in items)


def test_without_an_image_there_is_nothing_to_suggest(editable: TestClient) -> None:
    assert editable.get("/v1/quality/review").json() == {"items": []}
    assert editable.get("/v1/quality/review", params={"limit": 0}).status_code == 422


def test_the_more_a_tag_is_judged_the_surer_it_is(editable: TestClient) -> None:
    seen = tag(editable, *range(20))

    def deviation() -> float:
        (cat,) = quality(editable)["feedback"]["tags"]
        return float(cat["deviation"])

    judge(editable, "right", seen[0])
    first = deviation()
    for number, one in enumerate(seen):
        judge(editable, "right" if number % 2 else "wrong", one, author=f"a{number}")
    deadline = time.monotonic() + 20
    while deviation() >= first:
        assert time.monotonic() < deadline, "as unsure as before"
        time.sleep(0.05)


def test_the_bank_can_be_kept_from_learning(new_service: Any, tmp_path: Any) -> None:
    with new_service("data"):
        pass
    settings = Settings(data_dir=tmp_path / "data", bank_learn=False)
    with TestClient(create_app(settings)) as client:
        tag(client, 1)
        bank = quality(client)["bank"]
        assert (bank["learning"], bank["source"], bank["sampled"]) == (False, "shipped", 0)
