"""What high detail gives at default settings: how many tags, and how many of them are right.

Why: the cuts were fitted on whole images, and parts change the scores they are read on.
What is right: flickr8kcn's 252 completely labelled photos; only tags with a truth are judged. The
labelled tags' logistics were fitted on these photos, for whole images.

    python -m bench.calibration.parts_given [--data ../shared/data] [--cache DIR]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.choice import Options
from app.deciding import decide
from app.encoders.builtin import load_builtin
from app.pixels import Pixels
from app.scoring import score_model_of
from app.snapshot import Measure, Snapshot, build_snapshot
from bench.builtin.data import read_jsonl
from bench.calibration.arguments import parser_of
from bench.calibration.fit import ground
from bench.calibration.parts import looked_at
from bench.calibration.truth import FloatArray, Labelled, complete

DRAWS = 1_000


def line(
    snapshot: Snapshot, truth: Labelled, rows: FloatArray, options: Options, *, parts: bool
) -> str:
    """Tags a photo, and the precision of those with a truth, with an interval over photos."""
    images = [Pixels(str(at), 1, 1, None, 0.0) for at in range(len(rows))]
    everything = np.arange(len(snapshot.tags))
    found = decide(
        snapshot,
        images,
        np.ascontiguousarray(rows[:, 0]),
        snapshot.model_key,
        everything,
        options,
        parts=list(rows[:, 1:]) if parts else (),
    ).tagged
    column = {int(row): at for at, row in enumerate(truth.rows)}
    right, judged = np.zeros((2, len(found)))
    for at, one in enumerate(found):
        for hit in one.tags:
            place = column.get(snapshot.positions[hit.tag.id])
            if place is not None and truth.counted[at, place]:
                judged[at] += 1
                right[at] += truth.truth[at, place]
    draws = np.random.default_rng(0).integers(0, len(found), (DRAWS, len(found)))
    shares = right[draws].sum(axis=1) / judged[draws].sum(axis=1)
    low, high = np.percentile(shares, [2.5, 97.5])
    counts = [len(one.tags) for one in found]
    return (
        f"median {np.median(counts):g} tags, none {np.mean(np.equal(counts, 0)):.1%};"
        f" {judged.sum():.0f} judged, precision {right.sum() / judged.sum():.3f}"
        f" ({low:.3f} to {high:.3f})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    stand, encoder = ground(given.data, given.cache), load_builtin()
    truth = complete(stand.names, stand.flickr, stand.val, unsure_is_false=False)
    measure = Measure(stand.probes, stand.bank, score_model_of(encoder))
    snapshot = build_snapshot(1, tuple(stand.names.tags), stand.tags, measure)
    files = [stand.flickr / photo["file"] for photo in read_jsonl(stand.flickr / "complete.jsonl")]
    kept = given.cache / f"parts-complete-{encoder.model_key}.npy"
    rows = looked_at(encoder, files, kept, tiled=False)
    for name, options in (
        ("default settings", Options()),
        ("precision 0.8 asked", Options(precision_target=0.8)),
        ("precision 0.9 asked", Options(precision_target=0.9)),
    ):
        for label, parts in (("whole", False), ("with parts", True)):
            print(f"{name:20s} {label:11s} {line(snapshot, truth, rows, options, parts=parts)}")


if __name__ == "__main__":
    main()
