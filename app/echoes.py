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
    kept = without_echoes_of_many(image[None], tags[None], np.asarray([len(tags)]), most)
    return [int(row) for row in np.flatnonzero(kept[0])]


def without_echoes_of_many(
    images: FloatArray,
    tags: FloatArray,
    counts: NDArray[np.int64],
    most: int,
    least_share: float = LEAST_SHARE,
) -> NDArray[np.bool_]:
    """The same for `images (m, d)` with `tags (m, k, d)`, of which the first `counts (m,)` count.

    `(m, k) bool`: which are kept. All images take their steps together, one kept tag a step. With
    Q what the kept tags have not explained, 1 - P, all that is needed of x and the tags T is
    T Q x and T Q T'.
    """
    norms = np.sqrt(np.einsum("mkd,mkd->mk", tags, tags))
    directions = tags / np.maximum(norms, np.float32(1e-9))[:, :, None]
    similar = (directions @ images[:, :, None])[:, :, 0]
    left, between = similar.copy(), directions @ directions.transpose(0, 2, 1)
    places = np.arange(tags.shape[1])
    kept = np.zeros(similar.shape, dtype=bool)
    waiting = places < counts[:, None]
    active = np.flatnonzero(waiting.any(axis=1))
    at = np.zeros(len(active), dtype=np.int64)
    for _ in range(most):
        if not len(active):
            break
        kept[active, at] = True
        square = between[active, at, at]
        length = np.where(square > 1e-6, np.sqrt(np.maximum(square, 0)), np.inf)
        new = between[active, :, at] / length[:, None]
        left[active] -= (left[active, at] / length)[:, None] * new
        between[active] -= new[:, :, None] * new[:, None, :]
        telling = waiting[active] & (places > at[:, None])
        telling &= left[active] >= least_share * similar[active]
        some = telling.any(axis=1)
        at, active = telling.argmax(axis=1)[some], active[some]
    return kept
