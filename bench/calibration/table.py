"""Whether promises are kept: confidences, targets and defaults of the built-in model.

Why: an operator chooses a target and has to rely on it. What is right: the 252 photos labelled
completely over 175 tags (arguable pairs left out). Four cases:

* never labelled: the predictor fitted on four fifths of the tags and half of the photos, read on
  the other tags on the other photos;
* the same by the shipped predictor, which was fitted on what the whole vocabulary shows on these
  photos, on everyday photos judged by eye and on ImageNet, so that it is more careful;
* labelled: a logistic for each tag from one half of the photos, read on the other, and back;
* 20 judgements: the same from the 20 photos a tag is shown on first.

    python -m bench.calibration.table [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from app.encoders.builtin import BUILTIN_DIR
from app.scoring import score_model_of
from bench.calibration.arguments import parser_of
from bench.calibration.fit import (
    Ground,
    as_score_model,
    fit_commonness,
    ground,
)
from bench.calibration.hierarchy import labelled_logistics
from bench.calibration.measures import (
    Bools,
    Floats,
    brier_skill,
    crossed_oracle_f1,
    error_by_chance,
    interval,
    macro_f1,
    oracle_f1,
    recall_at_precision,
    shown_error,
)
from bench.calibration.truth import FloatArray, Labelled, complete, supertags
from vocab.background import BackgroundBank
from vocab.calibration import Calibration, calibrate
from vocab.profiles import features, profiles
from vocab.score_model import ScoreModel
from vocab.targets import Target

PROMISES = (0.8, 0.9, 0.95)
RATES = (0.05, 0.01, 0.005)


@dataclass(frozen=True)
class Read:
    """A case read on held-out pairs: confidences and what each target emits, `(m, t)` each."""

    confidences: Floats
    emitted: dict[Target, Bools]
    usual: Bools


TARGETS = (
    *(Target("precision", value) for value in PROMISES),
    Target("best_f1"),
    *(Target("false_positive_rate", value) for value in RATES),
)


def read(calibration: Calibration, images: FloatArray, tags: FloatArray) -> Read:
    """What a calibration says of images."""
    side = calibration.image_side(images)
    similarities = images @ tags.T
    return Read(
        confidences=calibration.confidences(calibration.scores(similarities, side)),
        emitted={t: similarities >= calibration.thresholds(side, [t]) for t in TARGETS},
        usual=similarities >= calibration.thresholds(side),
    )


def put_together(shape: tuple[int, int], parts: list[tuple[tuple[Floats, ...], Read]]) -> Read:
    """Parts read on different pairs as one whole."""
    confidences, usual = np.zeros(shape, np.float32), np.zeros(shape, bool)
    emitted = {target: np.zeros(shape, bool) for target in TARGETS}
    for where, part in parts:
        confidences[where], usual[where] = part.confidences, part.usual
        for target in TARGETS:
            emitted[target][where] = part.emitted[target]
    return Read(confidences, emitted, usual)


def predicted(stand: Ground, model: ScoreModel, truth: Labelled) -> Read:
    """What a predictor says of tags as if they were new."""
    tags = stand.tags[truth.rows]
    return read(calibrate(tags, stand.probes, stand.bank, model), truth.vectors, tags)


def with_labels(
    stand: Ground, model: ScoreModel, truth: Labelled, judgements: int | None = None, seed: int = 0
) -> Read:
    """Logistics from half of the photos, or from some judged photos a tag; read on the others."""
    rng = np.random.default_rng(seed)
    tags, half = stand.tags[truth.rows], rng.permutation(len(truth.vectors)) % 2
    plain = calibrate(tags, stand.probes, stand.bank, model)
    scores = plain.scores(truth.vectors @ tags.T, plain.image_side(truth.vectors))
    parts: list[tuple[tuple[Floats, ...], Read]] = []
    for side in (0, 1):
        fitting, reading = np.flatnonzero(half == side), np.flatnonzero(half != side)
        counted = truth.counted[fitting]
        if judgements is not None:
            counted = counted & shown_first(scores[fitting], counted, judgements)
        slopes, intercepts = labelled_logistics(scores[fitting], truth.truth[fitting], counted)
        own = plain.with_logistics(
            np.asarray(slopes, np.float32), np.asarray(intercepts, np.float32)
        )
        parts.append((np.ix_(reading, range(len(tags))), read(own, truth.vectors[reading], tags)))
    return put_together(truth.truth.shape, parts)


def shown_first(logits: FloatArray, counted: Bools, count: int) -> Bools:
    """The photos an operator judges: for each tag those it is most confident on, `count` each."""
    order = np.argsort(np.where(counted, -logits, np.inf), axis=0, kind="stable")[:count]
    chosen = np.zeros_like(counted)
    np.put_along_axis(chosen, order, True, axis=0)
    return chosen


def other_tags(stand: Ground, truth: Labelled, seed: int = 0) -> Read:
    """The predictor fitted on four fifths of the tags and half of the photos, read on the rest."""
    rng = np.random.default_rng(seed)
    images, tags = truth.truth.shape
    fold, half = rng.permutation(tags) % 5, rng.permutation(images) % 2
    vectors = stand.tags[truth.rows]
    commonness = fit_commonness(stand, truth.rows)
    common = commonness.of(features(profiles(vectors, stand.probes, stand.bank)))
    side = stand.probes.image_side(truth.vectors)
    scores = (truth.vectors @ vectors.T - side.means[:, None]) / side.spreads[:, None]
    parts: list[tuple[tuple[Floats, ...], Read]] = []
    for tag_part in range(5):
        for image_part in (0, 1):
            kept = truth.counted & (fold != tag_part) & (half != image_part)[:, None]
            pairs = np.column_stack([scores[kept], np.broadcast_to(common, scores.shape)[kept]])
            model = as_score_model(
                commonness, LogisticRegression(C=1e6).fit(pairs, truth.truth[kept])
            )
            photos, columns = np.flatnonzero(half == image_part), np.flatnonzero(fold == tag_part)
            calibration = calibrate(vectors[columns], stand.probes, stand.bank, model)
            parts.append(
                (
                    np.ix_(photos, columns),
                    read(calibration, truth.vectors[photos], vectors[columns]),
                )
            )
    return put_together(truth.truth.shape, parts)


def across(stand: Ground, fitted: Labelled, judged: Labelled) -> tuple[float, int]:
    """ECE of what is shown on one set with a predictor fitted on another."""
    commonness = fit_commonness(stand, np.union1d(fitted.rows, judged.rows))
    tags = stand.tags[fitted.rows]
    common = commonness.of(features(profiles(tags, stand.probes, stand.bank)))
    side = stand.probes.image_side(fitted.vectors)
    scores = (fitted.vectors @ tags.T - side.means[:, None]) / side.spreads[:, None]
    kept = fitted.counted
    pairs = np.column_stack([scores[kept], np.broadcast_to(common, scores.shape)[kept]])
    model = as_score_model(commonness, LogisticRegression(C=1e6).fit(pairs, fitted.truth[kept]))
    found = predicted(stand, model, judged)
    return shown_error(found.confidences, judged.truth, judged.counted, found.usual)


def report(name: str, found: Read, truth: Labelled) -> None:
    """One case of the table."""
    right, counted, images = truth.truth, truth.counted, len(truth.vectors)

    def recall(rows: NDArray[np.int64]) -> float:
        return recall_at_precision(found.confidences[rows], right[rows], counted[rows])

    def f1(rows: NDArray[np.int64]) -> float:
        return macro_f1(found.emitted[Target("best_f1")][rows], right[rows], counted[rows])

    error, pairs = shown_error(found.confidences, right, counted, found.usual)
    least, most = error_by_chance(found.confidences, counted, found.usual)
    print(f"\n{name}")
    print(f"  recall at delivered precision 0.8   {interval(recall, images)}")
    print(f"  macro-F1 at automatic thresholds    {interval(f1, images)}")
    print(
        f"  ECE of what is shown                {error:.3f} over {pairs} pairs;"
        f" were every confidence exact: {least:.3f}, up to {most:.3f}"
    )
    skill = brier_skill(found.confidences, right, counted)
    print(f"  Brier skill over own base rates     {skill:.3f}")
    for target in TARGETS[: len(PROMISES)]:
        print(f"  precision {target.value:.2f} asked                {kept(found, target, truth)}")
    for target in TARGETS[-len(RATES) :]:
        print(f"  false-positive rate {target.value:.3f} asked     {alarms(found, target, truth)}")


def kept(found: Read, target: Target, truth: Labelled) -> str:
    """What a precision target delivered."""
    emitted = found.emitted[target] & truth.counted
    many = emitted.sum(axis=0) >= 30
    each = (emitted & truth.truth).sum(axis=0) / np.maximum(emitted.sum(axis=0), 1)
    good = (each[many] >= target.value - 0.05).mean() if many.any() else np.nan
    share = (emitted & truth.truth).sum() / max(emitted.sum(), 1)
    recall = (emitted & truth.truth).sum() / (truth.truth & truth.counted).sum()
    return (
        f"delivered {share:.3f}, {emitted.sum()} emitted, recall {recall:.3f};"
        f" of {many.sum()} tags with 30 emissions {good:.2f} within 0.05"
    )


def alarms(found: Read, target: Target, truth: Labelled) -> str:
    """What a false-positive target delivered."""
    negative = truth.counted & ~truth.truth
    rate = (found.emitted[target] & negative).sum(axis=0) / negative.sum(axis=0)
    return f"held for {(rate <= target.value).mean():.2f} of tags, observed mean {rate.mean():.4f}"


def ceilings(stand: Ground, truth: Labelled) -> None:
    """What no threshold can exceed, and the best single one."""
    cosines = truth.vectors @ stand.tags[truth.rows].T
    single = max(
        macro_f1(cosines >= cut, truth.truth, truth.counted)
        for cut in np.quantile(cosines, np.linspace(0.5, 0.995, 60))
    )
    print(
        f"macro-F1: oracle threshold a tag {oracle_f1(cosines, truth.truth, truth.counted):.3f},"
        f" the same chosen on other photos"
        f" {crossed_oracle_f1(cosines, truth.truth, truth.counted):.3f},"
        f" best single cosine with oracle knowledge {single:.3f}"
    )


def banks(stand: Ground, model: ScoreModel, truth: Labelled) -> None:
    """A wrong and a small bank: the ranking cannot change, since only probes take part in it."""
    rng = np.random.default_rng(0)
    few = rng.choice(len(stand.bank.vectors), 200, replace=False)
    key = stand.encoder.model_key
    for name, vectors in (
        ("shipped bank, 2,000", stand.bank.vectors),
        ("200 of them", stand.bank.vectors[few]),
        ("wrong bank: 1,000 ImageNet photos", stand.imagenet),
    ):
        found = predicted(replace(stand, bank=BackgroundBank(key, vectors)), model, truth)
        error, _ = shown_error(found.confidences, truth.truth, truth.counted, found.usual)
        recall = recall_at_precision(found.confidences, truth.truth, truth.counted)
        print(f"  {name:36s} recall at precision 0.8: {recall:.3f}, ECE shown {error:.3f}")


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    model = score_model_of(stand.encoder)
    truth = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    broader = supertags(stand.names, stand.imagenet_folder, stand.imagenet)
    print(f"{BUILTIN_DIR.name}: {stand.encoder.model_key}, 252 photos, 175 tags")
    ceilings(stand, truth)
    report("never labelled (other tags, other photos)", other_tags(stand, truth), truth)
    report("the same by the shipped predictor", predicted(stand, model, truth), truth)
    report("labelled (from the other photos)", with_labels(stand, model, truth), truth)
    report("20 judgements a tag", with_labels(stand, model, truth, judgements=20), truth)
    print("\nacross sets, ECE of what is shown")
    print(
        "  fitted on Flickr, read on ImageNet: {:.3f} over {}".format(
            *across(stand, truth, broader)
        )
    )
    print(
        "  fitted on ImageNet, read on Flickr: {:.3f} over {}".format(
            *across(stand, broader, truth)
        )
    )
    print("\nother banks, shipped predictor")
    banks(stand, model, truth)


if __name__ == "__main__":
    main()
