"""One run over a collection: read, decode, encode, tag, group, keep; each beside the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from app.batching.batcher import Encoded
from app.choice import Options, TagHit, numbers_of, rows_of
from app.deciding import chosen_for_each, tags_to_keep
from app.intake.limits import MIB
from app.pipeline.checkpoint import Checkpoint
from app.pipeline.groups import Belongs, Groups, Picture
from app.pipeline.items import Item, Sequential
from app.pipeline.rows import Row, RowProblem, RowTag
from app.pixels import Pixels
from app.recall import FileFacts, Name, new_image
from app.snapshot import FloatArray, Snapshot
from app.tagger import Problem, Tagger
from index.collection import ImageCollection

Images = list[Pixels | Problem]

# Chunks begun and not yet kept: one is read, one decoded, one encoded, one grouped.
CHUNKS_AHEAD = 4
# Bytes of files that one chunk may hold, so that large files make small chunks.
CHUNK_BYTES = 64 * MIB
PLACES = 4


@dataclass(frozen=True)
class Run:
    """The parts of a run, and how many images go together.

    All images are tagged by one `snapshot`. Without `groups` no copies are looked for; with a
    `library` the images are stored in it too. `code_of` names an error as
    `docs/reference/errors.md` does.
    """

    tagger: Tagger
    snapshot: Snapshot
    source: Sequential
    checkpoint: Checkpoint
    code_of: Callable[[Exception], str]
    options: Options
    groups: Groups | None = None
    library: ImageCollection | None = None
    chunk: int = 16

    async def go(self, limit: int | None, progress: Callable[[int], None]) -> None:
        """Makes the rows that are missing, of the first `limit` images; `progress(done)` counts.

        A bad image is a row like others. Whatever is raised, the rows made so far are kept.
        Raises `EncoderError`, `CollectionError`, `StorageFullError`.
        """
        done = self.checkpoint.done
        chunks = _chunks(_until(self.source.items(done), done, limit), self.chunk)
        loop = asyncio.get_running_loop()
        begun: deque[tuple[list[Item], asyncio.Task[tuple[Images, list[Encoded]]]]] = deque()
        with (
            ThreadPoolExecutor(1, thread_name_prefix="read") as reading,
            ThreadPoolExecutor(1, thread_name_prefix="keep") as keeping,
        ):
            try:
                while True:
                    while len(begun) < CHUNKS_AHEAD:
                        items = await loop.run_in_executor(reading, next, chunks, None)
                        if items is None:
                            break
                        begun.append((items, asyncio.create_task(self._encode(items))))
                    if not begun:
                        return
                    items, encoding = begun.popleft()
                    images, encoded = await encoding
                    kept = (done, items, images, encoded)
                    await loop.run_in_executor(keeping, self._keep, *kept)
                    done += len(items)
                    progress(done)
            finally:
                for _, encoding in begun:
                    encoding.cancel()
                await loop.run_in_executor(reading, chunks.close)

    async def _encode(self, items: Sequence[Item]) -> tuple[Images, list[Encoded]]:
        asked = self.groups is not None or self.library is not None
        sources = [item.source for item in items]
        return await self.tagger.encode(sources, facts=asked, priority="bulk")

    def _keep(
        self,
        first: int,
        items: Sequence[Item],
        images: Images,
        encoded: Sequence[Encoded],
    ) -> None:
        """Tags and groups a chunk, and keeps its rows; the row is what says that it is done."""
        good = [at for at, image in enumerate(images) if isinstance(image, Pixels)]
        pixels = [image for image in images if isinstance(image, Pixels)]
        tagged = dict(zip(good, self._tags(pixels, encoded), strict=True))
        vectors = dict(zip(good, encoded, strict=True))
        belongs = self._grouped(first, images, vectors)
        rows = []
        for at, (item, image) in enumerate(zip(items, images, strict=True)):
            if isinstance(image, Problem):
                rows.append(self._failed(item, image))
                continue
            rows.append(_row(item, image, tagged[at], belongs.get(at)))
            self._store(item, image, vectors[at])
        self.checkpoint.add(rows)

    def _tags(
        self, images: Sequence[Pixels], encoded: Sequence[Encoded]
    ) -> list[tuple[TagHit, ...]]:
        if not encoded:
            return []
        vectors: FloatArray = np.stack([one.vector for one in encoded])
        similarities = self.snapshot.index.similarities(vectors, self.snapshot.model_key)
        found = numbers_of(self.snapshot, vectors, similarities, self.options)
        rows = rows_of(self.snapshot, self.options)
        return chosen_for_each(self.snapshot, images, found, rows, self.options)

    def _grouped(
        self, first: int, images: Images, vectors: dict[int, Encoded]
    ) -> dict[int, Belongs]:
        """The group of each image of a chunk, by its place in the chunk."""
        if self.groups is None:
            return {}
        pictures = [
            Picture(first + at, image.facts, vectors[at])
            for at, image in enumerate(images)
            if isinstance(image, Pixels) and isinstance(image.facts, FileFacts)
        ]
        found = self.groups.assign(pictures)
        return {one.number - first: tie for one, tie in zip(pictures, found, strict=True)}

    def _store(self, item: Item, image: Pixels, vectors: Encoded) -> None:
        """Again, after a kill, it changes nothing: the same bytes are stored once."""
        if self.library is None or not isinstance(image.facts, FileFacts):
            return
        tags = tags_to_keep(self.snapshot, image, vectors.vector)
        name = Name(source=item.name)
        self.library.add(new_image(image.facts, vectors, name, tags, self.snapshot.revision))

    def _failed(self, item: Item, problem: Problem) -> Row:
        error = problem.error
        return Row(_text(item.name), problem=RowProblem(self.code_of(error), _text(str(error))))


def _row(item: Item, image: Pixels, hits: tuple[TagHit, ...], belongs: Belongs | None) -> Row:
    return Row(
        source=_text(item.name),
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        tags=tuple(RowTag(hit.tag.id, hit.tag.name, round(hit.confidence, PLACES)) for hit in hits),
        leader=belongs.leader if belongs else None,
        tie=belongs.tie if belongs else None,
    )


def _chunks(items: Iterator[Item], count: int) -> Generator[list[Item], None, None]:
    """Items by `count`, or fewer where their bytes are many."""
    chunk: list[Item] = []
    held = 0
    for item in items:
        chunk.append(item)
        held += item.held_bytes
        if len(chunk) == count or held >= CHUNK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _until(items: Iterator[Item], done: int, limit: int | None) -> Iterator[Item]:
    """The items up to number `limit`, of which the first `done` have gone by."""
    left = None if limit is None else max(0, limit - done)
    for at, item in enumerate(items):
        if at == left:
            return
        yield item


def _text(name: str) -> str:
    """A file name as text that any file can hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
