"""The stored images of one model in the database: the truth that every index is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, insert, select, update

from index.carry import model_keys
from index.changes import record_removals
from index.errors import ImageNotFoundError
from index.images import (
    MAX_SOURCE_LENGTH,
    Added,
    Fingerprint,
    NewImage,
    StoredImage,
    checked_id,
    checked_metadata,
    utc,
)
from index.stored_vectors import ROWS_AT_ONCE, VectorBatch, vector_batches
from index.tables import batches, image_names, image_tags, images
from index.transactions import Transactions, writing
from index.vectors import VectorType, checked_vector, to_bytes


def now_utc() -> datetime:
    """The time an image is dated with."""
    return datetime.now(timezone.utc)


class ImageStore:
    """Contents and names under one `model_key`. Safe to share between threads.

    Rows of other models are never seen. `copy_dim` 0 says that there are no copy vectors.
    """

    def __init__(
        self,
        transactions: Transactions,
        model_key: str,
        dim: int,
        *,
        copy_dim: int = 0,
        vector_type: VectorType = "float32",
        clock: Callable[[], datetime] = now_utc,
    ):
        self._transactions = transactions
        self.model_key = model_key
        self.dim = dim
        self.copy_dim = copy_dim
        self._vector_type: VectorType = vector_type
        self._clock = clock

    def add(self, image: NewImage) -> Added:
        """Stores an image under its id, all or nothing; when this returns it is on the disk.

        The same bytes again store nothing twice, and answer for every id they came under. An id
        that named another content names this one from now on. Raises `InvalidImageError`,
        `VectorShapeError` and `StorageFullError`.
        """
        checked_vector(image.vector, self.dim)
        if self.copy_dim:
            copy = image.copy_vector
            checked_vector(
                np.zeros(0, np.float32) if copy is None else copy, self.copy_dim, "copy_vector"
            )
        name = checked_id(image.id or image.sha256)
        facts = {
            "source": image.source[:MAX_SOURCE_LENGTH],
            "metadata": checked_metadata(image.metadata),
        }
        with writing(self._transactions) as connection:
            number, new_content = self._content(connection, image)
            before = connection.scalar(self._names(image_names.c.number, name))
            removed: tuple[int, ...] = ()
            key = {"model_key": self.model_key, "id": name}
            if before is None:
                row = (
                    key
                    | facts
                    | {"number": number, "created_at": image.created_at or self._clock()}
                )
                connection.execute(insert(image_names).values(row))
            else:
                change = update(image_names).where(*self._named(name))
                connection.execute(change.values(number=number, **facts))
                removed = self._without_names(connection, [before])
        if before is None:
            return Added(number, name, "added" if new_content else "exists", new_content)
        state = "exists" if before == number else "replaced"
        return Added(number, name, state, new_content, removed)  # type: ignore[arg-type]

    def delete(self, name: str) -> tuple[int, ...]:
        """Forgets a name, and the content with its last one; returns the contents that went.

        What other models keep under that name goes too: who deletes an image wants it gone, and
        not back after a change of models. Raises `ImageNotFoundError`.
        """
        with writing(self._transactions) as connection:
            number = connection.scalar(self._names(image_names.c.number, name))
            if number is None:
                raise self._unknown(name)
            gone: tuple[int, ...] = ()
            for key in model_keys(connection):
                named = (image_names.c.model_key == key, image_names.c.id == name)
                of_key = connection.scalar(select(image_names.c.number).where(*named))
                if of_key is not None:
                    connection.execute(delete(image_names).where(*named))
                    gone += self._without_names(connection, [of_key], key)
            return gone

    def get(self, name: str) -> StoredImage:
        """The image of that name. Raises `ImageNotFoundError`."""
        with self._transactions.read() as connection:
            number = connection.scalar(self._names(image_names.c.number, name))
            found = self._load(connection, [number], name) if number is not None else {}
        if not found:
            raise self._unknown(name)
        return found[int(number)]

    def load(self, numbers: Iterable[int]) -> dict[int, StoredImage]:
        """The contents of those numbers; those that are gone are left out."""
        with self._transactions.read() as connection:
            return self._load(connection, list(numbers))

    def numbers(self) -> NDArray[np.int64]:
        """`(n,) int64`: every content of this model, ascending."""
        query = select(images.c.number).where(images.c.model_key == self.model_key)
        with self._transactions.read() as connection:
            return np.fromiter(connection.scalars(query.order_by(images.c.number)), dtype=np.int64)

    def same_bytes(self, sha256: str) -> list[int]:
        """Numbers of the contents with those bytes: none or one."""
        return self._where(images.c.sha256 == sha256)

    def same_pixels(self, pixel_digest: str) -> list[int]:
        """Numbers of the contents that decode to those pixels."""
        return self._where(images.c.pixel_digest == pixel_digest)

    def vectors(self, numbers: Sequence[int] | None = None) -> Iterator[VectorBatch]:
        """The vectors of those numbers, or of all, a few thousand at a time, ascending."""
        wanted = self.numbers() if numbers is None else np.sort(np.asarray(numbers, np.int64))
        yield from vector_batches(self._transactions, self.model_key, wanted, self.copy_dim > 0)

    def hashes(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        """Numbers and `(n, 32) uint8` hashes of every content, some thousands at a time."""
        query = select(images.c.number, images.c.hash).where(images.c.model_key == self.model_key)
        with self._transactions.read() as connection:
            found = connection.execute(query.order_by(images.c.number)).all()
        for rows in batches(found, ROWS_AT_ONCE):
            numbers = np.asarray([row.number for row in rows], dtype=np.int64)
            yield numbers, np.stack([np.frombuffer(row.hash, dtype=np.uint8) for row in rows])

    def prints(self, numbers: Sequence[int]) -> dict[int, tuple[str, Fingerprint]]:
        """The SHA-256 and the fingerprint of each."""
        columns = images.c
        wanted = (columns.sha256, columns.pixel_digest, columns.hash, columns.hash_quality)
        query = select(columns.number, *wanted, columns.thumbnail)
        with self._transactions.read() as connection:
            return {
                row.number: (
                    row.sha256,
                    Fingerprint(row.pixel_digest, row.hash, row.hash_quality, row.thumbnail),
                )
                for few in batches(numbers)
                for row in connection.execute(query.where(columns.number.in_(few)))
            }

    def _content(self, connection: Connection, image: NewImage) -> tuple[int, bool]:
        """The number of the content, which is stored where it is new."""
        known = connection.scalar(
            select(images.c.number).where(
                images.c.model_key == self.model_key, images.c.sha256 == image.sha256
            )
        )
        if known is not None:
            return int(known), False
        made = connection.execute(insert(images).values(self._row(image)))
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
        put_tags(connection, number, image.tags)
        return number, True

    def _row(self, image: NewImage) -> dict[str, Any]:
        print_: Fingerprint = image.fingerprint
        copy = image.copy_vector if self.copy_dim else None
        return {
            "model_key": self.model_key,
            "sha256": image.sha256,
            "pixel_digest": print_.pixel_digest,
            "hash": print_.hash,
            "hash_quality": print_.quality,
            "width": image.width,
            "height": image.height,
            "format": image.format,
            "bytes": image.bytes,
            "created_at": image.created_at or self._clock(),
            "vector_type": self._vector_type,
            "vector": to_bytes(image.vector, self._vector_type),
            "copy_vector": None if copy is None else to_bytes(copy, "float16"),
            "thumbnail": print_.thumbnail,
            "tags_revision": image.tags_revision,
        }

    def _without_names(
        self, connection: Connection, numbers: list[int], model_key: str | None = None
    ) -> tuple[int, ...]:
        """Deletes those contents that nothing names any more; returns their numbers."""
        still = select(image_names.c.number).where(image_names.c.number.in_(numbers))
        kept = set(connection.scalars(still))
        gone = tuple(number for number in numbers if number not in kept)
        connection.execute(delete(images).where(images.c.number.in_(gone)))
        record_removals(connection, model_key or self.model_key, gone)
        return gone

    def _load(
        self, connection: Connection, numbers: Sequence[int], name: str | None = None
    ) -> dict[int, StoredImage]:
        named: dict[int, list[Row[Any]]] = {}
        tagged: dict[int, list[tuple[str, float]]] = {}
        rows: list[Row[Any]] = []
        for few in batches(numbers):
            order = (image_names.c.created_at, image_names.c.id)
            of_these = image_names.c.number.in_(few)
            for row in connection.execute(select(image_names).where(of_these).order_by(*order)):
                named.setdefault(row.number, []).append(row)
            for row in connection.execute(
                select(image_tags)
                .where(image_tags.c.number.in_(few))
                .order_by(image_tags.c.confidence.desc(), image_tags.c.tag_id)
            ):
                tagged.setdefault(row.number, []).append((row.tag_id, row.confidence))
            ours = (images.c.number.in_(few), images.c.model_key == self.model_key)
            rows.extend(connection.execute(select(*FACTS).where(*ours)))
        return {
            row.number: _stored(row, named[row.number], tagged.get(row.number, []), name)
            for row in rows
        }

    def _where(self, condition: Any) -> list[int]:
        query = select(images.c.number).where(images.c.model_key == self.model_key, condition)
        with self._transactions.read() as connection:
            return list(connection.scalars(query.order_by(images.c.number)))

    def _names(self, column: Any, name: str) -> Any:
        return select(column).where(*self._named(name))

    def _named(self, name: str) -> tuple[Any, Any]:
        return image_names.c.model_key == self.model_key, image_names.c.id == name

    def _unknown(self, name: str) -> ImageNotFoundError:
        return ImageNotFoundError(f"没有 id 为 {name[:80]} 的图片", field="id")


FACTS = [
    column
    for column in images.c
    if column.name not in ("vector", "copy_vector", "thumbnail", "hash", "model_key")
]


def put_tags(connection: Connection, number: int, tags: Iterable[tuple[str, float]]) -> None:
    """Gives a content its tags, in place of none."""
    rows = [{"number": number, "tag_id": tag, "confidence": sure} for tag, sure in tags]
    if rows:
        connection.execute(insert(image_tags), rows)


def _stored(
    row: Row[Any],
    names: Sequence[Row[Any]],
    tags: Sequence[tuple[str, float]],
    name: str | None,
) -> StoredImage:
    """A content under the name asked for, else its oldest."""
    chosen = next((one for one in names if one.id == name), names[0])
    metadata: Mapping[str, Any] = chosen.metadata
    return StoredImage(
        number=row.number,
        id=chosen.id,
        ids=tuple(one.id for one in names),
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        format=row.format,
        bytes=row.bytes,
        created_at=utc(row.created_at),
        source=chosen.source,
        metadata=metadata,
        tags=tuple(tags),
        tags_revision=row.tags_revision,
    )
