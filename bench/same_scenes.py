"""Pairs of different photos of one kind of scene: they are no duplicates, however alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.judged import Judged, Said


def scenes_of(data: Path, files: list[Path]) -> dict[str, NDArray[np.bool_]]:
    """`(n, n)`, symmetric: which photos show one kind of scene, in a strict and a loose sense.

    flickr8kcn photos whose captions share three (or two) tags; imagenet1000 photos of one supertag.
    """
    place = {path: at for at, path in enumerate(files)}
    mentions = np.zeros((len(files), 200), dtype=np.float32)
    columns: dict[str, int] = {}
    for listing in ("train", "val"):
        text = (data / "flickr8kcn" / f"{listing}.jsonl").read_text(encoding="utf-8")
        for line in text.splitlines():
            one = json.loads(line)
            at = place.get(data / "flickr8kcn" / one["file"])
            for tag in one["mentions"] if at is not None else ():
                mentions[at, columns.setdefault(tag, len(columns))] = 1
    shared = mentions @ mentions.T
    found = {"three tags": shared >= 3, "two tags": shared >= 2}
    supertags = json.loads((data / "imagenet1000" / "supertags.json").read_text(encoding="utf-8"))
    classes: dict[int, int] = {}
    for line in (data / "imagenet1000" / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        if (data / "imagenet1000" / one["file"]) in place:
            classes[int(one["index"])] = place[data / "imagenet1000" / one["file"]]
    for members in supertags.values():
        shown = [classes[int(index)] for index in members if int(index) in classes]
        for same in found.values():
            same[np.ix_(shown, shown)] = True
    for same in found.values():
        np.fill_diagonal(same, False)
    return found


def called(judged: Iterable[tuple[int, Judged]]) -> dict[tuple[int, int], Said]:
    """The pairs of places called near or exact: stored photos, each asked about all others."""
    pairs: dict[tuple[int, int], Said] = {}
    for place, one in judged:
        for said in one.answers:
            if said.tier != "similar" and said.place != place:
                pairs.setdefault((min(place, said.place), max(place, said.place)), said)
    return pairs
