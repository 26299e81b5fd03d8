"""Preview, lint and tags by example over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.api.context import Service
from vocab.background import BackgroundBank

PHOTOS = Path(__file__).parents[2] / "data"
VOCABULARY = "/v1/vocabulary"
TAGS = f"{VOCABULARY}/tags"


def service_behind(client: TestClient) -> Service:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


@pytest.fixture
def with_bank(new_service: Callable[[str], TestClient], tmp_path: Path) -> TestClient:
    """A service whose operator has made a background bank."""
    client = new_service("bank")
    with client:
        encoder = service_behind(client).tagger.encoder
        rng = np.random.default_rng(0)
        bank = rng.normal(size=(200, encoder.dim)).astype(np.float32)
        BackgroundBank(encoder.model_key, bank).save(
            tmp_path / "bank" / "background" / f"{encoder.model_key}.npz"
        )
    return new_service("bank")


def test_a_preview_says_what_a_tag_would_do_and_adds_nothing(with_bank: TestClient) -> None:
    with with_bank as client:
        body = client.post(f"{VOCABULARY}/preview", json={"name": "汉服"}).json()
        assert -1 <= body["threshold"] <= 1
        assert body["background_images"] == 200
        assert 0 <= body["background_rate"] <= 1
        assert {tag["name"] for tag in body["nearest"]} == {"动物", "猫", "狗"}
        similarities = [tag["similarity"] for tag in body["nearest"]]
        assert similarities == sorted(similarities, reverse=True)
        assert body["problem"] is None
        assert client.get(VOCABULARY).json()["vocabulary_revision"] == 1
        loose = {"name": "汉服", "min_confidence": 0.01}
        looser = client.post(f"{VOCABULARY}/preview", json=loose).json()
        assert looser["threshold"] < body["threshold"]
        assert looser["background_rate"] >= body["background_rate"]


def test_a_preview_says_why_a_tag_would_be_refused(editable: TestClient) -> None:
    body = editable.post(f"{VOCABULARY}/preview", json={"name": "猫咪"}).json()
    assert body["problem"]["code"] == "name_clash"
    assert body["problem"]["tag_name"] == "猫"
    assert 0 <= body["background_rate"] <= 1
    body = editable.post(f"{VOCABULARY}/preview", json={"name": "奶嘴（瓶）"}).json()
    assert [finding["rule"] for finding in body["findings"]] == ["bracket_name"]


def test_a_preview_of_what_no_tag_can_be_is_a_problem(editable: TestClient) -> None:
    for body in ({"name": "x" * 300}, {"name": "好", "colour": 1}, {}, {"name": ""}):
        assert editable.post(f"{VOCABULARY}/preview", json=body).status_code == 422


def test_the_lint_names_rule_tag_and_remedy(editable: TestClient) -> None:
    tags = [{"name": "乳头（瓶）"}, {"name": "轮船、小艇", "category": "交通"}, {"name": "流浪猫"}]
    editable.post(TAGS, json={"tags": tags})
    body = editable.get(f"{VOCABULARY}/lint").json()
    assert body["vocabulary_revision"] == 2
    found = {(one["rule"], one["tags"][0]["name"]) for one in body["findings"]}
    assert {("bracket_name", "乳头（瓶）"), ("list_name", "轮船、小艇")} <= found
    assert all(one["remedy"] and one["message"] for one in body["findings"])
    assert body["skipped"] == {}


def test_an_example_image_moves_a_tag_towards_it(editable: TestClient, cat: bytes) -> None:
    def similarity() -> float:
        answer = editable.post(
            "/v1/tag",
            files={"files": cat},
            data={"options": '{"min_confidence": 0, "include_parents": true, "distinct": false}'},
        ).json()
        tags = answer["results"][0]["tags"]
        return next(float(tag["similarity"]) for tag in tags if tag["id"] == "dog")

    before = similarity()
    response = editable.post(f"{TAGS}/dog/examples", files={"files": cat})
    assert response.status_code == 201
    (example,) = response.json()["tags"][0]["examples"]
    assert len(example) == 64
    assert similarity() > before
    again = editable.post(f"{TAGS}/dog/examples", files={"files": cat})
    assert again.json()["changed"] is False
    removed = editable.delete(f"{TAGS}/dog/examples/{example}")
    assert removed.json()["tags"][0]["examples"] == []
    assert similarity() == pytest.approx(before, abs=1e-4)
    back = editable.post(f"{VOCABULARY}/rollback", json={"revision": 2})
    assert back.status_code == 200
    assert similarity() > before


def test_examples_survive_a_restart_and_go_with_their_tag(
    new_service: Callable[[str], TestClient], cat: bytes
) -> None:
    with new_service("one") as client:
        client.post(f"{TAGS}/dog/examples", files={"files": cat})
        before = service_behind(client).live.current()
        vector = before.index.vectors[before.positions["dog"]].copy()
    with new_service("one") as client:
        after = service_behind(client).live.current()
        assert np.allclose(after.index.vectors[after.positions["dog"]], vector)
        client.delete(f"{TAGS}/dog")
        again = client.post(TAGS, json={"name": "狗", "id": "dog"}).json()
        assert again["tags"][0]["examples"] == []


def test_a_form_of_examples_says_which_field_it_does_not_know(
    editable: TestClient, cat: bytes
) -> None:
    form = {"data": {"weight": "1"}, "files": {"files": cat}}
    response = editable.post(f"{TAGS}/dog/examples", **form)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["field"]) == (422, "weight")
    assert editable.get(f"{TAGS}/dog").json()["examples"] == []


def test_examples_name_the_stored_image_where_there_is_one(
    editable: TestClient, cat: bytes
) -> None:
    coffee = (PHOTOS / "coffee.jpg").read_bytes()
    editable.post(f"{TAGS}/dog/examples", files=[("files", cat), ("files", coffee)])
    names = {"images": json.dumps([{"id": "my-cat"}])}
    assert editable.post("/v1/images", files={"files": cat}, data=names).status_code == 200
    items = editable.get(f"{TAGS}/dog/examples").json()["items"]
    assert [one["image_id"] for one in items] == ["my-cat", None]
    assert [one["id"] for one in items] == editable.get(f"{TAGS}/dog").json()["examples"]
    assert editable.get(f"{TAGS}/nothing/examples").status_code == 404


def test_an_image_that_cannot_be_used_changes_nothing(editable: TestClient, cat: bytes) -> None:
    files = [("files", ("a.jpg", cat)), ("files", ("b.jpg", b"text"))]
    response = editable.post(f"{TAGS}/dog/examples", files=files)
    assert response.status_code == 415
    assert response.json()["field"] == "files[1]"
    assert editable.get(f"{TAGS}/dog").json()["examples"] == []
    assert editable.post(f"{TAGS}/dog/examples", files={"file": cat}).status_code == 422
    assert editable.post(f"{TAGS}/nobody/examples", files={"files": cat}).status_code == 404
    assert editable.delete(f"{TAGS}/dog/examples/{'0' * 64}").status_code == 404
    stale = {"If-Match": '"0"'}
    response = editable.post(f"{TAGS}/dog/examples", files={"files": cat}, headers=stale)
    assert response.status_code == 412


def test_a_preview_shows_the_stored_images_a_tag_would_hit(
    editable: TestClient, cat: bytes
) -> None:
    assert editable.post(f"{VOCABULARY}/preview", json={"name": "汉服"}).json()["images"] == []
    stored = editable.post("/v1/images", files={"files": cat}).json()["results"][0]["id"]
    (image,) = editable.post(f"{VOCABULARY}/preview", json={"name": "汉服"}).json()["images"]
    assert image["id"] == stored
    assert -1 <= image["similarity"] <= 1


def test_a_stored_image_can_be_an_example_and_is_the_same_as_its_upload(
    editable: TestClient, cat: bytes
) -> None:
    stored = editable.post("/v1/images", files={"files": cat}).json()["results"][0]["id"]
    added = editable.post(f"{TAGS}/dog/examples", json={"image_ids": [stored]})
    assert added.status_code == 201, added.text
    uploaded = editable.post(f"{TAGS}/dog/examples", files={"files": cat})
    assert uploaded.json()["changed"] is False
    missing = editable.post(f"{TAGS}/dog/examples", json={"image_ids": ["没有"]})
    assert missing.status_code == 404
    assert editable.post(f"{TAGS}/dog/examples", json={"image_ids": []}).status_code == 422


def test_a_tags_background_says_how_often_each_threshold_would_fire(with_bank: TestClient) -> None:
    with with_bank as client:
        seen = client.get(f"{TAGS}/cat/background").json()
        assert sum(seen["counts"]) == seen["background_images"] == 200
        assert seen["lowest"] < seen["highest"]
        assert seen["threshold"] == seen["calibrated"] <= seen["highest"]
        client.patch(f"{TAGS}/cat", json={"threshold": -1.0})
        moved = client.get(f"{TAGS}/cat/background").json()
        assert (moved["threshold"], moved["background_rate"]) == (-1.0, 1.0)
        assert moved["calibrated"] == seen["calibrated"]
        assert client.get(f"{TAGS}/paused/background").status_code == 200
        assert client.get(f"{TAGS}/nobody/background").status_code == 404
