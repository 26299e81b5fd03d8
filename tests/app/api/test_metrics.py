"""`GET /metrics` of a running service."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.api.context import Service
from app.main import create_app
from app.metrics.catalogue import CATALOGUE, PROCESS
from app.recent import Seen
from app.settings import Settings
from vocab.store import now_utc

PHOTO = Path(__file__).parents[2] / "data" / "cat.jpg"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def client(tiny_model: None, template: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A service with a cache, whose counts begin at nothing."""
    folder = tmp_path / "data"
    shutil.copytree(template, folder)
    settings = Settings(data_dir=folder, cache_bytes=1 << 20)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def value(client: TestClient, name: str, **labels: str) -> float | None:
    """The value of one series; None where there is none."""
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def tag(client: TestClient, *files: bytes) -> None:
    sent = [("files", ("a.jpg", data)) for data in files]
    assert client.post("/v1/tag", files=sent).status_code == 200


def test_every_metric_that_is_exported_is_documented_and_the_other_way_round(
    client: TestClient,
) -> None:
    tag(client, PHOTO.read_bytes())
    text = client.get("/metrics").text
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    known = {one.name for one in CATALOGUE} | {name for name, _ in PROCESS}
    assert set(types) - known == set()
    absent = {one.name for one in CATALOGUE} - set(types)
    assert {name for name in absent if "drift" not in name} == set()  # too few images for those
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert {name for name in known if f"`{name}`" not in page} == set()


def test_requests_are_counted_by_route_and_status_not_by_address(client: TestClient) -> None:
    tag(client, PHOTO.read_bytes())
    for name in ("a", "b"):
        assert client.get(f"/v1/images/{name}").status_code == 404
        assert client.get(f"/nowhere/{name}").status_code == 404
    route = {"method": "GET", "route": "/v1/images/{image_id}", "status": "404"}
    assert value(client, "tuqian_requests_total", **route) == 2
    nowhere = {"method": "GET", "route": "other", "status": "404"}
    assert value(client, "tuqian_requests_total", **nowhere) == 2
    assert value(client, "tuqian_request_seconds_count", route="/v1/tag") == 1
    assert value(client, "tuqian_problems_total", code="image_not_found", of="request") == 2
    assert value(client, "tuqian_problems_total", code="not_found", of="request") == 2


def test_an_image_that_fails_is_a_problem_of_the_image_not_of_the_request(
    client: TestClient,
) -> None:
    tag(client, b"no image", PHOTO.read_bytes())
    assert value(client, "tuqian_problems_total", code="image_unsupported", of="image") == 1
    assert value(client, "tuqian_problems_total", code="image_unsupported", of="request") is None
    assert value(client, "tuqian_images_total", result="failed") == 1
    tagged = value(client, "tuqian_images_total", result="tagged") or 0
    assert tagged + (value(client, "tuqian_images_total", result="untagged") or 0) == 1


def test_tags_are_counted_by_category_and_stages_and_batches_are_timed(client: TestClient) -> None:
    sent = {"files": ("a.jpg", PHOTO.read_bytes())}
    low = client.post("/v1/tag", files=sent, data={"options": '{"min_confidence": 0}'})
    count = sum(tag["category"] == "动物" for tag in low.json()["results"][0]["tags"])
    assert count
    assert value(client, "tuqian_tags_fired_total", category="动物") == count
    for stage in ("decode", "queue", "encode", "search", "calibrate", "render"):
        assert value(client, "tuqian_stage_seconds_count", stage=stage) == 1, stage
    assert value(client, "tuqian_stage_seconds_count", stage="recall") == 0
    assert value(client, "tuqian_batch_images_count") == 1
    assert value(client, "tuqian_batch_images_sum") == 1
    assert (value(client, "tuqian_encoder_busy_seconds_total") or 0) > 0


def test_a_photo_seen_again_is_a_hit_of_both_caches(client: TestClient) -> None:
    tag(client, PHOTO.read_bytes())
    tag(client, PHOTO.read_bytes())
    for cache in ("vectors", "answers"):
        assert value(client, "tuqian_cache_hits_total", cache=cache) == 1, cache
        assert value(client, "tuqian_cache_misses_total", cache=cache) == 1, cache
        assert value(client, "tuqian_cache_entries", cache=cache) == 1, cache
        assert (value(client, "tuqian_cache_bytes", cache=cache) or 0) > 0


def test_an_edit_and_an_added_image_are_in_the_next_reading(client: TestClient) -> None:
    tags = value(client, "tuqian_index_entries", index="tags")
    revision = value(client, "tuqian_vocabulary_revision")
    assert tags
    assert revision
    made = client.post("/v1/vocabulary/tags", json={"name": "鹦鹉", "category": "动物"})
    assert made.status_code == 201
    assert client.post("/v1/images", files={"files": PHOTO.read_bytes()}).status_code == 200
    assert value(client, "tuqian_index_entries", index="tags") == tags + 1
    assert value(client, "tuqian_vocabulary_revision") == revision + 1
    assert value(client, "tuqian_index_entries", index="images") == 1
    assert value(client, "tuqian_ready") == 1
    assert value(client, "tuqian_database_up") == 1
    assert value(client, "tuqian_jobs", state="queued") == 0


def test_a_database_that_cannot_be_read_is_told_with_everything_else(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = client.app.state.service.jobs.store  # type: ignore[attr-defined]

    def fails() -> dict[str, int]:
        raise OSError("gone")

    monkeypatch.setattr(store, "counts", fails)
    assert value(client, "tuqian_database_up") == 0
    assert value(client, "tuqian_jobs", state="queued") is None
    assert value(client, "tuqian_queue_images") == 0


def test_two_services_in_one_process_count_apart(
    client: TestClient, tiny_model: None, template: Path, tmp_path: Path
) -> None:
    shutil.copytree(template, tmp_path / "other")
    with TestClient(create_app(Settings(data_dir=tmp_path / "other"))) as other:
        tag(client, PHOTO.read_bytes())
        route = {"method": "POST", "route": "/v1/tag", "status": "200"}
        assert value(client, "tuqian_requests_total", **route) == 1
        assert value(other, "tuqian_requests_total", **route) is None


def test_sixty_images_are_enough_for_a_drift(client: TestClient) -> None:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    bank = service.editor.measure.bank  # too small, with the tiny model, to say anything
    bank = replace(bank, vectors=np.concatenate([bank.vectors, bank.vectors]))
    service.editor.measure = replace(service.editor.measure, bank=bank)
    vectors = bank.vectors
    seen = [Seen(str(n), vectors[n % len(vectors)], now_utc()) for n in range(60)]
    service.learning.recent.add(seen)
    told = client.get("/v1/quality").json()["health"]["drift"]
    assert value(client, "tuqian_drift_index") == pytest.approx(told["index"], abs=1e-3)
    assert value(client, "tuqian_drift_notable") == told["notable"]
    assert value(client, "tuqian_drift_tags") == told["drifted"]
