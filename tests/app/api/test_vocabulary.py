"""`/v1/vocabulary/tags`: what a caller may do, and what keeps two of them apart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

TAGS = "/v1/vocabulary/tags"
VOCABULARY = "/v1/vocabulary"


def tagged(client: TestClient, cat: bytes) -> dict[str, Any]:
    """Every active tag, as the next tagging request reports them."""
    options = {"min_confidence": 0.0, "top_k": 100, "include_parents": True, "distinct": False}
    response = client.post(
        "/v1/tag", files={"files": cat}, data={"options": json.dumps(options)}
    ).json()
    names = {tag["name"] for tag in response["results"][0]["tags"]}
    return {"revision": response["vocabulary_revision"], "names": names}


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert body["detail"]
    assert body["remedy"]
    return body


def test_a_new_tag_is_in_the_next_response(editable: TestClient, cat: bytes) -> None:
    assert tagged(editable, cat) == {"revision": 1, "names": {"动物", "猫", "狗"}}
    response = editable.post(TAGS, json={"name": "汉服", "category": "服饰"})
    assert response.status_code == 201
    body = response.json()
    assert (body["changed"], body["created"], body["vocabulary_revision"]) == (True, 1, 2)
    assert response.headers["location"] == f"{TAGS}/{body['tags'][0]['id']}"
    assert response.headers["etag"] == '"2"'
    assert tagged(editable, cat) == {"revision": 2, "names": {"动物", "猫", "狗", "汉服"}}


def test_a_deleted_tag_is_gone_from_the_next_response(editable: TestClient, cat: bytes) -> None:
    body = editable.delete(f"{TAGS}/animal").json()
    assert (body["deleted"], body["updated"]) == (1, 2)
    assert tagged(editable, cat) == {"revision": 2, "names": {"猫", "狗"}}
    assert_problem(editable.get(f"{TAGS}/animal"), 404, "tag_not_found")
    assert editable.get(f"{TAGS}/cat").json()["parents"] == []


def test_a_changed_tag_keeps_the_fields_that_were_not_named(editable: TestClient) -> None:
    response = editable.patch(f"{TAGS}/cat", json={"threshold": 0.3, "notes": "家养"})
    (tag,) = response.json()["tags"]
    assert (tag["name"], tag["aliases"], tag["threshold"]) == ("猫", ["猫咪"], 0.3)
    assert tag["parents"] == [{"id": "animal", "name": "动物"}]
    assert editable.get(f"{TAGS}/cat").json() == tag
    response = editable.patch(f"{TAGS}/cat", json={"threshold": None})
    assert response.json()["tags"][0]["threshold"] is None


def test_an_edit_that_changes_nothing_makes_no_revision(editable: TestClient, cat: bytes) -> None:
    response = editable.patch(f"{TAGS}/cat", json={"name": "猫"})
    assert response.status_code == 200
    assert response.json()["changed"] is False
    assert response.json()["vocabulary_revision"] == 1
    assert response.headers["etag"] == '"1"'
    assert tagged(editable, cat)["revision"] == 1


def test_a_paused_tag_takes_no_part(editable: TestClient, cat: bytes) -> None:
    editable.patch(f"{TAGS}/cat", json={"state": "paused"})
    assert tagged(editable, cat) == {"revision": 2, "names": {"动物", "狗"}}
    editable.patch(f"{TAGS}/cat", json={"state": "active"})
    assert tagged(editable, cat) == {"revision": 3, "names": {"动物", "猫", "狗"}}


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_stale_tag_is_refused_with_what_is_there_now(editable: TestClient, method: str) -> None:
    read = editable.get(f"{TAGS}/cat").headers["etag"]
    editable.patch(f"{TAGS}/cat", json={"notes": "别人的修改"})
    json_body = {"json": {"notes": "我的修改"}} if method == "patch" else {}
    response = editable.request(
        method.upper(), f"{TAGS}/cat", headers={"If-Match": read}, **json_body
    )
    body = assert_problem(response, 412, "stale_edit")
    assert body["current_revision"] == 2
    assert body["current"]["notes"] == "别人的修改"
    again = editable.request(
        method.upper(),
        f"{TAGS}/cat",
        headers={"If-Match": response.headers["etag"]},
        **json_body,
    )
    assert again.status_code == 200


def test_another_tags_change_does_not_make_a_tag_stale(editable: TestClient) -> None:
    read = editable.get(f"{TAGS}/cat").headers["etag"]
    editable.patch(f"{TAGS}/dog", json={"notes": "x"})
    response = editable.patch(f"{TAGS}/cat", json={"notes": "y"}, headers={"If-Match": read})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('"0"', 412),
        ('W/"1"', 412),
        ('"abc"', 412),
        ("1", 412),
        ("", 412),
        ('"99999999999999999999"', 412),
    ],
)
def test_if_match_means_what_the_rfc_says(editable: TestClient, header: str, status: int) -> None:
    response = editable.patch(f"{TAGS}/cat", json={"notes": "x"}, headers={"If-Match": header})
    assert response.status_code == status


def test_the_vocabularys_etag_guards_what_concerns_all_of_it(editable: TestClient) -> None:
    read = editable.get(VOCABULARY).headers["etag"]
    assert editable.get(TAGS).headers["etag"] == read == '"1"'
    editable.patch(f"{TAGS}/cat", json={"notes": "x"})
    stale = {"If-Match": read}
    for response in (
        editable.post(TAGS, json={"name": "新"}, headers=stale),
        editable.post(f"{VOCABULARY}/rollback", json={"revision": 0}, headers=stale),
        editable.post(f"{VOCABULARY}/import", content="name\n新\n", headers=stale),
    ):
        body = assert_problem(response, 412, "stale_edit")
        assert body["current"] == {"vocabulary_revision": 2}
    fresh = {"If-Match": editable.get(VOCABULARY).headers["etag"]}
    assert editable.post(TAGS, json={"name": "新"}, headers=fresh).status_code == 201


def test_many_tags_are_one_revision_and_may_be_each_others_parents(
    editable: TestClient, cat: bytes
) -> None:
    tags = [{"name": "柯基", "parents": ["犬科"]}, {"name": "犬科", "parents": ["动物"]}]
    body = editable.post(TAGS, json={"tags": tags}).json()
    assert (body["created"], body["vocabulary_revision"]) == (2, 2)
    assert body["tags"][0]["parents"][0]["name"] == "犬科"
    assert tagged(editable, cat)["names"] == {"动物", "猫", "狗", "柯基", "犬科"}


def test_one_bad_tag_among_many_spoils_all_and_every_fault_is_listed(editable: TestClient) -> None:
    tags = [{"name": "新"}, {"name": "猫咪"}, {"name": "x" * 300}, {"name": "新"}]
    body = assert_problem(editable.post(TAGS, json={"tags": tags}), 422, "bulk_edit")
    assert [(p["item"], p["code"]) for p in body["problems"]] == [
        (1, "name_clash"),
        (2, "tag_invalid"),
        (3, "name_clash"),
    ]
    assert editable.get(VOCABULARY).json()["vocabulary_revision"] == 1


def test_a_clash_names_the_tag_it_clashes_with(editable: TestClient) -> None:
    body = assert_problem(editable.post(TAGS, json={"name": "貓咪"}), 409, "name_clash")
    assert (body["tag_id"], body["tag_name"]) == ("cat", "猫")


def test_a_cycle_is_refused_with_its_path(editable: TestClient) -> None:
    response = editable.patch(f"{TAGS}/animal", json={"parents": ["猫"]})
    body = assert_problem(response, 422, "parent_cycle")
    assert body["path"] in (["动物", "猫", "动物"], ["猫", "动物", "猫"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x" * 300}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  \u200b\u200d "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "好", "description": "长" * 1_000_000}, "description"),
        ({"name": "好", "threshold": 2}, "threshold"),
        ({"name": "好", "threshold": "0.3"}, "threshold"),
        ({"name": "好", "threshold": True}, "threshold"),
        ({"name": "好", "aliases": "别名"}, "aliases"),
        ({"name": "好", "aliases": [3]}, "aliases[0]"),
        ({"name": "好", "state": "deleted"}, "state"),
        ({"name": "好", "parents": ["不存在"]}, "parents"),
        ({"name": "好", "prompt_templates": ["没有位置"]}, "prompt_templates"),
        ({"name": "好", "id": "../etc"}, "id"),
        ({"name": "好", "colour": "红"}, "colour"),
        ({"name": None}, "name"),
        ({"name": ["猫"]}, "name"),
        ({}, "name"),
        ([], "body"),
        ("text", "body"),
        ({"tags": []}, "tags"),
        ({"tags": [{"name": "好"}] * 10_001}, "tags"),
        ({"tags": [{"name": "好"}, 3]}, "tags[1]"),
    ],
)
def test_bad_input_is_refused_at_its_field(editable: TestClient, body: Any, field: str) -> None:
    text = json.dumps(body)
    response = editable.post(TAGS, content=text, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["field"] == field
    assert response.json()["remedy"]
    assert editable.get(VOCABULARY).json()["vocabulary_revision"] == 1


@pytest.mark.parametrize(
    "name",
    ["'; DROP TABLE tags; --", "🎉 派对", "👨‍👩‍👧", "100%_纯棉", 'a"b', "<script>", "x" * 64, "{}"],
)
def test_an_unusual_name_is_kept_as_it_is(editable: TestClient, cat: bytes, name: str) -> None:
    tag_id = editable.post(TAGS, json={"name": name}).json()["tags"][0]["id"]
    assert editable.get(f"{TAGS}/{tag_id}").json()["name"] == name
    found = editable.get(TAGS, params={"query": name}).json()["items"]
    assert [tag["id"] for tag in found][:1] == [tag_id]
    assert name in tagged(editable, cat)["names"]


def test_a_body_that_is_no_json_is_a_problem(editable: TestClient) -> None:
    for content in (b"{", b"\xff", b'{"name": NaN}', b"[" * 100_000):
        assert_problem(editable.post(TAGS, content=content), 400, "malformed_request")
        assert_problem(editable.patch(f"{TAGS}/cat", content=content), 400, "malformed_request")


@pytest.mark.parametrize("tag_id", ["nobody", "a%00b", "%F0%9F%8E%89", "x" * 300, "a%20b"])
def test_a_tag_that_is_not_there_is_a_404(editable: TestClient, tag_id: str) -> None:
    assert_problem(editable.get(f"{TAGS}/{tag_id}"), 404, "tag_not_found")
    assert_problem(editable.patch(f"{TAGS}/{tag_id}", json={}), 404, "tag_not_found")
    assert_problem(editable.delete(f"{TAGS}/{tag_id}"), 404, "tag_not_found")


@pytest.mark.parametrize(
    ("query", "names"),
    [("猫", ["猫"]), ("咪", ["猫"]), ("dw", ["动物"]), ("gou", ["狗"]), ("無", []), ("", None)],
)
def test_tags_are_found_by_name_alias_and_pinyin(
    editable: TestClient, query: str, names: list[str] | None
) -> None:
    items = editable.get(TAGS, params={"query": query}).json()["items"]
    everything = ["动物", "猫", "狗", "停用"]
    assert [tag["name"] for tag in items] == (everything if names is None else names)


def test_tags_are_filtered_by_category_and_state(editable: TestClient) -> None:
    editable.post(TAGS, json={"name": "汉服", "category": "服饰"})

    def names(**params: str) -> list[str]:
        return [t["name"] for t in editable.get(TAGS, params=params).json()["items"]]

    assert names(category="服饰") == ["汉服"]
    assert names(state="paused") == ["停用"]
    assert names(category="动物", state="active") == ["动物", "猫", "狗"]
    assert names(category="没有") == []


def test_pages_hold_every_tag_once(editable: TestClient) -> None:
    tags = [{"name": f"标签{n}"} for n in range(25)]
    editable.post(TAGS, json={"tags": tags})
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = editable.get(TAGS, params=params).json()
        assert len(page["items"]) <= 10
        seen += [tag["name"] for tag in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["动物", "猫", "狗", "停用", *(f"标签{n}" for n in range(25))]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "x"},
        {"cursor": "???"},
        {"cursor": "9" * 500},
        {"state": "deleted"},
        {"query": "x" * 129},
        {"query": "\x00"},
        {"category": "\x00"},
    ],
)
def test_a_wrong_parameter_is_a_problem(editable: TestClient, params: dict[str, str]) -> None:
    response = editable.get(TAGS, params=params)
    assert response.status_code == 422
    assert response.json()["field"] == next(iter(params))


def test_a_request_sent_twice_under_one_key_adds_once(editable: TestClient, cat: bytes) -> None:
    headers = {"Idempotency-Key": "8e03978e"}
    first = editable.post(TAGS, json={"name": "汉服"}, headers=headers)
    second = editable.post(TAGS, json={"name": "汉服"}, headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert tagged(editable, cat)["revision"] == 2
    other = editable.post(TAGS, json={"name": "旗袍"}, headers=headers)
    assert_problem(other, 409, "idempotency_conflict")
    long = editable.post(TAGS, json={"name": "旗袍"}, headers={"Idempotency-Key": "k" * 300})
    assert_problem(long, 422, "tag_invalid")


def test_a_key_survives_a_restart(new_service: Callable[[str], TestClient]) -> None:
    headers = {"Idempotency-Key": "k"}
    with new_service("one") as client:
        first = client.post(TAGS, json={"name": "汉服"}, headers=headers).json()
    with new_service("one") as client:
        assert client.post(TAGS, json={"name": "汉服"}, headers=headers).json() == first


def test_the_revision_says_who_and_why(editable: TestClient) -> None:
    editable.post(
        TAGS,
        json={"name": "汉服"},
        params={"reason": "春季活动"},
        headers={"X-Author": "%E5%B0%8F%E7%8E%8B"},
    )
    editable.post(TAGS, json={"name": "旗袍"}, headers={"X-Author": "小王".encode()})
    editable.post(TAGS, json={"name": "马面裙"})
    items = editable.get(f"{VOCABULARY}/revisions").json()["items"]
    assert [one["author"] for one in items[:3]] == ["anonymous", "小王", "小王"]
    assert items[2]["reason"] == "春季活动"
    response = editable.post(TAGS, json={"name": "x"}, headers={"X-Author": "a" * 300})
    assert_problem(response, 422, "tag_invalid")


def test_two_services_on_one_database_follow_each_other_within_a_second(
    new_service: Callable[[str], TestClient], cat: bytes
) -> None:
    with new_service("shared") as one, new_service("shared") as two:
        for writer, reader, name in ((one, two, "汉服"), (two, one, "旗袍")):
            wanted = writer.post(TAGS, json={"name": name}).json()["vocabulary_revision"]
            until = time.monotonic() + 1.0
            while reader.get("/readyz").json()["vocabulary_revision"] < wanted:
                assert time.monotonic() < until, "not followed within a second"
                time.sleep(0.02)
            assert name in tagged(reader, cat)["names"]


def test_the_number_of_live_snapshots_does_not_grow(editable: TestClient, cat: bytes) -> None:
    for n in range(6):
        editable.post(TAGS, json={"name": f"标签{n}"})
        tagged(editable, cat)
    assert editable.get("/readyz").json()["live_snapshots"] <= 2
