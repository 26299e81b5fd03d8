"""How much of the encoder's speed reaches a user, and what tags and clients cost.

Why: decoding, waiting, searching and JSON should disappear beside the encoder. With the built-in
model, whose encoder is quick, they show most. The encoder alone, in the same run and with prepared
pixels, is the baseline; vocabularies of three sizes show that cost grows no faster than tags.

python -m bench.serving --photos ../shared/data/flickr8kcn/images --tags 1000 10000
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from app.bench.end_to_end import CLIENTS, running, throughput
from app.bench.samples import timed
from app.encoders.builtin import load_builtin
from app.intake.decode import decode
from app.intake.limits import Limits
from app.matrix_threads import one_thread_a_product
from bench.rows import write_row
from bench.served import rss_mib, vocabulary_of

BATCHES = (1, 2, 4, 8, 16, 32)


def alone(photos: list[bytes]) -> tuple[int, list[float]]:
    """The best batch of the encoder by itself and its images a second."""
    one_thread_a_product()  # as in the service
    encoder = load_builtin(device="cpu")
    pixels = np.stack([encoder.prepare(decode(p, Limits()).image) for p in photos[: max(BATCHES)]])
    rates = {
        batch: [
            batch * 1000 / ms
            for ms in timed(lambda batch=batch: encoder.encode_pixels_full(pixels[:batch]), 2.0)
        ]
        for batch in BATCHES
    }
    best = max(rates, key=lambda batch: float(np.median(rates[batch])))
    return best, rates[best]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--tags", type=int, nargs="+", default=[1000])
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--seconds", type=float, default=9.0)
    given = parser.parse_args()
    photos = [path.read_bytes() for path in sorted(given.photos.rglob("*.jpg"))[:64]]
    batch, rates = alone(photos)
    print(f"encoder alone, batch {batch}: {np.median(rates):.1f} images/s")
    for count in given.tags:
        with vocabulary_of(count) as folder, running({"TUQIAN_DATA_DIR": folder}) as (address, pid):
            for one in throughput(address, photos, given.seconds, given.clients):
                row = {"tags": count, **one.parameters, **one.notes, "rss_mib": rss_mib(pid)}
                share = one.median / float(np.median(rates))
                print(f"{one.median:.1f} images/s, {share:.2f} of the encoder", row, flush=True)
                write_row("serving", row, one.samples, "images/s", baseline=("encoder", rates))


if __name__ == "__main__":
    main()
