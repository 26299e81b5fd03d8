"""The tags of stored images: what a tagging of the history changes, and the writing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select, update

from index.tables import batches, image_tags, images
from index.transactions import Transactions, writing

Tags = tuple[tuple[str, float], ...]

# Confidences closer than this are the same to a reader.
SAME_CONFIDENCE = 5e-4


@dataclass(frozen=True)
class TagChanges:
    """How many images there were, how many got other tags, and which tags came and went."""

    images: int = 0
    changed: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: TagChanges) -> TagChanges:
        return TagChanges(
            self.images + other.images,
            self.changed + other.changed,
            self.gained + other.gained,
            self.lost + other.lost,
        )


def replace_tags(
    transactions: Transactions, revision: int, tagged: Mapping[int, Tags]
) -> TagChanges:
    """Gives the contents of those numbers these tags, made with that revision, all or none.

    A content deleted meanwhile stays deleted. Raises `StorageFullError`.
    """
    with writing(transactions) as connection:
        old = _present(connection, list(tagged))
        changes = TagChanges(images=len(old))
        moved: list[int] = []
        changed = 0
        for number, before in old.items():
            after = dict(tagged[number])
            gained, lost = after.keys() - before.keys(), before.keys() - after.keys()
            changes.gained.update(gained)
            changes.lost.update(lost)
            changed += bool(gained or lost)
            if gained or lost or _moved(before, after):
                moved.append(number)
        _write(connection, {number: tagged[number] for number in moved})
        for few in batches(list(old)):
            made = update(images).where(images.c.number.in_(few))
            connection.execute(made.values(tags_revision=revision))
    return TagChanges(len(old), changed, changes.gained, changes.lost)


def _present(connection: Connection, numbers: list[int]) -> dict[int, dict[str, float]]:
    """The tags of each content that is still there."""
    found: dict[int, dict[str, float]] = {}
    columns = (image_tags.c.number, image_tags.c.tag_id, image_tags.c.confidence)
    for few in batches(numbers):
        still = select(images.c.number).where(images.c.number.in_(few))
        found.update((number, {}) for number in connection.scalars(still).all())
        tagged = select(*columns).where(image_tags.c.number.in_(few))
        for number, tag, confidence in connection.execute(tagged).all():
            found[number][tag] = confidence
    return found


def _moved(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    return any(abs(before[tag] - after[tag]) > SAME_CONFIDENCE for tag in after)


def _write(connection: Connection, tagged: Mapping[int, Tags]) -> None:
    for few in batches(list(tagged)):
        connection.execute(delete(image_tags).where(image_tags.c.number.in_(few)))
    rows = [
        {"number": number, "tag_id": tag, "confidence": confidence}
        for number, tags in tagged.items()
        for tag, confidence in tags
    ]
    if rows:
        connection.execute(insert(image_tags), rows)
