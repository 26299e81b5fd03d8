"""What a GPU makes of the models: forms against the roofline, files to tags, and tag search.

Why: on a GPU other things are slow than on a CPU. Three questions: how much of the device's matrix
rate the image tower reaches (bar: 0.5), how much of the encoder is left when it starts from JPEG
files in memory (bar: 0.8), and whether tags should be searched there. Weights are random, of the
published sizes. Where there is no CUDA GPU the same runs on the CPU with small batches, and what
that leaves out is printed. Results: `bench/results/gpu.jsonl`, a row a number; nothing is fetched.

python -m bench.gpu --photos ../shared/data/flickr8kcn/images
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterable
from pathlib import Path

import torch

from bench import gpu_forms, gpu_pipeline, gpu_search
from bench.gpu_forms import Measured
from bench.rows import write_row

BASE, LARGE = "chinese-clip-vit-b-16", "chinese-clip-vit-l-14"
ROOFLINE_BAR, FILES_BAR = 0.5, 0.8
PARTS = ("forms", "files", "search")


def show(part: str, machine: str, found: Iterable[Measured]) -> None:
    """Prints each number as it comes, and keeps it."""
    for one in found:
        bar = {"of_roofline": ROOFLINE_BAR, "of_encoder": FILES_BAR}
        passes = {
            f"{name}_bar_met": one.parameters[name] >= least
            for name, least in bar.items()
            if name in one.parameters
        }
        row = {"part": part, "on": machine, **one.parameters, **passes}
        middle = f"{statistics.median(one.rates):10.1f} images/s" if one.rates else " " * 19
        print(middle, {k: v for k, v in row.items() if k != "on"}, one.error, flush=True)
        write_row("gpu", row, one.rates, "images/s", error=one.error)


def on_gpu(given: argparse.Namespace, photos: list[bytes]) -> None:
    """All of it on the first GPU."""
    name = torch.cuda.get_device_name(0)
    print(f"on {name}, {torch.cuda.get_device_properties(0).total_memory >> 20} MiB")
    if "forms" in given.parts:
        for model in (BASE, LARGE):
            batches = (1, 8, 32, 128, 256)
            show("forms", name, gpu_forms.measure(model, "cuda:0", ("fp16", "bf16"), batches))
    if "files" in given.parts:
        for model in (BASE, LARGE):
            ways = gpu_pipeline.measure(model, "cuda:0", "fp16", 64, photos * 8, given.workers)
            show("files", name, ways)
    if "search" in given.parts:
        if not gpu_search.has_faiss_gpu():
            print("skipped: FAISS on the GPU (faiss-gpu-cu12 is not installed)")
        show("search", name, gpu_search.measure("cuda:0", (10_000, 100_000, 1_000_000)))


def on_cpu(given: argparse.Namespace, photos: list[bytes]) -> None:
    """What of it a CPU can answer, with small batches."""
    for left_out in (
        "fp16: a CPU has no products of it",
        "CUDA graphs, alone and with compilation: no CUDA device",
        "ViT-L/14: minutes a batch here (--large runs it)",
        "nvJPEG: no CUDA device",
        "pinned memory and non-blocking copies: no CUDA device",
        "FAISS on the GPU against torch there: no CUDA device; both run on the CPU",
    ):
        print(f"skipped, no CUDA GPU here: {left_out}")
    name = "cpu"
    if "forms" in given.parts:
        for model in (BASE, LARGE) if given.large else (BASE,):
            forms = ("eager", "compiled")
            show("forms", name, gpu_forms.measure(model, "cpu", ("bf16",), (1, 4, 8), forms))
    if "files" in given.parts:
        ways = gpu_pipeline.measure(BASE, "cpu", "bf16", 8, photos, given.workers)
        show("files", name, ways)
    if "search" in given.parts:
        show("search", name, gpu_search.measure("cpu", (10_000, 100_000)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--take", type=int, default=64)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--large", action="store_true", help="ViT-L/14 on a CPU too")
    given = parser.parse_args()
    found = sorted(given.photos.rglob("*.jpg"))[: given.take]
    photos = [path.read_bytes() for path in found]
    (on_gpu if torch.cuda.is_available() else on_cpu)(given, photos)


if __name__ == "__main__":
    main()
