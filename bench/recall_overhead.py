"""What asking for one image against many stored ones costs beside FAISS and the hashes.

    python -m bench.recall_overhead --images 100000

The bar: 2 ms beside the vector search and the hashes (of the query's parts too). Where a candidate
is in doubt its picture is compared, the local check, which is told apart here. Queries are pictures
that nothing stored resembles, and pictures of which a copy is stored under other bytes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from app.database import Database
from bench.retag import KEY, image_row, name_row, unit
from index import collection as collection_module
from index.collection import ImageCollection, Query
from index.fingerprint import fingerprint
from index.hash_index import HashIndex
from index.image_index import ImageIndex
from index.image_store import ImageStore
from index.images import NewImage
from index.local_check import Look
from index.tables import batches, image_names, images

DIM, COPY_DIM = 384, 256
QUERIES = 60
RESULTS = Path(__file__).parent / "results" / "recall_overhead.json"


class Clock:
    """Time spent in chosen functions since it was last read."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def watch(self, owner: Any, name: str, kind: str) -> None:
        """Times every call of `owner.name`."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return original(*args, **more)
            finally:
                spent = time.perf_counter() - began
                self.spent[kind] = self.spent.get(kind, 0.0) + spent

        setattr(owner, name, timed)


def fill(database: Database, count: int) -> None:
    """Stores images with random vectors and hashes, and a thumbnail of the usual size."""
    chance = np.random.default_rng(1)
    noise = chance.integers(0, 256, (200, 256), dtype=np.uint8)
    thumbnail = cv2.imencode(".jpg", cv2.GaussianBlur(noise, (5, 5), 0))[1].tobytes()
    vectors, copies = unit(count, DIM, 2), unit(count, COPY_DIM, 3).astype(np.float16)
    now = datetime.now(timezone.utc)
    for rows in batches(range(count), 5_000):
        with database.write() as connection:
            made = [
                image_row(at, vectors[at], now)
                | {
                    "copy_vector": copies[at].tobytes(),
                    "hash": chance.bytes(32),
                    "thumbnail": thumbnail,
                }
                for at in rows
            ]
            connection.execute(insert(images), made)
            connection.execute(insert(image_names), [name_row(at, now) for at in rows])


def picture(seed: int) -> NDArray[np.uint8]:
    """A picture with structure, unlike every other."""
    chance = np.random.default_rng(seed)
    small = chance.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC), np.uint8)


def ask(collection: ImageCollection, query: Query, clock: Clock) -> dict[str, float]:
    """Milliseconds of one question: all of it, its parts, and the rest."""
    clock.spent = {}
    began = time.perf_counter()
    collection.duplicates(query)
    whole = time.perf_counter() - began
    spent = dict(clock.spent)
    spent["其余"] = whole - sum(spent.values())
    return {name: 1e3 * value for name, value in (spent | {"全部": whole}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    given = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.db")
        database.migrate()
        fill(database, given.images)
        store = ImageStore(database, KEY, DIM, copy_dim=COPY_DIM)
        collection = ImageCollection(database, store, Path(folder))
        assert len(collection) == given.images
        queries = [_query(seed) for seed in range(QUERIES)]
        copies = queries[: QUERIES // 2]
        for query in copies:
            collection.add(_stored(query))
        clock = Clock()
        clock.watch(ImageIndex, "search", "向量检索（FAISS）")
        clock.watch(HashIndex, "near", "哈希检索")
        clock.watch(Look, "at", "局部比对")
        clock.watch(collection_module, "features", "局部比对")
        clock.watch(collection_module, "part_hashes", "算各部分的哈希")
        changed = [replace(query, sha256="0" * 63 + "x", print=_changed(query)) for query in copies]
        assert all(collection.duplicates(query) for query in changed)
        for name, asked in (("没有相似的图", queries[QUERIES // 2 :]), ("有一张副本", changed)):
            rows = [ask(collection, query, clock) for query in asked]
            parts = {part for row in rows for part in row}
            found[name] = {part: median(row.get(part, 0.0) for row in rows) for part in parts}
        database.close()
    columns = ["全部", "向量检索（FAISS）", "哈希检索", "算各部分的哈希", "局部比对", "其余"]
    print(f"{given.images:,} 张已入库，毫秒（中位）\n| 查询 | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 1) + "|")
    for name, parts_ms in found.items():
        print(f"| {name} | " + " | ".join(f"{parts_ms.get(c, 0.0):.2f}" for c in columns) + " |")
    text = json.dumps({"images": given.images, "ms": found}, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def _query(seed: int) -> Query:
    vector, copy = unit(1, DIM, 10_000 + seed)[0], unit(1, COPY_DIM, 20_000 + seed)[0]
    return Query(f"{seed:060d}abcd", fingerprint(picture(seed)), vector, copy)


def _stored(query: Query) -> NewImage:
    print_ = query.print.fingerprint
    return NewImage(
        query.sha256, 640, 480, "PNG", 1, print_, query.vector, copy_vector=query.copy_vector
    )


def _changed(query: Query) -> Any:
    """The same picture with other pixels, so that it is no exact copy."""
    kept = replace(query.print.fingerprint, pixel_digest="changed")
    return replace(query.print, fingerprint=kept)


if __name__ == "__main__":
    main()
