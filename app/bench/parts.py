"""What each part of a request costs by itself: encoding, decoding, searching."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from app.bench.samples import Measured, timed
from app.choice import Options, TagHit, choose_for_each, numbers_of, rows_of
from app.encoders.base import Encoder, FloatArray, unit_rows
from app.errors import TuqianError
from app.intake.decode import decode
from app.intake.limits import Limits
from app.pixels import enough_side_of
from app.snapshot import Measure, Snapshot, build_snapshot
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag

BATCHES = (1, 4, 8, 16, 32)
TAGS = (1_000, 10_000, 100_000)
SEARCHED = 32
# Two runtimes over the same graph must agree this far before either is timed.
SAME = 0.98


def encoding(
    runtimes: Sequence[str], open_encoder: Callable[[str], Encoder], photos: Sequence[bytes]
) -> Iterator[tuple[Measured, Encoder | None]]:
    """Images a second for each runtime and batch size; the first runtime is the reference.

    Yields the encoder with each line, so that the caller can go on with the best of them.
    """
    reference = None
    for runtime in runtimes:
        try:
            encoder = open_encoder(runtime)
        except TuqianError as error:
            yield Measured("encode", {"runtime": runtime}, "images/s", (), str(error)), None
            continue
        pixels = np.stack([encoder.prepare(decode(p, Limits()).image) for p in photos[:32]])
        pixels = np.concatenate([pixels] * (1 + max(BATCHES) // len(pixels)))[: max(BATCHES)]
        vectors = encoder.encode_pixels(pixels[:8])
        reference = vectors if reference is None else reference
        cosine = float((vectors * reference).sum(axis=1).mean())
        for batch in BATCHES:
            given = {"runtime": runtime, "batch": batch, "device": encoder.device}
            if cosine < SAME:
                wrong = f"向量与参照不符（余弦 {cosine:.3f}），没有计时"
                yield Measured("encode", given, "images/s", (), wrong), None
                continue
            spent = timed(partial(encoder.encode_pixels, pixels[:batch]), seconds=1.0)
            rates = tuple(batch * 1000 / ms for ms in spent)
            yield Measured("encode", given, "images/s", rates, notes={"cosine": cosine}), encoder


def decoding(encoder: Encoder, photos: Sequence[bytes]) -> Iterator[Measured]:
    """Milliseconds to decode and prepare a photo, fully and as far as the model needs it."""
    for mode in ("exact", "fast"):
        side = enough_side_of(encoder, mode)
        spent = [
            ms
            for photo in photos
            for ms in timed(
                lambda photo=photo: encoder.prepare(  # type: ignore[misc]
                    decode(photo, Limits(), side).image  # noqa: B023 - run before the next
                ),
                seconds=0.0,
                least=2,
            )
        ]
        yield Measured("decode", {"mode": mode, "photos": len(photos)}, "ms", tuple(spent))


def searching(dim: int, sizes: Sequence[int] = TAGS) -> Iterator[Measured]:
    """Milliseconds to search, calibrate and choose for 32 images against so many tags.

    The vectors are random. More tags then reach their thresholds than in a photo.
    """
    chance = np.random.default_rng(0)

    def unit(rows: int) -> FloatArray:
        return unit_rows(chance.normal(size=(rows, dim)))

    bank, images = unit(500), unit(SEARCHED)
    for size in sizes:
        tags = tuple(Tag(f"t{number}", f"标签{number}") for number in range(size))
        measure = Measure(ProbeSet(unit(256)), BackgroundBank("bench", bank), ScoreModel())
        yield searched(build_snapshot(1, tags, unit(size), measure), images)


def searched(snapshot: Snapshot, images: FloatArray) -> Measured:
    """The same for `(m, d)` unit vectors of images and any vocabulary."""
    options = Options()
    rows = rows_of(snapshot, options)

    def once() -> list[tuple[TagHit, ...]]:
        similarities = snapshot.index.similarities(images, snapshot.model_key)
        numbers = numbers_of(snapshot, images, similarities, options)
        return choose_for_each(snapshot, numbers, rows, options.top_k, keep_parents=False)

    similarities = snapshot.index.similarities(images, snapshot.model_key)
    passing = [
        len(one.passing(rows)) for one in numbers_of(snapshot, images, similarities, options)
    ]
    given = {"tags": len(snapshot.tags), "images": len(images), "dim": images.shape[1]}
    if not np.allclose(similarities, images @ snapshot.index.vectors.T, atol=1e-4):
        return Measured("search", given, "ms", (), "内积与 NumPy 的不符，没有计时")
    notes = {
        "passing_tags": float(np.mean(passing)),
        "given_tags": float(np.mean([len(tags) for tags in once()])),
    }
    return Measured("search", given, "ms", timed(once, seconds=1.0), notes=notes)
