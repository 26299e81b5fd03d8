"""Storing an image on a disk that is full, over HTTP."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings

PHOTOS = Path(__file__).parents[2] / "data"


def sources(client: TestClient) -> set[str]:
    found = client.post("/v1/images/search", json={"text": "猫"}).json()["items"]
    return {one["source"] for one in found}


def test_a_full_disk_is_a_507_with_a_remedy_and_nothing_half_stored(
    tiny_model: None, template: Path, small_disk: Path
) -> None:
    folder = small_disk / "data"
    shutil.copytree(template, folder)
    with TestClient(create_app(Settings(data_dir=folder)), raise_server_exceptions=False) as client:

        def post(name: str) -> int:
            photo = (PHOTOS / f"{name}.jpg").read_bytes()
            made = client.post("/v1/images", files={"files": (f"{name}.jpg", photo)})
            if made.status_code == 507:
                assert made.json()["code"] == "storage_full"
                assert "清理" in made.json()["remedy"]
            return int(made.status_code)

        assert post("cat") == 200
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            room = os.statvfs(small_disk)
            file.write(bytes(room.f_bavail * room.f_frsize))
        # SQLite may still have room in its log for one more.
        assert 507 in [post(name) for name in ("tiger", "coffee", "astronaut")]
        assert "cat.jpg" in sources(client)
        assert client.get("/healthz").status_code == 200
        filler.unlink()
        assert [post(name) for name in ("tiger", "coffee", "astronaut")] == [200] * 3
        assert len(sources(client)) == 4
