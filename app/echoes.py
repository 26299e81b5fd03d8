"""Which tags merely echo a stronger one.

A tag's text lies near the texts of other tags, so an image of a tiger (老虎) is also somewhat
similar to every tag that shares its words: 老虎机 (slot machine), 爬山虎 (ivy). What tells an echo
from a second finding is what is left of its similarity once the stronger tags have explained
theirs. With x the image, t a tag, P the projection on the tags already kept:

    share(t) = (x - P x) . t / (x . t)

which is the selection rule of orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad
1993), with tags as the dictionary, and a cut on the share in place of a number of terms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Measured with the built-in model (bench/score_model.py): at 0.3 a photo of one concept has 2.6
# tags where it had 9.9 without the rule, and its own name is among them in 91 % (94 % without).
LEAST_SHARE = 0.3


def without_echoes(
    image: FloatArray, tags: FloatArray, most: int, least_share: float = LEAST_SHARE
) -> list[int]:
    """Rows of `tags (k, d)`, strongest first, that say something of `image (d,)` by themselves.

    At most `most` rows, in the order given; the first is always among them. `tags` are centred
    (less the mean of the probe set) and need not be unit rows.
    """
    norms = np.linalg.norm(tags, axis=1, keepdims=True)
    directions = tags / np.maximum(norms, np.float32(1e-9))
    similar = directions @ image
    basis = np.zeros((0, tags.shape[1]), dtype=np.float32)
    kept: list[int] = []
    for row, direction in enumerate(directions):
        if len(kept) == most:
            break
        explained = basis @ direction
        if kept and similar[row] - (basis @ image) @ explained < least_share * similar[row]:
            continue
        kept.append(row)
        rest = direction - basis.T @ explained
        length = np.linalg.norm(rest)
        if length > 1e-3:
            basis = np.vstack([basis, rest / length])
    return kept
