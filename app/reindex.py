"""The stored images under another model: their bytes found again, encoded, and kept beside."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.batching.batcher import Encoded
from app.intake.sources import FileSource, PathSource, UrlSource
from app.recall import FileFacts, Name, new_image
from app.retag import tags_of
from app.snapshot import Snapshot
from app.tagger import Problem, Tagger
from index.carry import CarriedName, Unmoved, carry_names, load_unmoved, stored_models, unmoved
from index.collection import ImageCollection
from index.transactions import Transactions

log = logging.getLogger(__name__)

# Images encoded together: enough to fill batches, few enough for a bar to move.
IMAGES_AT_ONCE = 16
PIECE = 1 << 20

NO_BYTES = "找不到原图：--images 的目录里没有同样的文件，source 也不是能读到的路径或网址"
CHANGED = "source 处的文件已不是入库时的内容"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class StayedImage:
    """A stored image that cannot be moved, and why."""

    ids: tuple[str, ...]
    source: str
    reason: str


@dataclass(frozen=True)
class ReindexReport:
    """What became of the images that the model did not have: `moved`, and those that stayed."""

    model_key: str
    moved: int
    stayed: tuple[StayedImage, ...]


def reindex(
    tagger: Tagger,
    collection: ImageCollection,
    transactions: Transactions,
    snapshot: Snapshot,
    photos: Sequence[Path],
    progress: Progress = lambda done, total: None,
) -> ReindexReport:
    """Stores under this model every image that another model has and this one lacks.

    Ids, sources, metadata and times are carried along; the tags are the new model's. The bytes
    come from those of the `photos` that are the same file, else from an image's `source`. Each
    image is kept as soon as it is done: interrupted, the next run goes on from there.
    """
    parts = unmoved(transactions, collection.model_key)
    files = _found_among(photos, transactions, collection.model_key, parts)
    mover = _Mover(tagger, collection, transactions, snapshot, files)
    return asyncio.run(mover.move_all(parts, progress))


def warn_of_others(transactions: Transactions, model_key: str) -> None:
    """Says so where images are stored, but none that this model can see."""
    models = stored_models(transactions)
    if models and not models.get(model_key):
        log.warning(
            "no image is stored under %s, but under other models: %s; "
            "run `tuqian reindex` to bring them over",
            model_key,
            ", ".join(f"{key} ({count})" for key, count in models.items()),
        )


@dataclass(frozen=True)
class _Mover:
    """What moving takes; `files` are the photos that may be among the images, by SHA-256."""

    tagger: Tagger
    collection: ImageCollection
    transactions: Transactions
    snapshot: Snapshot
    files: Mapping[str, Path]

    async def move_all(self, parts: Sequence[list[int]], progress: Progress) -> ReindexReport:
        model_key = self.collection.model_key
        total, done = sum(map(len, parts)), 0
        stayed: list[StayedImage] = []
        for numbers in parts:
            images = list(load_unmoved(self.transactions, model_key, numbers))
            for at in range(0, len(images), IMAGES_AT_ONCE):
                some = images[at : at + IMAGES_AT_ONCE]
                stayed.extend(await self._move(some))
                done += len(some)
                progress(done, total)
        return ReindexReport(model_key, done - len(stayed), tuple(stayed))

    async def _move(self, images: Sequence[Unmoved]) -> list[StayedImage]:
        """Moves some images; returns those that it cannot."""
        stayed: list[StayedImage] = []
        found: list[tuple[Unmoved, FileSource]] = []
        for image in images:
            if image.number is not None:
                self._name(image.number, image.names)
            elif source := _source(image, self.files):
                found.append((image, source))
            else:
                stayed.append(_stayed(image, NO_BYTES))
        pixels, encoded = await self.tagger.encode([source for _, source in found], facts=True)
        vectors = iter(encoded)
        for (image, _), one in zip(found, pixels, strict=True):
            if isinstance(one, Problem):
                stayed.append(_stayed(image, str(one.error)))
                continue
            vector = next(vectors)
            if one.sha256 == image.sha256 and isinstance(one.facts, FileFacts):
                self._keep(image, one.facts, vector)
            else:
                stayed.append(_stayed(image, CHANGED))
        return stayed

    def _keep(self, image: Unmoved, facts: FileFacts, encoded: Encoded) -> None:
        """Stores an image under its first name, and gives it the others."""
        (tags,) = tags_of(self.snapshot, encoded.vector[None])
        first, *others = image.names
        name = Name(first.id, first.source, first.metadata)
        made = new_image(facts, encoded, name, tags, self.snapshot.revision)
        added = self.collection.add(replace(made, created_at=image.created_at))
        self._name(added.number, others)

    def _name(self, number: int, names: Sequence[CarriedName]) -> None:
        if names:
            carry_names(self.transactions, self.collection.model_key, number, names)


def _source(image: Unmoved, files: Mapping[str, Path]) -> FileSource | None:
    """Where the bytes of an image may be had."""
    if image.sha256 in files:
        return PathSource(files[image.sha256])
    for name in image.names:
        if name.source.startswith(("http://", "https://")):
            return UrlSource(name.source)
        if name.source and "\0" not in name.source and Path(name.source).is_file():
            return PathSource(Path(name.source))
    return None


def _found_among(
    photos: Iterable[Path], transactions: Transactions, model_key: str, parts: list[list[int]]
) -> dict[str, Path]:
    """The photos that are one of the images, by SHA-256; only files of a fitting size are read."""
    wanted: dict[int, set[str]] = {}
    for image in _every(transactions, model_key, parts):
        wanted.setdefault(image.bytes, set()).add(image.sha256)
    found: dict[str, Path] = {}
    for path in photos:
        digests = wanted.get(path.stat().st_size)
        if digests and (digest := _digest(path)) in digests:
            found.setdefault(digest, path)
    return found


def _every(transactions: Transactions, model_key: str, parts: list[list[int]]) -> Iterator[Unmoved]:
    for numbers in parts:
        yield from load_unmoved(transactions, model_key, numbers)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _stayed(image: Unmoved, reason: str) -> StayedImage:
    return StayedImage(tuple(name.id for name in image.names), image.names[0].source, reason)


def reasons(stayed: Iterable[StayedImage]) -> Counter[str]:
    """How many images stayed for each reason."""
    return Counter(one.reason for one in stayed)
