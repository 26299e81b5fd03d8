"""The process that `test_kill` kills: imports tags for ever, saying when each import is over."""

from __future__ import annotations

import sys

from app.database import Database
from vocab.store import VocabularyStore
from vocab.tags import TagDraft


def main(url: str, tags: int) -> None:
    store = VocabularyStore(Database(url))
    while True:
        begun = store.head()
        drafts = [TagDraft(f"第{begun}批{n}", aliases=(f"别名{begun}之{n}",)) for n in range(tags)]
        sys.stdout.write(f"begin {begun}\n")
        sys.stdout.flush()
        with store.editing("child", "导入") as edit:
            edit.create_all(drafts)
        sys.stdout.write(f"done {edit.outcome.revision}\n")
        sys.stdout.flush()


main(sys.argv[1], int(sys.argv[2]))
