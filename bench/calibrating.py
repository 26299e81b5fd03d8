"""What it costs to calibrate tags against a background bank of 20,000 images.

Why: a new tag has to be live at once (the bar: one in under 5 ms), and a new bank measures every
tag again (10,000 in under 5 s on two cores). What is right: the profile of each tag counts the
images a plain loop over its similarities counts, but for those on the border of two bins. Vectors
are random unit vectors as wide as the built-in model's; what is computed does not depend on them.
The score model is the shipped one, whose intercepts are predicted from the profiles. A tag's own
cuts are timed too: what the first request after an edit pays for all tags together.

    python -m bench.calibrating [--write]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from app.encoders.base import FloatArray
from app.encoders.builtin import load_builtin
from app.scoring import score_model_of
from vocab.background import BackgroundBank
from vocab.calibration import calibrate
from vocab.probes import ProbeSet
from vocab.profiles import BIN, BINS, LOWEST

IMAGES, MANY, PROBES = 20_000, 10_000, 256
ROUNDS_OF_ONE, ROUNDS_OF_MANY = 50, 5
BAR_ONE_MS, BAR_MANY_S = 5.0, 5.0
RESULTS = Path(__file__).parent / "results" / "calibrating.json"


def unit(rng: np.random.Generator, rows: int, dim: int) -> FloatArray:
    made = rng.standard_normal((rows, dim), dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def check(tags: FloatArray, probes: ProbeSet, bank: BackgroundBank, profile: np.ndarray) -> None:
    """Raises `AssertionError` where a profile is not what counting one by one gives."""
    side = probes.image_side(bank.vectors)
    for tag, counts in zip(tags, profile, strict=True):
        standard = (bank.vectors @ tag - side.means) / side.spreads
        places = np.clip(np.floor((standard - LOWEST) / BIN), 0, BINS - 1).astype(int)
        plain = np.bincount(places, minlength=BINS)
        assert np.abs(plain - counts.astype(int)).sum() <= 4, "another profile"
        assert counts.sum() == len(bank)


def spent(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds each round took."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results")
    given = parser.parse_args(arguments)
    encoder = load_builtin()
    rng = np.random.default_rng(0)
    model, dim = score_model_of(encoder), encoder.dim
    tags, probes = unit(rng, MANY, dim), ProbeSet(unit(rng, PROBES, dim))
    bank = BackgroundBank("bench", unit(rng, IMAGES, dim))
    began = time.perf_counter()
    first = calibrate(tags[:1], probes, bank, model)  # the bank is put in bins once
    first_ms = 1000 * (time.perf_counter() - began)
    check(tags[:1], probes, bank, first.profile)
    one = spent(lambda: calibrate(tags[1:2], probes, bank, model), ROUNDS_OF_ONE)
    many = spent(lambda: calibrate(tags, probes, bank, model), ROUNDS_OF_MANY)
    every = calibrate(tags, probes, bank, model)
    check(tags[-3:], probes, bank, every.profile[-3:])
    # Each time a calibration that has no cuts yet.
    cut = spent(lambda: every.taken(np.arange(MANY)).own_cuts, ROUNDS_OF_MANY)
    found = {
        "images": IMAGES,
        "dim": dim,
        "cores": os.cpu_count(),
        "one_tag_ms": {"median": 1000 * median(one), "worst": 1000 * max(one), "bar": BAR_ONE_MS},
        "one_tag_with_a_new_bank_ms": first_ms,
        "many_tags": MANY,
        "many_tags_s": {"median": median(many), "worst": max(many), "bar": BAR_MANY_S},
        "own_cuts_of_many_ms": {"median": 1000 * median(cut)},
    }
    print(json.dumps(found, indent=1))
    if given.write:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
