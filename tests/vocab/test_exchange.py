from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import Database
from vocab.decoding import decode_text
from vocab.errors import ExchangeError, ImportRefusedError, VocabularyError
from vocab.exchange import export_csv, export_json, join_list, split_list
from vocab.imports import import_tags, read_tags
from vocab.store import VocabularyStore
from vocab.tags import Tag, TagDraft, Vocabulary

EXPORTS = [export_csv, export_json]


def load(store: VocabularyStore, data: bytes, **options: str) -> tuple[Tag, ...]:
    with store.editing("a", "导入") as edit:
        import_tags(edit, read_tags(data), **options)  # type: ignore[arg-type]
    return store.load().tags


def lines_at_fault(data: bytes, store: VocabularyStore) -> list[tuple[int, str | None]]:
    with pytest.raises(ImportRefusedError) as refused:
        load(store, data)
    assert store.head() == 0
    return [(problem.line, problem.field) for problem in refused.value.problems]


# There and back.

FULL = (
    TagDraft("动物", category="生物"),
    TagDraft(
        "猫",
        category="动物,宠物",
        parents=("动物",),
        aliases=("a|b", "c\\d", 'e"f', "=1+1"),
        gloss="cat",
        description='第一行\r\n"第二行",\n尾',
        prompt_templates=("{}|{}", "\\{}"),
        negative_prompts=("狗\\",),
        state="paused",
        threshold=0.1 + 0.2,
        notes="备注",
        exclusive_group="组",
        examples=("x-1",),
    ),
    TagDraft("猫", state="paused"),
    TagDraft("小猫", parents=("动物",)),
    TagDraft("🐱", aliases=("👨‍👩‍👧",)),
)


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_what_was_exported_imports_back_to_the_same(
    store: VocabularyStore, tmp_path: Path, export: Callable[[Vocabulary], bytes], mode: str
) -> None:
    with store.editing("a", "r") as edit:
        made = edit.create_all(FULL)
        # A parent whose name is not its own alone goes by its id.
        edit.update(made[3].id, {"parents": [made[2].id]})
    exported = export(store.load())
    other_database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    other_database.migrate()
    assert load(VocabularyStore(other_database), exported, mode=mode) == store.load().tags
    other_database.close()
    head = store.head()
    load(store, exported, mode=mode)
    assert store.head() == head


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp", "Zs")), min_size=1
).map(lambda text: text[:10])
drafts = st.lists(
    st.builds(
        TagDraft,
        name=names,
        aliases=st.lists(names, max_size=3).map(tuple),
        description=st.text(st.sampled_from('字|\\",;\n\r\t ='), max_size=8),
        category=names,
        threshold=st.none() | st.floats(-1, 1),
        target=st.sampled_from(["", "", "best_f1", "false_positive_rate = 1e-3"]),
        state=st.sampled_from(["active", "paused"]),
    ),
    max_size=5,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drafts=drafts)
def test_any_vocabulary_survives_both_formats(
    store: VocabularyStore, drafts: list[TagDraft]
) -> None:
    try:
        with store.editing("a", "r") as edit:
            edit.replace_all(drafts)
    except VocabularyError:
        return  # the drafts clash: no vocabulary to speak of
    here = store.load()
    for export in EXPORTS:
        with store.editing("a", "r") as edit:
            edit.replace_all([])
            import_tags(edit, read_tags(export(here)))
            assert {t.id: t for t in edit.vocabulary().tags} == {t.id: t for t in here.tags}


@given(st.lists(st.text(st.sampled_from("a|\\ "), min_size=1).map(str.strip).filter(bool)))
def test_a_list_survives_its_cell(entries: list[str]) -> None:
    assert split_list(join_list(entries)) == entries


# Files people have.


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("gbk"),
        lambda text: text.encode("gb18030"),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    ],
)
def test_a_file_is_read_in_the_encodings_people_save_in(
    store: VocabularyStore, encode: Callable[[str], bytes]
) -> None:
    text = "name,category,aliases\r\n汉服,服饰,华服|漢服裝\r\n猫,动物,\r\n"
    tags = load(store, encode(text))
    assert [(t.name, t.category, t.aliases) for t in tags] == [
        ("汉服", "服饰", ("华服", "漢服裝")),
        ("猫", "动物", ()),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("狗", "gbk"),
        ("苹果,水果", "gbk"),
        ("name\n火锅\n饺子\n", "gbk"),
        ("蘋果,水果\n火鍋,食物", "big5"),
        ("漢服,服飾", "big5"),
        ("贓", "utf-8"),
    ],
)
def test_the_encoding_is_told_from_few_characters(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ExchangeError):
        read_tags(b"\x89PNG\r\n\x1a\n\xff\xfe\x00\x00")


def test_columns_may_be_chinese_in_any_order_and_few(store: VocabularyStore) -> None:
    (tag,) = load(store, "分类;名称;别名\n服饰;汉服;华服\n\n;;\n".encode())
    assert (tag.name, tag.category, tag.aliases) == ("汉服", "服饰", ("华服",))


def test_a_column_the_file_lacks_is_left_as_it_is(store: VocabularyStore) -> None:
    with store.editing("a", "r") as edit:
        edit.create(TagDraft("猫", gloss="cat", category="动物"))
    (tag,) = load(store, "name,category\n猫,宠物\n".encode())
    assert (tag.gloss, tag.category) == ("cat", "宠物")


def test_every_line_at_fault_is_told_by_number(store: VocabularyStore) -> None:
    data = (
        "name,parents,description,threshold,state,target\n"  # 1
        "猫,,,,,precision_target=0.9\n"  # 2
        '"多行",,"一\n二",,\n'  # 3 and 4
        ",,没有名称,,\n"  # 5
        f"{'长' * 300},,,,\n"  # 6
        "狗,没有的,,,\n"  # 7
        "猫,,,,\n"  # 8
        "鸟,,,高,\n"  # 9
        "鱼,,,,睡觉\n"  # 10
        "一,,,,,,多了,\n"  # 11
        "a\x07b,,,,\n"  # 12
        f"字,,{'字' * 20_000},,\n"  # 13
        "龟,,,,,recall=0.9\n"  # 14
        "蛇,,,0.3,,best_f1\n"  # 15
    ).encode()
    assert lines_at_fault(data, store) == [
        (5, "name"),
        (6, "name"),
        (8, "name"),
        (9, "threshold"),
        (10, "state"),
        (11, None),
        (12, "name"),
        (13, "description"),
        (14, "target"),
        (15, "target"),
    ]


def test_clashes_parents_and_cycles_are_told_by_line_too(store: VocabularyStore) -> None:
    assert lines_at_fault("name,aliases\n猫,\n\n狗,猫\n".encode(), store) == [(4, "aliases")]
    assert lines_at_fault("name,parents\n猫,动物\n狗,\n".encode(), store) == [(2, "parents")]
    assert lines_at_fault("name,parents\n甲,\n乙,丙\n丙,乙\n".encode(), store) == [(3, "parents")]


def test_a_repeated_line_is_told_with_the_first_one(store: VocabularyStore) -> None:
    with pytest.raises(ImportRefusedError) as refused:
        load(store, "name\n汉服\n猫\n漢服\n".encode())
    (problem,) = refused.value.problems
    assert (problem.line, problem.message) == (4, "“漢服”与第 2 行重复")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"category\nx\n",
        b"name,colour\nx,y\n",
        b"name,name\nx,y\n",
        b'name\n"x\n',
        b'name\n"x"y\n',
        b"name\n" + b"x" * 200_000 + b"\n",
        b"[",
        b"{}",
        b'{"tags": 3}',
        b'{"format": "other", "tags": []}',
        b'{"version": 2, "tags": []}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(ExchangeError) as refused:
        read_tags(data)
    assert refused.value.field == "file"


def test_json_items_are_told_by_number(store: VocabularyStore) -> None:
    items = [
        {"name": "猫"},
        "狗",
        {"name": 3},
        {"name": "鸟", "colour": "red"},
        {"gloss": "no name"},
        {"name": "鱼", "threshold": float("nan")},
        {"name": "貓"},
        {"name": "x", "aliases": None},
    ]
    assert lines_at_fault(json.dumps(items).encode(), store) == [
        (2, None),
        (3, "name"),
        (4, "colour"),
        (5, "name"),
        (6, "threshold"),
        (7, "name"),
        (8, "aliases"),
    ]


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: f"name,aliases\n{t}".encode()))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_tags(data)
    except ExchangeError as error:
        assert error.field == "file"  # noqa: PT017
