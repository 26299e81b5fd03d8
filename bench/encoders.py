"""Encoders by runtime, precision and batch: on a GPU against its roofline, on a CPU against fp32.

Why: everything else is paid for by the encoder. The right answer is the fp32 vector: a form whose
cosine with it is below 0.98 is not timed. On a GPU the roofline is the floating-point operations of
the model over the rate that a large matrix product reaches there. Where there is no GPU, its parts
are skipped and said to be.

python -m bench.encoders --checkpoint vitb16.pt --data DIR [--models chinese-clip-vit-b-16 ...]
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
from app.encoders.chinese_clip import SHAPES, Shape
from app.errors import TuqianError
from bench.rows import write_row

CPU_FORMS = (
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("torch-compile", "bf16"),
    ("onnx", "fp32"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)
GPU_FORMS = tuple((r, p) for r in ("torch", "torch-compile") for p in ("fp16", "bf16"))
CPU_BATCHES, GPU_BATCHES = (1, 8, 16), (1, 8, 32, 128, 256)
SAME = 0.98


def flops_of(shape: Shape) -> float:
    """Floating-point operations of one image through a vision transformer (Dosovitskiy, 2021)."""
    if shape.patch is None or not isinstance(shape.vision_layers, int):
        return float("nan")
    tokens, width = (shape.resolution // shape.patch) ** 2 + 1, shape.vision_width
    layer = 24 * tokens * width**2 + 4 * tokens**2 * width
    return shape.vision_layers * layer + 2 * 3 * shape.resolution**2 * width


def matrix_rate(device: str, precision: str) -> float:
    """Operations a second of a large matrix product."""
    import torch

    from app.encoders.runtimes.torch import PRECISIONS

    size = 8192 if device.startswith("cuda") else 2048
    left = torch.randn(size, size, device=device).to(PRECISIONS[precision])

    def product() -> None:
        _ = left @ left
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return float(2 * size**3 / (np.median(timed(product, 1.0)) / 1000))


def measure(
    name: str, encoder: Encoder, reference: np.ndarray, pixels: np.ndarray, given: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    cosine = float((encoder.encode_pixels(pixels[:8]) * reference).sum(axis=1).mean())
    for batch in GPU_BATCHES if encoder.device.startswith("cuda") else CPU_BATCHES:
        rows = np.resize(pixels, (batch, *pixels.shape[1:]))
        parameters = {"model": name, **given, "batch": batch, "device": encoder.device}
        if cosine < SAME:
            yield write_row("encoders", parameters, [], "images/s", error=f"cosine {cosine:.4f}")
            return
        rates = [
            batch * 1000 / ms for ms in timed(lambda rows=rows: encoder.encode_pixels(rows), 2)
        ]
        parameters["cosine"] = round(cosine, 5)
        if encoder.device.startswith("cuda"):
            limit = matrix_rate(encoder.device, given["precision"]) / flops_of(SHAPES[name])
            parameters["of_roofline"] = round(float(np.median(rates)) / limit, 3)
        yield write_row("encoders", parameters, rates, "images/s")


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="chinese-clip-vit-b-16", choices=sorted(SHAPES))
    given = parser.parse_args()
    gpu = torch.cuda.is_available()
    if not gpu:
        print("no CUDA GPU: skipped fp16/bf16 on it, CUDA graphs, the roofline, FAISS on the GPU")
    how = {"models_dir": given.data / "models", "checkpoint": given.checkpoint}
    exact = open_encoder(given.model, device="cpu", precision="fp32", runtime="torch", **how)
    side = exact.input_size
    pixels = np.random.default_rng(0).normal(size=(8, 3, side, side)).astype(np.float32)
    reference = exact.encode_pixels(pixels)
    forms = [("cpu", *form) for form in CPU_FORMS]
    forms += [("cuda", *form) for form in GPU_FORMS] if gpu else []
    for device, runtime, precision in forms:
        form = {"runtime": runtime, "precision": precision}
        began = time.perf_counter()
        try:
            encoder = open_encoder(given.model, device=device, **form, **how)
            for row in measure(given.model, encoder, reference, pixels, form):
                print(row["parameters"], row["median"], row.get("error", ""), flush=True)
            encoder.close()
        except TuqianError as error:
            write_row("encoders", form | {"device": device}, [], "images/s", error=str(error))
            print(form, f"{error}")
        print(f"  {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
