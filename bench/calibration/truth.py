"""Labelled photographs as arrays: vectors, what is true, and what counts.

`truth (m, t) bool` and `counted (m, t) bool` as in vocab.evaluation. Vectors are kept in a folder
between runs, by the model's key, because encoding 14,000 photos takes minutes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.encoders.base import Encoder
from bench.builtin.data import read_jsonl
from bench.builtin_quality import look
from vocab.prompts import embed_tags
from vocab.starter import starter_tags
from vocab.tags import Tag

FloatArray = NDArray[np.float32]
Bools = NDArray[np.bool_]
MOSAICS = 500
TILE = 256
JUDGED = Path(__file__).parent.parent / "labels" / "starter_on_flickr8k.jsonl"


@dataclass(frozen=True)
class Labelled:
    """`vectors (m, d)`, the rows of t tags in the starter vocabulary, truth and what counts."""

    vectors: FloatArray
    rows: NDArray[np.int64]
    truth: Bools
    counted: Bools


class Forgetful(dict[str, FloatArray]):
    """Keeps no vectors: this runs once."""

    def get(self, *_: object) -> dict[str, FloatArray]:  # type: ignore[override]
        """Nothing is known."""
        return {}

    def put(self, *_: object) -> None:
        """Nothing is kept."""


class Names:
    """The starter vocabulary by name, with what lies above each tag."""

    def __init__(self) -> None:
        drafts = starter_tags()
        self.tags = [Tag(d.name, d.name, aliases=d.aliases, parents=d.parents) for d in drafts]
        self.row = {alias: row for row, d in enumerate(drafts) for alias in d.aliases}
        self.row |= {d.name: row for row, d in enumerate(drafts)}

    def above(self, row: int) -> set[int]:
        """Rows of every ancestor."""
        found: set[int] = set()
        waiting = [row]
        while waiting:
            for parent in self.tags[waiting.pop()].parents:
                if self.row[parent] not in found:
                    found.add(self.row[parent])
                    waiting.append(self.row[parent])
        return found

    def embedded(self, encoder: Encoder, templates: tuple[str, ...] | None = None) -> FloatArray:
        """`(n, d) float32` of every starter tag."""
        given = {} if templates is None else {"templates": templates}
        return embed_tags(
            self.tags,
            encoder.encode_texts,
            encoder.model_key,
            Forgetful(),
            dim=encoder.dim,
            **given,  # type: ignore[arg-type]
        )


def photo_vectors(encoder: Encoder, folder: Path, listing: str, cache: Path) -> FloatArray:
    """`(m, d)` unit rows of the photos of a listing, read from the cache where they are there."""
    kept = cache / f"{folder.name}-{listing}-{encoder.model_key}.npy"
    if kept.is_file():
        return np.asarray(np.load(kept), dtype=np.float32)
    found = look(encoder, folder, read_jsonl(folder / f"{listing}.jsonl")).embedding
    cache.mkdir(parents=True, exist_ok=True)
    np.save(kept, found)
    return found


def complete(names: Names, folder: Path, val: FloatArray, *, unsure_is_false: bool) -> Labelled:
    """The 252 photos of flickr8kcn's val labelled completely over 175 tags."""
    tags = (folder / "complete_tags.txt").read_text(encoding="utf-8").split()
    photos = read_jsonl(folder / "complete.jsonl")
    place = {tag: column for column, tag in enumerate(tags)}
    truth = np.zeros((len(photos), len(tags)), dtype=bool)
    counted = np.ones_like(truth)
    for at, photo in enumerate(photos):
        truth[at, [place[tag] for tag in photo["tags"]]] = True
        if not unsure_is_false:
            counted[at, [place[tag] for tag in photo["unsure"]]] = False
    row = {photo["file"]: at for at, photo in enumerate(read_jsonl(folder / "val.jsonl"))}
    chosen = [row[photo["file"]] for photo in photos]
    rows = np.asarray([names.row[tag] for tag in tags], dtype=np.int64)
    return Labelled(val[chosen], rows, truth, counted)


def mentioned(names: Names, folder: Path, val: FloatArray) -> Labelled:
    """val with the 75 caption tags: two mentions true, one left out, none false."""
    photos = read_jsonl(folder / "val.jsonl")
    stated = json.loads((folder / "tags.json").read_text(encoding="utf-8"))
    tags = [tag for tag in stated if tag in names.row]
    place = {tag: column for column, tag in enumerate(tags)}
    truth = np.zeros((len(photos), len(tags)), dtype=bool)
    counted = np.ones_like(truth)
    for at, photo in enumerate(photos):
        for tag, count in photo["mentions"].items():
            if tag in place:
                truth[at, place[tag]] = count >= 2
                counted[at, place[tag]] = count != 1
    rows = np.asarray([names.row[tag] for tag in tags], dtype=np.int64)
    return Labelled(val, rows, truth, counted)


def mosaics(names: Names, folder: Path, encoder: Encoder, cache: Path) -> Labelled:
    """500 seeded mosaics of two to four val photos: harder images with the tags of all of them."""
    photos, plain = read_jsonl(folder / "val.jsonl"), mentioned(names, folder, np.zeros((0, 0)))
    rng = np.random.default_rng(0)
    picks = [rng.choice(len(photos), 2 + at % 3, replace=False) for at in range(MOSAICS)]
    kept = cache / f"mosaics-{encoder.model_key}.npy"
    if not kept.is_file():
        made = [_mosaic([folder / photos[at]["file"] for at in pick]) for pick in picks]
        parts = [encoder.encode_images(made[at : at + 32]) for at in range(0, MOSAICS, 32)]
        np.save(kept, np.concatenate(parts))
    truth = np.stack([plain.truth[pick].any(axis=0) for pick in picks])
    unknown = np.stack([~plain.counted[pick].all(axis=0) for pick in picks])
    return Labelled(np.load(kept), plain.rows, truth, truth | ~unknown)


def _mosaic(files: list[Path]) -> Image.Image:
    """Photos side by side, two a row."""
    made = Image.new("RGB", (2 * TILE, TILE * (1 + (len(files) > 2))))
    for at, file in enumerate(files):
        with Image.open(file) as photo:
            tile = photo.convert("RGB").resize((TILE, TILE))
        made.paste(tile, (TILE * (at % 2), TILE * (at // 2)))
    return made


def supertags(names: Names, folder: Path, photos: FloatArray) -> Labelled:
    """The 1,000 ImageNet photos with their 51 broader tags."""
    broader = json.loads((folder / "supertags.json").read_text(encoding="utf-8"))
    tags = [tag for tag in broader if tag in names.row]
    truth = np.zeros((len(photos), len(tags)), dtype=bool)
    for column, tag in enumerate(tags):
        truth[broader[tag], column] = True
    rows = np.asarray([names.row[tag] for tag in tags], dtype=np.int64)
    return Labelled(photos, rows, truth, np.ones_like(truth))


def imagenet_truth(folder: Path, names: Names) -> list[set[int] | None]:
    """For each photo whose name is in the vocabulary, the rows that are surely right: its own,
    those above and below it, and its broader tags. The photo may show more.
    """
    broader = json.loads((folder / "supertags.json").read_text(encoding="utf-8"))
    below: dict[int, set[int]] = {}
    for row in range(len(names.tags)):
        for above in names.above(row):
            below.setdefault(above, set()).add(row)
    found: list[set[int] | None] = []
    for number, photo in enumerate(read_jsonl(folder / "labels.jsonl")):
        own = names.row.get(photo["zh"])
        if own is None:
            found.append(None)
            continue
        right = {own} | names.above(own) | below.get(own, set())
        found.append(right | {names.row[tag] for tag, at in broader.items() if number in at})
    return found


def judged(names: Names, folder: Path) -> list[tuple[int, int, bool]]:
    """Photo number in val, row of a starter tag, right or wrong: judged by eye (bench/labels)."""
    row = {photo["file"]: at for at, photo in enumerate(read_jsonl(folder / "val.jsonl"))}
    return [
        (row[photo["file"]], names.row[tag], verdict == "right")
        for photo in read_jsonl(JUDGED)
        for verdict in ("right", "wrong")
        for tag in photo[verdict]
    ]


def caption_counts(names: Names, folder: Path) -> NDArray[np.float64]:
    """`(n,)`: in how many train photos at least two of the five captions hold the tag's name."""
    photos = ["\n".join(photo["captions"]) for photo in read_jsonl(folder / "train.jsonl")]
    everything = "\n".join(photos)
    found = np.zeros(len(names.tags))
    for row, tag in enumerate(names.tags):
        if tag.name in everything:
            found[row] = sum(
                sum(tag.name in line for line in photo.split("\n")) >= 2 for photo in photos
            )
    return found
