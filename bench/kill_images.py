"""Kills a real service with kill -9 while callers add and delete images, many times.

After every kill: each image whose addition was answered is there unless its deletion was asked
for, none whose deletion was answered is back, and a search of what the next start opens (with a
cache file that may be outdated) equals that of a rebuild from the database alone.

    python -m bench.kill_images --rounds 100

Rounds of several runs add up in bench/results/kill_images.json with `--append`.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from app.database import Database
from app.encoders.base import Encoder
from app.encoders.builtin import load_builtin
from index.collection import ImageCollection
from index.image_store import ImageStore
from tests.fixtures.running import database_of, prepare, running
from vocab.tags import TagDraft

CALLERS = 4
# How long the callers are at work before the kill.
SPREAD_S = (0.1, 3.0)
IMAGES_A_LIFE = 100_000
RESULTS = Path(__file__).parent / "results" / "kill_images.json"


@dataclass
class Rounds:
    """What came of the kills; `unanswered` additions and deletions may have happened or not."""

    kills: int = 0
    added: int = 0
    deleted: int = 0
    unanswered_adds: int = 0
    unanswered_adds_kept: int = 0
    unanswered_deletes: int = 0
    lost: int = 0
    back: int = 0
    different_answers: int = 0


class Heard:
    """What the callers asked for and were answered, over all lives; ids by number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.asked: set[int] = set()
        self.added: set[int] = set()
        self.deleting: set[int] = set()
        self.deleted: set[int] = set()
        self.faults: list[Exception] = []

    def say(self, what: set[int], number: int) -> None:
        with self._lock:
            what.add(number)


def call(address: str, heard: Heard, first: int, stop: threading.Event) -> None:
    """Adds one image after another and deletes every third again, until the service is gone."""
    with httpx.Client(base_url=address, timeout=60) as client:
        for number in range(first, first + IMAGES_A_LIFE):
            if stop.is_set():
                return
            try:
                heard.say(heard.asked, number)
                form = {"images": json.dumps([{"id": f"image-{number}"}])}
                answer = client.post("/v1/images", files={"files": png(number)}, data=form)
                assert answer.json()["results"][0]["state"] == "added", answer.text
                heard.say(heard.added, number)
                if number % 3 == 0:
                    heard.say(heard.deleting, number)
                    gone = client.delete(f"/v1/images/image-{number}")
                    assert gone.status_code == 204, gone.text
                    heard.say(heard.deleted, number)
            except httpx.HTTPError:
                return  # killed before it could answer
            except Exception as error:
                heard.faults.append(error)
                return


def png(number: int) -> bytes:
    """A picture of its own for every number."""
    pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    made = BytesIO()
    Image.fromarray(pixels).resize((80, 80)).save(made, "PNG")
    return made.getvalue()


def kill_rounds(data_dir: Path, rounds: int, *, seed: int) -> Rounds:
    """Starts, calls, kills and checks, `rounds` times."""
    chance = random.Random(seed)  # noqa: S311
    prepare(data_dir, [TagDraft("猫"), TagDraft("狗")])
    encoder = load_builtin(data_dir)
    heard, result = Heard(), Rounds()
    for life in range(rounds):
        stop = threading.Event()
        with running(data_dir) as service:
            firsts = [(life * CALLERS + one) * IMAGES_A_LIFE for one in range(CALLERS)]
            callers = [
                threading.Thread(target=call, args=(service.address, heard, first, stop))
                for first in firsts
            ]
            for caller in callers:
                caller.start()
            time.sleep(chance.uniform(*SPREAD_S))
            service.process.kill()
            stop.set()
            for caller in callers:
                caller.join()
        if heard.faults:
            raise heard.faults[0]
        result.kills += 1
        check(data_dir, encoder, heard, result, save=chance.random() < 0.3)
    encoder.close()
    count(heard, result)
    return result


def check(data_dir: Path, encoder: Encoder, heard: Heard, result: Rounds, *, save: bool) -> None:
    """The promises, held against what is there; now and then a cache file is left behind."""
    database = database_of(data_dir)
    reopened = open_collection(database, encoder, data_dir / "index")
    with tempfile.TemporaryDirectory() as empty:
        rebuilt = open_collection(database, encoder, Path(empty))
        query = np.full(encoder.dim, encoder.dim**-0.5, dtype=np.float32)
        ours, fresh = (one.search(query, 1_000_000) for one in (reopened, rebuilt))
    present = {found.image.id for found in ours}
    result.different_answers += ours != fresh
    kept = heard.added - heard.deleting
    result.lost += len({f"image-{number}" for number in kept} - present)
    result.back += len({f"image-{number}" for number in heard.deleted} & present)
    doubtful = heard.asked - heard.added
    result.unanswered_adds_kept = len({f"image-{number}" for number in doubtful} & present)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    if save:
        reopened.save()
    database.close()


def open_collection(database: Database, encoder: Encoder, folder: Path) -> ImageCollection:
    """The collection as the service makes it."""
    store = ImageStore(database, encoder.model_key, encoder.dim, copy_dim=encoder.copy_dim)
    return ImageCollection(database, store, folder)


def count(heard: Heard, result: Rounds) -> None:
    result.added, result.deleted = len(heard.added), len(heard.deleted)
    result.unanswered_adds = len(heard.asked - heard.added)
    result.unanswered_deletes = len(heard.deleting - heard.deleted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--append", action="store_true", help="add to the result that is there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = kill_rounds(Path(folder) / "data", given.rounds, seed=given.seed)
    if given.append and RESULTS.is_file():
        before = json.loads(RESULTS.read_text(encoding="utf-8"))
        for field in fields(Rounds):
            setattr(result, field.name, getattr(result, field.name) + before[field.name])
    RESULTS.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    print(f"{result.kills} 次 kill -9：已回答的入库 {result.added}，已回答的删除 {result.deleted}")
    print(f"丢失 {result.lost}，删除后又出现 {result.back}，与重建不同 {result.different_answers}")
    print(
        f"没有得到回答的入库 {result.unanswered_adds}（其中已保存 {result.unanswered_adds_kept}），"
        f"没有得到回答的删除 {result.unanswered_deletes}"
    )


if __name__ == "__main__":
    main()
