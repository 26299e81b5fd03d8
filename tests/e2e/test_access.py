"""Keys and logs of a real service: what starts, what is asked for, what is written down."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.access.store import KeyStore
from tests.fixtures.running import database_of, prepare, running
from vocab.tags import TagDraft

ROOT = Path(__file__).parents[2]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - refused before anybody listens there
PHOTO = ROOT / "tests" / "data" / "cat.jpg"
TAGS = [TagDraft("动物", "动物", id="animal"), TagDraft("猫", "动物", id="cat")]


def command(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_public_address_without_a_key_is_refused_in_one_sentence(tmp_path: Path) -> None:
    left = command(
        "serve",
        "--host",
        EVERYWHERE,
        "--port",
        "0",
        TUQIAN_DATA_DIR=str(tmp_path),
    )
    assert left.returncode == 2
    assert "还没有任何密钥" in left.stderr
    assert "tuqian keys create" in left.stderr
    assert "Traceback" not in left.stderr


def test_a_key_opens_the_service_and_neither_it_nor_an_image_is_in_its_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    prepare(data_dir, TAGS)
    database = database_of(data_dir)
    key, token = KeyStore(database).create("采编", "admin")
    database.close()
    monkeypatch.setenv("TUQIAN_LOG_FORMAT", "json")
    monkeypatch.setenv("TUQIAN_LOG_LEVEL", "debug")
    photo = PHOTO.read_bytes()
    text = base64.b64encode(photo).decode()
    secret = token.rsplit("_", 1)[1]
    with running(data_dir) as service:
        with httpx.Client(
            base_url=service.address, headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as http:
            named = {"X-Request-ID": "upload-1"}
            sent = http.post("/v1/tag", files={"files": photo}, headers=named)
            assert sent.status_code == 200
            assert sent.json()["results"][0]["status"] == "ok"
            assert http.post("/v1/tag", json={"images": [{"base64": text}]}).status_code == 200
            http.post("/v1/tag", content=b"{" + text.encode())
            http.get(f"/v1/images/{token}?key={token}")
            http.post("/v1/tag", files={"files": b"no image " + secret.encode()})
        refused = httpx.get(f"{service.address}/v1/models")
        assert refused.status_code == 401
        listed = command("vocab", "list", "--url", service.address, "--json", TUQIAN_API_KEY=token)
        assert listed.returncode == 0, listed.stderr
        denied = command("vocab", "list", "--url", service.address)
        assert denied.returncode == 2
        assert "需要密钥" in denied.stderr
    logs = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.log"))
    assert secret not in logs
    assert text[1000:1064] not in logs
    assert photo[600:616].hex() not in logs
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    served = [line for line in lines if line["logger"] == "tuqian.request"]
    assert all(line["request_id"] for line in served)
    (first,) = [line for line in served if line["request_id"] == "upload-1"]
    assert (first["route"], first["status"], first["key"]) == ("/v1/tag", 200, "采编")
    assert key.digest not in logs
