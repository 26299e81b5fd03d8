"""Judgements reach the live snapshot, and leave it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from app.database import Database
from app.editor import Editor
from app.encoders.builtin import load_builtin
from app.recalibration import Recalibration
from app.snapshot import Live, Measure
from app.tag_vectors import TagVectors
from tests.fixtures.tiny import write_tiny_model
from vocab.background import BackgroundBank
from vocab.edit import Edit
from vocab.embeddings import EmbeddingStore
from vocab.examples import ExampleStore
from vocab.feedback import Prior
from vocab.judgements import JudgementStore, NewJudgement, Verdict
from vocab.probes import ProbeSet
from vocab.prompts import DEFAULT_TEMPLATES
from vocab.score_model import ScoreModel
from vocab.store import VocabularyStore
from vocab.tags import TagDraft

TAGS = (TagDraft("猫", id="cat"), TagDraft("狗", id="dog"), TagDraft("鸟", id="bird"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    return load_builtin(write_tiny_model(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def new_editor(encoder, database: Database) -> Callable[[], Editor]:  # type: ignore[no-untyped-def]
    """Makes what another process over the same database would have."""
    store = VocabularyStore(database)
    with store.editing("测试", "起点") as edit:
        edit.create_all(TAGS)

    def make() -> Editor:
        vectors = TagVectors(
            encoder, EmbeddingStore(database), ExampleStore(database), DEFAULT_TEMPLATES, 0.5
        )
        measure = Measure(
            probes=ProbeSet(images(encoder.dim, range(200, 230))),
            bank=BackgroundBank(encoder.model_key, images(encoder.dim, range(100, 140))),
            score_model=ScoreModel(),
        )
        made = Editor(VocabularyStore(database), vectors, measure, Live())
        made.start()
        return made

    return make


@contextmanager
def looking(editor: Editor, database: Database) -> Iterator[Recalibration]:
    """A recalibration whose thread sleeps, so that a test decides when it looks."""
    judgements = JudgementStore(database, editor.live.current().model_key)
    made = Recalibration(editor, judgements, Prior(), every_s=600)
    yield made
    made.close()


def images(dim: int, seeds: range) -> np.ndarray:
    made = np.stack([np.random.default_rng(seed).normal(size=dim) for seed in seeds])
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def judge(
    editor: Editor, database: Database, tag: str, verdict: Verdict, seeds: range, author: str = "甲"
) -> list[int]:
    snapshot = editor.live.current()
    vectors = images(snapshot.index.dim, seeds)
    name = snapshot.tags[snapshot.positions[tag]].name
    new = [
        NewJudgement(tag, name, f"sha-{seed}", verdict, vector, snapshot.revision)
        for seed, vector in zip(seeds, vectors, strict=True)
    ]
    kept = JudgementStore(database, snapshot.model_key).add(author, new)
    return [one.judgement.id for one in kept]


def shift(editor: Editor, tag: str) -> float:
    snapshot = editor.live.current()
    return float(snapshot.calibration.shift[snapshot.positions[tag]])


def rename(tag: str, **changes: object) -> Callable[[Edit], object]:
    return lambda edit: edit.update(tag, changes)


def test_a_judgement_moves_its_tag_and_no_other(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        before = editor.live.current()
        judge(editor, database, "cat", "wrong", range(3))
        assert recalibration.look()
        after = editor.live.current()
        assert shift(editor, "cat") < 0
        assert shift(editor, "dog") == shift(editor, "bird") == 0
        assert after.revision == before.revision
        assert after.calibration_generation == before.calibration_generation + 1
        assert recalibration.shifts()["cat"].value == pytest.approx(shift(editor, "cat"))


def test_without_news_nothing_is_published(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "right", range(2))
        recalibration.look()
        known = editor.live.current()
        assert not recalibration.look()
        assert editor.live.current() is known


def test_a_judgement_taken_back_leaves_exactly_what_was_before(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "right", range(3))
        recalibration.look()
        before = editor.live.current().calibration.shift.copy()
        numbers = judge(editor, database, "cat", "wrong", range(3, 6), author="乙")
        recalibration.look()
        assert not np.array_equal(editor.live.current().calibration.shift, before)
        for number in numbers:
            JudgementStore(database, editor.live.current().model_key).delete(number)
        recalibration.look()
        assert np.array_equal(editor.live.current().calibration.shift, before)


def test_a_restart_and_another_process_come_to_the_same(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    one, other = new_editor(), new_editor()
    with looking(one, database) as first, looking(other, database) as second:
        judge(one, database, "cat", "wrong", range(4))
        first.look()
        assert second.look()
        assert shift(other, "cat") == shift(one, "cat") < 0
    restarted = new_editor()
    with looking(restarted, database):
        assert shift(restarted, "cat") == shift(one, "cat")


def test_an_edit_of_another_tag_keeps_what_was_said(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "wrong", range(4))
        recalibration.look()
        before = shift(editor, "cat")
        editor.edit("甲", "改名", rename("dog", name="小狗"))
        assert shift(editor, "cat") == before  # at once, before anybody looks
        assert not recalibration.look()


def test_a_changed_tag_starts_anew_and_is_weighed_at_the_next_look(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "wrong", range(4))
        recalibration.look()
        before = shift(editor, "cat")
        editor.edit("甲", "别名", rename("cat", aliases=["喵星人"]))
        assert shift(editor, "cat") == 0
        recalibration.look()
        assert shift(editor, "cat") == pytest.approx(before, abs=0.3)
        assert shift(editor, "cat") < 0


def test_what_was_said_of_another_name_does_not_count(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "wrong", range(4))
        recalibration.look()
        editor.edit("甲", "另一个意思", rename("cat", name="汽车"))
        recalibration.look()
        assert shift(editor, "cat") == 0
        assert "cat" not in recalibration.shifts()
        editor.edit("甲", "改回", rename("cat", name="猫"))
        recalibration.look()
        assert shift(editor, "cat") < 0


def test_a_paused_tag_is_left_alone_and_weighed_when_it_returns(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "wrong", range(4))
        recalibration.look()
        before = shift(editor, "cat")
        editor.edit("甲", "停用", rename("cat", state="paused"))
        recalibration.look()
        assert recalibration.shifts() == {}
        editor.edit("甲", "启用", rename("cat", state="active"))
        recalibration.look()
        assert shift(editor, "cat") == before


def test_another_bank_measures_every_tag_and_weighs_the_judgements_again(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        judge(editor, database, "cat", "wrong", range(4))
        recalibration.look()
        before = editor.live.current()
        bank = BackgroundBank(before.model_key, images(before.index.dim, range(500, 560)))
        recalibration.remeasure(bank)
        after = editor.live.current()
        assert not np.allclose(after.calibration.mean, before.calibration.mean)
        assert after.calibration.shift[after.positions["cat"]] < 0
        assert after.calibration_generation == before.calibration_generation + 1
        # An edit that comes later is measured with the new bank too.
        editor.edit("甲", "添加", lambda edit: edit.create(TagDraft("鱼", id="fish")))
        now = editor.live.current()
        fresh = editor.measure.calibrate(now.index.vectors)
        assert np.allclose(now.calibration.mean, fresh.mean, atol=1e-6)


def test_an_edit_prepared_with_the_old_bank_is_measured_with_the_new_one(
    new_editor: Callable[[], Editor], database: Database
) -> None:
    editor = new_editor()
    with looking(editor, database) as recalibration:
        bank = BackgroundBank(
            editor.live.current().model_key, images(editor.live.current().index.dim, range(9, 60))
        )
        calls = 0

        def change(edit: Edit) -> None:
            nonlocal calls
            calls += 1
            edit.create(TagDraft("鱼", id="fish"))
            if calls == 1:  # the rehearsal: the editor has read its measure and holds no turn
                recalibration.remeasure(bank)

        editor.edit("甲", "添加", change)
        now = editor.live.current()
        fresh = editor.measure.calibrate(now.index.vectors)
        assert np.allclose(now.calibration.mean, fresh.mean, atol=1e-6)
