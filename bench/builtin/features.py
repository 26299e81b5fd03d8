"""Runs EfficientNet-Lite2 once over every photograph and view; the image head trains on the result.

Views: `squash` is what the service does (the whole image, straight to the square), `centre` the
middle square, `mirror` the squashed image mirrored, `crop1`… random crops with colour changes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageEnhance

from bench.builtin import data
from bench.builtin.backbone import MEAN, SIZE, STD, Backbone

VIEWS = ("squash", "centre", "mirror", "crop1", "crop2")
BATCH = 32


def view(photo: data.Photo, name: str, seed: int) -> np.ndarray:
    """`(3, SIZE, SIZE) float32` of one photograph, deterministic in the seed."""
    with Image.open(photo.path) as opened:
        image = opened.convert("RGB")
    rng = np.random.RandomState(seed)
    image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box(image, name, rng))
    if name.startswith("crop"):
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(rng.uniform(0.7, 1.3))
    if name == "mirror" or (name.startswith("crop") and rng.rand() < 0.5):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(image, dtype=np.float32) / 255
    return ((pixels - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)


def box(
    image: Image.Image, name: str, rng: np.random.RandomState
) -> tuple[float, float, float, float]:
    """The part of the image that a view shows: left, top, right, bottom."""
    width, height = image.size
    if name == "centre":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return left, top, left + side, top + side
    if not name.startswith("crop"):
        return 0, 0, width, height
    area, ratio = width * height * rng.uniform(0.35, 1), np.exp(rng.uniform(-0.29, 0.29))
    crop_width, crop_height = min(width, (area * ratio) ** 0.5), min(height, (area / ratio) ** 0.5)
    left, top = rng.uniform(0, width - crop_width), rng.uniform(0, height - crop_height)
    return left, top, left + crop_width, top + crop_height


def batches(photos: list[data.Photo], name: str) -> Iterator[np.ndarray]:
    """Batches of one view, the next one read while the caller works."""
    salt = VIEWS.index(name)
    with ThreadPoolExecutor(2) as pool:
        tasks = [
            pool.submit(view, photo, name, number * len(VIEWS) + salt)
            for number, photo in enumerate(photos)
        ]
        for at in range(0, len(tasks), BATCH):
            yield np.stack([task.result() for task in tasks[at : at + BATCH]])
            tasks[at : at + BATCH] = [None] * len(tasks[at : at + BATCH])  # type: ignore[list-item]


def all_photos() -> list[data.Photo]:
    """Every photograph, list after list, in the order of `data.LISTS`."""
    return [photo for name in data.LISTS for photo in data.photos_of(name)]


def rows() -> dict[str, np.ndarray]:
    """For each list, the rows of its photographs in a features file."""
    found, at = {}, 0
    for name in data.LISTS:
        count = len(data.photos_of(name))
        found[name] = np.arange(at, at + count)
        at += count
    return found


def main(names: list[str]) -> None:
    data.WORK.mkdir(parents=True, exist_ok=True)
    graph = data.WORK / "backbone.onnx"
    torch.onnx.export(
        Backbone(), (torch.zeros(2, 3, SIZE, SIZE),), graph, input_names=["pixels"],
        output_names=["pooled", "logits"], dynamic_axes={"pixels": {0: "n"}}, dynamo=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    photos = all_photos()
    for name in names:
        began, pooled, logits = time.time(), [], []
        for pixels in batches(photos, name):
            features, classes = session.run(["pooled", "logits"], {"pixels": pixels})
            pooled.append(features.astype(np.float16))
            logits.append(classes.astype(np.float16))
        np.savez(
            data.WORK / f"features_{name}.npz",
            pooled=np.concatenate(pooled), logits=np.concatenate(logits),
        )  # fmt: skip
        print(f"{name}: {len(photos)} photos, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(VIEWS))
