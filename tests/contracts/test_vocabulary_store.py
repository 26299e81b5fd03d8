"""What a vocabulary store must do, whichever database is under it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from app.database import Database
from vocab.embeddings import EmbeddingStore
from vocab.errors import (
    BulkEditError,
    CycleError,
    EmbeddingError,
    IdempotencyError,
    InvalidTagError,
    NameClashError,
    RevisionNotFoundError,
    StaleEditError,
    TagExistsError,
    TagNotFoundError,
    UnknownParentError,
    VocabularyError,
)
from vocab.examples import ExampleStore
from vocab.store import VocabularyStore
from vocab.tables import tag_versions
from vocab.tags import Tag, TagDraft, Vocabulary


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], scope="module"
)
def shared_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'tuqian.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("new_postgres_url")()
    made = Database(url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def database(shared_database: Database) -> Database:
    with shared_database.write() as connection:
        for table in (
            "tag_names",
            "tags",
            "tag_versions",
            "revisions",
            "tag_embeddings",
            "tag_examples",
            "idempotency_keys",
        ):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    return shared_database


@pytest.fixture
def store(database: Database) -> VocabularyStore:
    return VocabularyStore(database)


def add(store: VocabularyStore, *drafts: TagDraft | str) -> tuple[Tag, ...]:
    with store.editing("测试", "添加") as edit:
        return edit.create_all([d if isinstance(d, TagDraft) else TagDraft(d) for d in drafts])


def names(vocabulary: Vocabulary) -> list[str]:
    return [tag.name for tag in vocabulary.tags]


# An edit is kept whole or not at all.


def test_an_empty_store_is_at_revision_zero(store: VocabularyStore) -> None:
    assert store.head() == 0
    assert store.load() == Vocabulary(0)
    assert store.revisions() == ()


def test_an_edit_is_one_revision_however_many_tags_it_changes(store: VocabularyStore) -> None:
    add(store, "猫", "狗", "汉服")
    (only,) = store.revisions()
    assert (only.number, only.author, only.reason, only.changed_tags) == (1, "测试", "添加", 3)
    assert abs(datetime.now(timezone.utc) - only.created_at) < timedelta(minutes=1)
    assert names(store.load()) == ["猫", "狗", "汉服"]


def test_every_field_comes_back_as_it_went_in(store: VocabularyStore, database: Database) -> None:
    (parent,) = add(store, "服饰")
    draft = TagDraft(
        name="汉服",
        category="服饰",
        parents=("服饰",),
        aliases=("华服", "hanfu"),
        gloss="hanfu",
        description="中国传统服饰。\n第二行",
        prompt_templates=("一张{}的照片",),
        negative_prompts=("和服",),
        state="paused",
        threshold=0.25,
        notes="备注 🎉",
        exclusive_group="穿着",
        examples=("sha256-1",),
    )
    (tag,) = add(store, draft)
    assert tag == Tag(**{**vars(draft), "id": tag.id, "parents": (parent.id,)})
    for reader in (store, VocabularyStore(database)):
        assert reader.get(tag.id) == tag
        assert reader.load().tags == (parent, tag)
        assert reader.at(2).tags == (parent, tag)
        assert reader.list("汉服").items[0].tag == tag


def test_an_exception_in_the_body_leaves_no_trace(store: VocabularyStore) -> None:
    def edit_and_fail() -> None:
        with store.editing("a", "r") as edit:
            edit.create(TagDraft("猫"))
            assert names(edit.vocabulary()) == ["猫"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        edit_and_fail()
    assert store.head() == 0
    assert store.load().tags == ()
    add(store, "猫")  # no clash with the one that never was
    assert store.head() == 1


def test_a_failed_method_leaves_the_edit_as_it_was(store: VocabularyStore) -> None:
    with store.editing("a", "r") as edit:
        edit.create(TagDraft("猫"))
        with pytest.raises(NameClashError):
            edit.create(TagDraft("猫"))
        with pytest.raises(BulkEditError):
            edit.create_all([TagDraft("狗"), TagDraft("鸟", parents=("没有",))])
        with pytest.raises(BulkEditError):
            edit.create_all([TagDraft("狗"), TagDraft("")])
        assert names(edit.vocabulary()) == ["猫"]
        edit.create(TagDraft("狗"))
    assert names(store.load()) == ["猫", "狗"]


def test_the_editor_sees_the_vocabulary_before_it_is_committed(
    store: VocabularyStore, database: Database
) -> None:
    with store.editing("a", "r") as edit:
        edit.create(TagDraft("猫"))
        coming = edit.vocabulary()
        assert coming.revision == edit.revision == 1
        assert VocabularyStore(database).head() == 0
    assert store.load() == coming


def test_an_edit_that_changes_nothing_makes_no_revision_and_says_so(
    store: VocabularyStore,
) -> None:
    (tag,) = add(store, TagDraft("猫", category="动物"))
    with store.editing("a", "r") as edit:
        edit.update(tag.id, {"category": " 动物 "})
    assert (edit.outcome.changed, edit.outcome.revision) == (False, 1)
    with store.editing("a", "r") as edit:
        edit.update(tag.id, {"category": "宠物"})
        edit.update(tag.id, {"category": "动物"})
        passing = edit.create(TagDraft("狗"))
        edit.delete(passing.id)
    assert (edit.outcome.changed, edit.outcome.revision) == (False, 1)
    assert store.head() == 1
    assert store.revision_of(tag.id) == 1


def test_the_outcome_says_what_was_done(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", "狗")
    with store.editing("a", "r") as edit:
        bird = edit.create(TagDraft("鸟"))
        cat = edit.update(cat.id, {"gloss": "cat"})
        edit.delete(dog.id)
    done = edit.outcome
    assert (done.revision, done.changed) == (2, True)
    assert (done.created, done.updated, done.deleted) == ((bird,), (cat,), (dog,))


def test_a_dry_run_tells_all_and_keeps_nothing(store: VocabularyStore) -> None:
    with store.editing("a", "r", dry_run=True) as edit:
        edit.create(TagDraft("猫"))
    assert [tag.name for tag in edit.outcome.created] == ["猫"]
    assert store.head() == 0
    assert store.load().tags == ()


def test_an_author_without_a_name_is_anonymous(store: VocabularyStore) -> None:
    with store.editing("", "r") as edit:
        edit.create(TagDraft("猫"))
    assert store.revisions()[0].author == "anonymous"


def test_two_stores_on_one_database_follow_each_other(
    store: VocabularyStore, database: Database
) -> None:
    other = VocabularyStore(database)
    (cat,) = add(store, "猫")
    assert names(other.load()) == ["猫"]
    with other.editing("b", "r") as edit:
        edit.delete(cat.id)
        edit.create(TagDraft("狗"))
        edit.create(TagDraft("鸟"))
    (cat_again,) = add(store, TagDraft("猫", id=cat.id))
    assert cat_again == cat
    assert store.load() == other.load() == VocabularyStore(database).load()
    # An id that comes back stands where it stood.
    assert names(store.load()) == ["猫", "狗", "鸟"]


def test_concurrent_editors_lose_no_update(database: Database) -> None:
    def work(number: int) -> None:
        mine = VocabularyStore(database)
        for turn in range(4):
            add(mine, f"标签{number}之{turn}")

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, number) for number in range(6)]:
            done.result()
    store = VocabularyStore(database)
    assert store.head() == 24
    assert len(store.load().tags) == 24
    assert [r.number for r in store.revisions()] == list(range(24, 0, -1))


def test_two_writers_of_one_version_collide_in_the_database(
    store: VocabularyStore, database: Database
) -> None:
    (tag,) = add(store, "猫")
    version = {"tag_id": tag.id, "revision_id": 1, "position": 0, "body": "{}"}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(tag_versions), [version])


def test_the_database_itself_refuses_a_second_owner_of_a_name(
    store: VocabularyStore, database: Database
) -> None:
    _, dog = add(store, "猫", "狗")
    second = text("INSERT INTO tag_names (tag_id, key, active) VALUES (:id, '猫', true)")
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(second, {"id": dog.id})


# If-Match.


def test_a_writer_with_the_revision_it_read_may_write(store: VocabularyStore) -> None:
    (tag,) = add(store, "猫")
    with store.editing("a", "r", if_match=1) as edit:
        edit.update(tag.id, {"gloss": "cat"}, if_match=1)
    with store.editing("a", "r") as edit:
        edit.delete(tag.id, if_match=2)
    assert store.load().tags == ()


def test_a_stale_writer_of_a_tag_is_refused_with_the_current_revision(
    store: VocabularyStore,
) -> None:
    (tag,) = add(store, "猫")
    with store.editing("a", "r") as edit:
        edit.update(tag.id, {"gloss": "cat"})
    with pytest.raises(StaleEditError) as stale, store.editing("b", "r") as edit:
        edit.update(tag.id, {"gloss": "dog"}, if_match=1)
    assert (stale.value.current_revision, stale.value.tag_id) == (2, tag.id)
    with pytest.raises(StaleEditError) as stale, store.editing("b", "r") as edit:
        edit.delete(tag.id, if_match=1)
    assert (stale.value.current_revision, stale.value.tag_id) == (2, tag.id)
    assert store.get(tag.id).gloss == "cat"


def test_a_tag_another_edit_left_alone_is_not_stale(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", "狗")
    with store.editing("a", "r") as edit:
        edit.update(dog.id, {"gloss": "dog"})
    with store.editing("a", "r") as edit:
        edit.update(cat.id, {"gloss": "cat"}, if_match=1)
    assert store.revision_of(cat.id) == 3
    assert store.revision_of(dog.id) == 2


def test_a_stale_writer_of_the_vocabulary_is_refused(store: VocabularyStore) -> None:
    add(store, "猫")
    with pytest.raises(StaleEditError) as stale, store.editing("a", "r", if_match=0):
        pass
    assert stale.value.current_revision == 1


# Names.


@pytest.mark.parametrize("other", ["漢服", "汉服 ", "汉\u200b服", "\ufeff汉服"])
def test_the_same_name_in_another_spelling_clashes(store: VocabularyStore, other: str) -> None:
    (tag,) = add(store, "汉服")
    with pytest.raises(NameClashError) as clash, store.editing("a", "r") as edit:
        edit.create(TagDraft(other))
    assert (clash.value.tag_id, clash.value.tag_name) == (tag.id, "汉服")
    assert tag.id in str(clash.value)


def test_a_clash_names_the_alias_and_the_tag_it_clashes_with(store: VocabularyStore) -> None:
    (tag,) = add(store, TagDraft("汉服", aliases=("华服",)))
    with pytest.raises(NameClashError) as clash, store.editing("a", "r") as edit:
        edit.create(TagDraft("礼服", aliases=("礼裙", "華服")))
    assert clash.value.field == "aliases"
    assert clash.value.item is None
    assert str(clash.value) == f"别名“華服”已是标签“汉服”（{tag.id}）的别名“华服”"


def test_tags_of_one_request_clash_with_each_other(store: VocabularyStore) -> None:
    with pytest.raises(BulkEditError) as refused:
        add(store, "猫", TagDraft("狗", aliases=("猫",)), "猫")
    assert [(p.item, p.field) for p in refused.value.problems] == [(1, "aliases"), (2, "name")]
    assert store.head() == 0


def test_an_alias_that_repeats_the_name_is_left_out(store: VocabularyStore) -> None:
    (tag,) = add(store, TagDraft("汉服", aliases=("漢服", "华服", "華服")))
    assert tag.aliases == ("华服",)


def test_a_paused_tag_frees_its_name_and_cannot_take_it_back(store: VocabularyStore) -> None:
    (first,) = add(store, "猫")
    with store.editing("a", "r") as edit:
        edit.update(first.id, {"state": "paused"})
    (second,) = add(store, "猫")
    with pytest.raises(NameClashError) as clash, store.editing("a", "r") as edit:
        edit.update(first.id, {"state": "active"})
    assert clash.value.tag_id == second.id


def test_two_tags_may_swap_their_names_in_one_edit(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", "狗")
    with store.editing("a", "r") as edit:
        edit.merge([{"id": cat.id, "name": "狗"}, {"id": dog.id, "name": "猫"}])
    assert [(t.id, t.name) for t in store.load().tags] == [(cat.id, "狗"), (dog.id, "猫")]


def test_a_name_that_was_given_up_is_free_in_the_same_edit(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", TagDraft("狗", aliases=("犬",)))
    with store.editing("a", "r") as edit:
        edit.update(cat.id, {"name": "老猫"})
        edit.create(TagDraft("猫"))
        edit.delete(dog.id)
        edit.create(TagDraft("犬"))
    assert names(store.load()) == ["老猫", "猫", "犬"]


@pytest.mark.parametrize("name", ["'; DROP TABLE tags; --", '"', "%_\\", "🐱", "👨‍👩‍👧", "a" * 64])
def test_a_name_is_only_a_name(store: VocabularyStore, name: str) -> None:
    (tag,) = add(store, name)
    assert tag.name == name
    assert store.list(name).items[0].tag == tag
    with pytest.raises(NameClashError), store.editing("a", "r") as edit:
        edit.create(TagDraft(name))


def test_wrong_fields_are_refused_by_name(store: VocabularyStore) -> None:
    (tag,) = add(store, "猫")
    for changes, field in (
        ({"name": "猫" * 300}, "name"),
        ({"name": "猫\x00"}, "name"),
        ({"name": 1}, "name"),
        ({"description": "字" * 1_000_000}, "description"),
        ({"colour": "red"}, "colour"),
        ({"id": "other"}, "id"),
        ({"aliases": "喵"}, "aliases"),
        ({"threshold": float("nan")}, "threshold"),
        ({"target": "recall=0.9"}, "target"),
        ({"target": "best_f1", "threshold": 0.3}, "target"),
    ):
        with pytest.raises(InvalidTagError) as refused, store.editing("a", "r") as edit:
            edit.update(tag.id, changes)
        assert refused.value.field == field
    assert store.head() == 1


def test_a_target_is_a_field_like_the_others_and_no_tag_has_a_threshold_beside_it(
    store: VocabularyStore,
) -> None:
    (tag,) = add(store, TagDraft("猫", target="precision_target=0.90"))
    assert tag.target == "precision_target=0.9"
    with store.editing("a", "r") as edit:
        edit.update(tag.id, {"target": "", "threshold": 0.3})
    (change,) = store.diff(1, 2).changes
    assert change.fields == ("threshold", "target")
    for again in ({"target": "best_f1"}, {"name": "猫", "target": "best_f1"}):
        with pytest.raises(VocabularyError) as refused, store.editing("a", "r") as edit:
            edit.update(tag.id, again) if "name" not in again else edit.merge([again])
        assert "threshold" in str(refused.value)
    with store.editing("a", "r") as edit:
        edit.rollback_to(1)
    assert store.get(tag.id) == tag


# Parents.


def test_parents_may_be_names_aliases_or_ids_and_come_later_in_the_request(
    store: VocabularyStore,
) -> None:
    (animal,) = add(store, TagDraft("动物", aliases=("動物界",)))
    cat, pet, dog = add(
        store,
        TagDraft("猫", parents=("宠物", "动物")),
        TagDraft("宠物", parents=("动物界",)),
        TagDraft("狗", parents=(animal.id, "动物")),
    )
    assert cat.parents == (pet.id, animal.id)
    assert pet.parents == (animal.id,)
    assert dog.parents == (animal.id,)


def test_a_paused_tag_can_be_a_parent_by_name(store: VocabularyStore) -> None:
    (paused,) = add(store, TagDraft("动物", state="paused"))
    (cat,) = add(store, TagDraft("猫", parents=("动物",)))
    assert cat.parents == (paused.id,)
    (active,) = add(store, "动物")
    (dog,) = add(store, TagDraft("狗", parents=("动物",)))
    assert dog.parents == (active.id,)


def test_an_unknown_parent_is_named(store: VocabularyStore) -> None:
    with pytest.raises(UnknownParentError) as refused, store.editing("a", "r") as edit:
        edit.create(TagDraft("猫", parents=("哺乳动物",)))
    assert str(refused.value) == "标签“猫”的父标签“哺乳动物”不存在"


def test_a_cycle_is_refused_with_its_path(store: VocabularyStore) -> None:
    animal, _, _ = add(
        store, "动物", TagDraft("猫", parents=("动物",)), TagDraft("小猫", parents=("猫",))
    )
    with pytest.raises(CycleError) as refused, store.editing("a", "r") as edit:
        edit.update(animal.id, {"parents": ["小猫"]})
    assert refused.value.path == ("动物", "小猫", "猫", "动物")
    assert "动物 → 小猫 → 猫 → 动物" in str(refused.value)
    with pytest.raises(CycleError) as refused, store.editing("a", "r") as edit:
        edit.create(TagDraft("自己", parents=("自己",)))
    assert refused.value.path == ("自己", "自己")


def test_children_lose_a_parent_that_is_deleted(store: VocabularyStore) -> None:
    animal, cat = add(store, "动物", TagDraft("猫", parents=("动物",)))
    with store.editing("a", "r") as edit:
        edit.delete(animal.id)
    assert store.load().tags == (replace(cat, parents=()),)
    assert edit.outcome.updated == (replace(cat, parents=()),)


def test_many_tags_are_deleted_at_once_or_not_at_all(store: VocabularyStore) -> None:
    animal, cat, kitten = add(
        store, "动物", TagDraft("猫", parents=("动物",)), TagDraft("小猫", parents=("猫", "动物"))
    )
    with pytest.raises(TagNotFoundError), store.editing("a", "r") as edit:
        edit.delete_all([animal.id, "nobody"])
    with store.editing("a", "r") as edit:
        edit.delete_all([animal.id, cat.id, cat.id])
    assert store.load().tags == (replace(kitten, parents=()),)


# History.


def test_the_past_can_be_read_and_compared(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", "狗")
    with store.editing("a", "r") as edit:
        new_cat = edit.update(cat.id, {"gloss": "cat", "category": "动物"})
        edit.delete(dog.id)
        bird = edit.create(TagDraft("鸟"))
    assert store.at(0).tags == ()
    assert store.at(1).tags == (cat, dog)
    assert store.at(2) == store.load()
    diff = store.diff(1, 2)
    assert diff.added == (bird,)
    assert diff.removed == (dog,)
    assert [(c.before, c.after, c.fields) for c in diff.changed] == [
        (cat, new_cat, ("category", "gloss"))
    ]
    back = store.diff(2, 1)
    assert (back.added, back.removed) == ((dog,), (bird,))
    assert store.diff(2, 2).changes == ()
    assert store.diff(0, 2).added == (new_cat, bird)


def test_a_roll_back_is_a_new_revision_equal_to_an_old_one(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", "狗")
    with store.editing("a", "r") as edit:
        edit.delete(cat.id)
        edit.update(dog.id, {"name": "猫"})
        edit.create(TagDraft("狗"))
    with store.editing("a", "回滚") as edit:
        edit.rollback_to(1)
    assert edit.outcome.revision == 3
    assert store.load().tags == store.at(1).tags == (cat, dog)
    assert [r.number for r in store.revisions()] == [3, 2, 1]
    assert store.diff(1, 3).changes == ()


def test_a_roll_back_to_the_present_changes_nothing(store: VocabularyStore) -> None:
    add(store, "猫")
    with store.editing("a", "r") as edit:
        edit.rollback_to(1)
    assert not edit.outcome.changed


def test_a_revision_that_never_was_is_refused(store: VocabularyStore) -> None:
    add(store, "猫")
    for ask in (lambda: store.at(2), lambda: store.diff(0, 5), lambda: store.at(-1)):
        with pytest.raises(RevisionNotFoundError):
            ask()
    with pytest.raises(RevisionNotFoundError), store.editing("a", "r") as edit:
        edit.rollback_to(2)


def test_revisions_are_listed_in_pages(store: VocabularyStore) -> None:
    for number in range(5):
        add(store, f"标签{number}")
    first = store.revisions(limit=2)
    assert [r.number for r in first] == [5, 4]
    assert [r.number for r in store.revisions(before=4, limit=2)] == [3, 2]


# Bulk.


def test_ten_thousand_tags_are_one_edit_of_a_few_seconds(store: VocabularyStore) -> None:
    drafts = [TagDraft(f"第{n}种", aliases=(f"别名{n}",)) for n in range(10_000)]
    began = time.monotonic()
    add(store, *drafts)
    assert time.monotonic() - began < 30  # a few seconds on an idle machine
    assert store.head() == 1
    assert len(store.load().tags) == 10_000


def test_a_merge_changes_tags_by_id_or_name_and_adds_the_others(store: VocabularyStore) -> None:
    cat, dog = add(store, TagDraft("猫", gloss="cat"), "狗")
    with store.editing("a", "r") as edit:
        edit.merge(
            [
                {"name": "貓", "category": "动物"},
                {"id": dog.id, "name": "小狗"},
                {"name": "鸟", "id": ""},
                {"name": "鱼", "id": "fish"},
            ]
        )
    tags = store.load().tags
    assert tags[0] == replace(cat, name="貓", category="动物")
    assert tags[1] == replace(dog, name="小狗")
    assert [tag.name for tag in tags[2:]] == ["鸟", "鱼"]
    assert tags[3].id == "fish"


def test_a_merge_does_not_rename_the_tag_it_knows_by_an_alias(store: VocabularyStore) -> None:
    add(store, TagDraft("汉服", aliases=("华服",)))
    with pytest.raises(BulkEditError, match="华服"), store.editing("a", "r") as edit:
        edit.merge([{"name": "华服"}])


def test_replacing_all_keeps_the_ids_of_the_same_names(store: VocabularyStore) -> None:
    cat, dog = add(store, "猫", TagDraft("狗", category="动物"))
    with store.editing("a", "r") as edit:
        edit.replace_all([TagDraft("鸟", aliases=("猫",)), TagDraft("狗", parents=("鸟",))])
    new_dog, bird = store.load().tags
    assert new_dog == Tag(id=dog.id, name="狗", parents=(bird.id,))
    assert bird.aliases == ("猫",)
    assert edit.outcome.deleted == (cat,)


def test_an_id_that_is_taken_or_no_id_is_refused(store: VocabularyStore) -> None:
    (cat,) = add(store, TagDraft("猫", id="cat"))
    assert cat.id == "cat"
    with pytest.raises(TagExistsError), store.editing("a", "r") as edit:
        edit.create(TagDraft("狗", id="cat"))
    with pytest.raises(InvalidTagError), store.editing("a", "r") as edit:
        edit.create(TagDraft("狗", id="a b/c"))


def test_a_tag_that_is_not_there_is_said_not_to_be(store: VocabularyStore) -> None:
    with pytest.raises(TagNotFoundError):
        store.get("nobody")
    with pytest.raises(TagNotFoundError), store.editing("a", "r") as edit:
        edit.update("nobody", {})
    with pytest.raises(TagNotFoundError), store.editing("a", "r") as edit:
        edit.delete("nobody")


# Search.


def test_tags_are_found_by_part_of_a_name_alias_or_pinyin(store: VocabularyStore) -> None:
    add(store, TagDraft("汉服", aliases=("华服",)), "汉服少女", "传统汉服", "T恤", "火锅")

    def found(query: str) -> list[str]:
        return [item.tag.name for item in store.list(query).items]

    assert found("汉服") == ["汉服", "汉服少女", "传统汉服"]
    assert found("漢服") == ["汉服", "汉服少女", "传统汉服"]
    assert found("华服") == ["汉服"]
    assert found("hf") == ["汉服", "汉服少女"]
    assert found("hanfu") == ["汉服", "汉服少女"]
    assert found("ctHF") == ["传统汉服"]
    assert found("tx") == ["T恤"]
    assert found("huo guo") == ["火锅"]
    assert found("没有") == []
    assert found("%") == []
    assert found("_") == []


def test_what_is_meant_comes_before_what_begins_so_and_shorter_names_come_first(
    store: VocabularyStore,
) -> None:
    hooded = TagDraft("连帽衫", aliases=("帽衫",))
    add(store, hooded, "毛衣外套", "毛衣", "猫咖", TagDraft("小猫", aliases=("猫",)), "卡毛", "茅")

    def found(query: str) -> list[str]:
        pages, cursor = [], None
        while True:  # one at a time: the order holds from page to page
            page = store.list(query, cursor=cursor, limit=1)
            pages += [item.tag.name for item in page.items]
            if (cursor := page.next) is None:
                return pages

    assert found("mao") == ["茅", "小猫", "毛衣", "猫咖", "连帽衫", "毛衣外套"]
    assert found("my") == ["毛衣", "毛衣外套"]
    assert found("毛") == ["毛衣", "毛衣外套", "卡毛"]
    assert found("猫") == ["小猫", "猫咖"]


def test_a_page_is_filtered_and_the_next_one_goes_on(store: VocabularyStore) -> None:
    add(
        store,
        *(TagDraft(f"猫{n}", category="动物") for n in range(5)),
        "狗",
        TagDraft("猫", state="paused"),
    )
    seen: list[str] = []
    cursor = None
    while True:
        page = store.list("猫", category="动物", cursor=cursor, limit=2)
        assert page.revision == 1
        seen += [item.tag.name for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"猫{n}" for n in range(5)]
    assert [i.tag.name for i in store.list(state="paused").items] == ["猫"]
    assert len(store.list().items) == 7
    everything = [i.tag.name for i in store.list("猫", limit=3).items]
    assert everything == ["猫", "猫0", "猫1"]


@pytest.mark.parametrize("cursor", ["", "x", "MTp4", "AAAA", "MToy" * 100])
def test_a_cursor_that_is_none_is_refused(store: VocabularyStore, cursor: str) -> None:
    with pytest.raises(VocabularyError) as refused:
        store.list(cursor=cursor)
    assert refused.value.field == "cursor"


def test_a_page_of_nothing_or_of_too_much_is_refused(store: VocabularyStore) -> None:
    for limit in (0, -1, 1_001):
        with pytest.raises(VocabularyError):
            store.list(limit=limit)


# Idempotency keys.


def test_a_key_gives_its_answer_again(store: VocabularyStore) -> None:
    with store.editing("a", "r") as edit:
        assert edit.recall("key", "digest") is None
        edit.create(TagDraft("猫"))
        edit.remember("key", "digest", '{"ok": 1}')
    assert store.recall("a", "key", "digest") == '{"ok": 1}'
    assert store.recall("b", "key", "digest") is None
    with pytest.raises(IdempotencyError):
        store.recall("a", "key", "another digest")
    assert store.forget_answers(datetime.now(timezone.utc) + timedelta(hours=1)) == 1
    assert store.recall("a", "key", "digest") is None


def test_a_key_of_a_failed_edit_is_forgotten_with_it(store: VocabularyStore) -> None:
    def remember_and_fail() -> None:
        with store.editing("a", "r") as edit:
            edit.remember("key", "digest", "{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        remember_and_fail()
    assert store.recall("a", "key", "digest") is None


# Vectors.


def test_embeddings_come_back_bit_for_bit_under_their_own_model(database: Database) -> None:
    embeddings = EmbeddingStore(database)
    vectors = {
        f"d{n}": np.random.default_rng(n).normal(size=8).astype(np.float32) for n in range(3)
    }
    embeddings.put("m1", vectors)
    embeddings.put("m2", {"d0": np.zeros(4, np.float32)})
    found = embeddings.get("m1", ["d2", "d0", "none", "d0"])
    assert set(found) == {"d0", "d2"}
    assert found["d0"].dtype == np.float32
    np.testing.assert_array_equal(found["d0"], vectors["d0"])
    embeddings.put("m1", {"d0": vectors["d1"]})
    np.testing.assert_array_equal(embeddings.get("m1", ["d0"])["d0"], vectors["d1"])
    assert embeddings.prune("m1", {"d0"}) == 2
    assert set(embeddings.get("m1", vectors)) == {"d0"}
    assert set(embeddings.get("m2", vectors)) == {"d0"}


def test_many_embeddings_are_read_in_one_pass(database: Database) -> None:
    embeddings = EmbeddingStore(database)
    vectors = {f"d{n}": np.full(4, n, np.float32) for n in range(6_000)}
    embeddings.put("m", vectors)
    found = embeddings.get("m", [*vectors, "none"])
    assert len(found) == 6_000
    assert found["d5999"][0] == 5_999


@pytest.mark.parametrize(
    "vector",
    [np.zeros((1, 4), np.float32), np.array([np.nan], np.float32), np.array([1]), np.zeros(0)],
)
def test_what_is_no_vector_is_not_kept(database: Database, vector: np.ndarray) -> None:
    with pytest.raises(EmbeddingError):
        EmbeddingStore(database).put("m", {"good": np.zeros(4, np.float32), "bad": vector})
    assert EmbeddingStore(database).get("m", ["good", "bad"]) == {}


def test_examples_are_kept_by_tag_and_model(database: Database) -> None:
    examples = ExampleStore(database)
    one, two = np.ones(4, np.float32), np.full(4, 2, np.float32)
    examples.add("t1", "m", {"a": one, "b": two})
    examples.add("t1", "m", {"a": two})
    examples.add("t1", "other", {"a": one})
    examples.add("t2", "m", {"a": one})
    assert {k: v[0] for k, v in examples.list("t1", "m").items()} == {"a": 2, "b": 2}
    assert {t: set(v) for t, v in examples.all("m").items()} == {"t1": {"a", "b"}, "t2": {"a"}}
    examples.remove("t1", ["a", "unknown"])
    assert set(examples.list("t1", "m")) == {"b"}
    assert examples.list("t1", "other") == {}
    assert examples.prune({"t1"}) == 1
    assert examples.all("m").keys() == {"t1"}
