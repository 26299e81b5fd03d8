"""The built-in model's figures, with the files that ship, on photographs it can be judged by.

Why: the model is every newcomer's first impression, and a rebuild must not make it worse unseen.
What is right: a photo's own name or caption, people's counts of what captions mention, and the
complete labels of 252 photos. `recipe` is the same backbone without the alignment to sentences
(the average of the names of its ten strongest ImageNet classes); `held-out` is a head that never
saw 200 of the concepts, asked to tell exactly those apart.

    python -m bench.builtin_quality [--data ../shared/data] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from app.encoders.base import Encoder, unit_rows
from app.encoders.builtin import BUILTIN_DIR, load_builtin
from bench.builtin.data import read_jsonl
from bench.builtin.held_out import HELD_OUT, held_out_vectors, recipe_vectors

Rows = NDArray[np.float32]
Texts = Callable[[Sequence[str]], Rows]
BATCH = 32


@dataclass(frozen=True)
class Seen:
    """What the image graph says of n photos."""

    embedding: Rows
    pooled: Rows
    logits: Rows


def look(encoder: Encoder, folder: Path, labels: list[dict[str, Any]]) -> Seen:
    """Runs the shipped graph over the photos of a list."""
    session = onnxruntime.InferenceSession(
        str(BUILTIN_DIR / "image.onnx"), providers=["CPUExecutionProvider"]
    )

    def prepare(label: dict[str, Any]) -> Rows:
        with Image.open(folder / label["file"]) as image:
            return encoder.prepare(image.convert("RGB"))

    parts = []
    with ThreadPoolExecutor(2) as pool:
        for at in range(0, len(labels), BATCH):
            pixels = np.stack(list(pool.map(prepare, labels[at : at + BATCH])))
            parts.append(session.run(["embedding", "pooled", "logits"], {"pixels": pixels}))
    embedding, pooled, logits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Seen(unit_rows(embedding), pooled, logits)


def average_precision(scores: Rows, truth: NDArray[np.bool_]) -> float:
    """AP of one tag over images; `truth` has at least one True."""
    found = truth[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def top(images: Rows, names: Rows, labels: Sequence[int], k: int) -> float:
    """Percent of images whose own name is among the k nearest."""
    best = np.argsort(-(images @ names.T), axis=1, kind="stable")[:, :k]
    return 100 * float((best == np.asarray(labels)[:, None]).any(axis=1).mean())


def caption_tag_map(
    images: Rows, texts: Texts, labels: list[dict[str, Any]], tags: list[str]
) -> float:
    """mAP over caption tags: two mentions true, one left out, five positives at least."""
    similarities, found = images @ texts(tags).T, []
    for column, tag in enumerate(tags):
        counts = np.array([label["mentions"].get(tag, 0) for label in labels])
        if (counts >= 2).sum() >= 5:
            kept = counts != 1
            found.append(average_precision(similarities[kept, column], counts[kept] >= 2))
    return 100 * float(np.mean(found))


def complete_map(
    images: Rows, texts: Texts, labels: list[dict[str, Any]], tags: list[str], strict: bool
) -> float:
    """mAP over complete labels; arguable pairs are left out, or count as false if `strict`."""
    similarities, found = images @ texts(tags).T, []
    for column, tag in enumerate(tags):
        truth = np.array([tag in label["tags"] for label in labels])
        kept = np.array([strict or tag not in label["unsure"] for label in labels])
        if truth[kept].any():
            found.append(average_precision(similarities[kept, column], truth[kept]))
    return 100 * float(np.mean(found))


def caption_recall(images: Rows, texts: Texts, labels: list[dict[str, Any]]) -> list[float]:
    """R@1, 5, 10 from image to caption: percent of images with one of their own that near."""
    captions = [caption for label in labels for caption in label["captions"]]
    owner = np.repeat(np.arange(len(labels)), [len(label["captions"]) for label in labels])
    best = np.argsort(-(images @ texts(captions).T), axis=1, kind="stable")[:, :10]
    own = owner[best] == np.arange(len(labels))[:, None]
    return [100 * float(own[:, :k].any(axis=1).mean()) for k in (1, 5, 10)]


def by_name(images: Rows, texts: Texts, names: list[str]) -> list[float]:
    """Top-1 and top-5 among all the names; two classes of one name are one."""
    first: dict[str, int] = {}
    labels = [first.setdefault(name, number) for number, name in enumerate(names)]
    return [top(images, texts(names), labels, k) for k in (1, 5)]


def measure(folder: Path) -> dict[str, dict[str, list[float]]]:
    """Every figure of the shipped model, and of the plain recipe beside it."""
    encoder = load_builtin()
    texts = encoder.encode_texts
    imagenet, flickr = folder / "imagenet1000", folder / "flickr8kcn"
    concepts, val = read_jsonl(imagenet / "labels.jsonl"), read_jsonl(flickr / "val.jsonl")
    complete = read_jsonl(flickr / "complete.jsonl")
    names = [concept["zh"] for concept in concepts]
    tags = list(json.loads((flickr / "tags.json").read_text(encoding="utf-8")))
    all_tags = (flickr / "complete_tags.txt").read_text(encoding="utf-8").split()
    place = {label["file"]: row for row, label in enumerate(val)}
    photos, everyday = look(encoder, imagenet, concepts), look(encoder, flickr, val)
    known = texts(names)
    unseen = known[HELD_OUT]
    kinds = {
        "shipped": (
            photos.embedding,
            everyday.embedding,
            held_out_vectors(photos.pooled, photos.logits, known),
        ),
        "recipe": (
            recipe_vectors(photos.logits, known),
            recipe_vectors(everyday.logits, known),
            recipe_vectors(photos.logits, known, without=HELD_OUT),
        ),
    }
    found = {}
    for kind, (named, daily, held) in kinds.items():
        rows = daily[[place[label["file"]] for label in complete]]
        found[kind] = {
            "names top-1/5": by_name(named, texts, names),
            "held-out top-1/5": [
                top(held[HELD_OUT], unseen, range(len(HELD_OUT)), k) for k in (1, 5)
            ],
            "caption tags mAP": [caption_tag_map(daily, texts, val, tags)],
            "captions R@1/5/10": caption_recall(daily, texts, val),
            "complete mAP": [complete_map(rows, texts, complete, all_tags, strict=False)],
            "complete mAP, unsure false": [
                complete_map(rows, texts, complete, all_tags, strict=True)
            ],
        }
    return found


BARS = {
    "names top-1/5": [80, 90],
    "held-out top-1/5": [25, 50],
    "caption tags mAP": [46],
    "captions R@1/5/10": [13, 32, 43],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments.data)
    print(f"{'figure':<28}{'shipped':>20}{'recipe':>20}{'bar':>14}")
    for figure in found["shipped"]:
        cells = [
            "/".join(f"{x:.1f}" for x in found[kind][figure]) for kind in ("shipped", "recipe")
        ]
        bar = "/".join(str(x) for x in BARS.get(figure, []))
        print(f"{figure:<28}{cells[0]:>20}{cells[1]:>20}{bar:>14}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
