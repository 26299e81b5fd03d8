"""Judges a faster form of a model against the original: vectors, decisions, and speed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.decisions import Decisions, compare_decisions
from app.encoders.base import Encoder, FloatArray
from app.encoders.folder import FolderRuntime
from vocab.tags import Tag

# The bar: below it a form is not installed.
IMAGE_MEAN, IMAGE_MIN, TEXT_MEAN, AGREEMENT = 0.99, 0.98, 0.99, 0.8
TIMED_IMAGES, TIMES = 8, 5


@dataclass(frozen=True)
class Check:
    """One form on one runtime against the original in fp32; cosines of the same photo or text."""

    runtime: FolderRuntime
    method: str
    image_mean: float
    image_min: float
    text_mean: float
    text_min: float
    decisions: Decisions
    images_per_s: float

    @property
    def passed(self) -> bool:
        """Whether it may be installed."""
        return (
            self.image_mean >= IMAGE_MEAN
            and self.image_min >= IMAGE_MIN
            and self.text_mean >= TEXT_MEAN
            and self.decisions.agreement >= AGREEMENT
        )

    def __str__(self) -> str:
        return (
            f"{self.method}（{self.runtime}）图像余弦 {self.image_mean:.4f}/{self.image_min:.4f}，"
            f"文本余弦 {self.text_mean:.4f}，标签一致 {self.decisions.agreement:.1%}"
        )


class Original:
    """What the model gives in fp32, computed once: the vectors that every form is compared with.

    `bank_pixels` and `pixels (n, 3, h, w)` are prepared photos: the first make the background
    that decisions are measured with, the second are judged.
    """

    def __init__(
        self, encoder: Encoder, bank_pixels: FloatArray, pixels: FloatArray, tags: Sequence[Tag]
    ):
        self.pixels = pixels
        self.tags = tags
        self.texts = [tag.name for tag in tags]
        self.bank = encode(encoder, bank_pixels)
        self.images = encode(encoder, pixels)
        self.text_vectors = encoder.encode_texts(self.texts)
        self.images_per_s = speed_of(encoder, pixels)

    def check(self, form: Encoder, runtime: FolderRuntime, method: str) -> Check:
        """Encodes the same photos and texts with the form."""
        images = encode(form, self.pixels)
        of_images = (images * self.images).sum(axis=1)
        of_texts = (form.encode_texts(self.texts) * self.text_vectors).sum(axis=1)
        return Check(
            runtime=runtime,
            method=method,
            image_mean=float(of_images.mean()),
            image_min=float(of_images.min()),
            text_mean=float(of_texts.mean()),
            text_min=float(of_texts.min()),
            decisions=compare_decisions(
                self.tags, self.text_vectors, self.bank, self.images, images
            ),
            images_per_s=speed_of(form, self.pixels),
        )


def encode(encoder: Encoder, pixels: FloatArray) -> FloatArray:
    """`(n, 3, h, w)` to `(n, d) float32`, unit rows, in batches."""
    steps = range(0, len(pixels), TIMED_IMAGES)
    return np.concatenate([encoder.encode_pixels(pixels[at : at + TIMED_IMAGES]) for at in steps])


def speed_of(encoder: Encoder, pixels: FloatArray) -> float:
    """Images a second in one batch: the best of a few, after one that warms up.

    The best, because what else runs on the machine only ever adds: a median chose a slower form
    whenever something began while the faster one was timed.
    """
    batch = pixels[:TIMED_IMAGES]
    encoder.encode_pixels(batch)
    spent = []
    for _ in range(TIMES):
        began = time.perf_counter()
        encoder.encode_pixels(batch)
        spent.append(time.perf_counter() - began)
    return len(batch) / min(spent)
