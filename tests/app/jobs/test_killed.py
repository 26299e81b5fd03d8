"""kill -9 of a real service in the middle of a job: no item twice, none lost, and no delay."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import httpx

from tests.fixtures.running import prepare, running
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[2] / "data"
NAMES = ("cat", "tiger", "coffee", "astronaut", "pavilion")
ITEMS = 1500
KILLS = 3
PATIENCE_S = 120


def lines(address: str, job: str) -> list[dict[str, Any]]:
    text = httpx.get(f"{address}/v1/jobs/{job}/results", timeout=60).text
    return [json.loads(line) for line in text.splitlines()]


def wait(address: str, job: str, results: int) -> dict[str, Any]:
    """Until so many items have results; what the job says then."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        said: dict[str, Any] = httpx.get(f"{address}/v1/jobs/{job}", timeout=60).json()
        if said["done"] + said["failed"] >= results:
            return said
        time.sleep(0.005)
    raise AssertionError(f"no progress: {said}")


def test_a_killed_service_goes_on_where_it_was(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    prepare(data_dir, [TagDraft(f"标签{n}", "类") for n in range(20)])
    chance = random.Random(4)  # noqa: S311
    wanted = [chance.choice([*NAMES, "没有"]) for _ in range(ITEMS)]
    job, seen = "", list[dict[str, Any]]()
    for kill in range(KILLS):
        with running(data_dir) as service:
            if not job:
                job = submit(service.address, wanted)
            # Begins at once, although the one before gave nothing back.
            said = wait(service.address, job, len(seen) + chance.randrange(20, 200))
            assert said["state"] == "running", kill
            before, seen = seen, lines(service.address, job)
            service.process.kill()
        assert seen[: len(before)] == before
    with running(data_dir) as service:
        said = wait(service.address, job, ITEMS)
        seen = lines(service.address, job)
    assert [one["index"] for one in seen] == list(range(ITEMS))
    assert [one["image_id"] for one in seen] == wanted
    assert said["failed"] == wanted.count("没有") == sum(one["status"] == "error" for one in seen)
    assert said["done"] == ITEMS - said["failed"]


def submit(address: str, wanted: list[str]) -> str:
    for name in NAMES:
        files = {"files": (PHOTOS / f"{name}.jpg").read_bytes()}
        data = {"images": json.dumps([{"id": name}])}
        httpx.post(f"{address}/v1/images", files=files, data=data, timeout=60).raise_for_status()
    body = {"images": [{"image_id": name} for name in wanted]}
    response = httpx.post(f"{address}/v1/jobs", json=body, timeout=60)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])
