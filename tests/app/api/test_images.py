"""`/v1/images` over HTTP, and the options of `/v1/tag` that are about stored images."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image

PHOTOS = Path(__file__).parents[2] / "data"
NAMES = ("cat", "tiger", "coffee", "astronaut", "pavilion")


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def reencoded(name: str, quality: int = 40) -> bytes:
    out = io.BytesIO()
    Image.open(PHOTOS / f"{name}.jpg").convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


def as_png(name: str) -> bytes:
    out = io.BytesIO()
    Image.open(PHOTOS / f"{name}.jpg").convert("RGB").save(out, "PNG")
    return out.getvalue()


def post(client: TestClient, *photos: bytes, names: list[dict[str, Any]] | None = None) -> Response:
    files = [("files", (f"{i}.jpg", one)) for i, one in enumerate(photos)]
    data = {"images": json.dumps(names)} if names is not None else None
    return client.post("/v1/images", files=files, data=data)


def fill(client: TestClient) -> None:
    names = [{"id": name, "metadata": {"n": at}} for at, name in enumerate(NAMES)]
    for at in range(len(NAMES)):
        assert post(client, photo(NAMES[at]), names=[names[at]]).status_code == 200


def test_a_stored_image_can_be_got_found_and_deleted(editable: TestClient) -> None:
    names = [{"id": "小猫", "source": "a/b.jpg", "metadata": {"album": "夏"}}]
    (result,) = post(editable, photo("cat"), names=names).json()["results"]
    assert (result["status"], result["id"], result["state"]) == ("ok", "小猫", "added")
    assert result["duplicates"] == []
    got = editable.get("/v1/images/小猫").json()
    assert (got["width"], got["height"], got["format"]) == (451, 300, "JPEG")
    assert got["metadata"] == {"album": "夏"}
    assert got["tags_revision"] == 1
    (found,) = editable.post("/v1/images/search", json={"id": "小猫"}).json()["items"]
    assert found["id"] == "小猫"
    assert found["similarity"] == pytest.approx(1, abs=1e-3)
    assert editable.delete("/v1/images/小猫").status_code == 204
    assert editable.get("/v1/images/小猫").json()["code"] == "image_not_found"
    assert editable.delete("/v1/images/小猫").status_code == 404
    assert editable.post("/v1/images/search", json={"text": "猫"}).json() == {"items": []}


def test_posting_the_same_bytes_again_stores_nothing_and_answers(editable: TestClient) -> None:
    post(editable, photo("cat"), names=[{"id": "a"}])
    again, other = (
        post(editable, photo("cat"), names=[{"id": one}]).json()["results"][0] for one in "ab"
    )
    assert [again["state"], other["state"]] == ["exists", "exists"]
    assert [one["tier"] for one in other["duplicates"]] == ["exact"]
    assert editable.get("/v1/images/b").json()["ids"] == ["a", "b"]
    (found,) = editable.post("/v1/images/search", json={"text": "猫"}).json()["items"]
    assert found["ids"] == ["a", "b"]


def test_the_three_tiers_are_told_apart(editable: TestClient) -> None:
    fill(editable)
    files = [("files", ("q", data)) for data in (as_png("cat"), reencoded("tiger"))]
    options = {"options": '{"duplicates": true}'}
    png, jpeg = editable.post("/v1/tag", files=files, data=options).json()["results"]
    assert (png["duplicates"][0]["id"], png["duplicates"][0]["tier"]) == ("cat", "exact")
    assert (jpeg["duplicates"][0]["id"], jpeg["duplicates"][0]["tier"]) == ("tiger", "near")
    for result in (png, jpeg):
        assert all(one["tier"] == "similar" for one in result["duplicates"][1:])
        assert "id" not in result
    # Asked only about duplicates, the service stored neither.
    assert len(editable.post("/v1/images/search", json={"text": "猫"}).json()["items"]) == 5


def test_tagging_with_index_stores_and_reports_in_one_request(editable: TestClient) -> None:
    text = base64.b64encode(photo("cat")).decode()
    body = {"images": [{"base64": text}, {"base64": text}], "options": {"index": True}}
    first, second = editable.post("/v1/tag", json=body).json()["results"]
    assert first["state"] == "added"
    assert first["duplicates"] == []
    assert second["state"] == "exists"
    assert second["duplicates"][0]["tier"] == "exact"
    assert first["id"] == second["id"] == first["sha256"]
    plain = editable.post("/v1/tag", json={"images": [{"base64": text}]}).json()["results"][0]
    assert "duplicates" not in plain


def test_one_bad_image_does_not_spoil_the_others(editable: TestClient) -> None:
    results = post(editable, photo("cat"), b"no image", photo("tiger")).json()["results"]
    assert [one["status"] for one in results] == ["ok", "error", "ok"]
    assert results[1]["problem"]["code"] == "image_unsupported"


def test_a_search_pages_and_filters(editable: TestClient) -> None:
    fill(editable)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        body = {"text": "猫", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = editable.post("/v1/images/search", json=body).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page.get("next")
        if cursor is None:
            break
    assert sorted(seen) == sorted(NAMES)
    one = {"text": "猫", "filters": {"metadata": {"n": 3}}}
    items = editable.post("/v1/images/search", json=one).json()["items"]
    assert [item["id"] for item in items] == ["astronaut"]
    late = {"text": "猫", "filters": {"since": "2100-01-01T00:00:00Z"}}
    assert editable.post("/v1/images/search", json=late).json()["items"] == []


def test_a_search_by_image_and_by_vector_agree(editable: TestClient) -> None:
    fill(editable)
    text = base64.b64encode(photo("coffee")).decode()
    items = editable.post("/v1/images/search", json={"image": {"base64": text}}).json()["items"]
    assert items[0]["id"] == "coffee"
    vector = [0.0] * 12
    vector[3] = 2.0
    by_vector = editable.post("/v1/images/search", json={"vector": vector})
    assert len(by_vector.json()["items"]) == 5


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"text": "猫", "id": "a"}, "invalid_request"),
        ({"vector": [1.0, 2.0]}, "vector_shape"),
        ({"vector": [0.0] * 12}, "invalid_request"),
        ({"id": "nowhere"}, "image_not_found"),
        ({"text": "猫", "filters": {"tags": ["不存在"]}}, "invalid_request"),
        ({"text": "猫", "filters": {"categories": ["不存在"]}}, "invalid_request"),
        ({"text": "猫", "cursor": "x"}, "invalid_request"),
    ],
)
def test_a_search_for_nothing_sensible_is_refused(
    editable: TestClient, body: dict[str, Any], code: str
) -> None:
    response = editable.post("/v1/images/search", json=body)
    assert response.json()["code"] == code
    assert response.json()["field"]


@pytest.mark.parametrize(
    "names",
    [[{"id": "a/b"}], [{"id": "x" * 10_000}], [{"metadata": {"a": "x" * 9000}}], [], [{}] * 2],
)
def test_bad_names_are_refused_before_anything_is_stored(
    editable: TestClient, names: list[dict[str, Any]]
) -> None:
    response = post(editable, photo("cat"), names=names)
    assert response.status_code == 422
    assert editable.post("/v1/images/search", json={"text": "猫"}).json()["items"] == []


def test_groups_name_what_to_keep_and_why(editable: TestClient) -> None:
    fill(editable)
    post(editable, reencoded("cat"), names=[{"id": "smaller-file"}])
    post(editable, as_png("tiger"), names=[{"id": "tiger-png"}])
    groups = []
    cursor = 0
    for _ in range(10):
        page = editable.get("/v1/images/duplicates", params={"limit": 1, "cursor": cursor}).json()
        groups += page["items"]
        if page["next"] is None:
            break
        cursor = page["next"]
    members = [[one["image"]["id"] for one in group["members"]] for group in groups]
    assert members == [["cat", "smaller-file"], ["tiger", "tiger-png"]]
    assert [group["keep"] for group in groups] == ["cat", "tiger-png"]
    assert all(group["reason"] for group in groups)
    assert [group["members"][1]["tier"] for group in groups] == ["near", "exact"]


def test_a_retag_applies_the_present_vocabulary_and_says_what_changed(
    editable: TestClient,
) -> None:
    fill(editable)
    # A threshold below every cosine: the new tag fits every image.
    made = editable.post(
        "/v1/vocabulary/tags", json={"name": "一切", "category": "动物", "threshold": -1.0}
    )
    assert made.status_code in (200, 201), made.text
    report = editable.post("/v1/images/retag", json={}).json()
    assert report["images"] == report["changed"] == 5
    (change,) = [one for one in report["tags"] if one["name"] == "一切"]
    assert (change["gained"], change["lost"]) == (5, 0)
    got = editable.get("/v1/images/cat").json()
    assert "一切" in [tag["name"] for tag in got["tags"]]
    assert got["tags_revision"] == report["vocabulary_revision"] == 2
    again = editable.post("/v1/images/retag", json={}).json()
    assert (again["changed"], again["tags"]) == (0, [])
    wanted = {"text": "猫", "filters": {"tags": ["一切"]}}
    assert len(editable.post("/v1/images/search", json=wanted).json()["items"]) == 5


def test_stored_images_are_there_after_a_restart(
    new_service: Callable[[str], TestClient],
) -> None:
    with new_service("kept") as client:
        fill(client)
        before = client.post("/v1/images/search", json={"id": "cat"}).json()
    with new_service("kept") as client:
        assert client.post("/v1/images/search", json={"id": "cat"}).json() == before
        assert post(client, photo("cat")).json()["results"][0]["duplicates"][0]["tier"] == "exact"


def test_a_stored_image_is_tagged_by_its_vector_alone_in_the_order_of_the_request(
    editable: TestClient,
) -> None:
    fill(editable)
    text = base64.b64encode(photo("tiger")).decode()
    images = [{"image_id": "cat"}, {"base64": text}, {"image_id": "没有"}, {"image_id": "a/b"}]
    options = {"min_confidence": 0.0}
    results = editable.post("/v1/tag", json={"images": images, "options": options}).json()
    cat, tiger, unknown, impossible = results["results"]
    data = {"options": json.dumps(options)}
    sent = editable.post("/v1/tag", files={"files": photo("cat")}, data=data).json()["results"]
    assert [cat] == sent
    assert tiger["sha256"] != cat["sha256"]
    for missing in (unknown, impossible):
        assert missing["status"] == "error"
        assert missing["problem"]["code"] == "image_not_found"
        assert missing["problem"]["status"] == 404


def test_a_stored_image_finds_the_others_and_not_itself_and_is_stored_no_second_time(
    editable: TestClient,
) -> None:
    fill(editable)
    post(editable, as_png("cat"), names=[{"id": "cat-png"}])
    body = {"images": [{"image_id": "cat"}], "options": {"duplicates": True}}
    (asked,) = editable.post("/v1/tag", json=body).json()["results"]
    assert (asked["duplicates"][0]["id"], asked["duplicates"][0]["tier"]) == ("cat-png", "exact")
    assert "cat" not in [one["id"] for one in asked["duplicates"]]
    assert "state" not in asked
    body["options"] = {"index": True}
    (kept,) = editable.post("/v1/tag", json=body).json()["results"]
    assert (kept["id"], kept["state"]) == ("cat", "exists")
    assert kept["duplicates"] == asked["duplicates"]
    assert len(editable.post("/v1/images/search", json={"text": "猫"}).json()["items"]) == 6


def test_a_stored_image_is_tagged_with_the_present_vocabulary(editable: TestClient) -> None:
    fill(editable)
    made = {"name": "一切", "category": "动物", "threshold": -1.0}
    editable.post("/v1/vocabulary/tags", json=made)
    body = editable.post("/v1/tag", json={"images": [{"image_id": "cat"}]}).json()
    assert body["vocabulary_revision"] == 2
    assert "一切" in [tag["name"] for tag in body["results"][0]["tags"]]
