"""The read path: one request's images in, their tags out, top to bottom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.batching.admission import Gate, WaitingGate
from app.batching.batcher import Batcher, Encoded, Priority
from app.batching.cache import ResultCache, VectorCache
from app.choice import Options, rows_of
from app.deciding import Decided, Tagged, decide, tags_to_keep
from app.encoders.base import Encoder
from app.errors import ImageError, RequestTimeoutError
from app.image_vectors import ImageVectors, stacked
from app.intake.limits import Limits
from app.intake.sources import Fetch, Source, StoredSource, UrlSource
from app.intake.tiles import TILES
from app.numbers import Rows
from app.pixels import Pixels, look_up, take_in
from app.recall import Name, StoredFacts, keep, recall, recall_others
from app.recent import Seen, seen_now
from app.snapshot import Live, Snapshot
from app.together import all_of
from index.collection import ImageCollection
from index.errors import ImageNotFoundError

__all__ = ["Answer", "Problem", "Tagged", "Tagger"]

FloatArray = NDArray[np.float32]
T = TypeVar("T")

# More images times tags than these take longer than the event loop may be kept from others.
PAIRS_ON_THE_LOOP = 300_000


@dataclass(frozen=True)
class Problem:
    """Why one image has no answer; the others of the request are not affected."""

    error: ImageError | ImageNotFoundError


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


def ignore(seen: object) -> None:
    """An observer who learns nothing."""


@dataclass(frozen=True)
class Tagger:
    """The parts a request passes, and the numbers it must keep to."""

    live: Live
    gate: Gate
    bulk_gate: WaitingGate
    encoder: Encoder
    batcher: Batcher
    pool: Executor
    limits: Limits
    timeout_s: float
    part_batcher: Batcher | None = None
    collection: ImageCollection | None = None
    fetch: Fetch | None = None
    seen: VectorCache | None = None
    take_in: Callable[..., Pixels] = take_in
    answers: ResultCache[Tagged] | None = None
    observe: Callable[[Sequence[Seen]], None] = ignore
    tell: Callable[[Answer], None] = ignore

    async def tag(
        self,
        sources: Sequence[Source],
        options: Options,
        names: Sequence[Name] = (),
        priority: Priority = "interactive",
    ) -> Answer:
        """Tags every image of a request; an image that fails is a `Problem` among the results.

        `names` are what images are stored under, in the order of the sources, where any are given.
        A `bulk` request waits for a place instead of being refused, and behind the others.
        Raises `InvalidRequestError`, `OverloadedError`, `RequestTimeoutError`, `NotReadyError`
        and `EncoderError`, which concern the request as a whole.
        """
        snapshot = self.live.current()
        rows = rows_of(snapshot, options)
        facts = options.duplicates or options.index
        detailed = options.detail == "high"
        tiles = TILES if detailed and self.part_batcher is None else 0
        async with self._place(len(sources) * (1 + tiles), priority):
            deadline = time.monotonic() + self.timeout_s
            work = self._encode(sources, deadline, facts, priority, detailed)
            images, encoded = await self._in_time(work, deadline)
            decided = await self._decided(snapshot, images, encoded, rows, options)
            stages = {
                "decode": max((i.decode_ms for i in images if isinstance(i, Pixels)), default=0.0),
                "queue": max((one.queue_ms for one in encoded), default=0.0),
                "encode": max((one.encode_ms for one in encoded), default=0.0),
                "search": decided.search_ms,
                "calibrate": decided.calibrate_ms,
            }
            found = iter(decided.tagged)
            results = tuple(i if isinstance(i, Problem) else next(found) for i in images)
            if options.duplicates or options.index:
                recalling = time.monotonic()
                asked = self._recalled(images, encoded, results, options, names, snapshot)
                results = await self._in_time(asked, deadline)
                stages["recall"] = (time.monotonic() - recalling) * 1000
        answer = Answer(self.encoder.name, snapshot.revision, results, stages)
        self.tell(answer)
        return answer

    async def embed(self, sources: Sequence[Source]) -> dict[str, FloatArray]:
        """The `(d,)` unit vector of each image by its SHA-256, in order; nothing is tagged.

        Raises as `tag` does, and the `ImageError` of the first image that cannot be used.
        """
        images, encoded = await self.encode(sources)
        for place, image in enumerate(images):
            if isinstance(image, Problem):
                image.error.field = f"files[{place}]"
                raise image.error
        good = [image for image in images if isinstance(image, Pixels)]
        return {i.sha256: one.vector for i, one in zip(good, encoded, strict=True)}

    async def encode(
        self,
        sources: Sequence[Source],
        *,
        facts: bool = False,
        priority: Priority = "interactive",
    ) -> tuple[list[Pixels | Problem], list[Encoded]]:
        """Every source as pixels or a problem, and the vectors of those that are pixels.

        With `facts` the pixels have their fingerprints. Raises as `tag` does.
        """
        async with self._place(len(sources), priority):
            deadline = time.monotonic() + self.timeout_s
            return await self._in_time(self._encode(sources, deadline, facts, priority), deadline)

    @asynccontextmanager
    async def _place(self, images: int, priority: Priority) -> AsyncIterator[None]:
        """A place in the house, refused or waited for."""
        if priority == "bulk":
            async with self.bulk_gate.place(images):
                yield
        else:
            with self.gate.place(images):
                yield

    async def _decided(
        self,
        snapshot: Snapshot,
        images: Sequence[Pixels | Problem],
        encoded: Sequence[Encoded],
        rows: Rows,
        options: Options,
    ) -> Decided:
        """The tags of the images that are pixels, off the event loop where there are many pairs."""
        good = [image for image in images if isinstance(image, Pixels)]
        work = partial(
            decide,
            snapshot,
            good,
            stacked(encoded, self.encoder.dim),
            self.encoder.model_key,
            rows,
            options,
            self.answers,
            [one.parts for one in encoded],
        )
        slow = options.precision_ranges or options.detail == "high"
        if slow or len(good) * len(snapshot.tags) > PAIRS_ON_THE_LOOP:
            decided = await asyncio.get_running_loop().run_in_executor(self.pool, work)
        else:
            decided = work()
        pairs = zip(good, encoded, strict=True)
        self.observe([seen_now(image.sha256, one.vector) for image, one in pairs])
        return decided

    async def _recalled(
        self,
        images: Sequence[Pixels | Problem],
        encoded: Sequence[Encoded],
        results: Sequence[Tagged | Problem],
        options: Options,
        names: Sequence[Name],
        snapshot: Snapshot,
    ) -> tuple[Tagged | Problem, ...]:
        """The results with what is stored; one after the other, so that an image finds the copy
        of itself that came before it in the same request.
        """
        collection, vectors, found = self.collection, iter(encoded), list(results)
        for at, (image, result) in enumerate(zip(images, results, strict=True)):
            if isinstance(image, Problem) or not isinstance(result, Tagged):
                continue
            one = next(vectors)
            if collection is None or image.facts is None:
                continue
            if isinstance(image.facts, StoredFacts):
                work = partial(recall_others, collection, image.facts, keep=options.index)
            elif not options.index:
                work = partial(recall, collection, image.facts, one)
            else:
                tags = tags_to_keep(snapshot, image, one.vector)
                name = names[at] if names else Name()
                work = partial(keep, collection, image.facts, one, name, tags, snapshot.revision)
            seen = await asyncio.get_running_loop().run_in_executor(self.pool, work)
            found[at] = replace(result, recalled=seen)
        return tuple(found)

    async def _in_time(self, work: Awaitable[T], deadline: float) -> T:
        """The work's result; what the thread pool has begun it also ends, though nobody waits."""
        try:
            return await asyncio.wait_for(work, max(0.0, deadline - time.monotonic()))
        except asyncio.TimeoutError as error:  # its own class until Python 3.11
            raise RequestTimeoutError(f"处理用时超过 {self.timeout_s:g} 秒") from error

    async def _encode(
        self,
        sources: Sequence[Source],
        deadline: float,
        facts: bool,
        priority: Priority,
        detailed: bool = False,
    ) -> tuple[list[Pixels | Problem], list[Encoded]]:
        """Every source as pixels or a problem, and the vectors of those that are pixels.

        Each goes its own way: the first are encoded while the last are still being decoded.
        """

        vectors = ImageVectors(self.encoder, self.batcher, self.part_batcher, self.seen)

        async def through(source: Source) -> tuple[Pixels | Problem, Encoded | None]:
            image = await self._take_in(source, facts, detailed)
            if isinstance(image, Problem):
                return image, None
            return image, await vectors.of(image, deadline, priority, detailed=detailed)

        found = await all_of(through(source) for source in sources)
        return [image for image, _ in found], [one for _, one in found if one is not None]

    async def _take_in(self, source: Source, facts: bool, detailed: bool) -> Pixels | Problem:
        """One source to prepared pixels, off the event loop."""
        try:
            loop = asyncio.get_running_loop()
            if isinstance(source, StoredSource):
                work = partial(look_up, source, self.collection)
            else:
                if isinstance(source, UrlSource):
                    source = source.through(self.fetch)
                work = partial(
                    self.take_in,
                    source,
                    self.limits,
                    self.encoder,
                    facts=facts,
                    tiled=detailed and self.part_batcher is None,
                    # What is kept of a file does not say what its parts show.
                    seen=None if detailed else self.seen,
                )
            return await loop.run_in_executor(self.pool, work)
        except (ImageError, ImageNotFoundError) as error:
            return Problem(error)
