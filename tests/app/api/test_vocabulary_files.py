"""Import, export, revisions, diff, rollback over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

VOCABULARY = "/v1/vocabulary"
TAGS = f"{VOCABULARY}/tags"


def put(client: TestClient, content: bytes | str, **params: Any) -> Response:
    return client.post(f"{VOCABULARY}/import", content=content, params=params)


def names(client: TestClient) -> list[str]:
    return [t["name"] for t in client.get(TAGS, params={"limit": 1000}).json()["items"]]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_was_exported_imports_back_to_the_same_vocabulary(
    editable: TestClient, kind: str
) -> None:
    editable.patch(f"{TAGS}/cat", json={"threshold": 0.25, "description": '两行\n"引号"，逗号'})
    exported = editable.get(f"{VOCABULARY}/export", params={"format": kind})
    assert exported.headers["etag"] == '"2"'
    assert f"-2.{kind}" in exported.headers["content-disposition"]
    before = editable.get(TAGS).json()["items"]
    editable.post(f"{VOCABULARY}/rollback", json={"revision": 0})
    assert names(editable) == []
    body = put(editable, exported.content, mode="replace").json()
    assert (body["rows"], body["created"], body["vocabulary_revision"]) == (4, 4, 4)
    after = editable.get(TAGS).json()["items"]
    assert [{**t, "revision": 0} for t in after] == [{**t, "revision": 0} for t in before]
    again = put(editable, exported.content, mode="replace").json()
    assert (again["changed"], again["vocabulary_revision"]) == (False, 4)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(editable: TestClient) -> None:
    body = put(editable, "name,category\n汉服,服饰\n猫,宠物\n", dry_run=True).json()
    assert body["dry_run"] is True
    assert [(one["kind"], one["name"], one["fields"]) for one in body["changes"]] == [
        ("added", "汉服", []),
        ("changed", "猫", ["category"]),
    ]
    assert body["changes"][1]["before"] == {"category": "动物"}
    assert (body["created"], body["updated"], body["vocabulary_revision"]) == (1, 1, 1)
    assert "汉服" not in names(editable)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_a_csv_may_be_in_any_usual_encoding(editable: TestClient, encoding: str) -> None:
    text = "名称,分类,别名\n汉服,服饰,华服|汉装\n旗袍,服饰,\n中式婚礼现场布置,活动,\n"
    assert put(editable, text.encode(encoding)).status_code == 200
    assert names(editable)[-3:] == ["汉服", "旗袍", "中式婚礼现场布置"]


def test_every_bad_line_is_numbered_and_nothing_is_kept(editable: TestClient) -> None:
    text = "name,parents,threshold\n汉服,,\n汉服,,\n旗袍,不存在,\n马面裙,,高\n猫咪,,\n"
    response = put(editable, text)
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "import_refused"
    lines = [problem["line"] for problem in body["problems"]]
    assert lines == sorted(lines)
    assert {3, 5} <= set(lines)
    assert names(editable) == ["动物", "猫", "狗", "停用"]
    assert editable.get(VOCABULARY).json()["vocabulary_revision"] == 1


@pytest.mark.parametrize(
    "content", [b"", b"colour\nred\n", b"\xff\xfe\x00", b'{"tags": 3}', b"{", b'name\n"open\n']
)
def test_a_file_nobody_can_read_is_a_problem(editable: TestClient, content: bytes) -> None:
    response = put(editable, content)
    assert response.status_code == 422
    assert response.json()["code"] == "exchange_file"


def test_a_file_may_be_uploaded_in_a_form(editable: TestClient) -> None:
    files = {"file": ("tags.csv", "name\n汉服\n".encode("gbk"))}
    assert editable.post(f"{VOCABULARY}/import", files=files).json()["created"] == 1
    wrong = editable.post(f"{VOCABULARY}/import", files={"files": b"name\nx\n"})
    assert wrong.json()["field"] == "file"


def test_replacing_removes_what_the_file_lacks(editable: TestClient) -> None:
    body = put(editable, '[{"name": "猫"}, {"name": "汉服"}]', mode="replace").json()
    assert (body["created"], body["updated"], body["deleted"]) == (1, 1, 3)
    assert names(editable) == ["猫", "汉服"]
    assert editable.get(f"{TAGS}/cat").json()["aliases"] == []


def test_an_older_revision_can_be_exported(editable: TestClient) -> None:
    editable.delete(f"{TAGS}/cat")
    old = editable.get(f"{VOCABULARY}/export", params={"revision": 1, "format": "json"}).json()
    assert [tag["name"] for tag in old["tags"]] == ["动物", "猫", "狗", "停用"]
    missing = editable.get(f"{VOCABULARY}/export", params={"revision": 9})
    assert missing.json()["code"] == "revision_not_found"


def test_a_rollback_is_a_new_revision_equal_to_the_old_one(editable: TestClient) -> None:
    editable.delete(f"{TAGS}/animal")
    editable.post(TAGS, json={"name": "汉服"})
    editable.patch(f"{TAGS}/dog", json={"name": "犬"})
    body = editable.post(f"{VOCABULARY}/rollback", json={"revision": 1}).json()
    assert body["vocabulary_revision"] == 5
    assert editable.get(f"{VOCABULARY}/diff", params={"older": 1, "newer": 5}).json() == {
        "older": 1,
        "newer": 5,
        "changes": [],
    }
    log = editable.get(f"{VOCABULARY}/revisions").json()["items"]
    assert [one["revision"] for one in log] == [5, 4, 3, 2, 1]
    same = editable.post(f"{VOCABULARY}/rollback", json={"revision": 1}).json()
    assert (same["changed"], same["vocabulary_revision"]) == (False, 5)


def test_a_diff_shows_what_was_added_removed_and_changed(editable: TestClient) -> None:
    editable.post(TAGS, json={"name": "汉服"})
    editable.patch(f"{TAGS}/cat", json={"aliases": ["喵"]})
    editable.delete(f"{TAGS}/dog")
    changes = editable.get(f"{VOCABULARY}/diff", params={"older": 1, "newer": 4}).json()["changes"]
    assert [(c["kind"], c["name"], c["fields"]) for c in changes] == [
        ("changed", "猫", ["aliases"]),
        ("removed", "狗", []),
        ("added", "汉服", []),
    ]
    assert changes[0]["before"] == {"aliases": ["猫咪"]}
    assert changes[0]["after"] == {"aliases": ["喵"]}


def test_revisions_come_in_pages(editable: TestClient) -> None:
    for n in range(4):
        editable.post(TAGS, json={"name": f"标签{n}"})
    seen: list[int] = []
    before = None
    while True:
        params = {"limit": 2} | ({"before": before} if before else {})
        page = editable.get(f"{VOCABULARY}/revisions", params=params).json()
        seen += [one["revision"] for one in page["items"]]
        before = page["next"]
        if before is None:
            break
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"revision": 9}, 404), ({"revision": -1}, 422), ({"revision": "1"}, 422), ({}, 422)],
)
def test_a_rollback_to_nowhere_is_a_problem(
    editable: TestClient, body: dict[str, Any], status: int
) -> None:
    assert editable.post(f"{VOCABULARY}/rollback", json=body).status_code == status


@pytest.mark.parametrize("numbers", [(0, 9), (9, 0), (-1, 1), (2**40, 1)])
def test_a_diff_of_a_revision_that_is_not_there_is_a_problem(
    editable: TestClient, numbers: tuple[int, int]
) -> None:
    params = {"older": numbers[0], "newer": numbers[1]}
    assert editable.get(f"{VOCABULARY}/diff", params=params).status_code in (404, 422)


def test_every_schema_the_pages_name_is_there(editable: TestClient) -> None:
    schema = editable.get("/openapi.json").text
    known = set(editable.get("/openapi.json").json()["components"]["schemas"])
    assert {part.split('"')[0] for part in schema.split("#/components/schemas/")[1:]} <= known
