"""The figures of the tables: pure functions over `(m, t)` arrays, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vocab.evaluation import average_precisions, best_cuts

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
SAMPLES = 200
BINS = 15


def mean_average_precision(scores: Floats, truth: Bools, counted: Bools, least: int = 1) -> float:
    """Percent; tags with at least `least` positives."""
    found = average_precisions(scores, truth, counted, np.ones((1, len(truth))))[0]
    return 100 * float(np.nanmean(found[(truth & counted).sum(axis=0) >= least]))


def recall_at_precision(
    confidences: Floats, truth: Bools, counted: Bools, precision: float = 0.8
) -> float:
    """The largest share of true pairs found with at least the precision, all tags pooled."""
    order = np.argsort(-confidences[counted], kind="stable")
    right = np.cumsum(truth[counted][order])
    good = np.flatnonzero(right / np.arange(1, len(right) + 1) >= precision)
    good = good[good >= 20]  # a lucky start is no recall
    return float(right[good[-1]] / right[-1]) if len(good) and right[-1] else 0.0


def macro_f1(emitted: Bools, truth: Bools, counted: Bools) -> float:
    """Mean F1 over the tags that are right somewhere."""
    both = (emitted & truth & counted).sum(axis=0)
    size = (emitted & counted).sum(axis=0) + (truth & counted).sum(axis=0)
    present = (truth & counted).any(axis=0)
    return float((2 * both[present] / np.maximum(size[present], 1)).mean())


def oracle_f1(scores: Floats, truth: Bools, counted: Bools) -> float:
    """Macro-F1 with a threshold for each tag that is chosen on the very truth it is judged by."""
    return macro_f1(scores >= best_cuts(scores, truth, counted), truth, counted)


def crossed_oracle_f1(scores: Floats, truth: Bools, counted: Bools, seed: int = 0) -> float:
    """The same with each half of the images judged by thresholds chosen on the other half."""
    half = np.random.default_rng(seed).permutation(len(truth)) % 2
    emitted = np.zeros_like(truth)
    for side in (0, 1):
        cuts = best_cuts(scores[half == side], truth[half == side], counted[half == side])
        emitted[half != side] = scores[half != side] >= cuts
    return macro_f1(emitted, truth, counted)


def calibration_error(confidences: Floats, right: Floats) -> float:
    """ECE with bins of equal mass, `(k,)` shown pairs."""
    parts = np.array_split(np.argsort(confidences, kind="stable"), BINS)
    apart = [
        len(part) * abs(float(confidences[part].mean() - right[part].mean()))
        for part in parts
        if len(part)
    ]
    return sum(apart) / max(len(confidences), 1)


def shown_error(
    confidences: Floats, truth: Bools, counted: Bools, emitted: Bools, least: float = 0.2
) -> tuple[float, int]:
    """ECE of what is shown (confidence of at least `least`, or emitted), and how many pairs."""
    shown = _shown(confidences, counted, emitted, least)
    return calibration_error(confidences[shown], truth[shown].astype(float)), int(shown.sum())


def error_by_chance(
    confidences: Floats, counted: Bools, emitted: Bools, least: float = 0.2, seed: int = 0
) -> tuple[float, float]:
    """The ECE exact confidences would have: mean and 95 % quantile over labels drawn from them.

    Equal-mass bins of k pairs are apart by about 0.8 sqrt(p (1 - p) / k) by chance alone, so that
    a few thousand pairs cannot show a smaller error.
    """
    said = confidences[_shown(confidences, counted, emitted, least)]
    rng = np.random.default_rng(seed)
    drawn = [
        calibration_error(said, (rng.random(len(said)) < said).astype(float))
        for _ in range(SAMPLES)
    ]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


def _shown(confidences: Floats, counted: Bools, emitted: Bools, least: float) -> Bools:
    return counted & ((confidences >= least) | emitted)


def brier_skill(confidences: Floats, truth: Bools, counted: Bools) -> float:
    """1 - Brier / Brier of each tag's own base rate."""
    base = (truth & counted).sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    own = ((confidences - truth) ** 2)[counted].mean()
    plain = ((base[None, :] - truth) ** 2)[counted].mean()
    return float(1 - own / plain)


def interval(figure: Callable[[NDArray[np.int64]], float], images: int, seed: int = 0) -> str:
    """`value (low to high)`: 95 % bootstrap over images; the figure takes rows of images."""
    rng = np.random.default_rng(seed)
    found = [figure(rng.integers(0, images, images)) for _ in range(SAMPLES)]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return f"{figure(np.arange(images)):.3f} ({low:.3f} to {high:.3f})"
