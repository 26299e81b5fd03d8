"""Which normalisation of similarities is worth having: ranking, one threshold, and recall.

Why: raw cosines have another level for every image and tag; the literature offers a dozen cures.
What is right: three labelled sets. Each cure is measured with statistics from the shipped bank,
disjoint from the photos, and once more with statistics of the very photos (the second mAP).

    python -m bench.calibration.normalisation [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground
from bench.calibration.measures import (
    interval,
    mean_average_precision,
    recall_at_precision,
)
from bench.calibration.truth import FloatArray, Labelled, complete, mentioned, mosaics, supertags

LEAST = 5  # positives of a tag that counts


def cures(
    images: FloatArray, tags: FloatArray, bank: FloatArray, probes: FloatArray
) -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Every normalisation by name, `(m, t)` scores each."""
    raw, over = images @ tags.T, images @ probes.T
    banked, bank_over = bank @ tags.T, bank @ probes.T
    level, spread = over.mean(axis=1, keepdims=True), over.std(axis=1, keepdims=True)
    middle = np.median(over, axis=1, keepdims=True)
    deviation = np.median(np.abs(over - middle), axis=1, keepdims=True)
    centred = banked - bank_over.mean(axis=1, keepdims=True)
    standard = centred / bank_over.std(axis=1, keepdims=True)
    score = (raw - level) / spread
    yield "raw cosine", raw
    yield "image mean", raw - level
    yield "image mean and spread (ours)", score
    yield "image median and MAD", (raw - middle) / deviation
    yield (
        "image, mean of 20 nearest probes",
        raw - np.sort(over, axis=1)[:, -20:].mean(axis=1, keepdims=True),
    )
    yield "tag mean and spread", (raw - banked.mean(axis=0)) / banked.std(axis=0)
    yield "both, tag mean only", score - standard.mean(axis=0)
    yield "both (SPARC)", (score - standard.mean(axis=0)) / standard.std(axis=0)
    near = np.argsort(-(images @ bank.T), axis=1)[:, :200]
    own = np.stack([banked[rows].mean(axis=0) for rows in near])
    yield "adaptive: 200 nearest of the bank", raw - (own + banked.mean(axis=0)) / 2
    hub = np.sort(banked, axis=0)[-10:].mean(axis=0)
    yield (
        "CSLS, k = 10",
        2 * raw - hub - np.sort(over, axis=1)[:, -10:].mean(axis=1, keepdims=True),
    )
    for heat in (20.0, 50.0):
        yield f"QB-Norm, {heat:g}", heat * raw - np.log(np.exp(heat * banked).sum(axis=0))


def table(stand: Ground, name: str, truth: Labelled) -> None:
    """One set: every cure with the bank and with the photos themselves."""
    tags, probes = stand.tags[truth.rows], stand.probes.vectors
    print(f"\n{name}: {len(truth.vectors)} photos, {len(tags)} tags")
    own = dict(cures(truth.vectors, tags, truth.vectors, probes))
    for cure, scores in cures(truth.vectors, tags, stand.bank.vectors, probes):

        def ranked(rows: NDArray[np.int64], scores: NDArray[np.floating] = scores) -> float:
            return mean_average_precision(
                scores[rows], truth.truth[rows], truth.counted[rows], LEAST
            )

        of_itself = mean_average_precision(own[cure], truth.truth, truth.counted, LEAST)
        recall = recall_at_precision(scores, truth.truth, truth.counted)
        print(
            f"  {cure:34s} mAP {interval(ranked, len(scores))}  own statistics {of_itself:.1f}"
            f"  recall at precision 0.8: {recall:.3f}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    table(
        stand,
        "flickr8kcn complete",
        complete(stand.names, stand.flickr, stand.val, unsure_is_false=False),
    )
    table(stand, "flickr8kcn val, caption tags", mentioned(stand.names, stand.flickr, stand.val))
    table(
        stand,
        "mosaics of two to four val photos",
        mosaics(stand.names, stand.flickr, stand.encoder, given.cache),
    )
    table(
        stand,
        "imagenet1000, broader tags",
        supertags(stand.names, stand.imagenet_folder, stand.imagenet),
    )


if __name__ == "__main__":
    main()
