"""What scaled JPEG decoding saves, and what it does to the vectors.

A model looks at some 260 pixels; a phone's photo has 4000. libjpeg can decode straight to a half,
a quarter or an eighth. The answer that is right is that of the full decoding: the cosine between
both vectors of the same file. Photos are used as they are and enlarged to the sizes users send,
because those at hand are small.

python -m bench.decoding --photos ../shared/data/imagenet1000 --take 1000
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

from app.encoders.builtin import load_builtin
from app.encoders.dual import DualEncoder
from app.intake.decode import decode
from app.intake.limits import Limits
from bench.rows import write_row

BAR = 0.995
BATCH = 16


def enlarged(path: Path, shorter: int) -> bytes:
    """The file as it is, or its picture as a JPEG with a shorter side of so many pixels."""
    if not shorter:
        return path.read_bytes()
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    factor = shorter / min(image.size)
    size = round(image.width * factor), round(image.height * factor)
    out = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=90)
    return out.getvalue()


def prepared(encoder: DualEncoder, data: bytes, side: int | None) -> tuple[np.ndarray, float]:
    began = time.perf_counter()
    pixels = encoder.prepare(decode(data, Limits(), side).image)
    return pixels, (time.perf_counter() - began) * 1000


def measure(encoder: DualEncoder, paths: list[Path], shorter: int, factor: int) -> None:
    side = factor * encoder.input_size
    cosines: list[float] = []
    exact_ms: list[float] = []
    fast_ms: list[float] = []
    for at in range(0, len(paths), BATCH):
        batch = [enlarged(path, shorter) for path in paths[at : at + BATCH]]
        exact = [prepared(encoder, data, None) for data in batch]
        fast = [prepared(encoder, data, side) for data in batch]
        vectors = [encoder.encode_pixels(np.stack([p for p, _ in made])) for made in (exact, fast)]
        cosines += (vectors[0] * vectors[1]).sum(axis=1).tolist()
        exact_ms += [ms for _, ms in exact]
        fast_ms += [ms for _, ms in fast]
    row = {
        "photos": len(paths),
        "shorter_side": shorter or "as they are",
        "enough_side": side,
        "cosine_mean": round(float(np.mean(cosines)), 5),
        "cosine_p1": round(float(np.percentile(cosines, 1)), 5),
        "cosine_min": round(min(cosines), 5),
        "passes": float(np.mean(cosines)) >= BAR,
    }
    print(row, f"{statistics.median(exact_ms):.2f} -> {statistics.median(fast_ms):.2f} ms")
    write_row("decoding", row, fast_ms, "ms", baseline=("exact", exact_ms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--take", type=int, default=200)
    parser.add_argument("--sides", type=int, nargs="+", default=[0, 1080, 3024])
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    found = sorted(given.photos.rglob("*.jpg"))
    paths = found[:: max(1, len(found) // given.take)][: given.take]
    encoder = load_builtin(device="cpu")
    for shorter in given.sides:
        for factor in given.factors:
            measure(encoder, paths, shorter, factor)


if __name__ == "__main__":
    main()
