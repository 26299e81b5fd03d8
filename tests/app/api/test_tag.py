"""`POST /v1/tag` and `POST /predict` over HTTP."""

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

TAG_MEMBERS = {
    "id",
    "name",
    "confidence",
    "similarity",
    "score",
    "threshold",
    "category",
    "parents",
    "implied",
    "state",
}


def post(client: TestClient, *photos: bytes, **options: Any) -> Response:
    files = [("files", (f"{i}.jpg", photo)) for i, photo in enumerate(photos)]
    data = {"options": json.dumps(options)} if options else None
    return client.post("/v1/tag", files=files, data=data)


def test_an_uploaded_photo_comes_back_with_its_tags(client: TestClient, cat: bytes) -> None:
    response = post(client, cat, min_confidence=0.0, top_k=3)
    assert response.status_code == 200
    body = response.json()
    assert body["model"] == "builtin"
    assert body["vocabulary_revision"] == 1
    (result,) = body["results"]
    assert result["status"] == "ok"
    assert (result["width"], result["height"]) == (451, 300)
    assert len(result["sha256"]) == 64
    assert result["tags"][0]["name"] == "猫"
    assert [parent["name"] for parent in result["tags"][0]["parents"]] == ["动物"]
    assert all(set(tag) == TAG_MEMBERS for tag in result["tags"])
    assert "nearest_misses" not in result


def test_base64_in_json_gives_the_same_answer(client: TestClient, cat: bytes) -> None:
    text = base64.b64encode(cat).decode()
    images = [{"base64": text}, {"base64": f"data:image/jpeg;base64,{text}"}]
    body = client.post("/v1/tag", json={"images": images, "options": {"top_k": 2}}).json()
    first, second = body["results"]
    uploaded = post(client, cat, top_k=2).json()["results"][0]
    assert [t["id"] for t in first["tags"]] == [t["id"] for t in uploaded["tags"]]
    assert first["sha256"] == second["sha256"] == uploaded["sha256"]


def test_one_bad_image_is_an_error_among_good_results(client: TestClient, cat: bytes) -> None:
    response = post(client, cat, b"not an image", b"", cat)
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["status"] for result in results] == ["ok", "error", "error", "ok"]
    assert results[1]["problem"]["code"] == "image_unsupported"
    assert results[2]["problem"]["code"] == "image_empty"
    assert results[1]["problem"]["remedy"]


def test_a_photo_that_fits_nothing_has_nearest_misses(client: TestClient, cat: bytes) -> None:
    (result,) = post(client, cat, min_confidence=1.0).json()["results"]
    assert result["tags"] == []
    misses = result["nearest_misses"]
    assert len(misses) == 3
    assert all(set(miss) == TAG_MEMBERS | {"lacking"} for miss in misses)
    assert all(miss["lacking"] >= 0 for miss in misses)


def test_the_stages_leave_in_a_server_timing_header(client: TestClient, cat: bytes) -> None:
    header = post(client, cat).headers["server-timing"]
    assert [part.split(";")[0].strip() for part in header.split(",")] == [
        "decode",
        "queue",
        "encode",
        "search",
        "calibrate",
        "render",
    ]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"top_k": 0}, "options.top_k"),
        ({"top_k": 101}, "options.top_k"),
        ({"top_k": "3"}, "options.top_k"),
        ({"top_k": True}, "options.top_k"),
        ({"min_confidence": 1.5}, "options.min_confidence"),
        ({"precision_target": -1}, "options.precision_target"),
        ({"categories": "动物"}, "options.categories"),
        ({"categories": ["火星"]}, "options.categories"),
        ({"include_parents": 1}, "options.include_parents"),
        ({"topk": 3}, "options.topk"),
    ],
)
def test_a_wrong_option_is_named(
    client: TestClient, cat: bytes, options: dict[str, Any], field: str
) -> None:
    response = post(client, cat, **options)
    assert response.status_code == 422
    assert response.json()["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "images"),
        ({"images": []}, "images"),
        ({"images": [{}]}, "images[0]"),
        ({"images": [{"url": "http://a/b", "base64": "aa"}]}, "images[0]"),
        ({"images": [{"base64": 3}]}, "images[0].base64"),
        ({"images": [{"base64": "aa"}], "option": {}}, "option"),
        ([], "body"),
        ("text", "body"),
    ],
)
def test_a_wrong_body_is_refused_at_the_place_that_is_wrong(
    client: TestClient, body: Any, field: str
) -> None:
    response = client.post("/v1/tag", json=body)
    assert response.status_code == 422
    assert response.json()["field"] == field
    assert response.json()["errors"][0]["field"] == field


def test_more_images_than_allowed_are_refused_together(client: TestClient, cat: bytes) -> None:
    response = post(client, *[cat] * 5)
    assert response.status_code == 422
    assert "4 张" in response.json()["detail"]


def test_a_form_with_an_unknown_or_missing_field_is_refused(client: TestClient, cat: bytes) -> None:
    assert client.post("/v1/tag", files={"image": cat}).json()["field"] == "image"
    assert client.post("/v1/tag", files={"options": cat}).json()["field"] == "files"
    text = client.post("/v1/tag", data={"files": "text"}, files={"x": b""})
    assert text.status_code == 422


def test_the_short_form_answers_with_names_alone(client: TestClient, cat: bytes) -> None:
    response = client.post("/predict", files={"file": ("cat.jpg", cat)})
    assert response.status_code == 200
    assert list(response.json()) == ["labels"]
    assert all(isinstance(label, str) for label in response.json()["labels"])


def test_the_short_form_fails_as_a_whole_when_its_image_does(client: TestClient) -> None:
    response = client.post("/predict", files={"file": ("a.txt", b"text")})
    assert response.status_code == 415
    assert response.json()["code"] == "image_unsupported"


def test_the_short_form_wants_exactly_one_file(client: TestClient, cat: bytes) -> None:
    assert client.post("/predict", files={"photo": cat}).json()["field"] == "photo"
    assert client.post("/predict", data={"file": "text"}, files={"x": b""}).status_code == 422
    two = client.post("/predict", files=[("file", cat), ("file", cat)])
    assert two.status_code == 422


def test_the_short_form_says_which_field_it_does_not_know(client: TestClient, cat: bytes) -> None:
    response = client.post("/predict", data={"top_k": "3"}, files={"file": cat})
    assert (response.status_code, response.json()["field"]) == (422, "top_k")
    assert "/v1/tag" in response.json()["remedy"]


def test_the_openapi_page_shows_both_bodies_with_examples(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    operation = schema["paths"]["/v1/tag"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    assert content["application/json"]["examples"]
    assert operation["responses"]["200"]["content"]["application/json"]["example"]
    text = json.dumps(schema)
    known = set(schema["components"]["schemas"])
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= known
    assert client.get("/docs").status_code == 200


def test_the_health_endpoints_answer(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["vocabulary_revision"] == 1
    models = client.get("/v1/models").json()
    assert models["current"] == "builtin"
    assert [m["name"] for m in models["models"] if m["loaded"]] == ["builtin"]


def test_an_operators_own_threshold_is_said_with_the_tag(editable: TestClient, cat: bytes) -> None:
    editable.patch("/v1/vocabulary/tags/cat", json={"threshold": -1.0})
    options = {"options": '{"distinct": false, "include_parents": true}'}
    answer = editable.post("/v1/tag", files={"files": cat}, data=options).json()
    tags = {one["name"]: one for one in answer["results"][0]["tags"]}
    assert tags["猫"]["manual_threshold"] == tags["猫"]["threshold"] == -1.0
    assert all("manual_threshold" not in one for name, one in tags.items() if name != "猫")
