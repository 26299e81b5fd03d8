"""The read path: one request's images in, their tags out, top to bottom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.batching.admission import Gate
from app.batching.batcher import Batcher, Encoded
from app.choice import Numbers, Options, TagHit, choose, nearest_misses, rows_of, with_parents
from app.encoders.base import Encoder
from app.errors import ImageError, RequestTimeoutError
from app.intake.decode import decode
from app.intake.limits import Limits
from app.intake.sources import Source
from app.snapshot import Live, Snapshot

FloatArray = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True)
class Tagged:
    """What one image shows; `nearest_misses` is filled where no tag fits."""

    sha256: str
    width: int
    height: int
    tags: tuple[TagHit, ...]
    nearest_misses: tuple[TagHit, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Why one image has no answer; the others of the request are not affected."""

    error: ImageError


@dataclass(frozen=True)
class Answer:
    """A request's results in the order of its images, from one revision of the vocabulary.

    `stages_ms` names the stages in the order they ran; of those that images pass one by one it
    has the longest.
    """

    model: str
    revision: int
    results: tuple[Tagged | Problem, ...]
    stages_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pixels:
    """An image as the encoder takes it, with what the answer says about it."""

    sha256: str
    width: int
    height: int
    pixels: FloatArray
    decode_ms: float


@dataclass(frozen=True)
class Tagger:
    """The parts a request passes, and the numbers it must keep to."""

    live: Live
    gate: Gate
    encoder: Encoder
    batcher: Batcher
    pool: Executor
    limits: Limits
    timeout_s: float

    async def tag(self, sources: Sequence[Source], options: Options) -> Answer:
        """Tags every image of a request; an image that fails is a `Problem` among the results.

        Raises `InvalidRequestError`, `OverloadedError`, `RequestTimeoutError`, `NotReadyError`
        and `EncoderError`, which concern the request as a whole.
        """
        snapshot = self.live.current()
        rows = rows_of(snapshot, options)
        deadline = time.monotonic() + self.timeout_s
        with self.gate.place(len(sources)):
            images, encoded = await self._in_time(self._encode(sources, deadline))
        searching = time.monotonic()
        good = [image for image in images if isinstance(image, Pixels)]
        vectors = _stacked(encoded, self.encoder.dim)
        similarities = snapshot.index.similarities(vectors, self.encoder.model_key)
        calibrating = time.monotonic()
        numbers = _calibrated(snapshot, vectors, similarities, options)
        tagged = [
            _decided(snapshot, image, n, rows, options)
            for image, n in zip(good, numbers, strict=True)
        ]
        stages = {
            "decode": max((image.decode_ms for image in good), default=0.0),
            "queue": max((one.queue_ms for one in encoded), default=0.0),
            "encode": max((one.encode_ms for one in encoded), default=0.0),
            "search": (calibrating - searching) * 1000,
            "calibrate": (time.monotonic() - calibrating) * 1000,
        }
        found = iter(tagged)
        results = tuple(i if isinstance(i, Problem) else next(found) for i in images)
        return Answer(self.encoder.name, snapshot.revision, results, stages)

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(work, self.timeout_s)
        except asyncio.TimeoutError as error:  # its own class until Python 3.11
            raise RequestTimeoutError(f"处理用时超过 {self.timeout_s:g} 秒") from error

    async def _encode(
        self, sources: Sequence[Source], deadline: float
    ) -> tuple[list[Pixels | Problem], list[Encoded]]:
        """Every source as pixels or a problem, and the vectors of those that are pixels."""
        images = await _all(self._take_in(source) for source in sources)
        good = [image for image in images if isinstance(image, Pixels)]
        return images, await _all(self.batcher.encode(i.pixels, deadline) for i in good)

    async def _take_in(self, source: Source) -> Pixels | Problem:
        """One source to prepared pixels, off the event loop."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, self._read, source)
        except ImageError as error:
            return Problem(error)

    def _read(self, source: Source) -> Pixels:
        began = time.monotonic()
        image = decode(source.read(self.limits), self.limits)
        pixels = self.encoder.prepare(image.image)
        spent_ms = (time.monotonic() - began) * 1000
        return Pixels(image.sha256, image.width, image.height, pixels, spent_ms)


async def _all(work: Iterable[Awaitable[T]]) -> list[T]:
    """Results in order; when one fails or the caller leaves, the others are given up too."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _stacked(encoded: Sequence[Encoded], dim: int) -> FloatArray:
    """`(m, d) float32` of the images of a request, which may all have failed."""
    if not encoded:
        return np.zeros((0, dim), dtype=np.float32)
    return np.stack([one.vector for one in encoded])


def _calibrated(
    snapshot: Snapshot, vectors: FloatArray, similarities: FloatArray, options: Options
) -> list[Numbers]:
    """`(m, d)` vectors and `(m, n)` similarities to the numbers of each image."""
    calibration = snapshot.calibration
    means = calibration.image_means(vectors)
    scores = calibration.scores(similarities, means)
    thresholds = calibration.thresholds(means, options.cut)
    return [Numbers(*rows) for rows in zip(similarities, scores, thresholds, strict=True)]


def _decided(
    snapshot: Snapshot, image: Pixels, numbers: Numbers, rows: NDArray[np.int64], options: Options
) -> Tagged:
    """The tags of one image, or its nearest misses."""
    tags = choose(snapshot, numbers, rows, options.top_k, keep_parents=options.include_parents)
    misses = () if tags else nearest_misses(snapshot, numbers, rows)
    if options.include_parents:
        tags = with_parents(snapshot, numbers, rows, tags)
    return Tagged(image.sha256, image.width, image.height, tags, misses)
