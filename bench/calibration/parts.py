"""Whether the parts of an image rank its tags better than the whole, and how parts should speak.

Why: what is small in an image is lost in its one vector. `detail: "high"` looks at the parts, and
which way of joining them it uses was decided here.
What is right: flickr8kcn's 252 completely labelled photos, on which the way was chosen, and the 748
other val photos by their captions, on which it was not.

    python -m bench.calibration.parts [--model NAME] [--checkpoint FILE] [--data ../shared/data]
                                      [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.encoders.base import Encoder, unit_rows
from app.encoders.catalog import open_encoder
from app.intake.tiles import tiles_of
from bench.builtin.data import read_jsonl
from bench.calibration.arguments import parser_of
from bench.calibration.paired import counting_tags, ranking
from bench.calibration.truth import FloatArray, Labelled, Names, complete, mentioned
from vocab.parts import WEIGHT, local_scores
from vocab.probes import ProbeSet
from vocab.starter import probe_rows

Floats = NDArray[np.floating]
# What the strongest of the 9 x 9 parts may be: one, a tenth, a third, all of them.
SHARES = (0.0, 0.1, 0.3, 1.0)
SOFTNESS = (20.0, 100.0)


def looked_at(encoder: Encoder, files: Sequence[Path], kept: Path, *, tiled: bool) -> FloatArray:
    """`(m, 1 + k, d)` unit rows: each photo and its parts, or its tiles; kept from run to run."""
    if kept.is_file():
        return unit_rows(np.load(kept))
    rows = []
    for file in files:
        with Image.open(file) as opened:
            photo = opened.convert("RGB")
        if tiled:
            rows.append(encoder.encode_images([photo, *tiles_of(photo)]))
        else:
            rows.append(encoder.encode_parts(encoder.prepare(photo)[None])[0])
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.save(kept, np.stack(rows).astype(np.float16))
    return unit_rows(np.stack(rows))


def standard(over_tags: Floats, over_probes: Floats) -> Floats:
    """Less the mean over the probes, in their spreads, along the last axis."""
    level = over_probes.mean(axis=-1, keepdims=True)
    return np.asarray((over_tags - level) / over_probes.std(axis=-1, keepdims=True))


def strongest(scores: Floats, share: float) -> Floats:
    """`(m, k, t)` to `(m, t)`: the mean of the strongest parts of each tag."""
    count = max(1, int(np.ceil(share * scores.shape[1])))
    return np.asarray(np.sort(scores, axis=1)[:, -count:].mean(axis=1))


def ways(parts: FloatArray, tags: FloatArray, probes: ProbeSet) -> Iterator[tuple[str, Floats]]:
    """`(m, k, d)` parts to `(m, t)` standardised scores, one way after the other."""
    over, probed = parts @ tags.T, parts @ probes.vectors.T
    scores, own = standard(over, probed), standard(probed, probed)
    for share in SHARES:
        name = f"strongest {share:.0%}" if share else "strongest one"
        yield name, standard(strongest(scores, share), strongest(own, share))
    for heat in SOFTNESS:
        # TagCLIP's softmax, with the probes in place of the classes, as log-odds of its maximum.
        top = heat * probed.max(axis=2, keepdims=True)
        others = top + np.log(np.exp(heat * probed - top).sum(axis=2, keepdims=True))
        odds, own_odds = (heat * over - others).max(axis=1), (heat * probed - others).max(axis=1)
        yield f"softmax {heat:g}, strongest one", standard(odds, own_odds)


def table(
    name: str, truth: Labelled, tags: FloatArray, probes: ProbeSet, parts: FloatArray
) -> None:
    """One set: the whole, and every way of joining its parts to it."""
    columns = counting_tags(truth)
    wholes, rest, own = parts[:, 0], parts[:, 1:], tags[truth.rows]
    whole = standard(wholes @ own.T, wholes @ probes.vectors.T)
    base = ranking(whole, truth, columns)
    print(f"\n{name}: {len(parts)} photos, {len(columns)} tags, {rest.shape[1]} parts")
    print(f"  {'whole':44s} {base.against(base)}")
    mean = unit_rows(wholes + rest.mean(axis=1))
    found = standard(mean @ own.T, mean @ probes.vectors.T)
    print(
        f"  {'mean vector of whole and parts':44s} {ranking(found, truth, columns).against(base)}"
    )
    for way, local in ways(rest, own, probes):
        mixed = (1 - WEIGHT) * whole + WEIGHT * local
        for label, scores in ((f"{way}, alone", local), (f"{way}, with the whole", mixed)):
            print(f"  {label:44s} {ranking(scores, truth, columns).against(base)}")
    served = np.stack([local_scores(own, one, probes) for one in rest])
    mixed = (1 - WEIGHT) * whole + WEIGHT * served
    print(f"  {'as served (vocab.parts)':44s} {ranking(mixed, truth, columns).against(base)}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--checkpoint", type=Path)
    given = parser.parse_args(arguments)
    encoder = open_encoder(given.model, models_dir=given.cache, checkpoint=given.checkpoint)
    names, flickr = Names(), given.data / "flickr8kcn"
    tags = names.embedded(encoder)
    probes = ProbeSet(tags[probe_rows(len(tags))])
    photos: list[dict[str, Any]] = read_jsonl(flickr / "val.jsonl")
    labelled = {photo["file"] for photo in read_jsonl(flickr / "complete.jsonl")}
    nothing = np.zeros((len(photos), encoder.dim), dtype=np.float32)
    whole = complete(names, flickr, nothing, unsure_is_false=False)
    spoken = mentioned(names, flickr, nothing)
    others = np.asarray([at for at, one in enumerate(photos) if one["file"] not in labelled])
    apart = replace(
        spoken,
        vectors=nothing[others],
        truth=spoken.truth[others],
        counted=spoken.counted[others],
    )
    in_order = [flickr / photo["file"] for photo in read_jsonl(flickr / "complete.jsonl")]
    for kind in ("parts", "tiles") if encoder.gives_parts else ("tiles",):
        for name, truth, files in (
            ("complete", whole, in_order),
            ("val without those", apart, [flickr / photos[at]["file"] for at in others]),
        ):
            kept = given.cache / f"{kind}-{name.replace(' ', '-')}-{encoder.model_key}.npy"
            found = looked_at(encoder, files, kept, tiled=kind == "tiles")
            table(f"{name}, {kind}", truth, tags, probes, found)


if __name__ == "__main__":
    main()
