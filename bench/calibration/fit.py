"""Fits the built-in model's confidences on labelled photos and writes calibration.json.

Why: a confidence is only worth something where it was fitted on labels, and a new tag has none: so
the logistic of a tag is predicted from its profile over the background bank. Three steps, each
with scikit-learn:

1. How common a tag is in everyday photos, predicted from its profile: ridge regression on the
   count of train captions that name it, over the starter tags that are not among the 175.
2. One logistic on the score and that prediction, over pairs of photo and tag as the service shows
   them: the 252 completely labelled photos, 40 everyday photos judged by eye for the tags nobody
   had labelled, and the 1,000 ImageNet photos (truth a lower bound), each set weighing the same.
3. For the 175 completely labelled tags a logistic of its own for each, drawn towards that of all
   (bench.calibration.hierarchy).

The usual cut is the strictest at which the median everyday photo (the 252) has `USUAL_TAGS` tags.
What this fits, it does not judge: bench.calibration.table fits again on some tags and photos and
reports on others.

    python -m bench.calibration.fit [--data ../shared/data] [--cache DIR] [--write]
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV

from app.echoes import without_echoes
from app.encoders.base import Encoder
from app.encoders.builtin import BUILTIN_DIR, load_builtin
from app.snapshot import Measure
from bench.calibration.arguments import parser_of
from bench.calibration.hierarchy import labelled_logistics
from bench.calibration.truth import (
    FloatArray,
    Labelled,
    Names,
    caption_counts,
    complete,
    imagenet_truth,
    judged,
    photo_vectors,
)
from vocab.background import BackgroundBank
from vocab.logistic import probabilities
from vocab.probes import ProbeSet
from vocab.profiles import features, profiles
from vocab.score_model import ScoreModel
from vocab.starter import probe_rows
from vocab.targets import Target

# One more than the service shows at the median, which reports a tag and its parent once.
USUAL_TAGS = 4
# Unless asked, a tag is given to the tenth of the bank that shows most of it.
USUAL_SHARE = 0.1
SHOWN = 10
TRAIN_PHOTOS = 6_000
# Slope, weight of the commonness and intercept of a first logistic, which only decides what would
# be shown; fitted once on the 175 tags.
FIRST = (0.86, 0.72, 2.83)
MOST = 15
LEAST_LOGIT = -1.1  # of a first logistic: what is never shown teaches nothing about what is


@dataclass(frozen=True)
class Ground:
    """What every fit and every table stands on."""

    encoder: Encoder
    names: Names
    tags: FloatArray
    probes: ProbeSet
    bank: BackgroundBank
    val: FloatArray
    imagenet: FloatArray
    flickr: Path
    imagenet_folder: Path


def ground(data: Path, cache: Path) -> Ground:
    """The shipped model with the photos it is judged by."""
    encoder, names = load_builtin(), Names()
    tags = names.embedded(encoder)
    flickr, imagenet = data / "flickr8kcn", data / "imagenet1000"
    return Ground(
        encoder=encoder,
        names=names,
        tags=tags,
        probes=ProbeSet(tags[probe_rows(len(tags))]),
        bank=BackgroundBank.load(BUILTIN_DIR / "background.npz", encoder.model_key, encoder.dim),
        val=photo_vectors(encoder, flickr, "val", cache),
        imagenet=photo_vectors(encoder, imagenet, "labels", cache),
        flickr=flickr,
        imagenet_folder=imagenet,
    )


@dataclass(frozen=True)
class Commonness:
    """Step 1: a linear prediction of the logarithm of a tag's share of everyday photos."""

    typical: FloatArray
    weights: FloatArray
    level: float

    def of(self, shapes: FloatArray) -> FloatArray:
        """`(n, f)` features to `(n,)`."""
        return np.asarray(self.level + (shapes - self.typical) @ self.weights, dtype=np.float32)


def fit_commonness(ground: Ground, left_out: NDArray[np.int64]) -> Commonness:
    """From the starter tags but those left out."""
    shapes = features(profiles(ground.tags, ground.probes, ground.bank))
    share = np.log((caption_counts(ground.names, ground.flickr) + 0.5) / TRAIN_PHOTOS)
    used = np.ones(len(shapes), dtype=bool)
    used[left_out] = False
    typical, scale = shapes.mean(axis=0), shapes.std(axis=0)
    ridge = RidgeCV(np.logspace(0, 5, 16)).fit(((shapes - typical) / scale)[used], share[used])
    return Commonness(typical, np.asarray(ridge.coef_ / scale, np.float32), float(ridge.intercept_))


def as_score_model(commonness: Commonness, logistic: LogisticRegression) -> ScoreModel:
    """The two steps as the service reads them: one weight a feature."""
    slope, gain = (float(number) for number in logistic.coef_[0])
    return ScoreModel(
        slope=round(slope, 4),
        intercept=round(float(logistic.intercept_[0]) + gain * commonness.level, 4),
        shrinkage=10.0,
        tag_side=False,
        weights=tuple(round(gain * float(weight), 4) for weight in commonness.weights),
        typical=tuple(round(float(number), 4) for number in commonness.typical),
    )


def scores_of(ground: Ground, images: FloatArray, tags: FloatArray) -> FloatArray:
    """`(m, n)`: similarities as the image side standardises them."""
    side = ground.probes.image_side(images)
    return np.asarray((images @ tags.T - side.means[:, None]) / side.spreads[:, None], np.float32)


def shown_rows(
    image: FloatArray, logits: FloatArray, tags: FloatArray, centre: FloatArray, most: int
) -> NDArray[np.int64]:
    """The tags an image would be shown with, strongest first, whatever their confidence."""
    order = np.argsort(-logits, kind="stable")[:64]
    return np.asarray(order[without_echoes(image, tags[order] - centre, most)])


def fit_any(ground: Ground, commonness: Commonness, truth: Labelled) -> LogisticRegression:
    """Step 2, over labelled photos, photos judged by eye and ImageNet photos, weighed alike."""
    common = commonness.of(features(profiles(ground.tags, ground.probes, ground.bank)))
    scores = scores_of(ground, ground.val, ground.tags)
    everyday = [
        (scores[photo, row], common[row], right)
        for photo, row, right in judged(ground.names, ground.flickr)
    ]
    column = {row: at for at, row in enumerate(truth.rows.tolist())}
    scores = scores_of(ground, truth.vectors, ground.tags)
    first = FIRST[0] * scores + FIRST[1] * common + FIRST[2]
    labelled = [
        (scores[photo, row], common[row], truth.truth[photo, column[row]])
        for photo, image in enumerate(truth.vectors)
        for row in shown_rows(image, first[photo], ground.tags, ground.probes.mean, MOST)
        if row in column and truth.counted[photo, column[row]]
    ]
    scores = scores_of(ground, ground.imagenet, ground.tags)
    first = FIRST[0] * scores + FIRST[1] * common + FIRST[2]
    named = [
        (scores[photo, row], common[row], row in right)
        for photo, right in enumerate(imagenet_truth(ground.imagenet_folder, ground.names))
        if right is not None
        for row in shown_rows(
            ground.imagenet[photo], first[photo], ground.tags, ground.probes.mean, SHOWN
        )
        if first[photo, row] > LEAST_LOGIT
    ]
    sets = (labelled, everyday, named)
    pairs = np.asarray([pair for one in sets for pair in one], dtype=np.float64)
    weights = np.concatenate([np.full(len(one), len(pairs) / len(one) / 3) for one in sets])
    return LogisticRegression(C=1e6).fit(pairs[:, :2], pairs[:, 2], sample_weight=weights)


def usual_cut(
    ground: Ground, model: ScoreModel, images: FloatArray
) -> tuple[float, list[FloatArray]]:
    """The strictest confidence at which the median image has `USUAL_TAGS` tags, rounded down, and
    for each image the confidences of the tags it would be shown with.
    """
    measure = Measure(ground.probes, ground.bank, model)
    calibration = measure.calibrate(ground.tags, ground.names.tags)
    scores = calibration.scores(images @ ground.tags.T, calibration.image_side(images))
    outstanding = scores >= calibration.cuts(Target("background_share", USUAL_SHARE))
    logits = np.where(outstanding, calibration.logits(scores), np.float32(-60))
    confidences = [
        probabilities(row[shown_rows(image, row, ground.tags, ground.probes.mean, MOST)])
        for image, row in zip(images, logits, strict=True)
    ]
    last = [np.sort(one)[-USUAL_TAGS] if len(one) >= USUAL_TAGS else 0.0 for one in confidences]
    middle = float(np.sort(last)[(len(last) - 1) // 2])  # the lower one, so that half have enough
    return math.floor(middle * 1000) / 1000, confidences


def logistics_by_name(ground: Ground, truth: Labelled) -> dict[str, tuple[float, float]]:
    """Step 3 for the labelled tags."""
    scores = scores_of(ground, truth.vectors, ground.tags[truth.rows])
    found = labelled_logistics(scores, truth.truth, truth.counted)
    return {
        ground.names.tags[row].name: (round(float(slope), 4), round(float(intercept), 3))
        for row, slope, intercept in zip(truth.rows, *found, strict=True)
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--write", action="store_true", help="store the numbers beside the model")
    given = parser.parse_args(arguments)
    stand = ground(given.data, given.cache)
    truth = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    commonness = fit_commonness(stand, truth.rows)
    model = as_score_model(commonness, fit_any(stand, commonness, truth))
    model = replace(model, labelled=logistics_by_name(stand, truth))
    cut, confidences = usual_cut(stand, model, truth.vectors)
    model = replace(model, default_confidence=cut, usual_share=USUAL_SHARE)
    counts = [int((one >= cut).sum()) for one in confidences]
    print(json.dumps(asdict(replace(model, labelled={}))))
    print(
        f"{len(model.labelled)} labelled tags; everyday photos: median {np.median(counts):g} tags,"
        f" {np.mean(np.equal(counts, 0)):.1%} none"
    )
    if given.write:
        path = BUILTIN_DIR / "calibration.json"
        path.write_text(
            json.dumps(asdict(model), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
