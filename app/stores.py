"""The database opened, and the vocabulary in it, which is never empty."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from app.database import Database
from vocab.starter import starter_tags
from vocab.store import VocabularyStore


def open_database(url: str, stack: ExitStack) -> Database:
    """The database, its tables up to date; leaving the stack closes it."""
    database = Database(url)
    stack.callback(database.close)
    database.migrate()
    return database


def seeded(database: Database, report: Callable[[str, int, int], None]) -> VocabularyStore:
    """The vocabulary, which is the starter vocabulary where there was none."""
    store = VocabularyStore(database)
    if store.head() == 0:
        report("写入内置词表", 0, 0)
        with store.editing("tuqian", "内置词表") as edit:
            edit.create_all(starter_tags())
    return store
