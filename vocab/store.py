"""Persistence of the vocabulary: the newest tags, every older revision, and edits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from typing import Protocol

from sqlalchemy import Connection, select

from vocab.contents import Contents, brought_up_to_date, head_of
from vocab.edit import Edit, new_tag_id
from vocab.errors import StaleEditError, TagNotFoundError
from vocab.history import diff, list_revisions, vocabulary_at
from vocab.idempotency import forget, recall
from vocab.names import clean_line, clean_text
from vocab.search import find_tags
from vocab.tables import batches, tags
from vocab.tag_json import tag_from_json
from vocab.tags import Revision, StoredTag, Tag, TagPage, Vocabulary, VocabularyDiff

MAX_AUTHOR_LENGTH = 200
MAX_REASON_LENGTH = 1_000


class Transactions(Protocol):
    """Where the store gets its connections; `app.database.Database` is one."""

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the database throughout."""

    def write(self) -> AbstractContextManager[Connection]:
        """The only writing transaction: committed at the end, rolled back on an exception."""


def now_utc() -> datetime:
    """The time an edit is dated with."""
    return datetime.now(timezone.utc)


class VocabularyStore:
    """The vocabulary in a database. Safe to share between threads.

    The newest contents are kept in memory, so that an edit of one tag among 100,000 reads and
    writes that tag alone; they are brought up to date from the history inside each transaction.
    """

    def __init__(self, transactions: Transactions, *, clock: Callable[[], datetime] = now_utc):
        self._transactions = transactions
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: Contents | None = None

    def head(self) -> int:
        """The number of the newest revision; 0 while there is none."""
        with self._transactions.read() as connection:
            return head_of(connection)

    def load(self) -> Vocabulary:
        """The newest vocabulary, read again only as far as it changed."""
        with self._transactions.read() as connection:
            contents = self._read(connection)
        self._keep(contents)
        return contents.vocabulary

    def stored(self, tag_id: str) -> StoredTag:
        """A tag and its revision. Raises `TagNotFoundError`."""
        with self._transactions.read() as connection:
            row = connection.execute(
                select(tags.c.body, tags.c.revision).where(tags.c.id == tag_id[:64])
            ).first()
        if row is None:
            raise TagNotFoundError(
                f"没有 id 为 {tag_id[:64]} 的标签", field="id", remedy="请先查询标签列表。"
            )
        return StoredTag(tag_from_json(tag_id, row.body), row.revision)

    def many(self, tag_ids: Iterable[str]) -> tuple[Tag, ...]:
        """The tags with these ids, in no particular order; unknown ids are passed over."""
        wanted = sorted(set(tag_ids))
        if not wanted:
            return ()
        with self._transactions.read() as connection:
            return tuple(
                tag_from_json(row.id, row.body)
                for some in batches(wanted)
                for row in connection.execute(
                    select(tags.c.id, tags.c.body).where(tags.c.id.in_(some))
                )
            )

    def get(self, tag_id: str) -> Tag:
        """A tag. Raises `TagNotFoundError`."""
        return self.stored(tag_id).tag

    def revision_of(self, tag_id: str) -> int:
        """The revision that last changed a tag. Raises `TagNotFoundError`."""
        return self.stored(tag_id).revision

    def list(
        self,
        query: str = "",
        category: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> TagPage:
        """One page of tags, by part of a name or alias, pinyin, category and state."""
        with self._transactions.read() as connection:
            return find_tags(
                connection,
                query=query,
                category=category,
                state=state,
                cursor=cursor,
                limit=limit,
            )

    def revisions(self, before: int | None = None, limit: int = 50) -> tuple[Revision, ...]:
        """The newest revisions first; `before` is the last number of the page before."""
        with self._transactions.read() as connection:
            return list_revisions(connection, before=before, limit=limit)

    def at(self, revision: int) -> Vocabulary:
        """The vocabulary as it was (0: empty). Raises `RevisionNotFoundError`."""
        with self._transactions.read() as connection:
            return vocabulary_at(connection, revision)

    def diff(self, older: int, newer: int) -> VocabularyDiff:
        """What differs between two revisions. Raises `RevisionNotFoundError`."""
        with self._transactions.read() as connection:
            return diff(connection, older, newer)

    @contextmanager
    def rehearsing(
        self,
        author: str,
        *,
        if_match: int | None = None,
        new_id: Callable[[], str] = new_tag_id,
    ) -> Iterator[Edit]:
        """An edit that checks as `editing` does, in a reading transaction: it keeps nothing and
        makes no writer wait.
        """
        author = clean_line(author, field="author", limit=MAX_AUTHOR_LENGTH) or "anonymous"
        with self._transactions.read() as connection:
            base = self._read(connection)
            _check_match(base, if_match)
            yield Edit(connection, base, author=author, reason="", now=self._clock(), new_id=new_id)

    @contextmanager
    def editing(
        self,
        author: str,
        reason: str,
        *,
        if_match: int | None = None,
        dry_run: bool = False,
        new_id: Callable[[], str] = new_tag_id,
    ) -> Iterator[Edit]:
        """An edit in the one writing transaction, which commits when the body is over.

        An exception in the body leaves no trace. `if_match` is the vocabulary's revision the
        writer has read; a newer one raises `StaleEditError`. A dry run checks and keeps nothing.
        """
        author = clean_line(author, field="author", limit=MAX_AUTHOR_LENGTH) or "anonymous"
        reason = clean_text(reason, field="reason", limit=MAX_REASON_LENGTH)
        try:
            with self._transactions.write() as connection:
                base = self._read(connection)
                _check_match(base, if_match)
                now = self._clock()
                edit = Edit(connection, base, author=author, reason=reason, now=now, new_id=new_id)
                yield edit
                edit.write()
                if dry_run:
                    raise _DryRunError
        except _DryRunError:
            return
        self._keep(edit.contents())

    def recall(self, author: str, key: str, request_digest: str) -> str | None:
        """The answer once given under an idempotency key. Raises `IdempotencyError`."""
        author = clean_line(author, field="author", limit=MAX_AUTHOR_LENGTH) or "anonymous"
        with self._transactions.read() as connection:
            return recall(connection, author, key, request_digest)

    def forget_answers(self, before: datetime) -> int:
        """Removes the answers kept for idempotency keys before that time; returns how many."""
        with self._transactions.write() as connection:
            return forget(connection, before)

    def _read(self, connection: Connection) -> Contents:
        known = self._newest
        contents = brought_up_to_date(connection, known)
        if known is not None and contents.revision < known.revision:
            # An older database was put in place of the one we knew.
            with self._lock:
                self._newest = None
        return contents

    def _keep(self, contents: Contents) -> None:
        """Remembers contents, unless a later revision came first."""
        with self._lock:
            newest = self._newest
            if newest is None or newest.revision <= contents.revision:
                self._newest = contents


def _check_match(base: Contents, if_match: int | None) -> None:
    if if_match is not None and if_match != base.revision:
        raise StaleEditError(
            f"词表已更新到版本 {base.revision}，提交所依据的是版本 {if_match}",
            current_revision=base.revision,
        )


class _DryRunError(Exception):
    """Undoes the transaction of a dry run."""
