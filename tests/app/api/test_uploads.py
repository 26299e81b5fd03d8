"""Uploads lie in temporary files, and these are gone however the request ends."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette import formparsers

from app.main import create_app
from app.settings import Settings

PHOTO = (Path(__file__).parents[2] / "data" / "cat.jpg").read_bytes()
# Trailing bytes do not matter to a JPEG, and this many do not stay in memory.
LARGE = PHOTO + bytes(2 << 20)


@dataclass
class Spool:
    """What the parser of forms put aside; nothing here keeps a file alive."""

    files: list[weakref.ref[Any]] = field(default_factory=list)
    on_disk: int = 0


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    """Every temporary file of the test; at its end each must be closed or gone."""
    spool = Spool()

    class Noted(SpooledTemporaryFile):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **options: Any):
            super().__init__(*args, **options)
            spool.files.append(weakref.ref(self))

        def rollover(self) -> None:
            spool.on_disk += 1
            super().rollover()

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", Noted)
    yield spool
    assert spool.files, "nothing was spooled: the test has lost its subject"
    left = [file() for file in spool.files]
    assert [file for file in left if file is not None and not file.closed] == []


@pytest.fixture
def client(tiny_model: None, template: Path, tmp_path: Path) -> Iterator[TestClient]:
    """A service that takes four images in a request."""
    shutil.copytree(template, tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data", max_images_per_request=4)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def test_a_large_upload_goes_to_the_disk_and_leaves_nothing_there(
    client: TestClient, spool: Spool
) -> None:
    answer = client.post("/v1/tag", files={"files": LARGE})
    assert answer.json()["results"][0]["status"] == "ok"
    assert spool.on_disk == 1


@pytest.mark.parametrize(
    ("path", "name", "count", "form", "status"),
    [
        ("/v1/tag", "files", 1, {"options": "{"}, 400),
        ("/v1/tag", "files", 1, {"options": '{"top_k": 0}'}, 422),
        ("/v1/tag", "files", 5, {}, 422),
        ("/v1/tag", "files", 20, {}, 400),
        ("/v1/tag", "photo", 1, {}, 422),
        ("/predict", "files", 1, {}, 422),
        ("/v1/images", "files", 1, {"images": "[{},{}]"}, 422),
        ("/v1/images", "files", 2, {"images": "7"}, 422),
    ],
)
def test_a_refused_upload_leaves_nothing_either(
    path: str,
    name: str,
    count: int,
    form: dict[str, str],
    status: int,
    client: TestClient,
    spool: Spool,
) -> None:
    answer = client.post(path, files=[(name, LARGE)] * count, data=form)
    assert answer.status_code == status, answer.text


def test_a_form_that_breaks_off_leaves_nothing(client: TestClient, spool: Spool) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/tag", content=head + LARGE, headers=kind)
    assert answer.status_code in (400, 422)
