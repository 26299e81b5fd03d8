"""A backup of a running service, restored elsewhere, answers as the first one did."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from tests.fixtures.running import ROOT, prepare, running
from tests.fixtures.tiny import write_tiny_model
from vocab.tags import TagDraft

PHOTOS = Path(__file__).parents[1] / "data"
NAMES = ("cat", "tiger", "coffee")


def answers(address: str) -> dict[str, Any]:
    """What a service says of the same questions."""
    with httpx.Client(base_url=address, timeout=60) as client:
        files = [("files", (PHOTOS / f"{name}.jpg").read_bytes()) for name in NAMES]
        options = {"options": '{"min_confidence": 0, "duplicates": true}'}
        return {
            "tags": client.post("/v1/tag", files=files, data=options).json(),
            "vocabulary": client.get("/v1/vocabulary/export").text,
            "history": client.get("/v1/vocabulary/revisions").json(),
            "feedback": client.get("/v1/feedback").json(),
            "image": client.get("/v1/images/tiger").json(),
        }


def tuqian(*words: str, data_dir: Path | None = None) -> subprocess.CompletedProcess[str]:
    folder = {} if data_dir is None else {"TUQIAN_DATA_DIR": str(data_dir)}
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT,
        env=os.environ | folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_restored_backup_of_a_running_service_answers_the_same(tmp_path: Path) -> None:
    first, second, out = tmp_path / "first", tmp_path / "second", tmp_path / "out.tar"
    prepare(first, [TagDraft(name, "动物") for name in ("猫", "狗", "老虎")])
    with running(first) as service, httpx.Client(base_url=service.address, timeout=60) as client:
        tiger = {"files": (PHOTOS / "tiger.jpg").read_bytes()}
        stored = client.post("/v1/images", files=tiger, data={"images": '[{"id": "tiger"}]'})
        assert stored.status_code == 200, stored.text
        client.post("/v1/vocabulary/tags", json={"name": "咖啡", "category": "饮品"})
        digest = stored.json()["results"][0]["sha256"]
        judged = {"tag": "老虎", "verdict": "right", "sha256": digest}
        assert client.post("/v1/feedback", json={"judgements": [judged]}).status_code == 200
        stop = threading.Event()

        def busy() -> None:  # tagging goes on while the copy is made
            while not stop.is_set():
                httpx.post(f"{service.address}/v1/tag", files=tiger, timeout=60)

        worker = threading.Thread(target=busy)
        worker.start()
        made = tuqian("backup", str(out), data_dir=first)
        stop.set()
        worker.join()
        assert made.returncode == 0, made.stderr
        before = answers(service.address)
    restored = tuqian("restore", str(out), "--data-dir", str(second))
    assert restored.returncode == 0, restored.stderr
    again = tuqian("restore", str(out), "--data-dir", str(second))
    assert again.returncode == 2
    write_tiny_model(second)
    with running(second) as service:
        after = answers(service.address)
    assert after == before
