"""How to promise a false-positive rate from a bank: order statistics, or a model of the tail.

Why: a rate of 0.5 % needs 598 negatives before order statistics can promise it, and a new
installation has fewer.
What is right: false pairs of flickr8kcn's val photos (no caption mentions the tag), which were
never in a bank. Two banks of every size: part of the shipped one, as a new installation has it,
and val photos of one half, read on the other half, so that bank and traffic are alike. Cuts are
asked for each of the 75 caption tags; "held" is the share of tags whose observed rate is not above
what was asked, "ratio" the observed rate over the asked one, all tags pooled.

    python -m bench.calibration.tails [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground
from bench.calibration.truth import FloatArray, Labelled, mentioned
from vocab import cuts
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.profiles import profiles

Floats = NDArray[np.floating]
RATES = (0.05, 0.01, 0.005)
SIZES = (100, 200, 400)
TAIL = 0.1
SHRINKAGE = 50.0  # images that the typical tag weighs in a shrunk normal
DRAWS = 200


def scored(probes: ProbeSet, images: FloatArray, tags: FloatArray) -> Floats:
    """`(m, t)`: similarities as the image side standardises them."""
    side = probes.image_side(images)
    return np.asarray((images @ tags.T - side.means[:, None]) / side.spreads[:, None])


def empirical(bank: Floats, rate: float) -> Floats:
    """The plain quantile of each tag."""
    return np.asarray(np.quantile(bank, 1 - rate, axis=0))


def normal(bank: Floats, rate: float) -> Floats:
    """Mean and spread, and the quantile of a normal distribution."""
    return np.asarray(bank.mean(axis=0) + NormalDist().inv_cdf(1 - rate) * bank.std(axis=0))


def shrunk_normal(bank: Floats, rate: float) -> Floats:
    """The same with mean and variance drawn towards those of the typical tag."""
    known = len(bank) / (len(bank) + SHRINKAGE)
    means, variances = bank.mean(axis=0), bank.var(axis=0)
    mean = known * means + (1 - known) * means.mean()
    spread = np.sqrt(known * variances + (1 - known) * variances.mean())
    return np.asarray(mean + NormalDist().inv_cdf(1 - rate) * spread)


def pareto(bank: Floats, rate: float) -> Floats:
    """A generalised Pareto tail over the upper tenth, by probability-weighted moments."""
    found = []
    for column in np.sort(bank, axis=0).T:
        count = max(5, round(TAIL * len(column)))
        start, over = column[-count - 1], column[-count:] - column[-count - 1]
        first = over.mean()
        second = (over * (1 - (np.arange(count) + 0.65) / count)).mean()
        shape = np.clip(2 - first / (first - 2 * second), -0.5, 0.5)
        scale = first * (1 - shape)
        left = rate * len(column) / count
        more = scale * (left**-shape - 1) / shape if abs(shape) > 1e-6 else -scale * np.log(left)
        found.append(start + more)
    return np.asarray(found)


def promised(stand: Ground, bank: FloatArray, tags: FloatArray, rate: float) -> Floats:
    """What the service does: order statistics with 95 % assurance, else a careful Pareto tail."""
    kept = BackgroundBank(stand.bank.model_key, bank)
    return np.asarray(cuts.false_positive_cuts(profiles(tags, stand.probes, kept), rate))


def line(found: Floats, false: NDArray[np.bool_], scores: Floats, rate: float) -> str:
    """Held, ratio, and the interval of the ratio over photos."""
    fired, asked = false & (scores >= found), false.sum(axis=0)
    held = float((fired.sum(axis=0) <= rate * asked).mean())
    draws = np.random.default_rng(0).integers(0, len(false), (DRAWS, len(false)))
    over, under = fired.sum(axis=1), false.sum(axis=1)
    ratios = over[draws].sum(axis=1) / under[draws].sum(axis=1) / rate
    low, high = np.percentile(ratios, [2.5, 97.5])
    return f"held {held:.2f}, ratio {over.sum() / under.sum() / rate:.2f} ({low:.2f} to {high:.2f})"


def table(
    stand: Ground, truth: Labelled, name: str, bank: FloatArray, read: NDArray[np.int64]
) -> None:
    """One bank, every size and way."""
    tags = stand.tags[truth.rows]
    false = (truth.counted & ~truth.truth)[read]
    scores = scored(stand.probes, truth.vectors[read], tags)
    order = np.random.default_rng(0).permutation(len(bank))
    models: dict[str, Callable[[Floats, float], Floats]] = {
        "empirical quantile": empirical,
        "normal": normal,
        "shrunk normal": shrunk_normal,
        "generalised Pareto": pareto,
    }
    for size in (*(size for size in SIZES if size < len(bank)), len(bank)):
        part = bank[order[:size]]
        banked = scored(stand.probes, part, tags)
        for rate in RATES:
            print(f"\n{name}, {size} images, asked {rate:.1%}")
            for way, cut in models.items():
                print(f"  {way:20s} {line(cut(banked, rate), false, scores, rate)}")
            served = line(promised(stand, part, tags, rate), false, scores, rate)
            print(f"  {'as served':20s} {served}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    truth = mentioned(stand.names, stand.flickr, stand.val)
    table(stand, truth, "shipped bank", stand.bank.vectors, np.arange(len(truth.vectors)))
    halves = np.random.default_rng(1).permutation(len(truth.vectors))
    table(stand, truth, "bank of such photos", truth.vectors[halves[:500]], halves[500:])


if __name__ == "__main__":
    main()
