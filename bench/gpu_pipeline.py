"""From JPEG files in memory to tags: how much of a device's encoder files reach.

Three ways to bring photos there: threads that decode with libjpeg-turbo (what the service does),
processes that do the same, and nvJPEG with the resizing on the device. Always one batch is decoded
while another is encoded. Vectors of each way are checked against those of Pillow's full decoding;
nvJPEG resizes with another filter, so its bar is that of fast decoding, 0.995 on average.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray

from app.bench.samples import timed
from app.choice_many import choose_many
from app.encoders.base import FloatArray, unit_rows
from app.encoders.chinese_clip import SHAPES, preprocessing_of
from app.encoders.preprocessing import Preprocessing
from app.encoders.runtimes.torch import PRECISIONS
from app.intake.decode import decode
from app.intake.limits import Limits
from app.snapshot import Measure, Snapshot, build_snapshot
from bench.gpu_forms import Graph, Measured, formed, narrowed, random_model, wait
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag

TAGS, SAME = 10_000, 0.995
ROUNDS = 3

Planes = NDArray[np.uint8]
# A batch of files to pixels on the device, `(n, 3, h, w)` of 0 to 255.
Load = Callable[[Sequence[bytes]], torch.Tensor]


def planes_of(photo: bytes, preprocessing: Preprocessing, side: int | None) -> Planes:
    """`(3, size, size) uint8` of one file, decoded no further than to `side`."""
    return preprocessing.planes(decode(photo, Limits(), side).image)


@dataclass(frozen=True)
class Model:
    """An image tower on a device with normalisation in front of it, and a vocabulary behind it."""

    encode: Graph
    device: str
    dtype: torch.dtype
    preprocessing: Preprocessing
    snapshot: Snapshot

    def vectors(self, pixels: torch.Tensor) -> FloatArray:
        """`(n, 3, h, w)` of 0 to 255 on the device to `(n, d)` unit rows."""
        with torch.inference_mode():
            mean = torch.tensor(self.preprocessing.mean, device=self.device)[:, None, None]
            std = torch.tensor(self.preprocessing.std, device=self.device)[:, None, None]
            ready = ((pixels.float() / 255 - mean) / std).to(self.dtype)
            return unit_rows(self.encode(ready).float().cpu().numpy())

    def tags(self, pixels: torch.Tensor) -> int:
        """How many tags the images get: encode, search, calibrate, choose."""
        vectors = self.vectors(pixels)
        similarities = self.snapshot.index.similarities(vectors, "bench")
        return sum(len(one) for one in choose_many(self.snapshot, vectors, similarities))


def model_of(name: str, device: str, precision: str, batch: int) -> Model:
    """A published size with random weights in its fastest form there, and 10,000 random tags."""
    preprocessing = preprocessing_of(SHAPES[name])
    encode = narrowed(random_model(name, device), precision).encode_image
    dtype, side = PRECISIONS[precision], preprocessing.size
    example = torch.zeros(batch, 3, side, side, device=device, dtype=dtype)
    form = "cuda graphs" if device.startswith("cuda") else "eager"
    with torch.inference_mode():
        graph = formed(form, encode, example)
    chance = np.random.default_rng(0)

    def unit(rows: int) -> FloatArray:
        return unit_rows(chance.normal(size=(rows, SHAPES[name].dim)))

    tags = tuple(Tag(f"t{number}", f"标签{number}") for number in range(TAGS))
    measure = Measure(ProbeSet(unit(256)), BackgroundBank("bench", unit(500)), ScoreModel())
    snapshot = build_snapshot(1, tags, unit(TAGS), measure)
    return Model(graph, device, dtype, preprocessing, snapshot)


def measure(
    name: str, device: str, precision: str, batch: int, photos: Sequence[bytes], workers: int
) -> Iterator[Measured]:
    """The encoder alone, then each way from files to tags as a share of it."""
    model = model_of(name, device, precision, batch)
    side = model.preprocessing.size
    given = torch.zeros(batch, 3, side, side, device=device, dtype=torch.uint8)
    spent = timed(lambda: (model.vectors(given), wait(device)), 2.0)
    alone = tuple(batch * 1000 / ms for ms in spent)
    parameters = {"model": name, "precision": precision, "batch": batch, "device": device}
    yield Measured({"way": "encoder alone", **parameters}, alone)
    batches = [photos[at : at + batch] for at in range(0, len(photos) - batch + 1, batch)]
    limit = statistics.median(alone)
    expected = model.vectors(_exact(batches[0], model))
    for way, load in _ways(model, workers):
        told = {"way": way, "workers": workers, **parameters}
        cosine = float((model.vectors(load(batches[0])) * expected).sum(axis=1).mean())
        if cosine < SAME:
            yield Measured(told, (), f"another answer: cosine {cosine:.4f}")
            continue
        rates = tuple(_rate(model, load, batches) for _ in range(ROUNDS))
        share = round(statistics.median(rates) / limit, 3)
        yield Measured({**told, "of_encoder": share, "cosine": round(cosine, 5)}, rates)


def _rate(model: Model, load: Load, batches: Sequence[Sequence[bytes]]) -> float:
    """Images a second over all batches: the next is loaded while one is encoded."""
    began, done = time.perf_counter(), 0
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(load, batches[0])
        for following in chain(batches[1:], [None]):
            pixels = coming.result()
            if following is not None:
                coming = ahead.submit(load, following)
            model.tags(pixels)
            done += len(pixels)
    return done / (time.perf_counter() - began)


def _ways(model: Model, workers: int) -> Iterator[tuple[str, Load]]:
    with ThreadPoolExecutor(workers) as pool:
        yield "threads", partial(_by_pool, pool, model)
    # Not forked: a process with a GPU, or with threads, must not be.
    with ProcessPoolExecutor(workers, get_context("spawn")) as processes:
        yield "processes", partial(_by_pool, processes, model)
    if model.device.startswith("cuda"):
        yield "nvJPEG", partial(_by_nvjpeg, model)


def _by_pool(pool: Executor, model: Model, photos: Sequence[bytes]) -> torch.Tensor:
    how = model.preprocessing
    planes = pool.map(planes_of, photos, repeat(how), repeat(2 * how.size), chunksize=4)
    return _sent(np.stack(list(planes)), model.device)


def _exact(photos: Sequence[bytes], model: Model) -> torch.Tensor:
    planes = [planes_of(photo, model.preprocessing, None) for photo in photos]
    return _sent(np.stack(planes), model.device)


def _sent(planes: Planes, device: str) -> torch.Tensor:
    """On the device: bytes, a quarter of what floats would be, from pinned memory."""
    pixels = torch.from_numpy(planes)
    return (
        pixels.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else pixels
    )


def _by_nvjpeg(model: Model, photos: Sequence[bytes]) -> torch.Tensor:
    from torchvision.io import ImageReadMode, decode_jpeg

    files = [torch.frombuffer(bytearray(photo), dtype=torch.uint8) for photo in photos]
    side = model.preprocessing.size
    decoded = decode_jpeg(files, mode=ImageReadMode.RGB, device=model.device)
    rows = [
        torch.nn.functional.interpolate(
            one[None].float(), (side, side), mode="bicubic", antialias=True
        )
        for one in decoded
    ]
    return torch.cat(rows).round().clamp(0, 255)
