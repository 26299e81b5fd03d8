"""Search, calibrate and choose for 32 images against 1,000, 10,000 and 100,000 tags.

Why: a vocabulary may grow without the answer becoming slow. Random vectors first: their images
reach many thresholds. Then photos and the shipped vocabulary by the built-in model, made longer by
the words of captions, and by vectors near both where even those do not suffice. The similarities
are checked against NumPy before anything is timed. Bars: 10 ms at 10,000 tags, 60 ms at 100,000.

python -m bench.searching --photos ../shared/data/flickr8kcn
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.bench.parts import SEARCHED, TAGS, searched, searching
from app.bench.samples import Measured
from app.encoders.base import FloatArray, unit_rows
from app.encoders.builtin import load_builtin
from app.intake.decode import decode
from app.intake.limits import Limits
from app.matrix_threads import one_thread_a_product
from app.scoring import background_of, score_model_of
from app.snapshot import Measure, build_snapshot
from bench.rows import write_row
from vocab.probes import ProbeSet
from vocab.starter import probe_rows, starter_tags
from vocab.tags import Tag

DIM = 512
BARS_MS = {10_000: 10.0, 100_000: 60.0}
CAPTIONS = 2_000
# How far a made-up vector lies from a real one: their cosine is about 0.9.
APART = 0.5


def real(folder: Path) -> Iterator[Measured]:
    """The same measurement with photos and Chinese texts."""
    encoder = load_builtin(device="cpu")
    photos = [
        decode(path.read_bytes(), Limits()).image
        for path in sorted((folder / "images").rglob("*.jpg"))[:SEARCHED]
    ]
    images = encoder.encode_images(photos)
    names = [draft.name for draft in starter_tags()]
    probes = ProbeSet(encoder.encode_texts(names[probe_rows(len(names))]))
    known = encoder.encode_texts(names + captions(folder))
    measure = Measure(probes, background_of(encoder, folder), score_model_of(encoder))
    for size in TAGS:
        tags = tuple(Tag(f"t{number}", f"标签{number}") for number in range(size))
        yield searched(build_snapshot(1, tags, lengthened(known, size), measure), images)


def captions(folder: Path) -> list[str]:
    """The first sentence said of each of some photos."""
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()[:CAPTIONS]
    return [json.loads(line)["captions"][0] for line in lines]


def lengthened(known: FloatArray, size: int) -> FloatArray:
    """`(size, d)` unit rows: the known ones, then some near them."""
    chance = np.random.default_rng(0)
    more = known[chance.integers(0, len(known), max(0, size - len(known)))]
    noise = unit_rows(chance.normal(size=more.shape)) * np.float32(APART)
    return np.concatenate([known, unit_rows(more + noise)])[:size] if len(more) else known[:size]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    given = parser.parse_args()
    one_thread_a_product()  # as in the service
    for vectors, found in (("random", searching(DIM)), ("real", real(given.photos))):
        for one in found:
            bar = BARS_MS.get(one.parameters["tags"])
            passes = bar is None or one.median < bar
            row = {"vectors": vectors, **one.parameters, **one.notes, "bar_ms": bar}
            print(row, f"{one.median:.2f} ms", "" if passes else "missed", flush=True)
            write_row("searching", row | {"passes": passes}, one.samples, "ms", error=one.error)


if __name__ == "__main__":
    main()
