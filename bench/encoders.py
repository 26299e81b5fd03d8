"""Encoders on the CPU by runtime, precision and batch, through the project's own interface.

Why: everything else is paid for by the encoder. The right answer is the vector of torch in fp32,
for real photos: a form whose cosine with it is below 0.98 is not timed. What a GPU makes of the
models is the question of `bench.gpu`.

python -m bench.encoders --checkpoint vitb16.pt --data DIR

`--data` is a data directory in which `tuqian models optimize` was run for the precisions that are
to be measured; a form that is not there is a row that says so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.samples import timed
from app.encoders.base import Encoder
from app.encoders.catalog import open_encoder
from app.encoders.chinese_clip import SHAPES
from app.encoders.dual import DualEncoder
from app.errors import TuqianError
from app.intake.decode import decode
from app.intake.limits import Limits
from app.photos import find_photos
from app.scoring import SEED_PHOTOS
from bench.rows import write_row

FORMS = (
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("torch-compile", "bf16"),
    ("onnx", "fp32"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)
BATCHES = (1, 4, 8, 16)
SAME, SECONDS = 0.98, 2.0


def measure(
    encoder: Encoder, reference: np.ndarray, pixels: np.ndarray, given: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """A row for each batch size, or one that says why there is none."""
    of_each = (encoder.encode_pixels(pixels) * reference).sum(axis=1)
    told = {**given, "cosine_mean": round(float(of_each.mean()), 5)}
    told["cosine_min"] = round(float(of_each.min()), 5)
    if told["cosine_mean"] < SAME:
        yield write_row("encoders", told, [], "images/s", error="another answer")
        return
    for batch in BATCHES:
        rows = pixels[:batch]
        spent = timed(lambda rows=rows: encoder.encode_pixels(rows), SECONDS)  # type: ignore[misc]
        rates = [batch * 1000 / ms for ms in spent]
        yield write_row("encoders", {**told, "batch": batch}, rates, "images/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="chinese-clip-vit-b-16", choices=sorted(SHAPES))
    parser.add_argument("--forms", nargs="+", default=["/".join(form) for form in FORMS])
    given = parser.parse_args()
    how = {"models_dir": given.data / "models", "checkpoint": given.checkpoint, "device": "cpu"}
    exact = open_encoder(given.model, precision="fp32", runtime="torch", **how)
    assert isinstance(exact, DualEncoder)
    photos = find_photos([SEED_PHOTOS])[: max(BATCHES)]
    images = [decode(path.read_bytes(), Limits()).image for path in photos]
    pixels = np.stack([exact.prepare(image) for image in images])
    reference = exact.encode_pixels(pixels)
    exact.close()
    for runtime, precision in (form.split("/") for form in given.forms):
        told = {"model": given.model, "runtime": runtime, "precision": precision}
        began = time.perf_counter()
        try:
            encoder = open_encoder(given.model, runtime=runtime, precision=precision, **how)
            for row in measure(encoder, reference, pixels, told):
                print(row["parameters"], row["median"], row.get("error", ""), flush=True)
            encoder.close()
        except TuqianError as error:
            write_row("encoders", told, [], "images/s", error=str(error))
            print(told, error)
        print(f"  {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
