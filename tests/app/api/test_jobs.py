"""`/v1/jobs` over HTTP: real jobs of a real runner over the tiny model."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import main
from app.database import Database
from app.intake.fetch import Fetcher
from app.jobs.store import JobStore, now_utc
from app.main import create_app
from app.settings import Settings
from tests.fixtures.web import plain, routed, serving

PHOTOS = Path(__file__).parents[2] / "data"
NAMES = ("cat", "tiger", "coffee", "astronaut", "pavilion")
PATIENCE_S = 60
SIGNED_WITH = "a long and random text"

Open = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture
def with_settings(
    tiny_model: None, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Open:
    """Opens a service over one data directory, which may fetch from this machine."""

    def here(settings: Settings) -> Fetcher:
        return Fetcher(max_bytes=1 << 24, timeout_s=10, is_allowed=lambda address: True)

    monkeypatch.setattr(main, "fetcher_of", here)

    @contextmanager
    def make(**chosen: Any) -> Iterator[TestClient]:
        folder = tmp_path / "data"
        if not folder.exists():
            shutil.copytree(template, folder)
        settings = Settings(data_dir=folder, **chosen)
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            yield client

    return make


@pytest.fixture
def client(with_settings: Open) -> Iterator[TestClient]:
    """A service with five stored images that fetches and signs."""
    with with_settings(fetch_urls=True, webhook_secret=SIGNED_WITH) as client:
        fill(client)
        yield client


def fill(client: TestClient) -> None:
    for name in NAMES:
        files = {"files": (PHOTOS / f"{name}.jpg").read_bytes()}
        data = {"images": json.dumps([{"id": name}])}
        assert client.post("/v1/images", files=files, data=data).status_code == 200


def stored(*names: str) -> list[dict[str, str]]:
    return [{"image_id": name} for name in names]


def submit(client: TestClient, images: list[dict[str, str]], **more: Any) -> str:
    response = client.post("/v1/jobs", json={"images": images, **more})
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/jobs/{response.json()['id']}"
    return str(response.json()["id"])


def finished(client: TestClient, job: str) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        said: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        if said["state"] not in ("queued", "running"):
            return said
        time.sleep(0.02)
    raise AssertionError(f"still {said}")


def lines(client: TestClient, job: str, **query: int) -> list[dict[str, Any]]:
    response = client.get(f"/v1/jobs/{job}/results", params=query)
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def test_stored_images_come_back_tagged_in_order_with_revision_and_model(
    client: TestClient,
) -> None:
    names = [*NAMES * 4, "没有这张", *NAMES]
    job = submit(client, stored(*names), options={"min_confidence": 0.0, "top_k": 2})
    said = finished(client, job)
    assert (said["state"], said["total"], said["done"], said["failed"]) == ("done", 26, 25, 1)
    assert said["options"]["top_k"] == 2
    found = lines(client, job)
    assert [one["index"] for one in found] == list(range(26))
    assert [one["image_id"] for one in found] == names
    assert all(one["vocabulary_revision"] == 1 and one["model"] == "tiny" for one in found)
    asked = {"images": stored("tiger"), "options": {"min_confidence": 0.0, "top_k": 2}}
    (direct,) = client.post("/v1/tag", json=asked).json()["results"]
    assert direct.items() <= found[1].items()
    assert found[20]["status"] == "error"
    assert found[20]["problem"]["code"] == "image_not_found"


def test_urls_are_fetched_and_a_bad_one_spoils_no_other(client: TestClient) -> None:
    cat = (PHOTOS / "cat.jpg").read_bytes()
    with serving(routed({"/cat.jpg": plain(cat), "/text": plain(b"text")})) as web:
        urls = [web.url("/cat.jpg"), web.url("/text"), web.url("/none"), "ftp://x", "", "http://"]
        images = [{"url": url} for url in urls]
        job = submit(client, [*images, *stored("cat")])
        said = finished(client, job)
    assert (said["state"], said["done"], said["failed"]) == ("done", 2, 5)
    found = lines(client, job)
    assert [one["status"] for one in found] == ["ok", *["error"] * 5, "ok"]
    assert [one["problem"]["code"] for one in found[1:3]] == ["image_unsupported", "fetch_failed"]
    assert found[0]["url"] == urls[0]
    assert found[0]["tags"] == found[6]["tags"]


def test_a_job_can_store_what_it_fetches_with_its_address(client: TestClient) -> None:
    client.delete("/v1/images/cat")
    cat = (PHOTOS / "cat.jpg").read_bytes()
    with serving(plain(cat)) as web:
        job = submit(client, [{"url": web.url("/a.jpg")}], options={"index": True})
        finished(client, job)
    (line,) = lines(client, job)
    assert line["state"] == "added"
    assert client.get(f"/v1/images/{line['id']}").json()["source"] == web.url("/a.jpg")


def test_results_are_read_on_from_a_cursor(client: TestClient) -> None:
    job = submit(client, stored(*NAMES))
    finished(client, job)
    assert [one["index"] for one in lines(client, job, cursor=1, limit=2)] == [1, 2]
    assert [one["index"] for one in lines(client, job, cursor=3)] == [3, 4]
    assert lines(client, job, cursor=5) == []


def test_jobs_are_listed_newest_first_page_by_page(client: TestClient) -> None:
    made = [submit(client, stored("cat")) for _ in range(5)]
    for job in made:
        finished(client, job)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/jobs", params=query).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert len(client.get("/v1/jobs", params={"state": "done"}).json()["items"]) == 5
    assert client.get("/v1/jobs", params={"state": "queued"}).json()["items"] == []
    assert client.get("/v1/jobs", params={"state": "lost"}).status_code == 422


def test_the_same_request_with_its_key_again_is_the_same_job(client: TestClient) -> None:
    headers = {"Idempotency-Key": "order-1"}
    body = {"images": stored("cat")}
    first, again = (client.post("/v1/jobs", json=body, headers=headers).json() for _ in "ab")
    assert first["id"] == again["id"]
    other = client.post("/v1/jobs", json={"images": stored("tiger")}, headers=headers)
    assert other.json()["code"] == "idempotency_conflict"
    assert len(client.get("/v1/jobs").json()["items"]) == 1


def test_a_cancelled_job_keeps_its_results_and_never_goes_on(client: TestClient) -> None:
    job = submit(client, stored(*NAMES * 400))
    until = time.monotonic() + PATIENCE_S
    while client.get(f"/v1/jobs/{job}").json()["done"] < 10 and time.monotonic() < until:
        time.sleep(0.01)
    stopped = client.post(f"/v1/jobs/{job}/cancel").json()
    assert stopped["state"] == "cancelled"
    assert 10 <= stopped["done"] < 2000
    assert client.post(f"/v1/jobs/{job}/cancel").json() == stopped
    next_one = submit(client, stored("cat"))
    assert finished(client, next_one)["state"] == "done"
    assert client.get(f"/v1/jobs/{job}").json() == stopped
    assert len(lines(client, job)) == stopped["done"]
    assert client.post(f"/v1/jobs/{next_one}/cancel").json()["code"] == "job_finished"


def test_a_deleted_job_is_gone_and_the_next_one_runs(client: TestClient) -> None:
    job = submit(client, stored(*NAMES * 400))
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    for gone in (
        client.get(f"/v1/jobs/{job}"),
        client.get(f"/v1/jobs/{job}/results"),
        client.post(f"/v1/jobs/{job}/cancel"),
        client.delete(f"/v1/jobs/{job}"),
    ):
        assert (gone.status_code, gone.json()["code"]) == (404, "job_not_found")
    assert finished(client, submit(client, stored("cat")))["state"] == "done"


def test_requests_are_answered_while_a_job_runs(client: TestClient) -> None:
    job = submit(client, stored(*NAMES * 400))
    cat = (PHOTOS / "cat.jpg").read_bytes()
    while (said := client.get(f"/v1/jobs/{job}").json())["state"] == "queued":
        time.sleep(0.01)
    for _ in range(5):
        assert said["state"] == "running"
        assert said["rate"] is None or said["rate"] > 0
        assert client.post("/v1/tag", files={"files": cat}).status_code == 200
        said = client.get(f"/v1/jobs/{job}").json()
    client.post(f"/v1/jobs/{job}/cancel")


def test_slow_addresses_of_a_job_hold_up_no_request(client: TestClient) -> None:
    def never(request: bytes, send: Callable[[bytes], None]) -> None:
        time.sleep(3)

    cat = (PHOTOS / "cat.jpg").read_bytes()
    with serving(never) as web:
        job = submit(client, [{"url": web.url(f"/{n}")} for n in range(64)])
        while web.hits < 8:
            time.sleep(0.01)
        for _ in range(5):
            assert client.post("/v1/tag", files={"files": cat}).status_code == 200
        # All of them were answered before the first of those addresses gave up.
        assert client.get(f"/v1/jobs/{job}").json()["failed"] == 0
        client.post(f"/v1/jobs/{job}/cancel")


def test_a_job_that_finished_long_ago_is_forgotten(client: TestClient) -> None:
    job = submit(client, stored("cat"))
    finished(client, job)
    store: JobStore = client.app.state.service.jobs.store  # type: ignore[attr-defined]
    assert store.prune(now_utc() - timedelta(hours=1)) == 0
    assert store.prune(now_utc() + timedelta(hours=1)) == 1
    assert client.get(f"/v1/jobs/{job}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "images"),
        ({"images": []}, "images"),
        ({"images": [{}]}, "images[0]"),
        ({"images": [{"url": "http://a/", "image_id": "b"}]}, "images[0]"),
        ({"images": [{"base64": "aa"}]}, "images[0].base64"),
        ({"images": [{"image_id": "a"}, {"image_id": "a\x00"}]}, "images[1].image_id"),
        ({"images": [{"image_id": "\ud800"}]}, "images[0].image_id"),
        ({"images": [{"image_id": "a"}], "options": {"top_k": 0}}, "options.top_k"),
        ({"images": [{"image_id": "a"}], "options": {"categories": ["x"]}}, "options.categories"),
        ({"images": [{"image_id": "a"}], "webhook": "ftp://a/"}, "webhook"),
        ({"images": [{"image_id": "a"}], "hook": "x"}, "hook"),
        ({"images": [{"image_id": "a"}] * 11}, "images"),
        ([], "body"),
    ],
)
def test_a_job_that_could_never_be_done_is_refused_at_the_place_that_is_wrong(
    with_settings: Open, body: Any, field: str
) -> None:
    with with_settings(fetch_urls=True, webhook_secret=SIGNED_WITH, max_job_images=10) as client:
        text = json.dumps(body)
        response = client.post(
            "/v1/jobs", content=text, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 422
        assert response.json()["field"] == field
        assert response.json()["remedy"]
        assert client.get("/v1/jobs").json()["items"] == []


def test_urls_and_webhooks_are_refused_by_name_of_the_setting_that_is_off(
    with_settings: Open,
) -> None:
    with with_settings() as client:
        url = client.post("/v1/jobs", json={"images": [{"url": "https://example.com/a.jpg"}]})
        assert url.status_code == 422
        assert "TUQIAN_FETCH_URLS" in url.json()["remedy"]
        assert url.json()["field"] == "images[0].url"
        body = {"images": stored("cat"), "webhook": "https://example.com/"}
        hook = client.post("/v1/jobs", json=body)
        assert hook.status_code == 422
        assert "TUQIAN_WEBHOOK_SECRET" in hook.json()["remedy"]


def test_more_jobs_than_may_wait_are_refused_for_now(with_settings: Open) -> None:
    with with_settings(max_jobs=1) as client:
        fill(client)
        first = submit(client, stored(*NAMES * 400))
        second = client.post("/v1/jobs", json={"images": stored("cat")})
        assert (second.status_code, second.json()["code"]) == (503, "overloaded")
        assert "TUQIAN_MAX_JOBS" in second.json()["remedy"]
        client.post(f"/v1/jobs/{first}/cancel")
        assert finished(client, submit(client, stored("cat")))["state"] == "done"


def test_a_category_that_is_gone_ends_the_job_with_the_reason(with_settings: Open) -> None:
    with with_settings() as client:
        fill(client)
        # In front of it a job that takes a while, so that the vocabulary can change meanwhile.
        first = submit(client, stored(*NAMES * 400))
        made = {"name": "汉服", "category": "服饰"}
        tag = client.post("/v1/vocabulary/tags", json=made).json()["tags"][0]["id"]
        job = submit(client, stored("cat"), options={"categories": ["服饰"]})
        assert client.delete(f"/v1/vocabulary/tags/{tag}").status_code == 200
        client.post(f"/v1/jobs/{first}/cancel")
        said = finished(client, job)
        assert said["state"] == "failed"
        assert said["problem"]["code"] == "invalid_request"
        assert "服饰" in said["problem"]["detail"]


def test_a_job_goes_on_after_a_restart(with_settings: Open, tmp_path: Path) -> None:
    with with_settings() as client:
        fill(client)
        job = submit(client, stored(*NAMES * 100))
    database = Database(Settings(data_dir=tmp_path / "data").database)
    before = JobStore(database, max_unfinished=1).get(job)
    database.close()
    assert not before.finished
    with with_settings() as client:
        said = finished(client, job)
        assert (said["state"], said["done"]) == ("done", 500)
        assert [one["image_id"] for one in lines(client, job)] == [*NAMES * 100]
