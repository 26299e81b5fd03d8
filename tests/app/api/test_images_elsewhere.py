"""Two services over one database: each finds what the other has stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

PHOTOS = Path(__file__).parents[2] / "data"
PATIENCE_S = 30


def found(client: TestClient) -> set[str]:
    items = client.post("/v1/images/search", json={"text": "猫"}).json()["items"]
    return {one["source"] for one in items}


def comes_to(client: TestClient, expected: set[str]) -> bool:
    """Whether a search gives that before patience ends."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if found(client) == expected:
            return True
        time.sleep(0.02)
    return False


def test_an_image_stored_or_deleted_by_another_process_is_soon_known_here(
    new_service: Callable[[str], TestClient],
) -> None:
    with new_service("data") as here, new_service("data") as there:
        for name in ("cat", "tiger"):
            photo = (PHOTOS / f"{name}.jpg").read_bytes()
            made = there.post("/v1/images", files={"files": (f"{name}.jpg", photo)})
            assert made.status_code == 200
        assert comes_to(here, {"cat.jpg", "tiger.jpg"})
        (first, _) = there.post("/v1/images/search", json={"text": "猫"}).json()["items"]
        assert here.delete(f"/v1/images/{first['id']}").status_code == 204
        assert comes_to(there, {"cat.jpg", "tiger.jpg"} - {first["source"]})
        photo = (PHOTOS / "cat.jpg").read_bytes()
        again = there.post("/v1/images", files={"files": ("again.jpg", photo)}).json()
        state = again["results"][0]["state"]
        assert state == ("added" if first["source"] == "cat.jpg" else "exists")
