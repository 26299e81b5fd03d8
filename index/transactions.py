"""Where the store of images gets its connections, and what becomes of a full disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from index.errors import StorageFullError


class Transactions(Protocol):
    """A database; `app.database.Database` is one."""

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the database throughout."""

    def write(self) -> AbstractContextManager[Connection]:
        """The only writing transaction: committed at the end, rolled back on an exception."""


@contextmanager
def writing(transactions: Transactions) -> Iterator[Connection]:
    """A writing transaction. Raises `StorageFullError` where the disk has no room for it."""
    try:
        with transactions.write() as connection:
            yield connection
    except OperationalError as error:
        reason = str(error.orig)
        if "is full" in reason or "No space left" in reason:
            raise StorageFullError(
                "磁盘空间不足，这次写入没有生效", remedy="清理数据目录所在的磁盘后重试。"
            ) from error
        raise
