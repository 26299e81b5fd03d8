"""What a tag is to the model: the vector of its prompts, blended with those of its examples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.encoders.base import Encoder
from vocab.embeddings import EmbeddingStore
from vocab.examples import ExampleStore
from vocab.prompts import digest_of, embed_tags, prompts_of
from vocab.tags import Tag

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TagVectors:
    """Makes vectors of tags, and keeps those of texts so that none is computed twice.

    `example_weight` in [0, 1] is what the mean of a tag's example images weighs against its text.
    """

    encoder: Encoder
    texts: EmbeddingStore
    examples: ExampleStore
    templates: tuple[str, ...]
    example_weight: float

    def key(self, tag: Tag) -> str:
        """What the vector depends on: two tags of one key have the same vector."""
        digest = digest_of(prompts_of(tag, self.templates))
        if not tag.examples:
            return digest
        named = "\n".join((tag.id, *sorted(tag.examples)))
        return f"{digest}+{hashlib.sha256(named.encode()).hexdigest()[:32]}"

    def of(self, tags: Sequence[Tag], progress: Progress | None = None) -> FloatArray:
        """`(n, d) float32` unit rows, one for each tag in order; slow where texts are new.

        Raises `EncoderError`. An example whose vector this model has not made counts for nothing.
        """
        vectors = self.of_texts(tags, progress)
        for row, tag in enumerate(tags):
            if tag.examples:
                kept = self.examples.list(tag.id, self.encoder.model_key)
                found = [kept[example] for example in tag.examples if example in kept]
                vectors[row] = blended(vectors[row], found, self.example_weight)
        return vectors

    def of_texts(self, tags: Sequence[Tag], progress: Progress | None = None) -> FloatArray:
        """The same without example images."""
        return embed_tags(
            tags,
            self.encoder.encode_texts,
            self.encoder.model_key,
            self.texts,
            dim=self.encoder.dim,
            templates=self.templates,
            progress=progress,
        )


def blended(text: FloatArray, examples: Sequence[FloatArray], weight: float) -> FloatArray:
    """`(d,)` unit vectors to `(d,) float32`: `unit((1 - w) * text + w * mean(examples))`.

    The mean is not scaled to unit length: examples that have little in common count for less.
    """
    if not examples or weight == 0:
        return text
    mixed = (1 - weight) * text + weight * np.mean(np.stack(examples), axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(mixed))
    return np.asarray(mixed / norm, dtype=np.float32) if norm > 0 else text
