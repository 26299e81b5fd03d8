"""A real process killed in the middle of a run, again and again, ends with the result of a run
that nobody disturbed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from tests.fixtures.collection_files import jpeg, write_folder
from tests.fixtures.running import ROOT, prepare
from vocab.tags import TagDraft

IMAGES = 120
# A seventh image is the copy of an earlier one, so that groups reach across the kills.
COPIES = range(7, IMAGES, 7)
BAD = range(10, IMAGES, 31)
START_S = 120


def original(copy: int) -> int:
    """An image far before its copy, and no copy itself."""
    return 1 + 7 * (copy // 14)


def command(
    data_dir: Path, photos: Path, out: Path, said: int | IO[bytes] = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    arguments = ["run", str(photos), "--out", str(out), "--batch", "4"]
    return subprocess.Popen(
        [sys.executable, "tests/fixtures/tiny_serve.py", str(data_dir), *arguments],
        cwd=ROOT,
        env=os.environ | {"TUQIAN_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=said,
        # Started in the background, a test run is deaf to it, and its children would be too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def kept(partial: Path, copy: Path) -> dict[int, str]:
    """The rows on the disk, read from a copy: the file itself is left as the kill left it."""
    shutil.copytree(partial, copy)
    file = sqlite3.connect(copy / "progress.db")
    rows = dict(file.execute("SELECT number, row FROM rows"))
    file.close()
    return rows


def wait_for_writes(process: subprocess.Popen[bytes], log: Path, writes: int) -> bool:
    """Waits until the progress has been written so often; False where the process ended before.

    The first few are of the preparation: the tables, the facts, the names.
    """
    seen: set[int] = {log.stat().st_mtime_ns} if log.exists() else set()
    enough = len(seen) + writes
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            return False
        if log.exists():
            seen.add(log.stat().st_mtime_ns)
        if len(seen) >= enough:
            return True
        time.sleep(0.002)
    raise AssertionError("the run does not move")


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def test_a_run_killed_again_and_again_loses_nothing_and_does_nothing_twice(
    tmp_path: Path,
) -> None:
    data_dir, photos = tmp_path / "data", write_folder(tmp_path / "photos", IMAGES)
    for at in COPIES:
        (photos / f"{at:03}.jpg").write_bytes(jpeg(original(at)))
    for at in BAD:
        (photos / f"{at:03}.jpg").write_bytes(b"no image")
    prepare(data_dir, [TagDraft("一切", "动物", threshold=-1.0)])
    assert command(data_dir, photos, tmp_path / "whole.jsonl").wait(START_S) == 0
    whole = rows_of(tmp_path / "whole.jsonl")
    assert len(whole) == IMAGES

    out = tmp_path / "killed.jsonl"
    partial = tmp_path / "killed.jsonl.partial"
    chance = random.Random(5)  # noqa: S311
    before: dict[int, str] = {}
    for kill in range(3):
        process = command(data_dir, photos, out)
        writes = 6 + chance.randrange(4)
        moved = wait_for_writes(process, partial / "progress.db-wal", writes)
        assert moved, "the run ended before it was killed"
        process.kill()
        process.wait(30)
        rows = kept(partial, tmp_path / f"kill-{kill}")
        assert list(rows) == list(range(len(rows)))
        assert {number: rows[number] for number in before} == before
        assert not out.exists()
        # What is done is not done again: its file is no image any more.
        for number in rows:
            (photos / f"{number:03}.jpg").write_bytes(b"gone")
        before = rows
    assert 0 < len(before) < IMAGES
    assert command(data_dir, photos, out).wait(START_S) == 0
    assert rows_of(out) == whole
    assert not partial.exists()
    exact = [at for at, row in enumerate(whole) if row["duplicate_tie"] == "exact"]
    assert exact == [at for at in COPIES if not {at, original(at)} & set(BAD)]
    assert sum(row["problem"] is not None for row in whole) == len(BAD)


def test_an_interrupted_run_ends_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    data_dir, photos = tmp_path / "data", write_folder(tmp_path / "photos", 60)
    prepare(data_dir, [TagDraft("一切", "动物", threshold=-1.0)])
    out, partial = tmp_path / "r.jsonl", tmp_path / "r.jsonl.partial"
    with (tmp_path / "said").open("wb") as said:
        process = command(data_dir, photos, out, said)
        assert wait_for_writes(process, partial / "progress.db-wal", 10)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert "接着做" in (tmp_path / "said").read_text("utf-8")
    assert not out.exists()
    assert command(data_dir, photos, out).wait(START_S) == 0
    assert len(rows_of(out)) == 60
