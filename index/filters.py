"""Which stored images a search or a re-tag is about, asked of the database."""

from __future__ import annotations

from datetime import timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import exists, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from index.images import Filters
from index.tables import image_names, image_tags, images
from index.transactions import Transactions


def matching(transactions: Transactions, model_key: str, filters: Filters) -> NDArray[np.int64]:
    """`(n,) int64`, ascending: the numbers of the model's contents that pass."""
    query = select(images.c.number).where(images.c.model_key == model_key)
    for group in filters.all_tags:
        has = image_tags.c.number == images.c.number
        query = query.where(exists().where(has, image_tags.c.tag_id.in_(group)))
    if filters.since:
        query = query.where(images.c.created_at >= filters.since.astimezone(timezone.utc))
    if filters.until:
        query = query.where(images.c.created_at < filters.until.astimezone(timezone.utc))
    with transactions.read() as connection:
        if filters.metadata:
            on_server = connection.dialect.name == "postgresql"
            equal = [_equal(key, value, on_server) for key, value in filters.metadata.items()]
            # All of them of one name: members of two names of a content do not add up.
            named = image_names.c.number == images.c.number
            query = query.where(exists().where(named, *equal))
        rows = connection.scalars(query.order_by(images.c.number))
        return np.fromiter(rows, dtype=np.int64)


def _equal(key: str, value: str | int | float | bool, on_server: bool) -> Any:
    column: Any = image_names.c.metadata
    if on_server:
        return type_coerce(column, JSONB).contains({key: value})
    member = column[key]
    if isinstance(value, bool):
        return member.as_boolean() == value
    if isinstance(value, str):
        return member.as_string() == value
    return member.as_float() == value
