"""What each cure for raw cosines adds, with the interval of the difference.

Why: bench.calibration.normalisation prints levels, whose intervals overlap where the differences
are sure. Here every cure, those of that file and those that need other texts (negative and generic
prompts, compound prompts "A 和 B"), is compared with the raw cosine under the same draws of images.
What is right: flickr8kcn's 252 completely labelled photos, its val photos by their captions, and
ImageNet's broader tags. Statistics are those of the shipped bank and the probes.

    python -m bench.calibration.margins [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground
from bench.calibration.normalisation import cures
from bench.calibration.paired import counting_tags, ranking
from bench.calibration.truth import Labelled, complete, mentioned, supertags

Floats = NDArray[np.floating]
GENERIC = ("一张照片", "图片", "照片里的东西")
NEGATIVE = ("没有{}的照片", "图片里没有{}")
COMPANIONS = 16
# Which of a tag's compounds speaks: the weakest, low order statistics, the middle, the strongest.
ORDERS = (0.0, 0.1, 0.25, 0.5, 1.0)
NEIGHBOURS, SHARE = 10, 0.5


def texts(stand: Ground, truth: Labelled) -> Iterator[tuple[str, Floats]]:
    """The cures that need texts of their own, `(m, t)` scores each."""
    names = [stand.names.tags[row].name for row in truth.rows]
    encode, images = stand.encoder.encode_texts, truth.vectors
    raw = images @ stand.tags[truth.rows].T
    generic = (images @ encode(GENERIC).T).mean(axis=1, keepdims=True)
    yield "margin over generic prompts", raw - generic
    for template in NEGATIVE:
        negative = images @ encode([template.replace("{}", name) for name in names]).T
        yield f"margin over {template}", raw - negative
        yield f"half that margin, {template}", raw - negative / 2
    step = len(stand.names.tags) // COMPANIONS
    others = [tag.name for tag in stand.names.tags[7::step]][:COMPANIONS]
    vectors = [encode([f"{name}和{other}" for name in names]) for other in others]
    found = np.stack([images @ some.T for some in vectors])
    for order in ORDERS:
        yield f"compound prompts, order {order:g}", np.quantile(found, order, axis=0)
        yield f"the same, with the tag itself, {order:g}", raw + np.quantile(found, order, axis=0)


def neighbours(stand: Ground, truth: Labelled) -> Iterator[tuple[str, Floats]]:
    """Nearest-neighbour normalisation (Chowdhury et al. 2024): less what is nearest in the bank,
    of the tag and, turned round, of the image among the probes.
    """
    tags = stand.tags[truth.rows]
    raw = truth.vectors @ tags.T
    of_tags = np.sort(stand.bank.vectors @ tags.T, axis=0)[-NEIGHBOURS:].mean(axis=0)
    over = np.sort(truth.vectors @ stand.probes.vectors.T, axis=1)[:, -NEIGHBOURS:]
    yield "nearest neighbours of the tag", raw - SHARE * of_tags
    yield "nearest neighbours of the image", raw - SHARE * over.mean(axis=1, keepdims=True)


def table(stand: Ground, name: str, truth: Labelled) -> None:
    """One set, one line a cure."""
    columns, own = counting_tags(truth), stand.tags[truth.rows]
    print(f"\n{name}: {len(truth.vectors)} photos, {len(columns)} tags")
    base = None
    known = cures(truth.vectors, own, stand.bank.vectors, stand.probes.vectors)
    for some in (known, neighbours(stand, truth), texts(stand, truth)):
        for cure, scores in some:
            found = ranking(scores, truth, columns)
            base = base or found  # the first of all is the raw cosine
            print(f"  {cure:44s} {found.against(base)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    whole = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    table(stand, "flickr8kcn complete", whole)
    table(stand, "flickr8kcn val, caption tags", mentioned(stand.names, stand.flickr, stand.val))
    broader = supertags(stand.names, stand.imagenet_folder, stand.imagenet)
    table(stand, "imagenet1000, broader tags", broader)


if __name__ == "__main__":
    main()
