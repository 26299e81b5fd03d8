"""What decoding in a process costs beside decoding in a thread, for each format.

The answer that is right is the thread's: both must see the same pixels before either is timed.
Rounds alternate, so that what else the machine does falls on both.

python -m bench.decode_isolation --rounds 25
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from app.intake.decode import decode
from app.intake.guarded import GuardedDecoder
from app.intake.limits import Limits
from bench.rows import write_row

PHOTO = Path(__file__).parents[1] / "tests" / "data" / "pavilion.jpg"
SIZES = {"1.2 MP": (1280, 960), "12 MP": (4000, 3000)}
ENOUGH = 520  # twice what the built-in model takes
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF")


def written(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    if form == "HEIF":
        pillow_heif.from_pillow(image).save(out, format="HEIF")
    else:
        image.save(out, form)
    return out.getvalue()


def compare(guarded: GuardedDecoder, data: bytes, form: str, size: str, rounds: int) -> None:
    here, there = decode(data, Limits(), ENOUGH), guarded(data, Limits(), ENOUGH)
    assert np.array_equal(np.asarray(here.image), np.asarray(there.image))
    spent: dict[str, list[float]] = {"thread": [], "process": []}
    for _ in range(rounds):
        for name, one in (("thread", decode), ("process", guarded)):
            began = time.perf_counter()
            one(data, Limits(), ENOUGH)
            spent[name].append((time.perf_counter() - began) * 1000)
    row = {"format": form, "size": size, "bytes": len(data), "rounds": rounds}
    medians = {name: statistics.median(some) for name, some in spent.items()}
    print(row, f"{medians['thread']:.2f} -> {medians['process']:.2f} ms")
    write_row("decode_isolation", row, spent["process"], "ms", baseline=("thread", spent["thread"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    chosen = parser.parse_args()
    with Image.open(PHOTO) as opened:
        photo = opened.convert("RGB")
    guarded = GuardedDecoder(1, 60)
    for size in chosen.sizes:
        image = photo.resize(SIZES[size], Image.Resampling.LANCZOS)
        for form in FORMATS if size == "1.2 MP" else ("JPEG",):
            compare(guarded, written(image, form), form, size, chosen.rounds)
    guarded.close()


if __name__ == "__main__":
    main()
