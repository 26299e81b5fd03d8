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

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Rows = NDArray[np.int64]

# Measured with the built-in model (bench/score_model.py): at 0.3 a photo of one concept has 2.6
# tags where it had 9.9 without the rule, and its own name is among them in 91 % (94 % without).
LEAST_SHARE = 0.3
# Images whose echoes are looked for together: some megabytes of tags.
IMAGES_AT_ONCE = 64


def orders_without_echoes(
    images: FloatArray, vectors: FloatArray, centre: FloatArray, orders: Sequence[Rows], most: int
) -> list[Rows]:
    """The orders without the echoes in them, at most `most` rows each.

    `orders` holds for each of the images `(m, d)` rows of the tags `vectors (n, d)`, strongest
    first. `centre (d,)` is what every tag says, the mean of the probe set.
    """
    kept = [order[:most] for order in orders]
    counts = np.asarray([len(order) for order in orders], dtype=np.int64)
    # Images of few tags with one another, so that little of the arrays stays empty.
    several = np.argsort(counts, kind="stable")[np.count_nonzero(counts < 2) :]
    for at in range(0, len(several), IMAGES_AT_ONCE):
        some = several[at : at + IMAGES_AT_ONCE]
        rows = np.zeros((len(some), int(counts[some[-1]])), dtype=np.int64)
        for place, image in enumerate(some.tolist()):
            rows[place, : counts[image]] = orders[image]
        tags = vectors[rows]
        tags -= centre
        found = without_echoes_of_many(images[some], tags, counts[some], most)
        for place, image in enumerate(some.tolist()):
            kept[image] = rows[place][found[place]]
    return kept


def without_echoes(
    image: FloatArray, tags: FloatArray, most: int, least_share: float = LEAST_SHARE
) -> list[int]:
    """Rows of `tags (k, d)`, strongest first, that say something of `image (d,)` by themselves.

    At most `most` rows, in the order given; the first is always among them. `tags` are centred
    (less the mean of the probe set) and need not be unit rows.
    """
    counts = np.asarray([len(tags)])
    kept = without_echoes_of_many(image[None], tags[None], counts, most, least_share)
    return [int(row) for row in np.flatnonzero(kept[0])]


def without_echoes_of_many(
    images: FloatArray,
    tags: FloatArray,
    counts: NDArray[np.int64],
    most: int,
    least_share: float = LEAST_SHARE,
) -> NDArray[np.bool_]:
    """The same for `images (m, d)` with `tags (m, k, d)`, of which the first `counts (m,)` count.

    `(m, k) bool`: which are kept. All images take their steps together, one kept tag a step. Each
    step adds a direction to an orthonormal basis of the kept tags; of it, only what it has in
    common with every tag is computed, from the tags' inner products (a Cholesky decomposition,
    row by row).
    """
    norms = np.sqrt(np.einsum("mkd,mkd->mk", tags, tags))
    directions = tags / np.maximum(norms, np.float32(1e-9))[:, :, None]
    similar = (directions @ images[:, :, None])[:, :, 0]
    left, between = similar.copy(), directions @ directions.transpose(0, 2, 1)
    explained = np.zeros((len(images), most, tags.shape[1]), dtype=np.float32)
    places = np.arange(tags.shape[1])
    kept = np.zeros(similar.shape, dtype=bool)
    waiting = places < counts[:, None]
    active = np.flatnonzero(waiting.any(axis=1))
    at = np.zeros(len(active), dtype=np.int64)
    for step in range(most):
        if not len(active):
            break
        kept[active, at] = True
        before = explained[active, :step]
        new = between[active, at] - np.einsum("as,ask->ak", explained[active, :step, at], before)
        square = new[np.arange(len(active)), at]
        length = np.where(square > 1e-6, np.sqrt(np.maximum(square, 0)), np.inf)
        new /= length[:, None]
        explained[active, step] = new
        left[active] -= (left[active, at] / length)[:, None] * new
        telling = waiting[active] & (places > at[:, None])
        telling &= left[active] >= least_share * similar[active]
        some = telling.any(axis=1)
        at, active = telling.argmax(axis=1)[some], active[some]
    return kept
