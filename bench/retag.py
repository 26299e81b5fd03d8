"""How fast stored images are tagged again: the matrix products, the choice, and the writing.

    python -m bench.retag --images 20000 --tags 5000

The bar is 200,000 images against 5,000 tags a minute on two cores, 3,333 images a second. The
bare matrix product of the same arrays is timed between the rounds: where the machine has other
work, both slow down, and their ratio says more than either.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert

from app.choice import Options, choose, numbers_of
from app.database import Database
from app.retag import IMAGES_AT_ONCE, retag, tags_of
from app.snapshot import Measure, Snapshot, build_snapshot
from index.collection import ImageCollection
from index.image_store import ImageStore
from index.images import Filters
from index.tables import batches, image_names, image_tags, images
from index.vectors import to_bytes
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag

KEY = "bench"
PROBES = 256
# A stored thumbnail has some 10 KB, which lie between the vectors on the disk.
THUMBNAIL = bytes(10_000)
RESULTS = Path(__file__).parent / "results" / "retag.json"


def unit(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def snapshot_of(tags: int, dim: int, passing: float) -> Snapshot:
    """Tags of which about `passing` an image reach their thresholds."""
    vectors = unit(tags, dim, 1)
    bank = BackgroundBank.empty(KEY, dim)
    threshold = float(np.quantile(unit(500, dim, 3) @ vectors.T, 1 - passing / tags))
    made = tuple(Tag(f"t{n}", f"标签{n}", threshold=threshold) for n in range(tags))
    measure = Measure(ProbeSet(unit(PROBES, dim, 4)), bank, ScoreModel())
    return build_snapshot(1, made, vectors, measure)


def fill(database: Database, vectors: NDArray[np.float32]) -> None:
    """Stores images as `ImageStore.add` does, many a transaction, so that a bench can begin."""
    now = datetime.now(timezone.utc)
    for rows in batches(range(len(vectors)), 5_000):
        with database.write() as connection:
            connection.execute(insert(images), [image_row(at, vectors[at], now) for at in rows])
            connection.execute(insert(image_names), [name_row(at, now) for at in rows])


def check(snapshot: Snapshot, vectors: NDArray[np.float32]) -> None:
    """The answer first: the tags are those that `choose` gives an image by itself."""
    similarities = snapshot.index.similarities(vectors, KEY)
    every = np.arange(len(snapshot.tags))
    several = tags_of(snapshot, vectors)
    for numbers, tags in zip(
        numbers_of(snapshot, vectors, similarities, Options()), several, strict=True
    ):
        hits = choose(snapshot, numbers, every, Options().top_k, keep_parents=False)
        assert tuple((hit.tag.id, hit.confidence) for hit in hits) == tags


def matmul(snapshot: Snapshot, vectors: NDArray[np.float32]) -> float:
    """Images a second of the products alone."""
    began = time.perf_counter()
    for at in range(0, len(vectors), IMAGES_AT_ONCE):
        vectors[at : at + IMAGES_AT_ONCE] @ snapshot.index.vectors.T
    return len(vectors) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--tags", type=int, default=5_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--passing", type=float, default=10, help="tags over their thresholds")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    snapshot = snapshot_of(given.tags, given.dim, given.passing)
    vectors = unit(given.images, given.dim, 2)
    check(snapshot, vectors[:200])
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.db")
        database.migrate()
        fill(database, vectors)
        collection = ImageCollection(database, ImageStore(database, KEY, given.dim), Path(folder))
        for _ in range(given.rounds):
            rates.setdefault("矩阵乘法本身", []).append(matmul(snapshot, vectors))
            for name in ("全部是新标签", "没有变化"):
                began = time.perf_counter()
                report = retag(snapshot, collection, Filters())
                spent = time.perf_counter() - began
                assert report.images == given.images
                assert (report.changed == 0) == (name == "没有变化")
                rates.setdefault(name, []).append(given.images / spent)
            with database.write() as connection:
                connection.execute(delete(image_tags))
        database.close()
    _print(given, rates)


def _print(given: argparse.Namespace, rates: dict[str, list[float]]) -> None:
    print(f"{given.images:,} 张图片 × {given.tags:,} 个标签，{given.dim} 维，{os.cpu_count()} 核")
    print("| 情形 | 每秒 | 每分钟（中位） | 各轮每分钟 |\n| --- | --- | --- | --- |")
    for name, found in rates.items():
        each = "、".join(f"{60 * one:,.0f}" for one in found)
        print(f"| {name} | {median(found):,.0f} | {60 * median(found):,.0f} | {each} |")
    RESULTS.write_text(
        json.dumps(vars(given) | {"images_per_s": rates}, indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )


def image_row(at: int, vector: NDArray[np.float32], now: datetime) -> dict[str, Any]:
    """A row of `images`."""
    return {
        "model_key": KEY,
        "sha256": f"{at:064d}",
        "pixel_digest": f"{at:064d}",
        "hash": at.to_bytes(32, "big"),
        "hash_quality": 100,
        "width": 640,
        "height": 480,
        "format": "JPEG",
        "bytes": 1,
        "created_at": now,
        "vector_type": "float32",
        "vector": to_bytes(vector, "float32"),
        "thumbnail": THUMBNAIL,
    }


def name_row(at: int, now: datetime) -> dict[str, Any]:
    """A row of `image_names`, for that image as the first of an empty table."""
    number = at + 1
    facts = {"source": "", "created_at": now, "metadata": {}}
    return {"model_key": KEY, "id": f"{at:064d}", "number": number} | facts


if __name__ == "__main__":
    main()
