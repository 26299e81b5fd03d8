"""The write path over a real store and the tiny model."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from app.database import Database
from app.editor import Editor
from app.encoders.base import Encoder, FloatArray, unit_rows
from app.encoders.builtin import load_builtin
from app.encoders.dual import DualEncoder
from app.errors import EncoderError
from app.follower import Follower
from app.snapshot import Live, Measure, Snapshot, active_tags, build_snapshot
from app.tag_vectors import TagVectors, blended
from tests.fixtures.tiny import write_tiny_model
from vocab.background import BackgroundBank
from vocab.edit import Edit
from vocab.embeddings import EmbeddingStore
from vocab.errors import CycleError, NameClashError, StaleEditError
from vocab.examples import ExampleStore
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.store import VocabularyStore
from vocab.tags import Tag, TagDraft

ROOT = Path(__file__).parents[2]


@dataclass
class Fragile:
    """The tiny model, which can be told to fail, and counts the texts it is given."""

    inner: DualEncoder
    name: str = "tiny"
    failing: bool = False
    texts: int = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        self.texts += len(texts)
        if self.failing:
            raise EncoderError("编码失败")
        return self.inner.encode_texts(texts)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DualEncoder:
    return load_builtin(write_tiny_model(tmp_path_factory.mktemp("tiny")), device="cpu", threads=1)


@pytest.fixture
def encoder(tiny: DualEncoder) -> Fragile:
    return Fragile(tiny)


def editor_on(database: Database, encoder: Fragile) -> Editor:
    real: Encoder = encoder  # type: ignore[assignment]
    dim, key = encoder.inner.dim, encoder.inner.model_key
    rng = np.random.default_rng(0)
    bank = rng.normal(size=(40, dim)).astype(np.float32)
    measure = Measure(
        probes=ProbeSet(unit_rows(rng.normal(size=(8, dim)).astype(np.float32))),
        bank=BackgroundBank(key, bank / np.linalg.norm(bank, axis=1, keepdims=True)),
        score_model=ScoreModel(),
    )
    vectors = TagVectors(
        real, EmbeddingStore(database), ExampleStore(database), ("{}", "一张{}"), 0.5
    )
    made = Editor(VocabularyStore(database), vectors, measure, Live())
    made.start()
    return made


@pytest.fixture
def editor(database: Database, encoder: Fragile) -> Editor:
    return editor_on(database, encoder)


def add(editor: Editor, *names: str) -> list[Tag]:
    drafts = [TagDraft(name) for name in names]
    return list(editor.edit("测试", "", lambda edit: edit.create_all(drafts)).value)


def live_names(editor: Editor) -> list[str]:
    return [tag.name for tag in editor.live.current().tags]


def assert_equal_to_a_fresh_build(editor: Editor) -> None:
    """The live snapshot is the one a start would build from the store."""
    live = editor.live.current()
    vocabulary = editor.store.load()
    tags = active_tags(vocabulary)
    fresh: Snapshot = build_snapshot(
        vocabulary.revision,
        tags,
        editor.vectors.of(tags),
        editor.measure,
    )
    assert live.revision == fresh.revision
    assert live.tags == fresh.tags
    assert dict(live.positions) == dict(fresh.positions)
    assert np.array_equal(live.index.vectors, fresh.index.vectors)
    for name in ("mean", "spread", "manual"):
        ours, theirs = getattr(live.calibration, name), getattr(fresh.calibration, name)
        assert np.allclose(ours, theirs, atol=1e-6, equal_nan=True)


def test_a_new_tag_is_live_when_the_edit_returns(editor: Editor) -> None:
    edited = editor.edit("测试", "", lambda edit: edit.create(TagDraft("汉服")))
    assert edited.outcome.revision == editor.live.current().revision == 1
    assert live_names(editor) == ["汉服"]


def test_an_edit_encodes_only_the_tags_it_changes(editor: Editor, encoder: Fragile) -> None:
    add(editor, "猫", "狗", "老虎")
    before = encoder.texts
    add(editor, "汉服")
    assert encoder.texts - before == 2  # its two templates


def test_every_kind_of_edit_leaves_the_snapshot_a_start_would_build(editor: Editor) -> None:
    cat, dog, tiger = add(editor, "猫", "狗", "老虎")
    assert_equal_to_a_fresh_build(editor)

    def change(edit: Edit) -> None:
        edit.update(cat.id, {"state": "paused"})
        edit.update(dog.id, {"name": "犬", "threshold": 0.3})
        edit.delete(tiger.id)
        edit.create(TagDraft("金鱼", parents=("犬",)))

    editor.edit("测试", "", change)
    assert live_names(editor) == ["犬", "金鱼"]
    assert_equal_to_a_fresh_build(editor)
    editor.edit("测试", "", lambda edit: edit.update(cat.id, {"state": "active"}))
    assert live_names(editor) == ["猫", "犬", "金鱼"]
    assert_equal_to_a_fresh_build(editor)
    editor.edit("测试", "", lambda edit: edit.rollback_to(1))
    assert live_names(editor) == ["猫", "狗", "老虎"]
    assert_equal_to_a_fresh_build(editor)
    editor.edit("测试", "", lambda edit: edit.rollback_to(0))
    assert live_names(editor) == []
    assert_equal_to_a_fresh_build(editor)


def test_an_edit_that_changes_nothing_publishes_nothing_and_says_so(editor: Editor) -> None:
    (cat,) = add(editor, "猫")
    before = editor.live.current()
    edited = editor.edit("测试", "", lambda edit: edit.update(cat.id, {"name": "猫"}))
    assert not edited.outcome.changed
    assert edited.outcome.revision == 1
    assert editor.live.current() is before
    assert len(editor.store.revisions()) == 1


def test_an_encoder_failing_in_the_middle_of_an_edit_leaves_neither_tag_nor_clash(
    editor: Editor, encoder: Fragile
) -> None:
    add(editor, "猫")
    encoder.failing = True
    drafts = [TagDraft(f"标签{n}") for n in range(300)]
    with pytest.raises(EncoderError):
        editor.edit("测试", "", lambda edit: edit.create_all(drafts))
    assert live_names(editor) == ["猫"]
    assert editor.store.head() == 1
    encoder.failing = False
    editor.edit("测试", "", lambda edit: edit.create_all(drafts))
    assert len(live_names(editor)) == 301
    assert editor.store.head() == 2


def test_a_refused_edit_changes_nothing(editor: Editor) -> None:
    cat, dog = add(editor, "猫", "狗")
    before = editor.live.current()
    with pytest.raises(NameClashError):
        editor.edit("测试", "", lambda edit: edit.create(TagDraft("猫")))
    with pytest.raises(StaleEditError):
        editor.edit("测试", "", lambda edit: edit.delete(cat.id), if_match=0)

    def knot(edit: Edit) -> None:
        edit.update(cat.id, {"parents": [dog.id]})
        edit.update(dog.id, {"parents": [cat.id]})

    with pytest.raises(CycleError):
        editor.edit("测试", "", knot)
    assert editor.live.current() is before
    assert editor.store.head() == 1


def test_a_dry_run_says_what_it_would_do_and_does_nothing(editor: Editor, encoder: Fragile) -> None:
    drafts = [TagDraft("猫")]
    edited = editor.edit("测试", "", lambda edit: edit.create_all(drafts), dry_run=True)
    assert [tag.name for tag in edited.outcome.created] == ["猫"]
    assert encoder.texts == 0
    assert live_names(editor) == []
    assert editor.store.head() == 0


def test_an_edit_that_slipped_in_between_is_kept_and_costs_no_encoding_twice(
    editor: Editor, encoder: Fragile, database: Database
) -> None:
    add(editor, "猫")
    other = editor_on(database, Fragile(encoder.inner))
    began = 0

    def change(edit: Edit) -> Tag:
        nonlocal began
        began += 1
        if began == 1:  # while ours is prepared, another process commits
            add(other, "狗")
        return edit.create(TagDraft("汉服"))

    before = encoder.texts
    editor.edit("测试", "", change)
    assert live_names(editor) == ["猫", "狗", "汉服"]
    assert encoder.texts - before == 2
    assert_equal_to_a_fresh_build(editor)


def test_two_edits_of_one_tag_at_once_are_both_kept(editor: Editor, database: Database) -> None:
    (cat,) = add(editor, "猫")
    other = VocabularyStore(database)
    began = 0

    def change(edit: Edit) -> Tag:
        nonlocal began
        began += 1
        if began == 1:
            with other.editing("别人", "") as theirs:
                theirs.update(cat.id, {"name": "家猫"})
        return edit.update(cat.id, {"aliases": ["猫咪"]})

    editor.edit("测试", "", change)
    assert editor.store.get(cat.id) == Tag(cat.id, "家猫", aliases=("猫咪",))
    assert_equal_to_a_fresh_build(editor)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_what_another_process_commits_is_live_here_within_a_second(
    kind: str, encoder: Fragile, database_url: str, request: pytest.FixtureRequest
) -> None:
    url = database_url
    if kind == "postgres":
        url = request.getfixturevalue("new_postgres_url")()
    databases = [Database(url), Database(url)]
    databases[0].migrate()
    one, other = (editor_on(database, Fragile(encoder.inner)) for database in databases)
    followers = [
        Follower(databases[0].data_version, one.catch_up),
        Follower(databases[1].data_version, other.catch_up),
    ]
    try:
        for writer, reader in ((other, one), (one, other)):
            (tag,) = add(writer, f"标签{len(live_names(writer))}")
            until = time.monotonic() + 1
            while tag.name not in live_names(reader) and time.monotonic() < until:
                time.sleep(0.01)
            assert tag.name in live_names(reader)
            assert_equal_to_a_fresh_build(reader)
    finally:
        for follower in followers:
            follower.close()
        for database in databases:
            database.close()


def test_a_follower_that_failed_tries_again() -> None:
    calls = 0

    def catch_up() -> bool:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise EncoderError("编码失败")
        return True

    follower = Follower(lambda: 7, catch_up, every_s=0.01)
    until = time.monotonic() + 5
    while calls < 3 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    follower.close()
    assert calls == 3


def test_snapshots_nobody_holds_are_not_counted(editor: Editor) -> None:
    held = editor.live.current()
    for n in range(5):
        add(editor, f"标签{n}")
    assert editor.live.alive == 2
    del held
    add(editor, "末")
    assert editor.live.alive == 1


def test_a_tag_with_examples_lies_between_its_text_and_their_mean(editor: Editor) -> None:
    (logo,) = add(editor, "标志")
    text = editor.live.current().index.vectors[0].copy()
    image = -np.roll(text, 1)
    editor.vectors.examples.add(logo.id, editor.vectors.encoder.model_key, {"a": image})
    editor.edit("测试", "", lambda edit: edit.update(logo.id, {"examples": ["a"]}))
    mixed = editor.live.current().index.vectors[0]
    middle = (text + image) / np.linalg.norm(text + image)
    assert np.allclose(mixed, middle, atol=1e-6)
    assert_equal_to_a_fresh_build(editor)
    editor.edit("测试", "", lambda edit: edit.update(logo.id, {"examples": []}))
    assert np.allclose(editor.live.current().index.vectors[0], text)


def test_examples_of_weight_zero_and_one() -> None:
    text, image = np.eye(2, dtype=np.float32)
    assert np.array_equal(blended(text, [image], 0), text)
    assert np.allclose(blended(text, [image], 1), image)
    assert np.array_equal(blended(text, [], 1), text)
    assert np.array_equal(blended(text, [-text], 0.5), text)


def test_a_process_killed_between_commit_and_publish_finds_the_tag_live_after_its_start(
    editor: Editor, database_url: str, tmp_path: Path, tiny: DualEncoder
) -> None:
    add(editor, "猫")
    child = subprocess.run(
        [sys.executable, str(ROOT / "tests/app/killed_before_publish.py"), database_url],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL
    started = editor_on(Database(database_url), Fragile(tiny))
    assert live_names(started) == ["猫", "汉服"]
    assert started.live.current().revision == 2
    assert_equal_to_a_fresh_build(started)
