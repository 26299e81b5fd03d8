from __future__ import annotations

from vocab.starter import starter_tags
from vocab.store import VocabularyStore


def test_the_starter_vocabulary_can_be_stored(store: VocabularyStore) -> None:
    drafts = starter_tags()
    with store.editing("system", "起始词表") as edit:
        tags = edit.create_all(drafts)
    assert [tag.name for tag in tags] == [draft.name for draft in drafts]
    assert [tag.id for tag in store.load().tags] == [draft.id for draft in drafts]


def test_its_ids_are_the_same_everywhere() -> None:
    assert next(d.id for d in starter_tags() if d.name == "人物") == "t8d7aff5a595f"
