"""The present vocabulary applied to the stored images: their vectors are enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from app.choice_many import choose_many
from app.snapshot import FloatArray, Snapshot
from index.collection import ImageCollection
from index.image_index import Numbers
from index.images import Filters
from index.tag_results import TagChanges, Tags

# Vectors multiplied together: 512 images x 5,000 tags are 10 MB a matrix.
IMAGES_AT_ONCE = 512


@dataclass(frozen=True)
class TagChange:
    """How many stored images gained and lost one tag; `name` is its id where it is gone."""

    id: str
    name: str
    gained: int
    lost: int


@dataclass(frozen=True)
class RetagReport:
    """What a re-tag did, made with one revision; tags that changed most come first."""

    revision: int
    images: int
    changed: int
    tags: tuple[TagChange, ...]


def retag(
    snapshot: Snapshot,
    collection: ImageCollection,
    filters: Filters,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RetagReport:
    """Tags every stored image that passes the filters again and keeps the results.

    Interrupted, what is done is kept; again, it changes only what has to change.
    """
    numbers = collection.matching(filters)
    changes = TagChanges()
    # One thread writes while the next images are multiplied: the disk and the processor both work.
    with ThreadPoolExecutor(1, thread_name_prefix="retag") as writer:
        waiting: deque[Future[TagChanges]] = deque()
        for tagged in _tagged(snapshot, collection, numbers):
            waiting.append(writer.submit(collection.replace_tags, snapshot.revision, tagged))
            if len(waiting) > 1:
                changes += waiting.popleft().result()
                progress(changes.images, len(numbers))
        for written in waiting:
            changes += written.result()
    progress(changes.images, len(numbers))
    return _report(snapshot, changes)


def _tagged(
    snapshot: Snapshot, collection: ImageCollection, numbers: Numbers
) -> Iterator[dict[int, Tags]]:
    """The tags of the images of those numbers, some at a time."""
    for batch in collection.store.vectors(numbers.tolist()):
        for at in range(0, len(batch.numbers), IMAGES_AT_ONCE):
            part = slice(at, at + IMAGES_AT_ONCE)
            tags = tags_of(snapshot, batch.vectors[part])
            yield dict(zip(batch.numbers[part].tolist(), tags, strict=True))


def tags_of(snapshot: Snapshot, vectors: FloatArray) -> list[Tags]:
    """`(m, d)` unit vectors to the tags of each image, as `POST /v1/tag` would choose them."""
    similarities = snapshot.index.similarities(vectors, snapshot.model_key)
    return choose_many(snapshot, vectors, similarities)


def _report(snapshot: Snapshot, changes: TagChanges) -> RetagReport:
    def name_of(tag_id: str) -> str:
        row = snapshot.positions.get(tag_id)
        return tag_id if row is None else snapshot.tags[row].name

    tags = [
        TagChange(tag, name_of(tag), changes.gained[tag], changes.lost[tag])
        for tag in changes.gained.keys() | changes.lost.keys()
    ]
    tags.sort(key=lambda one: (-(one.gained + one.lost), one.id))
    return RetagReport(snapshot.revision, changes.images, changes.changed, tuple(tags))
