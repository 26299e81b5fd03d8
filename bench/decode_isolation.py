"""What decoding in a process costs beside decoding in a thread: for each format, and served.

The answer that is right is the thread's: both must see the same pixels before either is timed.
Rounds alternate, so that what else the machine does falls on both; so do two whole services, one
of each kind, whose images a second are what a user gets.

python -m bench.decode_isolation --rounds 25
python -m bench.decode_isolation --rounds 9 --served ../shared/data/flickr8kcn/images
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from app.bench.end_to_end import running
from app.bench.load import closed_loop, upload
from app.intake.decode import decode
from app.intake.guarded import GuardedDecoder
from app.intake.limits import Limits
from bench.rows import write_row
from bench.served import vocabulary_of

PHOTO = Path(__file__).parents[1] / "tests" / "data" / "pavilion.jpg"
SIZES = {"1.2 MP": (1280, 960), "12 MP": (4000, 3000)}
ENOUGH = 520  # twice what the built-in model takes
CLIENTS, SECONDS, TAGS = 16, 4.0, 40
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


def served(photos: list[bytes], rounds: int) -> None:
    """Images a second of a service that decodes in threads and of one that does in processes."""
    rates: dict[str, list[float]] = {"thread": [], "process": []}
    with ExitStack() as stack:
        asked = {}
        for kind in rates:
            folder = stack.enter_context(vocabulary_of(TAGS))
            given = {"TUQIAN_DATA_DIR": folder, "TUQIAN_DECODE_ISOLATION": kind}
            address, _ = stack.enter_context(running(given))
            asked[kind] = address, [upload(address, photo) for photo in photos]
            asyncio.run(closed_loop(*asked[kind], CLIENTS, SECONDS))  # warms up
        for _ in range(rounds):
            for kind, (address, messages) in asked.items():
                began = time.monotonic()
                replies = asyncio.run(closed_loop(address, messages, CLIENTS, SECONDS))
                assert all(reply.status == 200 for reply in replies)
                rates[kind].append(len(replies) / (time.monotonic() - began))
    row = {"tags": TAGS, "clients": CLIENTS, "seconds": SECONDS, "photos": len(photos)}
    shares = [b / a for a, b in zip(rates["thread"], rates["process"], strict=True)]
    row["share_median"] = round(statistics.median(shares), 3)
    print(row, *(f"{kind} {statistics.median(some):.1f}/s" for kind, some in rates.items()))
    baseline = ("thread", rates["thread"])
    write_row("decode_isolation", row, rates["process"], "images/s", baseline=baseline)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--served", type=Path, help="photos, sent to whole services")
    chosen = parser.parse_args()
    if chosen.served:
        paths = sorted(chosen.served.rglob("*.jpg"))[:64]
        served([path.read_bytes() for path in paths], chosen.rounds)
        return
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
