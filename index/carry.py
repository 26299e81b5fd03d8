"""Stored images of one model that another does not have yet, with all that is not a vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from index.changes import record_removals
from index.images import utc
from index.tables import batches, image_names, images
from index.transactions import Transactions, writing


@dataclass(frozen=True)
class CarriedName:
    """What a caller calls a content, and kept with it."""

    id: str
    source: str
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class Unmoved:
    """A content of another model whose `names`, or some of them, this model lacks.

    `number` is the content under this model, None where it has to be encoded.
    """

    sha256: str
    bytes: int
    created_at: datetime
    names: tuple[CarriedName, ...]
    number: int | None


def model_keys(connection: Connection) -> list[str]:
    """The models that images are stored under; one look into the key of the names for each."""
    found: list[str] = []
    next_one = select(func.min(image_names.c.model_key))
    key = connection.scalar(next_one)
    while key is not None:
        found.append(key)
        key = connection.scalar(next_one.where(image_names.c.model_key > key))
    return found


def stored_models(transactions: Transactions) -> dict[str, int]:
    """How many contents are stored under each model."""
    count = select(func.count()).select_from(images)
    with transactions.read() as connection:
        return {
            key: int(connection.scalar(count.where(images.c.model_key == key)) or 0)
            for key in model_keys(connection)
        }


def unmoved(transactions: Transactions, model_key: str) -> list[list[int]]:
    """Numbers of contents of other models with a name that `model_key` lacks, some at a time."""
    there = image_names.alias()
    lacks = ~(
        select(there.c.id)
        .where(there.c.model_key == model_key, there.c.id == image_names.c.id)
        .exists()
    )
    numbers = select(image_names.c.number).where(image_names.c.model_key != model_key, lacks)
    with transactions.read() as connection:
        every = list(connection.scalars(numbers.distinct().order_by(image_names.c.number)))
    return [list(some) for some in batches(every)]


def load_unmoved(
    transactions: Transactions, model_key: str, numbers: list[int]
) -> Iterator[Unmoved]:
    """Those contents, with the names that are lacking."""
    with transactions.read() as connection:
        contents = connection.execute(
            select(images.c.number, images.c.sha256, images.c.bytes, images.c.created_at)
            .where(images.c.number.in_(numbers))
            .order_by(images.c.number)
        ).all()
        names = connection.execute(
            select(image_names)
            .where(image_names.c.number.in_(numbers))
            .order_by(image_names.c.created_at, image_names.c.id)
        ).all()
        here = (image_names.c.model_key == model_key, image_names.c.id.in_([n.id for n in names]))
        taken = set(connection.scalars(select(image_names.c.id).where(*here)))
        same = select(images.c.sha256, images.c.number).where(
            images.c.model_key == model_key, images.c.sha256.in_([row.sha256 for row in contents])
        )
        known = {row.sha256: row.number for row in connection.execute(same)}
    lacking: dict[int, list[CarriedName]] = {}
    for row in names:
        if row.id not in taken:
            name = CarriedName(row.id, row.source, row.metadata, utc(row.created_at))
            lacking.setdefault(row.number, []).append(name)
    for row in contents:
        if mine := lacking.get(row.number):
            number = known.get(row.sha256)
            yield Unmoved(row.sha256, row.bytes, utc(row.created_at), tuple(mine), number)


def carry_names(
    transactions: Transactions, model_key: str, number: int, names: Sequence[CarriedName]
) -> None:
    """Gives a content of `model_key` those names too, where no other content has them.

    Raises `StorageFullError`.
    """
    with writing(transactions) as connection:
        key = (image_names.c.model_key == model_key, image_names.c.id.in_([n.id for n in names]))
        taken = set(connection.scalars(select(image_names.c.id).where(*key)))
        for name in names:
            if name.id not in taken:
                facts = {"id": name.id, "source": name.source, "metadata": dict(name.metadata)}
                row = facts | {"created_at": name.created_at, "number": number}
                connection.execute(insert(image_names).values(model_key=model_key, **row))


def forget_model(transactions: Transactions, model_key: str) -> int:
    """Deletes everything stored under a model; how many contents that were.

    Raises `StorageFullError`.
    """
    with writing(transactions) as connection:
        here = images.c.model_key == model_key
        numbers = tuple(connection.scalars(select(images.c.number).where(here)))
        connection.execute(delete(image_names).where(image_names.c.model_key == model_key))
        connection.execute(delete(images).where(here))
        record_removals(connection, model_key, numbers)
        return len(numbers)
