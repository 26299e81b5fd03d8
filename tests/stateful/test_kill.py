"""A process killed in the middle of an import leaves all of it or nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import func, select

from app.database import Database
from vocab.contents import read_at
from vocab.store import VocabularyStore
from vocab.tables import tag_names, tag_versions

TAGS = 10_000
KILLS = 6
ROOT = Path(__file__).parents[2]


def acknowledged(output: str) -> int:
    """The highest revision the child was told is kept."""
    return max((int(s.split()[1]) for s in output.splitlines() if s.startswith("done")), default=0)


def check_whole(url: str) -> int:
    """The head, after checking that every revision below it is all there and nothing else is."""
    database = Database(url)
    store = VocabularyStore(database)
    vocabulary = store.load()
    head = store.head()
    assert vocabulary.revision == head
    assert len(vocabulary.tags) == head * TAGS
    log = store.revisions(limit=1_000)
    assert [revision.number for revision in log] == list(range(head, 0, -1))
    assert all(revision.changed_tags == TAGS for revision in log)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.scalar(select(func.count()).select_from(tag_names)) == head * TAGS * 2
        assert connection.scalar(select(func.count()).select_from(tag_versions)) == head * TAGS
        # What the history adds up to is what the tags are.
        assert read_at(connection, head).vocabulary == vocabulary
    database.close()
    return head


def test_a_killed_import_is_there_completely_or_not_at_all(database_url: str) -> None:
    database = Database(database_url)
    database.migrate()
    database.close()
    chance = random.Random(20)  # noqa: S311
    kept = 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/stateful/kill_child.py"), database_url, str(TAGS)],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        assert first.startswith("begin")
        time.sleep(chance.uniform(0, 2))
        child.kill()
        rest, _ = child.communicate()
        head = check_whole(database_url)
        assert head >= kept
        assert head >= acknowledged(rest)
        assert head <= kept + rest.count("done") + 1
        kept = head
