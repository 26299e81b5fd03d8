"""What judgements are worth: calibration error, F1 and harm done by a careless author.

Why: a promise of feedback is that it helps where people judge, and harms nowhere. What is right:
the 75 caption tags over the 1,000 val photos (mentions of two captions true, of one left out) and
the 51 broader ImageNet tags over 1,000 photos. Half of the photos are judged, the other half
report; the shipped label offsets are left out, as for tags nobody ever labelled. A judgement is
drawn among the pairs a caller would be shown (confidence at least 0.2) with its true verdict,
as many a tag as stated, by four authors in turn; tags with fewer such pairs have fewer.

The tables are those of the shipped prior on every other tag; which deviation would have the least
log-loss on the remaining tags is said beside them. It is not what is shipped: a wider prior gains
little there and lets a careless author do more harm. The cap is set by what it promises, not here.
The shipped model's own logistic was partly fitted on val and on ImageNet, so the first line of
each table is not a figure on new photos; what feedback adds to it is.

    python -m bench.feedback [--data ../shared/data] [--cache data/bench] [--write]
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.scoring import score_model_of
from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground
from bench.calibration.measures import brier_skill, shown_error
from bench.calibration.truth import Labelled, mentioned, supertags
from vocab.calibration import calibrate
from vocab.evaluation import bootstrap_weights, rates
from vocab.evaluation import interval as middle
from vocab.feedback import Prior, Said, posterior_shift, weigh
from vocab.logistic import probabilities

Floats = NDArray[np.float64]
LEAST_SHOWN = 0.2
AUTHORS = 4
COUNTS = (0, 5, 10, 20, 40)
DEVIATIONS = (0.3, 0.5, 0.8, 1.2, 1.6, 2.0)
SEEDS = 10
CAPS = (1.0, 2.0, 5.0, 1_000.0)
RESULTS = Path(__file__).parent / "results" / "feedback.json"


@dataclass(frozen=True)
class Set:
    """Labelled photos against some tags: `(m, t)` logits without feedback, truth, what counts."""

    logits: Floats
    truth: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    cut: float

    def halves(self, seed: int) -> tuple[Set, Set]:
        """The photos to be judged and those to report on."""
        order = np.random.default_rng(seed).permutation(len(self.logits))
        middle = len(order) // 2
        return self.rows(order[:middle]), self.rows(order[middle:])

    def rows(self, rows: NDArray[np.int64]) -> Set:
        return replace(
            self, logits=self.logits[rows], truth=self.truth[rows], counted=self.counted[rows]
        )

    def tags(self, columns: NDArray[np.int64]) -> Set:
        return replace(
            self,
            logits=self.logits[:, columns],
            truth=self.truth[:, columns],
            counted=self.counted[:, columns],
        )


def set_of(stand: Ground, labelled: Labelled) -> Set:
    model = replace(score_model_of(stand.encoder), labelled={})
    tags = stand.tags[labelled.rows]
    calibration = calibrate(tags, stand.probes, stand.bank, model)
    side = calibration.image_side(labelled.vectors)
    logits = calibration.logits(calibration.scores(labelled.vectors @ tags.T, side))
    return Set(
        logits.astype(np.float64), labelled.truth, labelled.counted, model.default_confidence
    )


def shifts(judged: Set, count: int, prior: Prior, seed: int) -> Floats:
    """`(t,)`: what `count` judgements a tag, of pairs that are shown, teach."""
    rng = np.random.default_rng(seed)
    shown = judged.counted & (probabilities(judged.logits) >= LEAST_SHOWN)
    found = np.zeros(judged.logits.shape[1])
    for tag in range(len(found)):
        images = rng.permutation(np.flatnonzero(shown[:, tag]))[:count]
        said = [
            Said(
                f"author-{place % AUTHORS}",
                f"image-{image}",
                bool(judged.truth[image, tag]),
                float(judged.logits[image, tag]),
            )
            for place, image in enumerate(images)
        ]
        found[tag] = posterior_shift(weigh(said, prior.author_cap), prior.deviation).value
    return found


def figures(held_out: Set, shift: Floats) -> dict[str, float]:
    """What the held-out photos say with these shifts."""
    logits = held_out.logits + shift
    confidences = np.asarray(probabilities(logits), dtype=np.float64)
    emitted = confidences >= held_out.cut
    error, _ = shown_error(confidences, held_out.truth, held_out.counted, emitted)
    given = rates(emitted, held_out.truth, held_out.counted, np.ones((1, len(logits))))
    return {
        "ece": error,
        "brier_skill": brier_skill(confidences, held_out.truth, held_out.counted),
        "macro_f1": float(given.macro_f1[0]),
        "micro_f1": float(given.micro_f1[0]),
        "log_loss": _log_loss(held_out, logits),
    }


def _log_loss(held_out: Set, logits: Floats) -> float:
    """Mean over the pairs that are shown without feedback: the same pairs for every shift."""
    shown = held_out.counted & (probabilities(held_out.logits) >= LEAST_SHOWN)
    right = held_out.truth[shown]
    return float(
        np.where(right, np.logaddexp(0, -logits[shown]), np.logaddexp(0, logits[shown])).mean()
    )


def mean_figures(one: Set, count: int, prior: Prior) -> dict[str, float]:
    """Over several ways of halving the photos and drawing the judgements."""
    found = []
    for seed in range(SEEDS):
        judged, held_out = one.halves(seed)
        found.append(figures(held_out, shifts(judged, count, prior, seed)))
    return {name: float(np.mean([row[name] for row in found])) for name in found[0]}


def choose_deviation(sets: Sequence[Set]) -> tuple[float, dict[float, float]]:
    """The prior's deviation with the least log-loss after 5 and 20 judgements, over the sets."""
    losses: dict[float, float] = {}
    for deviation in DEVIATIONS:
        prior = Prior(deviation=deviation)
        losses[deviation] = float(
            np.mean([mean_figures(one, n, prior)["log_loss"] for one in sets for n in (5, 20)])
        )
    return min(losses, key=lambda deviation: losses[deviation]), losses


def interval(one: Set, count: int, prior: Prior, name: str) -> str:
    """The figure of the first halving with its bootstrap 95 % interval over held-out photos."""
    judged, held_out = one.halves(0)
    shift = shifts(judged, count, prior, 0)
    drawn = bootstrap_weights(len(held_out.logits), 200, 0)
    values = [
        figures(held_out.rows(np.repeat(np.arange(len(w)), w.astype(int))), shift)[name]
        for w in drawn
    ]
    value = figures(held_out, shift)[name]
    low, high = middle(value, np.asarray(values))
    return f"{value:.4f} ({low:.4f} to {high:.4f})"


def careless(one: Set, prior: Prior) -> dict[str, float]:
    """Macro-F1 where one author calls everything wrong: 0, 3 and 50 clicks a tag, then 20 honest
    judgements of others beside the 50.
    """
    found: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        judged, held_out = one.halves(seed)
        for name, clicks, honest in (("none", 0, 0), ("3", 3, 0), ("50", 50, 0), ("50+20", 50, 20)):
            shift = np.zeros(judged.logits.shape[1])
            for tag in range(len(shift)):
                shift[tag] = _harmed(judged, tag, clicks, honest, prior, seed)
            found.setdefault(name, []).append(figures(held_out, shift)["macro_f1"])
    return {name: float(np.mean(values)) for name, values in found.items()}


def _harmed(judged: Set, tag: int, clicks: int, honest: int, prior: Prior, seed: int) -> float:
    shown = judged.counted & (probabilities(judged.logits) >= LEAST_SHOWN)
    images = np.random.default_rng(seed).permutation(np.flatnonzero(shown[:, tag]))
    said = [
        Said("careless", f"image-{image}", False, float(judged.logits[image, tag]))
        for image in images[:clicks]
    ]
    said += [
        Said(
            f"author-{place % AUTHORS}",
            f"image-{image}",
            bool(judged.truth[image, tag]),
            float(judged.logits[image, tag]),
        )
        for place, image in enumerate(images[:honest])
    ]
    return posterior_shift(weigh(said, prior.author_cap), prior.deviation).value


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results")
    given = parser.parse_args(arguments)
    stand = ground(given.data, given.cache)
    sets = {
        "flickr8kcn": set_of(stand, mentioned(stand.names, stand.flickr, stand.val)),
        "imagenet1000": set_of(
            stand, supertags(stand.names, stand.imagenet_folder, stand.imagenet)
        ),
    }
    chosen = [one.tags(np.arange(0, one.logits.shape[1], 2)) for one in sets.values()]
    deviation, losses = choose_deviation(chosen)
    print("log-loss by deviation, on the tags it is chosen on:", losses, "least at", deviation)
    prior = Prior()
    found: dict[str, Any] = {
        "prior": vars(prior),
        "least_log_loss_at": deviation,
        "log_loss_by_deviation": losses,
        "sets": {},
    }
    for name, one in sets.items():
        rest = one.tags(np.arange(1, one.logits.shape[1], 2))
        table = {count: mean_figures(rest, count, prior) for count in COUNTS}
        harm = {cap: careless(rest, replace(prior, author_cap=cap)) for cap in CAPS}
        found["sets"][name] = {"by_judgements": table, "careless_macro_f1_by_cap": harm}
        print(f"\n{name}: {rest.logits.shape[1]} tags that chose nothing, {SEEDS} halvings")
        for count, row in table.items():
            print(f"  {count:>3} judgements ", {k: round(v, 4) for k, v in row.items()})
        print("  ece after 20:", interval(rest, 20, prior, "ece"))
        for cap, row in harm.items():
            rounded = {k: round(v, 4) for k, v in row.items()}
            print(f"  macro-F1 with one careless author, cap {cap:g}:", rounded)
    if given.write:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
