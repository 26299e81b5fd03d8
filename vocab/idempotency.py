"""Answers kept by idempotency key, so that a request sent twice is carried out once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from vocab.errors import IdempotencyError
from vocab.names import clean_line
from vocab.tables import idempotency_keys

MAX_KEY_LENGTH = 200


def recall(connection: Connection, author: str, key: str, request_digest: str) -> str | None:
    """The answer kept for `key`; raises `IdempotencyError` where it was for another request."""
    columns = idempotency_keys.c
    row = connection.execute(
        select(columns.request_digest, columns.answer).where(
            columns.author == author, columns.key == _clean(key)
        )
    ).first()
    if row is None:
        return None
    if row.request_digest != request_digest:
        raise IdempotencyError(
            "这个幂等键已用于另一个请求",
            field="Idempotency-Key",
            remedy="重试时请原样发送同一个请求；新请求请换一个键。",
        )
    return str(row.answer)


def remember(
    connection: Connection,
    author: str,
    key: str,
    request_digest: str,
    answer: str,
    now: datetime,
) -> None:
    """Keeps the answer in the caller's transaction."""
    row = {
        "author": author,
        "key": _clean(key),
        "request_digest": request_digest,
        "answer": answer,
        "created_at": now,
    }
    connection.execute(insert(idempotency_keys), [row])


def forget(connection: Connection, before: datetime) -> int:
    """Removes the answers kept before that time; returns how many there were."""
    found = delete(idempotency_keys).where(idempotency_keys.c.created_at < before)
    return connection.execute(found).rowcount


def _clean(key: str) -> str:
    return clean_line(key, field="Idempotency-Key", limit=MAX_KEY_LENGTH)
