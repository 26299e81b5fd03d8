"""From the vectors of a request's images to their tags: search, calibrate, choose."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.batching.cache import ResultCache
from app.choice import Options, TagHit, given_to_each, nearest_misses, numbers_of
from app.choice_many import TagIds
from app.intake.blank import Blank
from app.numbers import Numbers
from app.pixels import Pixels
from app.recall import Recalled, StoredFacts
from app.retag import tags_of
from app.snapshot import Snapshot
from app.sweep import swept
from vocab.parts import local_scores, with_parts

FloatArray = NDArray[np.float32]
Rows = NDArray[np.int64]

# An answer with its tags, and each of them: measured generously, strings are shared.
ANSWER_BYTES = 500
HIT_BYTES = 250


@dataclass(frozen=True)
class Tagged:
    """What one image shows; `nearest_misses` is filled where no tag fits, `recalled` if asked.

    `blank` says why there is nothing to see on it: then it has no tags, unless a cut was asked for.
    """

    sha256: str
    width: int
    height: int
    tags: tuple[TagHit, ...]
    nearest_misses: tuple[TagHit, ...] = ()
    recalled: Recalled | None = None
    blank: Blank | None = None


@dataclass(frozen=True)
class Decided:
    """The answers in the order of the images, and how long the stages took."""

    tagged: tuple[Tagged, ...]
    search_ms: float
    calibrate_ms: float


def decide(
    snapshot: Snapshot,
    images: Sequence[Pixels],
    vectors: FloatArray,
    model_key: str,
    rows: Rows,
    options: Options,
    answers: ResultCache[Tagged] | None = None,
    parts: Sequence[FloatArray | None] = (),
) -> Decided:
    """Tags images by the `(m, d) float32` unit vectors of a model; `rows` are the tags asked for.

    `parts` are the `(k, d)` unit vectors of what each image consists of, where they should speak.

    Answers given before, to the same file under the same vocabulary and options, are taken from
    `answers`.
    """
    began = time.monotonic()
    state = snapshot.revision, snapshot.calibration_generation
    asked = replace(options, duplicates=False, index=False)
    found: dict[int, Tagged] = {}
    if answers is not None:
        for at, image in enumerate(images):
            # A stored image has the vectors of its day, not those of its file today.
            known = None if _is_stored(image) else answers.get(state, image.sha256, asked)
            if known is not None:
                found[at] = known
    left = [at for at in range(len(images)) if at not in found]
    chosen = vectors[left]
    similarities = snapshot.index.similarities(chosen, model_key)
    if any(one is not None for one in parts):
        similarities = _with_parts(snapshot, chosen, similarities, [parts[at] for at in left])
    searched = time.monotonic()
    numbers = numbers_of(snapshot, chosen, similarities, options)
    tags = chosen_for_each(snapshot, [images[at] for at in left], numbers, rows, options)
    for at, one, hits_of_it in zip(left, numbers, tags, strict=True):
        image = images[at]
        found[at] = _decided(snapshot, image, one, rows, hits_of_it, options)
        if answers is not None and not _is_stored(image):
            hits = len(found[at].tags) + len(found[at].nearest_misses)
            size = ANSWER_BYTES + HIT_BYTES * hits
            answers.put(state, image.sha256, asked, found[at], size)
    return Decided(
        tuple(found[at] for at in range(len(images))),
        (searched - began) * 1000,
        (time.monotonic() - searched) * 1000,
    )


def _with_parts(
    snapshot: Snapshot,
    vectors: FloatArray,
    similarities: FloatArray,
    parts: Sequence[FloatArray | None],
) -> FloatArray:
    """`(m, n)` similarities in which the parts of an image speak too, where it has any."""
    probes = snapshot.calibration.probes
    found: FloatArray = similarities.copy()
    side = probes.image_side(vectors)
    for at, one in enumerate(parts):
        if one is not None:
            local = local_scores(snapshot.index.vectors, one, probes)
            found[at] = with_parts(
                similarities[at], local, float(side.means[at]), float(side.spreads[at])
            )
    return found


def chosen_for_each(
    snapshot: Snapshot,
    images: Sequence[Pixels],
    numbers: Sequence[Numbers],
    rows: Rows,
    options: Options,
) -> list[tuple[TagHit, ...]]:
    """The tags of each image; none of one with nothing to see, unless a cut was asked for."""
    empty = [_is_empty(image, options) for image in images]
    some = [one for one, nothing in zip(numbers, empty, strict=True) if not nothing]
    given = iter(given_to_each(snapshot, some, rows, rows, options))
    return [() if nothing else next(given) for nothing in empty]


def tags_to_keep(snapshot: Snapshot, image: Pixels, vector: FloatArray) -> TagIds:
    """`(d,)` unit vector to what an image is stored with: the usual tags, whatever was asked."""
    if image.blank is not None:
        return ()
    (tags,) = tags_of(snapshot, vector[None, :])
    return tags


def _is_empty(image: Pixels, options: Options) -> bool:
    return image.blank is not None and not options.targets


def _is_stored(image: Pixels) -> bool:
    return isinstance(image.facts, StoredFacts)


def _decided(
    snapshot: Snapshot,
    image: Pixels,
    numbers: Numbers,
    rows: Rows,
    tags: tuple[TagHit, ...],
    options: Options,
) -> Tagged:
    """The tags of one image, or its nearest misses."""
    misses = () if tags or _is_empty(image, options) else nearest_misses(snapshot, numbers, rows)
    if options.precision_ranges:
        blank = image.blank is not None
        tags, misses = swept(snapshot, numbers, rows, misses, options, blank=blank)
    return Tagged(image.sha256, image.width, image.height, tags, misses, blank=image.blank)
