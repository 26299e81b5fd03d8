"""A process killed among additions and deletions of images loses none it has acknowledged."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.database import Database
from tests.fixtures.images import open_collection, vector

ROOT = Path(__file__).parents[2]
CHILD = ROOT / "tests" / "stateful" / "kill_image_child.py"


def check(url: str, tmp_path: Path, said: list[list[str]]) -> None:
    """Everything acknowledged holds, and the indexes agree with a rebuild from the database."""
    added = {int(words[1]) for words in said if words[0] == "added"}
    deleted = {int(words[1]) for words in said if words[0] == "deleted"}
    doubtful = {int(words[1]) for words in said if words[0] == "deleting"} - deleted
    database = Database(url)
    reopened = open_collection(database, tmp_path / "index")
    rebuilt = open_collection(database, tmp_path / "none")
    everything = reopened.search(vector(0), 1_000_000)
    present = {found.image.id for found in everything}
    assert {f"image-{seed}" for seed in added - deleted - doubtful} <= present
    assert not present & {f"image-{seed}" for seed in deleted}
    assert everything == rebuilt.search(vector(0), 1_000_000)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    database.close()


def run_and_kill(url: str, tmp_path: Path, kills: int) -> None:
    Database(url).migrate()
    chance = random.Random(12)  # noqa: S311
    said: list[list[str]] = []
    for first in range(0, kills * 2_000_000, 2_000_000):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), url, str(tmp_path / "index"), str(first)],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "begin\n"
        time.sleep(chance.uniform(0, 0.5))
        child.kill()
        rest, _ = child.communicate()
        # The last line may be cut off in the middle: what it says was not heard.
        said += [line.split() for line in rest.split("\n")[:-1]]
        check(url, tmp_path, said)
    assert any(words[0] == "added" for words in said)


def test_a_kill_loses_no_acknowledged_image(database_url: str, tmp_path: Path) -> None:
    run_and_kill(database_url, tmp_path, kills=4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_lose_no_acknowledged_image(database_url: str, tmp_path: Path) -> None:
    run_and_kill(database_url, tmp_path, kills=100)
