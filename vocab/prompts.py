"""How a tag becomes one text vector: templates, their prompts, the average of their vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vocab.tags import Tag

FloatArray = NDArray[np.float32]
EncodeTexts = Callable[[Sequence[str]], FloatArray]
Progress = Callable[[int, int], None]

DEFAULT_TEMPLATES: tuple[str, ...] = ("{}", "一张{}的照片", "图片里有{}", "{}的特写")

# Tags encoded between two writes to the store: large enough to fill the encoder's batches, small
# enough that a start cut short keeps nearly all it has computed.
TAGS_A_STEP = 128


class VectorStore(Protocol):
    """Where vectors outlive the process, by model and by digest of their prompts."""

    def get(self, model_key: str, digests: Sequence[str]) -> Mapping[str, FloatArray]:
        """The `(d,)` vectors that are kept, by digest; unknown digests are left out."""

    def put(self, model_key: str, vectors: Mapping[str, FloatArray]) -> None:
        """Keeps `(d,)` vectors by digest."""


def prompts_of(tag: Tag, templates: Sequence[str] = DEFAULT_TEMPLATES) -> tuple[str, ...]:
    """Every text that stands for the tag: its name in each template, each alias in the first.

    The name weighs most that way, and an alias costs one text instead of one a template. The
    tag's own templates replace the given ones. Each prompt appears once.
    """
    chosen = tag.prompt_templates or tuple(templates)
    names = [template.replace("{}", tag.name) for template in chosen]
    aliases = [chosen[0].replace("{}", alias) for alias in tag.aliases]
    return tuple(dict.fromkeys([*names, *aliases]))


def digest_of(prompts: Sequence[str]) -> str:
    """32 hexadecimal digits that differ when any prompt or their order does."""
    text = json.dumps(list(prompts), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def average(vectors: FloatArray) -> FloatArray:
    """`(p, d)` unit rows to `(d,) float32`: their mean, scaled to unit length (0 stays 0)."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(mean))
    return np.asarray(mean / norm if norm > 0 else mean, dtype=np.float32)


def embed_tags(
    tags: Sequence[Tag],
    encode_texts: EncodeTexts,
    model_key: str,
    store: VectorStore,
    *,
    dim: int,
    templates: Sequence[str] = DEFAULT_TEMPLATES,
    progress: Progress | None = None,
) -> FloatArray:
    """`(n, dim) float32` unit rows, one for each tag in order.

    Vectors the store has are read; the others are encoded in bulk and kept, so that a second
    start encodes nothing. `progress(done, total)` counts the tags that had to be encoded.
    """
    prompts = [prompts_of(tag, templates) for tag in tags]
    digests = [digest_of(texts) for texts in prompts]
    known = dict(store.get(model_key, list(dict.fromkeys(digests))))
    missing = {d: p for d, p in zip(digests, prompts, strict=True) if d not in known}
    todo = list(missing.items())
    for at in range(0, len(todo), TAGS_A_STEP):
        step = todo[at : at + TAGS_A_STEP]
        fresh = _encoded(step, encode_texts)
        store.put(model_key, fresh)
        known.update(fresh)
        if progress is not None:
            progress(min(at + TAGS_A_STEP, len(todo)), len(todo))
    if not digests:
        return np.zeros((0, dim), dtype=np.float32)
    return np.stack([known[digest] for digest in digests]).astype(np.float32, copy=False)


def _encoded(
    step: Sequence[tuple[str, tuple[str, ...]]], encode_texts: EncodeTexts
) -> dict[str, FloatArray]:
    """One vector by digest, from one call of the encoder for the prompts of all."""
    texts = [text for _, prompts in step for text in prompts]
    vectors = encode_texts(texts)
    fresh: dict[str, FloatArray] = {}
    at = 0
    for digest, prompts in step:
        fresh[digest] = average(vectors[at : at + len(prompts)])
        at += len(prompts)
    return fresh
