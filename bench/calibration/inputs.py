"""Whether anything beyond the score lowers the log-loss of a tag nobody labelled, and its shape.

Why: an input is only worth carrying if it says what the score and the tag's profile do not; the
rule is 3 % of log-loss. And a logistic is a shape that may be wrong: isotonic regression has none.
What is right: flickr8kcn's 252 completely labelled photos. Everything is fitted on four fifths of
the tags and half of the photos and read on the other tags of the other photos.

    python -m bench.calibration.inputs [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench.builtin.data import read_jsonl
from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, fit_commonness, ground, scores_of
from bench.calibration.measures import calibration_error
from bench.calibration.truth import Labelled, complete
from vocab.profiles import features, profiles

Floats = NDArray[np.float64]
FOLDS, SEEDS, DRAWS = 5, 3, 500
SHOWN = 0.2


def sharpness(folder: Path) -> Floats:
    """`(m,)`: of each completely labelled photo the log of its mean absolute second difference."""
    found = []
    for photo in read_jsonl(folder / "complete.jsonl"):
        with Image.open(folder / photo["file"]) as opened:
            grey = np.asarray(opened.convert("L").resize((256, 256)), dtype=np.float64)
        found.append(np.log1p(np.abs(np.diff(grey, 2, axis=0)).mean()))
    return np.asarray(found)


def inputs(stand: Ground, truth: Labelled, scores: Floats) -> dict[str, Floats]:
    """What else could be known of a pair, `(m, t)` each."""
    tags, shape = stand.tags[truth.rows], scores.shape
    side = stand.probes.image_side(truth.vectors)
    apart = tags @ stand.tags.T
    apart[np.arange(len(tags)), truth.rows] = -1
    every = scores_of(stand, truth.vectors, stand.tags)
    margin = scores - every[:, apart.argmax(axis=1)]
    rank = np.log1p((every[:, None, :] > scores[:, :, None]).sum(axis=2))
    length = [len(stand.names.tags[row].name) for row in truth.rows]

    def of_images(values: NDArray[np.floating]) -> Floats:
        return np.broadcast_to(np.asarray(values, np.float64)[:, None], shape)

    return {
        "the image's mean over the probes": of_images(side.means),
        "the image's spread over the probes": of_images(side.spreads),
        "sharpness": of_images(sharpness(stand.flickr)),
        "margin to the neighbouring tag": margin,
        "rank among all tags of the image": rank,
        "length of the name": np.broadcast_to(np.asarray(length, np.float64), shape),
    }


def predicted(
    columns: list[Floats], truth: Labelled, seed: int, *, isotonic: bool = False
) -> Floats:
    """`(m, t)` probabilities, each pair's from a fit that saw neither its tag nor its photo."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(truth.truth.shape[1]) % FOLDS
    half = rng.permutation(len(truth.truth)) % 2
    given, found = np.stack(columns, axis=2), np.zeros(truth.truth.shape)
    for tags in range(FOLDS):
        for photos in (0, 1):
            known = truth.counted & (fold != tags) & (half != photos)[:, None]
            scaler = StandardScaler().fit(given[known])
            model = LogisticRegression(C=1e6).fit(
                scaler.transform(given[known]), truth.truth[known]
            )
            read = np.ix_(half == photos, fold == tags)
            asked = given[read].reshape(-1, len(columns))
            chance = model.predict_proba(scaler.transform(asked))[:, 1]
            if isotonic:
                logits = model.decision_function(scaler.transform(given[known]))
                steps = IsotonicRegression(out_of_bounds="clip").fit(logits, truth.truth[known])
                chance = steps.predict(model.decision_function(scaler.transform(asked)))
            found[read] = chance.reshape(found[read].shape)
    return np.clip(found, 1e-4, 1 - 1e-4)


def log_losses(chance: Floats, truth: Labelled) -> Floats:
    """`(m,)`: the summed log-loss of each photo's pairs."""
    each = np.where(truth.truth, np.log(chance), np.log1p(-chance))
    return -np.asarray((each * truth.counted).sum(axis=1))


def compared(found: list[Floats], base: list[Floats], truth: Labelled) -> str:
    """The change of log-loss in percent, mean over seeds, with an interval over photos."""
    new, old = (np.mean([log_losses(one, truth) for one in some], axis=0) for some in (found, base))
    draws = np.random.default_rng(0).integers(0, len(new), (DRAWS, len(new)))
    change = 100 * (new[draws].sum(axis=1) / old[draws].sum(axis=1) - 1)
    low, high = np.percentile(change, [2.5, 97.5])
    return f"{100 * (new.sum() / old.sum() - 1):+.2f} % ({low:+.2f} to {high:+.2f})"


def shown_error(chance: Floats, truth: Labelled) -> float:
    """ECE of the pairs with a confidence of at least `SHOWN`."""
    shown = truth.counted & (chance >= SHOWN)
    return calibration_error(chance[shown], truth.truth[shown].astype(float))


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    truth = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    shapes = features(profiles(stand.tags, stand.probes, stand.bank))
    common = fit_commonness(stand, truth.rows).of(shapes)[truth.rows]
    scores = np.asarray(scores_of(stand, truth.vectors, stand.tags[truth.rows]), np.float64)
    plain = [scores, np.broadcast_to(np.asarray(common, np.float64), scores.shape)]
    base = [predicted(plain, truth, seed) for seed in range(SEEDS)]
    loss = np.mean([log_losses(one, truth).sum() for one in base]) / truth.counted.sum()
    print(f"score and predicted commonness: log-loss {loss:.4f} a pair; change with one more input")
    for name, more in inputs(stand, truth, scores).items():
        found = [predicted([*plain, more], truth, seed) for seed in range(SEEDS)]
        print(f"  {name:36s} {compared(found, base, truth)}", flush=True)
    alone = [predicted(plain[:1], truth, seed) for seed in range(SEEDS)]
    print(f"  {'without the predicted commonness':36s} {compared(alone, base, truth)}")
    steps = [predicted(plain, truth, seed, isotonic=True) for seed in range(SEEDS)]
    print(f"  {'isotonic in place of the logistic':36s} {compared(steps, base, truth)}")
    for name, some in (("logistic", base), ("isotonic", steps)):
        errors = ", ".join(f"{shown_error(one, truth):.3f}" for one in some)
        print(f"ECE of what is shown, {name}: {errors} (three seeds)")


if __name__ == "__main__":
    main()
