"""What a tag would do, were it added: found out without adding it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.editor import Editor
from app.lint import unknown_words
from index.collection import ImageCollection
from vocab.background_rate import background_rates, usual_threshold
from vocab.errors import InvalidTagError, VocabularyError
from vocab.lint import lint
from vocab.lint_types import Finding, Material
from vocab.rules import clean_fields, fields_of_draft, whole
from vocab.tags import Tag, TagDraft
from vocab.targets import Target

NEAREST = 5
IMAGES = 12
# The rules that look at one tag by itself; what it is close to, the preview says anyway.
RULES = ("bracket_name", "list_name", "unknown_pieces", "fires_often")


@dataclass(frozen=True)
class Preview:
    """What is known of a tag that is not there yet.

    `rate` is NaN where the background bank is empty; `images` are the ids of the stored images it
    would hit best, with their similarities; `reachable` says whether it can keep its target, or the
    confidence asked for; `problem` is what would refuse the tag.
    """

    threshold: float
    reachable: bool
    background_images: int
    rate: float
    nearest: tuple[tuple[Tag, float], ...]
    images: tuple[tuple[str, float], ...]
    findings: tuple[Finding, ...]
    problem: VocabularyError | None


def preview(
    editor: Editor,
    collection: ImageCollection,
    draft: TagDraft,
    confidence: float | None = None,
) -> Preview:
    """Encodes and measures a draft against the background bank, live tags and stored images.

    Raises `InvalidTagError` for a draft no vocabulary could hold, and `EncoderError`. The text's
    vector is kept, so that adding the tag afterwards encodes nothing.
    """
    problem: VocabularyError | None = None
    fields: dict[str, Any] = clean_fields(fields_of_draft(draft))
    tag = whole(Tag(**({"id": "preview"} | fields | {"parents": ()})))
    with editor.store.rehearsing("") as edit:
        try:
            edit.create(draft)
        except InvalidTagError:
            raise
        except VocabularyError as error:
            problem = error
    snapshot, bank = editor.live.current(), editor.measure.bank
    vector = editor.vectors.of([tag])
    calibration = editor.measure.calibrate(vector, (tag,))
    targets = () if confidence is None else (Target("confidence", confidence),)
    rates = background_rates(vector, calibration, bank, targets)
    matches = snapshot.index.search(vector, NEAREST, snapshot.model_key)
    material = Material(
        tags=(tag,),
        vectors=vector,
        probe_mean=editor.measure.probes.mean,
        rates=None if np.isnan(rates[0]) else rates,
        unknown=unknown_words(editor.vectors.encoder),
    )
    return Preview(
        threshold=float(usual_threshold(calibration, bank, targets)[0]),
        reachable=bool(calibration.reaches(targets)[0]),
        background_images=len(bank),
        rate=float(rates[0]),
        nearest=tuple(
            (snapshot.tags[row], float(similarity))
            for row, similarity in zip(matches.positions[0], matches.similarities[0], strict=True)
        ),
        images=tuple(
            (found.image.id, found.similarity) for found in collection.search(vector[0], IMAGES)
        ),
        findings=lint(material, rules=RULES).findings,
        problem=problem,
    )
