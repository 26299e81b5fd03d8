from __future__ import annotations

from app.encoders.wordpiece import UNKNOWN, VOCABULARY_FILE, WordPieceTokenizer, read_vocabulary
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


def test_no_starter_name_is_a_blank_to_the_shipped_tokenizer() -> None:
    unknown, tokenize = read_vocabulary(VOCABULARY_FILE)[UNKNOWN], WordPieceTokenizer()
    names = [name for draft in starter_tags() for name in (draft.name, *draft.aliases)]
    tokens = tokenize(names)
    blank = ((tokens.ids == unknown) | (tokens.mask == 0)).sum(axis=1) == tokens.ids.shape[1] - 2
    assert [name for name, is_blank in zip(names, blank, strict=True) if is_blank] == []


def test_there_are_enough_tags_in_enough_categories() -> None:
    drafts = starter_tags()
    assert len(drafts) >= 2_000
    assert len({draft.category for draft in drafts}) >= 24
    assert all(draft.gloss for draft in drafts)


def test_indoors_and_outdoors_exclude_each_other() -> None:
    groups = {draft.name: draft.exclusive_group for draft in starter_tags()}
    assert groups["室内"] == groups["室外"] != ""
