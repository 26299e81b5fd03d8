"""Whether a sentence that describes a tag, blended into its vector, ranks images better.

Why: a name is short, and a description says what there is to see. A tag's vector would be
`unit((1 - w) * usual + w * description)`.
What is right: flickr8kcn's 252 completely labelled photos, and its val photos by their captions.
The descriptions (bench/labels/descriptions.jsonl) were written for this, without the photos. The
weight is chosen on half of the tags and read on the others, and the other way round.

    python -m bench.calibration.descriptions [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.encoders.base import unit_rows
from bench.builtin.data import read_jsonl
from bench.calibration.arguments import parser_of
from bench.calibration.fit import Ground, ground, scores_of
from bench.calibration.paired import Ranking, counting_tags, ranking
from bench.calibration.truth import FloatArray, Labelled, complete, mentioned

DESCRIPTIONS = Path(__file__).parent.parent / "labels" / "descriptions.jsonl"
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5)
# The description alone, and as somebody would finish the sentence that the name begins.
FORMS = ("{description}", "{tag}，{description}")


def described(stand: Ground, form: str) -> dict[int, FloatArray]:
    """The `(d,)` unit vector of each description, by row of the starter vocabulary."""
    rows = read_jsonl(DESCRIPTIONS)
    vectors = stand.encoder.encode_texts([form.format(**row) for row in rows])
    return {stand.names.row[row["tag"]]: v for row, v in zip(rows, vectors, strict=True)}


def blends(stand: Ground, truth: Labelled, form: str) -> dict[float, Ranking]:
    """How the tags of a set rank its photos at every weight."""
    known = described(stand, form)
    own = stand.tags[truth.rows]
    said = np.stack([known.get(int(row), tag) for row, tag in zip(truth.rows, own, strict=True)])
    columns = counting_tags(truth)
    return {
        weight: ranking(
            scores_of(stand, truth.vectors, unit_rows((1 - weight) * own + weight * said)),
            truth,
            columns,
        )
        for weight in WEIGHTS
    }


def crossed(found: dict[float, Ranking], seed: int = 0) -> str:
    """The weight that is best on one half of the tags, read on the other half; both ways."""
    plain, half = found[0.0], np.random.default_rng(seed).permutation(found[0.0].found.shape[1]) % 2
    said, joined = [], plain.found.copy()
    for side in (0, 1):
        fit, read = np.flatnonzero(half == side), np.flatnonzero(half != side)
        best = max(WEIGHTS, key=lambda weight: found[weight].mean(fit))
        joined[:, read] = found[best].found[:, read]
        said.append(f"w {best:g}: {found[best].against(plain, read)}")
    return f"{'; '.join(said)}; together {Ranking(joined).against(plain)}"


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand = ground(given.data, given.cache)
    sets = {
        "complete": complete(stand.names, stand.flickr, stand.val, unsure_is_false=False),
        "val, caption tags": mentioned(stand.names, stand.flickr, stand.val),
    }
    for name, truth in sets.items():
        print(f"\n{name}: {len(truth.vectors)} photos, {len(counting_tags(truth))} tags")
        for form in FORMS:
            found = blends(stand, truth, form)
            for weight, one in found.items():
                print(f"  {form:24s} w {weight:3g}  {one.against(found[0.0])}")
            print(f"  {form:24s} chosen on the other half: {crossed(found)}")


if __name__ == "__main__":
    main()
