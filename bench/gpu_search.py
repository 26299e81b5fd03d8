"""Searching tags on a device: FAISS there against a plain matrix product of torch.

32 images against the whole vocabulary, the best ten of each: what a GPU would be asked for. The
answer is checked first, against NumPy. FAISS on a GPU is a package of its own (`faiss-gpu-cu12`);
where it is not installed, or there is no GPU, FAISS on the CPU stands in and the row says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import faiss
import numpy as np
import torch

from app.bench.samples import timed
from app.encoders.base import FloatArray, unit_rows
from bench.gpu_forms import Measured

IMAGES, DIM, BEST = 32, 512, 10

Search = Callable[[FloatArray], tuple[np.ndarray, np.ndarray]]


def has_faiss_gpu() -> bool:
    """Whether the FAISS installed here knows GPUs, and finds one."""
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def measure(device: str, sizes: Sequence[int], seconds: float = 1.0) -> Iterator[Measured]:
    """Images a second through each kind of search, for vocabularies of several sizes."""
    chance = np.random.default_rng(0)
    images = unit_rows(chance.normal(size=(IMAGES, DIM)))
    for size in sizes:
        tags = unit_rows(chance.normal(size=(size, DIM)))
        expected = np.sort(images @ tags.T, axis=1)[:, -BEST:][:, ::-1]
        for name, search in _searches(device, tags):
            parameters: dict[str, Any] = {"search": name, "tags": size, "images": IMAGES}
            found, _ = search(images)
            wrong = float(np.abs(found - expected).max())
            if wrong > 2e-3:  # TF32 on a GPU rounds that much
                yield Measured(parameters, (), f"another answer: off by {wrong:.4f}")
                continue
            spent = timed(lambda search=search: search(images), seconds)  # type: ignore[misc]
            parameters |= {"ms": round(float(np.median(spent)), 3), "off_by": round(wrong, 6)}
            yield Measured(parameters, tuple(IMAGES * 1000 / ms for ms in spent))


def _searches(device: str, tags: FloatArray) -> Iterator[tuple[str, Search]]:
    index = faiss.IndexFlatIP(DIM)
    index.add(tags)
    if device.startswith("cuda") and has_faiss_gpu():
        resources = faiss.StandardGpuResources()
        on_gpu = faiss.index_cpu_to_gpu(resources, torch.device(device).index or 0, index)
        yield f"faiss on {device}", lambda images: on_gpu.search(images, BEST)
    yield "faiss on cpu", lambda images: index.search(images, BEST)
    rows = torch.from_numpy(tags).to(device)

    def product(images: FloatArray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            best = torch.topk(torch.from_numpy(images).to(device) @ rows.T, BEST)
            return best.values.cpu().numpy(), best.indices.cpu().numpy()

    yield f"torch matmul on {device}", product
