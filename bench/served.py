"""What the benches of the running service share: a vocabulary of any size, and its memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.database import Database
from app.settings import Settings
from vocab.starter import starter_tags
from vocab.store import VocabularyStore
from vocab.tags import TagDraft


@contextmanager
def vocabulary_of(count: int) -> Iterator[str]:
    """A data directory with so many tags: the shipped ones, then made-up combinations of them."""
    names = [draft.name for draft in starter_tags()]
    made = names[:count] + [
        f"{names[n % len(names)]}{names[(n * 7 + n // len(names)) % len(names)]}{n}"
        for n in range(count - len(names))
    ]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Settings(data_dir=Path(folder)).database)
        database.migrate()
        with VocabularyStore(database).editing("bench", "many tags") as edit:
            edit.create_all([TagDraft(name, "测试") for name in dict.fromkeys(made)])
        database.close()
        yield folder


def rss_mib(pid: int) -> float:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * 4096 / (1 << 20)
