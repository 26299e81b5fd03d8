"""Roles, keys and the audit, as a caller meets them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from starlette.routing import BaseRoute, Mount

from app.access.roles import WORDS, Role
from app.access.store import KeyStore
from app.api.access_table import TABLE, row_for
from app.api.context import Service
from app.database import Database
from app.main import create_app
from app.settings import Settings

PHOTO = Path(__file__).parents[2] / "data" / "cat.jpg"
NEW_TAG = {"name": "新标签", "category": "动物"}


@pytest.fixture
def new_client(tiny_model: None, template: Path, tmp_path: Path) -> Callable[..., TestClient]:
    """Makes a service of its own, with settings of the test."""

    def make(**choices: object) -> TestClient:
        folder = tmp_path / "data"
        if not folder.exists():
            shutil.copytree(template, folder)
        settings = Settings(data_dir=folder, **choices)  # type: ignore[arg-type]
        return TestClient(create_app(settings), raise_server_exceptions=False)

    return make


@pytest.fixture
def tokens(new_client: Callable[..., TestClient], tmp_path: Path) -> dict[str, str]:
    """A token for each role; the keys are in the database before the service starts."""
    new_client()  # lays the data out
    database = Database(Settings(data_dir=tmp_path / "data").database)
    database.migrate()
    keys = KeyStore(database)
    made = {role: keys.create(f"{role}者", role)[1] for role in WORDS}
    database.close()
    return made


@pytest.fixture
def locked(tokens: dict[str, str], new_client: Callable[..., TestClient]) -> Iterator[TestClient]:
    """A service that has keys."""
    with new_client() as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def templates(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", "/assets/{path:path}" if route.path.startswith("/assets") else route.path
            continue
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from templates(inner.routes)
            continue
        for method in getattr(route, "methods", None) or ():
            if method != "HEAD":
                yield method, route.path  # type: ignore[attr-defined]


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    app: FastAPI = create_app()
    found = set(templates(app.routes))
    documented = {(m.upper(), p) for p, ops in app.openapi()["paths"].items() for m in ops}
    assert documented <= found
    assert found - set(TABLE) == set(), "a new route needs its row in app/api/access_table.py"
    assert set(TABLE) - found == set()


def test_what_changes_something_asks_for_more_than_to_read_and_is_named() -> None:
    unchanging = {"/v1/images/search", "/v1/tag", "/predict", "/v1/vocabulary/preview", "/v1/jobs"}
    for (method, path), rule in TABLE.items():
        if method != "GET" and path not in unchanging:
            assert rule.role is not None
            assert rule.role >= Role.TAG, path
            assert rule.action, path


@pytest.mark.parametrize("row", TABLE, ids=" ".join)
def test_a_role_below_the_one_of_the_row_is_refused_and_no_key_too(
    row: tuple[str, str], locked: TestClient, tokens: dict[str, str]
) -> None:
    method, path = row[0], re.sub(r"\{[^}]*\}", "x", row[1])
    needed = TABLE[row].role
    anonymous = locked.request(method, path)
    if needed is None:
        assert anonymous.status_code not in (401, 403)
        return
    assert anonymous.status_code == 401
    assert anonymous.json()["code"] == "unauthenticated"
    assert anonymous.headers["WWW-Authenticate"] == "Bearer"
    for word, token in tokens.items():
        response = locked.request(method, path, headers=bearer(token))
        assert (response.status_code == 403) == (Role.of(word) < needed), word
        if response.status_code == 403:
            assert response.json()["code"] == "forbidden"
            assert needed.word in response.json()["detail"]


def test_what_has_no_row_is_there_for_an_admin_alone(
    locked: TestClient, tokens: dict[str, str]
) -> None:
    assert row_for("DELETE", "/v1/tag") == ("", None)
    assert locked.delete("/v1/tag").status_code == 401
    assert locked.delete("/v1/tag", headers=bearer(tokens["edit"])).status_code == 404
    assert locked.delete("/v1/tag", headers=bearer(tokens["admin"])).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "//v1/tag",
        "/v1/tag/",
        "/v1//tag",
        "/./v1/tag",
        "/V1/tag",
        "/v1/tag%2F",
        "/v1/vocabulary/tags/%0A",
    ],
)
def test_another_spelling_of_an_address_is_no_way_in(path: str, locked: TestClient) -> None:
    assert locked.get(path).status_code == 401
    assert locked.post(path).status_code == 401


def test_a_key_goes_in_either_header_and_a_wrong_one_is_said_to_be_wrong(
    locked: TestClient, tokens: dict[str, str]
) -> None:
    assert locked.get("/v1/models", headers={"X-API-Key": tokens["read"]}).status_code == 200
    assert locked.get("/v1/models", headers=bearer(tokens["read"])).status_code == 200
    lower = {"Authorization": f"bearer {tokens['read']}"}
    assert locked.get("/v1/models", headers=lower).status_code == 200
    wrong = locked.get("/v1/models", headers=bearer("tq_0000000000_" + "0" * 64))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")


def test_keeping_an_image_while_tagging_it_takes_the_role_to_edit(
    locked: TestClient, tokens: dict[str, str]
) -> None:
    form = {"files": PHOTO.read_bytes()}
    asked = {"options": '{"index": true}'}
    tagger = bearer(tokens["tag"])
    assert locked.post("/v1/tag", files=form, headers=tagger).status_code == 200
    refused = locked.post("/v1/tag", files=form, data=asked, headers=tagger)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    editor = bearer(tokens["edit"])
    assert locked.post("/v1/tag", files=form, data=asked, headers=editor).status_code == 200


def test_the_keys_name_is_the_author_whatever_the_caller_says(
    locked: TestClient, tokens: dict[str, str]
) -> None:
    headers = bearer(tokens["edit"]) | {"X-Author": quote("冒名")}
    assert locked.post("/v1/vocabulary/tags", json=NEW_TAG, headers=headers).status_code == 201
    newest = locked.get("/v1/vocabulary/revisions", headers=bearer(tokens["read"])).json()
    assert newest["items"][0]["author"] == "edit者"


def test_the_audit_has_who_what_when_and_the_revision(
    locked: TestClient, tokens: dict[str, str]
) -> None:
    editor = bearer(tokens["edit"])
    made = locked.post(
        "/v1/vocabulary/tags", json=NEW_TAG, headers=editor | {"X-Request-ID": "abc-1"}
    )
    tag_id = made.json()["tags"][0]["id"]
    locked.delete(f"/v1/vocabulary/tags/{tag_id}", headers=editor)
    stored = locked.post("/v1/images", files={"files": PHOTO.read_bytes()}, headers=editor)
    image_id = stored.json()["results"][0]["id"]
    locked.delete(f"/v1/images/{image_id}", headers=editor)
    locked.delete("/v1/images/none", headers=editor)  # failed: nothing was changed
    locked.post("/v1/vocabulary/import?dry_run=true", content="name\nx\n", headers=editor)
    entries = locked.get("/v1/audit", headers=bearer(tokens["admin"])).json()["items"]
    told = [(e["actor"], e["action"], e["target"], e["revision"]) for e in entries]
    assert told[:4] == [
        ("edit者", "删除图片", f"/v1/images/{image_id}", None),
        ("edit者", "图片入库", "/v1/images", None),
        ("edit者", "删除标签", f"/v1/vocabulary/tags/{tag_id}", 3),
        ("edit者", "添加标签", "/v1/vocabulary/tags", 2),
    ]
    assert told[4][:2] == ("", "创建密钥")
    assert entries[3]["request_id"] == "abc-1"
    assert entries[3]["key_id"]
    assert entries[3]["at"].endswith(("Z", "+00:00"))


def test_the_audit_comes_in_pages(locked: TestClient, tokens: dict[str, str]) -> None:
    admin = bearer(tokens["admin"])
    first = locked.get("/v1/audit?limit=3", headers=admin).json()
    rest = locked.get(f"/v1/audit?limit=3&before={first['next']}", headers=admin).json()
    assert len(first["items"]) == 3
    assert len(rest["items"]) == 1
    assert rest["next"] is None


def test_a_key_over_its_rate_and_its_day_is_told_when_to_come_back(
    new_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    new_client()
    database = Database(Settings(data_dir=tmp_path / "data").database)
    database.migrate()
    _, slow = KeyStore(database).create("slow", "read", rate_per_s=0.5)
    _, few = KeyStore(database).create("few", "read", daily_requests=1)
    database.close()
    with new_client() as client:
        for token, code in ((slow, "rate_limited"), (few, "quota_exhausted")):
            assert client.get("/v1/models", headers=bearer(token)).status_code == 200
            refused = client.get("/v1/models", headers=bearer(token))
            assert (refused.status_code, refused.json()["code"]) == (429, code)
            assert 1 <= int(refused.headers["Retry-After"]) <= 86_400


def test_a_request_counts_as_many_times_as_it_has_images(
    new_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    new_client()
    database = Database(Settings(data_dir=tmp_path / "data").database)
    database.migrate()
    _, token = KeyStore(database).create("few", "edit", daily_requests=10)
    database.close()
    photos = [("files", PHOTO.read_bytes())]
    with new_client(max_queue=4) as client:

        def post(path: str, images: int) -> Response:
            files = photos * images if path != "/predict" else {"file": photos[0][1]}
            return client.post(path, files=files, headers=bearer(token))

        assert post("/v1/tag", 3).status_code == 200
        service: Service = client.app.state.service  # type: ignore[attr-defined]
        with service.tagger.gate.place(3):  # what the service refuses for its own sake counts once
            assert post("/v1/images", 2).status_code == 503
        refused = post("/v1/tag", 8)  # and what is too much for the day not at all
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exhausted")
        assert "只剩 6 次" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
        assert post("/v1/images", 4).status_code == 200
        assert post("/predict", 1).status_code == 200
        job = {"images": [{"image_id": "x"}, {"image_id": "y"}]}
        assert client.post("/v1/jobs", json=job, headers=bearer(token)).status_code == 429
        assert client.get("/v1/models", headers=bearer(token)).status_code == 200
        assert client.get("/v1/models", headers=bearer(token)).status_code == 429


def test_without_any_key_this_machine_may_do_everything(
    new_client: Callable[..., TestClient],
) -> None:
    with new_client() as client:
        assert client.post("/v1/vocabulary/tags", json=NEW_TAG).status_code == 201
        said = client.get("/v1/audit").json()["items"][0]
        assert (said["actor"], said["key_id"]) == ("", "")
        by_hand = {"X-Author": quote("小王")}
        client.post("/v1/vocabulary/tags", json=NEW_TAG | {"name": "又一个"}, headers=by_hand)
        assert client.get("/v1/audit").json()["items"][0]["actor"] == "小王"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"Host": "93.184.216.34"},
        {"Host": "[2606:4700::1]:8000"},
        {"Host": "["},
        {"Host": "evil.example@127.0.0.1"},
        {"Host": "127.0.0.1\\.evil.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
    ],
)
def test_a_proxy_or_a_foreign_name_on_loopback_is_not_this_machine(
    headers: dict[str, str], new_client: Callable[..., TestClient]
) -> None:
    with new_client() as client:
        assert client.get("/v1/models", headers=headers).status_code == 401
        assert client.get("/v1/models", headers={"Host": "127.0.0.1:8000"}).status_code == 200
        assert client.get("/v1/models", headers={"Host": "[::1]:8000"}).status_code == 200


def test_a_page_of_another_site_cannot_send_a_form_without_a_key(
    new_client: Callable[..., TestClient],
) -> None:
    with new_client() as client:
        for origin in (
            "https://evil.example",
            "null",
            "http://[",
            "http://testserver.evil.example",
        ):
            sent = client.post("/v1/vocabulary/tags", json=NEW_TAG, headers={"Origin": origin})
            assert (sent.status_code, sent.json()["field"]) == (403, "Origin")
        own = {"Origin": "http://testserver"}
        assert client.post("/v1/vocabulary/tags", json=NEW_TAG, headers=own).status_code == 201


def test_another_sites_page_may_ask_only_where_it_was_allowed(
    new_client: Callable[..., TestClient],
) -> None:
    site = "https://cms.example"
    asked = {"Origin": site, "Access-Control-Request-Method": "POST"}
    with new_client() as client:
        answer = client.get("/v1/models", headers={"Origin": site})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Origin" not in client.options("/v1/tag", headers=asked).headers
    with new_client(cors_origins=(site,)) as client:
        assert client.options("/v1/tag", headers=asked).status_code == 200
        sent = client.post("/v1/vocabulary/tags", json=NEW_TAG, headers={"Origin": site})
        assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (201, site)
        other = client.get("/v1/models", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


def test_openapi_says_how_a_key_is_sent_and_which_role_is_needed(locked: TestClient) -> None:
    schema = locked.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    create = schema["paths"]["/v1/vocabulary/tags"]["post"]
    assert create["x-required-role"] == "edit"
    assert {"401", "403", "429"} <= set(create["responses"])
    assert schema["paths"]["/healthz"]["get"]["security"] == []
