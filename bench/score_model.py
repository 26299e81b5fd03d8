"""Fits the built-in model's logistic on labelled photos, and says what the usual cut delivers.

Why: a confidence is only worth something if it was fitted where labels exist. What is right: the
252 photos labelled completely (over 175 tags; arguable pairs left out) and the 1,000 ImageNet
photos (a tag is right if it is the photo's own name, above or below it, or one of its broader
tags; the photos may show more, so precision there is a lower bound). Both sets weigh the same,
because a platform's photos are neither. Half of the photos fit, the other half report.

    python -m bench.score_model [--data ../shared/data] [--write]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from app.echoes import without_echoes
from app.encoders.builtin import BUILTIN_DIR, load_builtin
from bench.builtin.data import read_jsonl
from bench.builtin_quality import look
from vocab.background import BackgroundBank
from vocab.calibration import (
    Calibration,
    FloatArray,
    ScoreModel,
    calibrate,
    probabilities,
)
from vocab.prompts import embed_tags
from vocab.starter import starter_tags
from vocab.tags import Tag

PROBES = 256
LOOSE_SCORE = 1.0  # pairs below it are never shown and teach nothing
MOST = 15
USUAL_TAGS = 4


class Forgetful(dict[str, FloatArray]):
    """Keeps no vectors: this runs once."""

    def get(self, *_: object) -> dict[str, FloatArray]:  # type: ignore[override]
        """Nothing is known."""
        return {}

    def put(self, *_: object) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class Pairs:
    """Tags shown on photos of one set: score, right or wrong, and the photo's number."""

    scores: FloatArray
    right: NDArray[np.bool_]
    photo: NDArray[np.int64]


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


def shown(
    images: FloatArray, tags: FloatArray, calibration: Calibration, least: float
) -> Iterator[tuple[int, list[int], FloatArray]]:
    """For each image the rows of the tags it would get above a score, and every score."""
    means = calibration.image_means(images)
    scores = calibration.scores(images @ tags.T, means)
    for number, image in enumerate(images):
        order = np.argsort(-scores[number], kind="stable")[:64]
        order = order[scores[number][order] >= least]
        kept = without_echoes(image, tags[order] - calibration.probe_mean, MOST)
        yield number, [int(order[i]) for i in kept] if len(order) else [], scores[number]


def complete_truth(folder: Path, names: Names) -> list[dict[int, bool]]:
    """For each photo, the labelled rows: right or wrong; arguable and unlabelled are absent."""
    labelled = (folder / "complete_tags.txt").read_text(encoding="utf-8").split()
    found = []
    for photo in read_jsonl(folder / "complete.jsonl"):
        sure = [tag for tag in labelled if tag not in photo["unsure"]]
        found.append({names.row[tag]: tag in photo["tags"] for tag in sure})
    return found


def imagenet_truth(folder: Path, names: Names) -> list[dict[int, bool] | None]:
    """For each photo whose name is in the vocabulary, right or wrong for every row."""
    broader = json.loads((folder / "supertags.json").read_text(encoding="utf-8"))
    below: dict[int, set[int]] = {}
    for row in range(len(names.tags)):
        for above in names.above(row):
            below.setdefault(above, set()).add(row)
    found: list[dict[int, bool] | None] = []
    for number, photo in enumerate(read_jsonl(folder / "labels.jsonl")):
        own = names.row.get(photo["zh"])
        if own is None:
            found.append(None)
            continue
        right = {own} | names.above(own) | below.get(own, set())
        right |= {names.row[tag] for tag, classes in broader.items() if number in classes}
        found.append({row: row in right for row in range(len(names.tags))})
    return found


def pairs_of(
    images: FloatArray,
    tags: FloatArray,
    calibration: Calibration,
    truth: list[dict[int, bool] | None],
) -> Pairs:
    """The labelled tags that would be shown."""
    rows = [
        (scores[row], known[row], number)
        for number, kept, scores in shown(images, tags, calibration, LOOSE_SCORE)
        if (known := truth[number]) is not None
        for row in kept
        if row in known
    ]
    scores, right, photo = zip(*rows, strict=True)
    return Pairs(np.asarray(scores, np.float32), np.asarray(right), np.asarray(photo))


def fit(sets: list[Pairs], half: int) -> tuple[float, float]:
    """Slope and intercept of the logistic over half of the photos of each set, weighed alike."""
    chosen = [pairs.photo % 2 == half for pairs in sets]
    scores = np.concatenate([p.scores[c] for p, c in zip(sets, chosen, strict=True)])
    right = np.concatenate([p.right[c] for p, c in zip(sets, chosen, strict=True)])
    weights = np.concatenate([np.full(c.sum(), 1 / c.sum()) for c in chosen])
    model = LogisticRegression(C=1e6).fit(
        scores[:, None], right, sample_weight=weights * len(right)
    )
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def usual_score(counts: list[FloatArray]) -> float:
    """The strictest cut at which the median everyday photo still has `USUAL_TAGS` tags."""
    lowest = [
        np.sort(scores)[-USUAL_TAGS] if len(scores) >= USUAL_TAGS else LOOSE_SCORE
        for scores in counts
    ]
    return float(np.median(lowest))


def score_at(model: ScoreModel, confidence: float) -> float:
    """The score with that confidence."""
    return (math.log(confidence / (1.0 - confidence)) - model.intercept) / model.slope


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true", help="store the numbers in model.json")
    arguments = parser.parse_args()
    flickr, imagenet = arguments.data / "flickr8kcn", arguments.data / "imagenet1000"
    encoder, names = load_builtin(), Names()
    tags = embed_tags(
        names.tags, encoder.encode_texts, encoder.model_key, Forgetful(), dim=encoder.dim
    )
    bank = BackgroundBank.load(BUILTIN_DIR / "background.npz", encoder.model_key, encoder.dim)
    probe_mean = tags[:: max(1, len(tags) // PROBES)].mean(axis=0)
    manual = np.full(len(tags), np.nan, dtype=np.float32)
    own = calibrate(tags, probe_mean, bank, ScoreModel(), manual).spread
    base = ScoreModel(pooling=1.0, default_spread=round(float(np.median(own)), 4))
    calibration = calibrate(tags, probe_mean, bank, base, manual)
    daily = look(encoder, flickr, read_jsonl(flickr / "complete.jsonl")).embedding
    named = look(encoder, imagenet, read_jsonl(imagenet / "labels.jsonl")).embedding
    sets = [
        pairs_of(daily, tags, calibration, list(complete_truth(flickr, names))),
        pairs_of(named, tags, calibration, imagenet_truth(imagenet, names)),
    ]
    everyday = [scores[kept] for _, kept, scores in shown(daily, tags, calibration, LOOSE_SCORE)]
    slope, intercept = fit(sets, half=0)
    model = replace(base, slope=round(slope, 4), intercept=round(intercept, 4))
    cut = usual_score(everyday)
    usual = float(probabilities(np.float32(model.slope * cut + model.intercept)))
    model = replace(model, default_confidence=math.floor(usual * 1000) / 1000)
    for label, pairs in zip(("complete", "imagenet (lower bound)"), sets, strict=True):
        other = pairs.photo % 2 == 1
        passed = other & (pairs.scores >= score_at(model, model.default_confidence))
        said = probabilities(model.slope * pairs.scores[other] + model.intercept)
        print(
            f"{label}: {passed.sum()} tags at the usual cut,"
            f" precision {pairs.right[passed].mean():.3f};"
            f" mean confidence {said.mean():.3f}, mean truth {pairs.right[other].mean():.3f}"
        )
    above = [int((s >= score_at(model, model.default_confidence)).sum()) for s in everyday]
    print(
        f"everyday photos: median {np.median(above):g} tags, {np.mean(np.equal(above, 0)):.1%} none"
    )
    stated = {field.name: getattr(model, field.name) for field in fields(model)}
    print(json.dumps(stated))
    if arguments.write:
        path = BUILTIN_DIR / "model.json"
        described = json.loads(path.read_text(encoding="utf-8")) | {"score_model": stated}
        path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
