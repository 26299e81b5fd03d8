from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest

from app.encoders.download import Download, fetch_weights
from app.encoders.hubs import Hub, HubFile, hub_named
from app.errors import ModelDownloadError, SettingsError

CONTENT = bytes(range(256)) * 20_000
FILE = HubFile("weights.pt", modelscope_repo="ms/model", huggingface_repo="hf/model")


@dataclass
class FakeHub:
    """Speaks as both hubs do, over a real socket; each test sets how it misbehaves."""

    content: bytes = CONTENT
    listed: bytes = CONTENT
    name: str = FILE.name
    cut_after: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    listing: bool = True
    asked: list[str | None] = field(default_factory=list)
    endpoint: str = ""

    def hub(self, kind: str) -> Hub:
        return Hub(kind, self.endpoint)  # type: ignore[arg-type]

    def listing_of(self, path: str) -> object:
        digest, size = hashlib.sha256(self.listed).hexdigest(), len(self.listed)
        if path.startswith("/api/v1/models/ms/model/repo/files"):
            return {"Data": {"Files": [{"Path": self.name, "Sha256": digest, "Size": size}]}}
        assert path == "/api/models/hf/model/tree/main"
        return [{"path": self.name, "size": size, "lfs": {"oid": digest, "size": size}}]


class Handler(BaseHTTPRequestHandler):
    fake: FakeHub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlparse(self.path).path
        if path.endswith(("/repo/files", "/tree/main")):
            self._json() if self.fake.listing else self.send_error(404)
        elif path in ("/api/v1/models/ms/model/repo", "/hf/model/resolve/main/weights.pt"):
            self._file()
        else:
            self.send_error(404)

    def _json(self) -> None:
        body = json.dumps(self.fake.listing_of(urlparse(self.path).path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self) -> None:
        asked = self.headers.get("Range")
        self.fake.asked.append(asked)
        if self.fake.status != 200:
            self.send_error(self.fake.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.fake.ranges else 0
        body = self.fake.content[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(self.fake.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.fake.cut_after:
            self.wfile.write(body[: self.fake.cut_after.pop(0)])
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
        else:
            self.wfile.write(body)


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    fake = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"fake": fake}))
    fake.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()


def download(hub: Hub, tmp_path: Path, file: HubFile = FILE, **more: object) -> Download:
    return Download(hub, file, tmp_path / "models" / file.name, retry_pause_s=0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["modelscope", "huggingface"])
def test_a_file_arrives_whole_from_either_hub(fake: FakeHub, tmp_path: Path, kind: str) -> None:
    seen: list[tuple[int, int | None]] = []
    job = download(
        fake.hub(kind), tmp_path, progress=lambda done, total: seen.append((done, total))
    )
    assert fetch_weights(job).read_bytes() == CONTENT
    assert not job.part.exists()
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_file_that_is_there_is_not_fetched_again(fake: FakeHub, tmp_path: Path) -> None:
    job = download(fake.hub("modelscope"), tmp_path)
    fetch_weights(job)
    fetch_weights(job)
    assert len(fake.asked) == 1


def test_a_cut_is_taken_up_where_it_happened(fake: FakeHub, tmp_path: Path) -> None:
    fake.cut_after = [100_000, 50_000]
    job = download(fake.hub("huggingface"), tmp_path)
    assert fetch_weights(job).read_bytes() == CONTENT
    assert fake.asked[0] is None
    assert all(asked is not None for asked in fake.asked[1:])


def test_a_later_start_takes_up_the_part_file(fake: FakeHub, tmp_path: Path) -> None:
    job = download(fake.hub("modelscope"), tmp_path)
    job.part.parent.mkdir(parents=True)
    job.part.write_bytes(CONTENT[:12_345])
    assert fetch_weights(job).read_bytes() == CONTENT
    assert fake.asked == ["bytes=12345-"]


def test_a_server_without_ranges_sends_the_file_from_the_start(
    fake: FakeHub, tmp_path: Path
) -> None:
    fake.ranges = False
    job = download(fake.hub("modelscope"), tmp_path)
    job.part.parent.mkdir(parents=True)
    job.part.write_bytes(CONTENT[:12_345])
    assert fetch_weights(job).read_bytes() == CONTENT


def test_a_part_file_of_something_else_is_found_out(fake: FakeHub, tmp_path: Path) -> None:
    job = download(fake.hub("modelscope"), tmp_path)
    job.part.parent.mkdir(parents=True)
    job.part.write_bytes(b"x" * 12_345)
    with pytest.raises(ModelDownloadError, match="校验和"):
        fetch_weights(job)
    assert not job.part.exists()
    assert fetch_weights(job).read_bytes() == CONTENT


def test_a_wrong_digest_leaves_nothing_behind(fake: FakeHub, tmp_path: Path) -> None:
    fake.listed = bytes(len(CONTENT))
    job = download(fake.hub("modelscope"), tmp_path)
    with pytest.raises(ModelDownloadError, match="校验和"):
        fetch_weights(job)
    assert list(job.target.parent.iterdir()) == []


def test_the_digest_on_record_comes_before_the_hubs(fake: FakeHub, tmp_path: Path) -> None:
    file = HubFile(FILE.name, "ms/model", "hf/model", sha256="0" * 64)
    with pytest.raises(ModelDownloadError, match="校验和"):
        fetch_weights(download(fake.hub("modelscope"), tmp_path, file))


def test_a_hub_without_a_listing_still_serves_the_file(fake: FakeHub, tmp_path: Path) -> None:
    fake.listing = False
    job = download(fake.hub("huggingface"), tmp_path)
    job.part.parent.mkdir(parents=True)
    job.part.write_bytes(b"from another day")
    assert fetch_weights(job).read_bytes() == CONTENT
    assert fake.asked == [None]


def test_a_file_the_hub_does_not_have_says_where_to_put_it(fake: FakeHub, tmp_path: Path) -> None:
    fake.status, fake.listing = 404, False
    job = download(fake.hub("huggingface"), tmp_path)
    with pytest.raises(ModelDownloadError, match="404") as caught:
        fetch_weights(job)
    assert str(job.target) in str(caught.value.remedy)
    assert "weights.pt" in str(caught.value.remedy)


def test_a_file_missing_from_the_listing_is_named(fake: FakeHub, tmp_path: Path) -> None:
    fake.name = "other.pt"
    with pytest.raises(ModelDownloadError, match=r"没有文件 weights\.pt"):
        fetch_weights(download(fake.hub("modelscope"), tmp_path))


def test_an_unreachable_hub_names_the_file_and_the_place(tmp_path: Path) -> None:
    job = download(Hub("modelscope", "http://127.0.0.1:9"), tmp_path)
    with pytest.raises(ModelDownloadError, match="连不上 ModelScope") as caught:
        fetch_weights(job)
    assert str(job.target) in str(caught.value.remedy)
    assert "http://127.0.0.1:9/models/ms/model/files" in str(caught.value.remedy)


def test_a_connection_that_is_always_cut_gives_up_and_keeps_what_came(
    fake: FakeHub, tmp_path: Path
) -> None:
    fake.cut_after = [10_000] * 5
    job = download(fake.hub("modelscope"), tmp_path)
    with pytest.raises(ModelDownloadError, match="连不上"):
        fetch_weights(job)
    assert job.part.stat().st_size > 0
    assert fetch_weights(job).read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_is_named(fake: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelDownloadError, match="models"):
        fetch_weights(download(fake.hub("modelscope"), tmp_path))


def test_a_hub_has_a_name_or_an_address() -> None:
    assert hub_named("modelscope").kind == "modelscope"
    assert hub_named("huggingface").endpoint == "https://huggingface.co"
    assert hub_named("https://mirror.example/") == Hub("huggingface", "https://mirror.example")
    with pytest.raises(SettingsError, match="baidu"):
        hub_named("baidu")
