"""Looks over the live vocabulary: gathers what the rules need from the store and the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.editor import Editor
from app.encoders.base import Encoder
from app.encoders.wordpiece import WordPieceTokenizer
from app.snapshot import FloatArray, active_tags
from vocab.background_rate import background_rates
from vocab.lint import Report, lint
from vocab.lint_types import Limits, Material
from vocab.tags import Tag, Vocabulary


def examine(editor: Editor, limits: Limits | None = None) -> tuple[Vocabulary, Report]:
    """The newest vocabulary and what may be wrong with it.

    Slow the first time, when the aliases are encoded one by one. Raises `EncoderError`.
    """
    vocabulary = editor.store.load()
    return vocabulary, lint(material_of(editor, vocabulary), limits)


def material_of(editor: Editor, vocabulary: Vocabulary) -> Material:
    """What the rules look at."""
    tags = active_tags(vocabulary)
    vectors = editor.vectors.of_texts(tags)
    bank = editor.measure.bank
    kept = editor.vectors.examples.all(editor.vectors.encoder.model_key)
    found = {
        tag.id: [kept[tag.id][e] for e in tag.examples if e in kept.get(tag.id, {})]
        for tag in tags
        if tag.examples
    }
    examples = {i: np.mean(np.stack(some), axis=0) for i, some in found.items() if some}
    full = editor.vectors.of(tags) if examples else vectors
    return Material(
        tags=tags,
        vectors=vectors,
        probe_mean=editor.measure.probes.mean,
        paused=tuple(tag for tag in vocabulary.tags if tag.state == "paused"),
        aliases=_alias_vectors(editor, tags),
        examples=examples,
        rates=background_rates(full, editor.measure.calibrate(full, tags), bank)
        if len(bank)
        else None,
        unknown=unknown_words(editor.vectors.encoder),
    )


def unknown_words(encoder: Encoder) -> Callable[[str], tuple[str, ...]] | None:
    """What a model's tokenizer does not know, where it can say so."""
    tokenizer = getattr(encoder, "tokenizer", None)
    return tokenizer.unknown if isinstance(tokenizer, WordPieceTokenizer) else None


def _alias_vectors(editor: Editor, tags: tuple[Tag, ...]) -> dict[str, FloatArray]:
    """`(a, d)` vectors of each tag's aliases, by the tag's id."""
    plain = editor.vectors.templates[0]
    alone = [
        Tag(tag.id, alias, prompt_templates=((tag.prompt_templates or (plain,))[0],))
        for tag in tags
        for alias in tag.aliases
    ]
    vectors = editor.vectors.of_texts(alone)
    found: dict[str, FloatArray] = {}
    at = 0
    for tag in tags:
        if tag.aliases:
            found[tag.id] = vectors[at : at + len(tag.aliases)]
            at += len(tag.aliases)
    return found
