"""An image with its parts: tags of what is small in it, large in a part.

The idea is TagCLIP's (Lin et al., AAAI 2024, arXiv 2312.12828): score the parts of an image apart
and let a tag's strongest parts speak beside the whole. Theirs is a softmax over a closed list of
classes; here a tag is measured in every part as the whole image measures it, over the fixed probes,
so that no edit of the vocabulary moves another tag's number:

    z(part, t)  = (s(part, t) - mean over probes) / spread over probes
    local(x, t) = mean of z over the tenth of the parts that show t most, at least one
    z'(x, t)    = (1 - w) z(x, t) + w (local(x, t) - mean) / spread, of `local` over the probes

Measured with the built-in model (bench/calibration/parts.py), where this ranked better than a
softmax over the probes at 20, 50 and 100, than the mean of all parts, and than the one strongest.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vocab.probes import ImageSide, ProbeSet

FloatArray = NDArray[np.float32]

# What the parts weigh against the whole, as TagCLIP weighs an object's part against its score.
WEIGHT = 0.5
# A tag is where its strongest parts are; the rest of the image says nothing against it.
STRONGEST = 0.1
# Tags looked at together: with 600 parts some ten MiB.
TAGS_AT_ONCE = 4096


def local_scores(tags: FloatArray, parts: FloatArray, probes: ProbeSet) -> FloatArray:
    """`(n, d)` tags against the `(k, d)` unit parts of one image: `(n,) float32`, standardised.

    Like an image's own score it has mean 0 and spread 1 over the probes.
    """
    side = probes.image_side(parts)
    over = _pooled(probes.vectors, parts, side)
    found = np.concatenate(
        [
            _pooled(tags[at : at + TAGS_AT_ONCE], parts, side)
            for at in range(0, len(tags), TAGS_AT_ONCE)
        ]
        or [np.zeros(0, np.float32)]
    )
    spread = over.std() if len(over) else 0.0
    level = over.mean() if len(over) else 0.0
    return np.asarray((found - level) / (spread if spread > 0 else 1.0), dtype=np.float32)


def with_parts(
    similarities: FloatArray, local: FloatArray, mean: float, spread: float
) -> FloatArray:
    """`(n,)` similarities of an image and its local scores to similarities on the image's scale.

    `mean` and `spread` are the image's own over the probes: what comes out has the score z' above
    and is read with the thresholds of any image.
    """
    mixed = (1 - WEIGHT) * similarities + WEIGHT * (mean + spread * local)
    return np.asarray(mixed, dtype=np.float32)


def _pooled(tags: FloatArray, parts: FloatArray, side: ImageSide) -> FloatArray:
    """`(n,)`: the mean over each tag's strongest parts, in spreads of those parts."""
    scores = (parts @ tags.T - side.means[:, None]) / side.spreads[:, None]
    count = math.ceil(STRONGEST * len(parts))
    strongest = np.partition(scores, len(parts) - count, axis=0)[len(parts) - count :]
    return np.asarray(strongest.mean(axis=0), dtype=np.float32)
