"""Kills a real service with kill -9 at random moments of 10,000-tag imports, many times.

After every start: the vocabulary is that of a whole number of imports, every import that was
answered is among them, the revision log has no gap, and the index holds what the database does.
Run with `python -m bench.kill_import --rounds 30`.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tests.fixtures.running import database_of, prepare, running
from vocab.contents import read_at
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

TAGS = 10_000
# Kills are spread over this part of an import's time: its beginning is all encoding, and some
# should come just after its end.
SPREAD = (0.6, 2.0)


@dataclass
class Rounds:
    """What came of the kills: before and after the commit, and imports that were lost."""

    import_s: float = 0.0
    kills: int = 0
    nothing: int = 0
    everything: int = 0
    answered: int = 0
    lost: int = 0


def kill_rounds(data_dir: Path, rounds: int, *, seed: int) -> Rounds:
    """Starts, imports, kills and checks, `rounds` times."""
    chance = random.Random(seed)  # noqa: S311
    prepare(data_dir, [TagDraft("猫"), TagDraft("狗")])
    # The first two are not disturbed, to know how long one beside others takes.
    for number in (0, 1):
        answered, spent_s = _import_and_kill(data_dir, number, None)
        assert answered
    result = Rounds(import_s=round(spent_s, 1))
    head = _check_whole(data_dir)
    assert head == 3
    for number in range(2, rounds + 2):
        wait_s = chance.uniform(*SPREAD) * result.import_s
        answered, _ = _import_and_kill(data_dir, number, wait_s)
        now = _check_whole(data_dir)
        assert now in (head, head + 1)
        result.kills += 1
        result.answered += answered
        result.everything += now == head + 1
        result.nothing += now == head
        result.lost += answered and now == head
        head = now
    with running(data_dir) as service:
        ready = httpx.get(f"{service.address}/readyz").json()
    assert ready["vocabulary_revision"] == head
    assert ready["tags"] == 2 + (head - 1) * TAGS
    return result


def _import_and_kill(data_dir: Path, number: int, wait_s: float | None) -> tuple[bool, float]:
    """One life of the service, killed `wait_s` after its import began, or else when that is over;
    whether the import was answered before the kill, and how long it had.
    """
    text = "name,aliases\n" + "".join(f"第{number}批{n},别名{number}之{n}\n" for n in range(TAGS))
    answers: list[httpx.Response] = []

    def send(address: str) -> None:
        try:
            url = f"{address}/v1/vocabulary/import"
            answers.append(httpx.post(url, content=text, timeout=120))
        except httpx.HTTPError:
            return  # killed before it could answer

    with running(data_dir) as service:
        before = httpx.get(f"{service.address}/readyz").json()
        # The index equals the database after every start.
        assert before["tags"] == 2 + (before["vocabulary_revision"] - 1) * TAGS
        sender = threading.Thread(target=send, args=(service.address,))
        began = time.monotonic()
        sender.start()
        sender.join(wait_s)
        spent_s = time.monotonic() - began
        service.process.kill()
        sender.join()
    assert all(one.status_code == 200 for one in answers), answers[0].text
    return bool(answers), spent_s


def _check_whole(data_dir: Path) -> int:
    """The head, after checking that the database is whole."""
    database = database_of(data_dir)
    store = VocabularyStore(database)
    vocabulary, head = store.load(), store.head()
    assert vocabulary.revision == head
    assert len(vocabulary.tags) == 2 + (head - 1) * TAGS
    assert [one.number for one in store.revisions(limit=1000)] == list(range(head, 0, -1))
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert read_at(connection, head).vocabulary == vocabulary
    database.close()
    return head


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = kill_rounds(Path(folder) / "data", given.rounds, seed=given.seed)
    print(f"{result.kills} 次 kill -9，{time.monotonic() - began:.0f} 秒")
    print(f"之后：整批都在 {result.everything} 次，整批都不在 {result.nothing} 次")
    print(f"已回答的导入 {result.answered} 次，其中丢失 {result.lost} 次")
    path = Path(__file__).parent / "results" / "kill_import.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
