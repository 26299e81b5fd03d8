"""How fast stored images are tagged again: the matrix products, the choice, and the writing.

    python -m bench.retag --images 20000 --tags 5000

The bar is 200,000 images against 5,000 tags a minute on two cores, 3,333 images a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.database import Database
from app.retag import retag, tags_of
from app.snapshot import Snapshot, build_snapshot
from index.collection import ImageCollection
from index.image_store import ImageStore
from index.images import Filters, Fingerprint, NewImage
from vocab.background import BackgroundBank
from vocab.calibration import ScoreModel
from vocab.tags import Tag

KEY = "bench"


def unit(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def snapshot_of(tags: int, dim: int) -> Snapshot:
    vectors = unit(tags, dim, 1)
    bank = BackgroundBank.empty(KEY, dim)
    # About five tags an image pass, as on real photos.
    threshold = float(np.quantile(unit(500, dim, 3) @ vectors.T, 1 - 5 / tags))
    made = tuple(Tag(f"t{n}", f"标签{n}", threshold=threshold) for n in range(tags))
    mean = vectors.mean(axis=0)
    return build_snapshot(1, made, vectors, probe_mean=mean, bank=bank, score_model=ScoreModel())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--tags", type=int, default=5_000)
    parser.add_argument("--dim", type=int, default=384)
    given = parser.parse_args()
    snapshot = snapshot_of(given.tags, given.dim)
    vectors = unit(given.images, given.dim, 2)
    # The answer first: as one image at a time.
    several = tags_of(snapshot, vectors[:3])
    single = [tags_of(snapshot, vectors[at : at + 1])[0] for at in range(3)]
    assert [[tag for tag, _ in one] for one in several] == [[t for t, _ in one] for one in single]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.db")
        database.migrate()
        collection = ImageCollection(database, ImageStore(database, KEY, given.dim), Path(folder))
        began = time.perf_counter()
        for at, vector in enumerate(vectors):
            print_ = Fingerprint(f"{at:064d}", bytes(32), 100, b"")
            collection.add(NewImage(f"{at:064d}", 1, 1, "JPEG", 1, print_, vector))
        spent = time.perf_counter() - began
        print(f"add: {given.images / spent:,.0f} images/s")
        for name in ("retag, everything new", "retag, nothing new"):
            began = time.perf_counter()
            report = retag(snapshot, collection, Filters())
            spent = time.perf_counter() - began
            rate = given.images / spent
            print(
                f"{name}: {rate:,.0f} images/s x {given.tags} tags = {rate * 60:,.0f} a minute, "
                f"{report.changed} changed"
            )
        database.close()


if __name__ == "__main__":
    main()
