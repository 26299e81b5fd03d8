"""Is a photo recognised after what people do to it, and is nothing else taken for it?

    python -m bench.duplicates --data ../shared/data --queries 100 --references 2000

Every query photo is in the references once. Thresholds of the single methods are fixed on the
even query photos at 99.5 % precision; the figures are those of the odd ones. The verdict is
the service's own code with its own rules.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.database import Database
from app.encoders.builtin import load_builtin
from bench.attacks import ATTACKS, EASY, HARD, attacked
from index.collection import ImageCollection, Query
from index.duplicates import Duplicate, DuplicateRules
from index.fingerprint import Print, fingerprint
from index.image_store import ImageStore
from index.images import NewImage

PRECISION = 0.995
BATCH = 32


@dataclass(frozen=True)
class Seen:
    """A picture as every method sees it."""

    print: Print
    vector: NDArray[np.float32]
    copy: NDArray[np.float32] | None
    phash: NDArray[np.uint8]


def files_of(data: Path, references: int) -> list[Path]:
    """The reference photos: imagenet1000 first, whose first ones are the queries."""
    found = []
    for folder, listing in (
        ("imagenet1000", "labels"),
        ("flickr8kcn", "train"),
        ("flickr8kcn", "val"),
    ):
        lines = (data / folder / f"{listing}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [data / folder / json.loads(line)["file"] for line in lines]
    return found[:references]


def see(encoder, images: list[Image.Image]) -> list[Seen]:
    """Fingerprints, vectors and pHash-256 of some pictures."""
    seen = []
    for at in range(0, len(images), BATCH):
        part = images[at : at + BATCH]
        rows = encoder.encode_pixels_full(np.stack([encoder.prepare(one) for one in part]))
        for one, row in zip(part, rows, strict=True):
            bits = imagehash.phash(one, hash_size=16).hash.ravel()
            copy = row[encoder.dim :] if encoder.copy_dim else None
            seen.append(
                Seen(fingerprint(np.asarray(one)), row[: encoder.dim], copy, np.packbits(bits))
            )
    return seen


def opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def stored(collection: ImageCollection, encoder, files: list[Path]) -> list[Seen]:
    """Adds every reference; its id is its place among them."""
    known = []
    for at in range(0, len(files), BATCH):
        paths = files[at : at + BATCH]
        for place, (path, seen) in enumerate(
            zip(paths, see(encoder, [opened(path) for path in paths]), strict=True), start=at
        ):
            known.append(seen)
            collection.add(
                NewImage(
                    sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                    width=1,
                    height=1,
                    format="JPEG",
                    bytes=1,
                    fingerprint=seen.print.fingerprint,
                    vector=seen.vector,
                    copy_vector=seen.copy,
                    id=str(place),
                )
            )
    return known


def bits_between(hashes: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.int64]:
    """`(m, 32)` against `(n, 32)`: `(n,)` the fewest differing bits."""
    table = (
        np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.int64)
    )
    return np.min([table[references ^ one].sum(axis=1) for one in hashes], axis=0)


def best_of(scores: NDArray[np.float64], truth: int) -> tuple[float, bool]:
    """The highest-scoring reference, and whether it is the right one."""
    place = int(scores.argmax())
    return float(scores[place]), place == truth


def recall_at_precision(
    train: list[tuple[float, bool]], test: list[tuple[float, bool]]
) -> tuple[float, float, float]:
    """The threshold from `train`; precision and recall of `test` with it."""
    order = sorted(train, reverse=True)
    right = 0
    threshold = float("inf")
    for count, (score, good) in enumerate(order, start=1):
        right += good
        if right / count >= PRECISION:
            threshold = score
    taken = [good for score, good in test if score >= threshold]
    return threshold, sum(taken) / max(1, len(taken)), sum(taken) / len(test)


def average_precision(results: list[tuple[float, bool]]) -> float:
    """Micro-AP: one ranking of the best answers of all queries."""
    right, total = 0, 0.0
    for count, (_, good) in enumerate(sorted(results, key=lambda one: -one[0]), start=1):
        right += good
        total += good * right / count
    return total / len(results)


def strength(found: Duplicate) -> float:
    """A verdict as one number, for micro-AP."""
    if found.tier == "similar":
        return found.similarity
    if found.evidence is None:
        return 3 - (found.hash_bits or 0) / 256
    return 1 + found.evidence.agreement + min(found.evidence.inliers, 500) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--references", type=int, default=2000)
    parser.add_argument("--scenes", type=int, default=1000, help="everyday photos to compare")
    given = parser.parse_args()
    encoder = load_builtin(threads=2)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/bench.db")
        database.migrate()
        store = ImageStore(database, encoder.model_key, encoder.dim, copy_dim=encoder.copy_dim)
        collection = ImageCollection(database, store, Path(folder), rules=DuplicateRules())
        files = files_of(given.data, given.references)
        began = time.time()
        known = stored(collection, encoder, files)
        print(f"{len(known)} references in {time.time() - began:.0f} s")
        thumbs = [len(seen.print.fingerprint.thumbnail) for seen in known]
        print(f"thumbnail: {np.mean(thumbs):.0f} bytes an image")
        scenes(collection, files, given.data, given.scenes)
        report(encoder, collection, known, files, given.queries)
        database.close()


def report(encoder, collection, known: list[Seen], files: list[Path], queries: int) -> None:
    pdq = np.stack([np.frombuffer(one.print.fingerprint.hash, np.uint8) for one in known])
    phash = np.stack([one.phash for one in known])
    vectors = np.stack([one.vector for one in known])
    copies = None if known[0].copy is None else np.stack([one.copy for one in known])
    methods: dict[str, dict[str, list[list[tuple[float, bool]]]]] = {}
    counts = {name: [0, 0, 0] for name in ATTACKS}  # right, wrong, asked
    spent: list[float] = []

    def note(method: str, attack: str, half: int, result: tuple[float, bool]) -> None:
        methods.setdefault(method, {}).setdefault(attack, [[], []])[half].append(result)

    for place in range(queries):
        image, other = opened(files[place]), opened(files[-1 - place])
        pictures = [attacked(name, image, other, place) for name in ATTACKS]
        for name, seen in zip(ATTACKS, see(encoder, pictures), strict=True):
            half = place % 2
            hashes = seen.print.hashes
            note("pHash-256", name, half, best_of(-bits_between(seen.phash[None], phash), place))
            note("PDQ", name, half, best_of(-bits_between(hashes[:1], pdq), place))
            note("PDQ x 8", name, half, best_of(-bits_between(hashes, pdq), place))
            note("embedding", name, half, best_of(vectors @ seen.vector, place))
            if copies is not None:
                note("copy vector", name, half, best_of(copies @ seen.copy, place))
            began = time.perf_counter()
            found = collection.duplicates(Query("", seen.print, seen.vector, seen.copy))
            spent.append(time.perf_counter() - began)
            images = store_ids(collection, found)
            best = (strength(found[0]), images[0] == place) if found else (-1.0, False)
            note("verdict", name, half, best)
            if half == 1:
                same = [i for i, one in zip(images, found, strict=True) if one.tier != "similar"]
                counts[name][0] += place in same
                # Of a collage or a pasted photo the other picture is a right answer too.
                others = (
                    {place, len(files) - 1 - place} if name in ("pasted", "collage") else {place}
                )
                counts[name][1] += len(set(same) - others)
                counts[name][2] += 1
    print_table(methods, counts)
    print(f"verdict: {np.median(spent) * 1e3:.0f} ms median, {np.mean(spent) * 1e3:.0f} ms mean")


def scenes(collection: ImageCollection, files: list[Path], data: Path, most: int) -> None:
    """How many pairs of different everyday photos of one kind of scene are called near."""
    mentions = {}
    for listing in ("train", "val"):
        text = (data / "flickr8kcn" / f"{listing}.jsonl").read_text(encoding="utf-8")
        for line in text.splitlines():
            one = json.loads(line)
            mentions[data / "flickr8kcn" / one["file"]] = set(one["mentions"])
    places = [place for place, path in enumerate(files) if path in mentions][:most]
    pairs = sum(
        len(mentions[files[a]] & mentions[files[b]]) >= 3
        for at, a in enumerate(places)
        for b in places[at + 1 :]
    )
    called = set()
    for place in places:
        number = collection.get(str(place)).number
        query = collection.stored_query(number)
        for one in collection.duplicates(query, 10):
            if one.tier != "similar" and one.number != number:
                called.add(tuple(sorted((number, one.number))))
                print("near:", place, one, files[place].name)
    print(f"{len(places)} everyday photos, {pairs} pairs of one scene, {len(called)} called near")


def store_ids(collection: ImageCollection, found: list[Duplicate]) -> list[int]:
    images = collection.store.load([one.number for one in found])
    return [int(images[one.number].id) for one in found]


def print_table(methods, counts) -> None:
    names = list(methods)
    thresholds = {}
    for method in names:
        train = [one for halves in methods[method].values() for one in halves[0]]
        test = [one for halves in methods[method].values() for one in halves[1]]
        thresholds[method] = (recall_at_precision(train, test), average_precision(test))
    singles = [name for name in names if name != "verdict"]
    print("\n| attack | " + " | ".join([*singles, "verdict", "wrong"]) + " |")
    print("| --- |" + " --- |" * (len(singles) + 2))
    for attack in ATTACKS:
        row = []
        for method in singles:
            cut = thresholds[method][0][0]
            test = methods[method][attack][1]
            row.append(f"{sum(good for score, good in test if score >= cut) / len(test):.3f}")
        right, wrong, asked = counts[attack]
        print(f"| {attack} | " + " | ".join([*row, f"{right / asked:.3f}", str(wrong)]) + " |")
    right, wrong, asked = (sum(one[i] for one in counts.values()) for i in range(3))
    row = [f"{thresholds[method][0][2]:.3f}" for method in singles]
    print("| **all** | " + " | ".join([*row, f"{right / asked:.3f}", str(wrong)]) + " |")
    row = [f"{thresholds[method][0][1]:.4f}" for method in singles]
    precision = right / max(1, right + wrong)
    print("| precision | " + " | ".join([*row, f"{precision:.4f}", ""]) + " |")
    row = [f"{thresholds[method][1]:.3f}" for method in [*singles, "verdict"]]
    print("| micro-AP | " + " | ".join([*row, ""]) + " |")
    for label, group in (("easy", EASY), ("hard", HARD)):
        good = sum(counts[name][0] for name in group) / sum(counts[name][2] for name in group)
        print(f"{label} ({', '.join(group)}): {good:.3f}")


if __name__ == "__main__":
    main()
