"""The photographs and texts the built-in model is made from, and where work in progress lies."""

from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("DATA", "../shared/data"))
WORK = Path(os.environ.get("WORK", "build/builtin"))
CEDICT = Path(os.environ.get("CEDICT", "package/data/simplified.js"))
STARTER = Path(__file__).parents[2] / "vocab" / "data" / "starter.csv"


@dataclass(frozen=True)
class Photo:
    """One photograph: its set, its file, and what the set says of it."""

    dataset: str
    path: Path
    label: dict[str, Any]


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Every line of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@cache
def photos(dataset: str, file: str) -> tuple[Photo, ...]:
    """The photographs of one list, in its order."""
    folder = DATA / dataset
    return tuple(Photo(dataset, folder / row["file"], row) for row in read_jsonl(folder / file))


LISTS = {
    "imagenet": ("imagenet1000", "labels.jsonl"),
    "train": ("flickr8kcn", "train.jsonl"),
    "val": ("flickr8kcn", "val.jsonl"),
    "concepts": ("concepts", "labels.jsonl"),
}


def photos_of(name: str) -> tuple[Photo, ...]:
    """The photographs of `imagenet`, `train`, `val` or `concepts`."""
    return photos(*LISTS[name])


def imagenet_names() -> list[str]:
    """The 1,000 Chinese names, by class index."""
    return [photo.label["zh"] for photo in photos_of("imagenet")]


def caption_tags() -> list[str]:
    """The 75 tags whose mentions are counted in the captions."""
    return list(json.loads((DATA / "flickr8kcn" / "tags.json").read_text(encoding="utf-8")))


def captions(name: str) -> list[str]:
    """All captions of `train` or `val`, image by image."""
    return [caption for photo in photos_of(name) for caption in photo.label["captions"]]


def starter_names() -> list[str]:
    """Names and aliases of the starter vocabulary."""
    with STARTER.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [n for row in rows for n in (row["name"], *row["aliases"].split("|")) if n]
    return list(dict.fromkeys(found))


def dictionary_words() -> list[str]:
    """Headwords of two to six Chinese characters from CC-CEDICT, sorted."""
    return sorted(set(re.findall(r'"([\u4e00-\u9fff]{2,6})"', CEDICT.read_text(encoding="utf-8"))))
