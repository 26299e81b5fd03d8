"""The lint's rules, each on a vocabulary made for it."""

from __future__ import annotations

import numpy as np
import pytest

from vocab.background import BackgroundBank
from vocab.background_rate import background_rates, usual_threshold
from vocab.calibration import calibrate
from vocab.lint import RULES, lint
from vocab.lint_types import FloatArray, Limits, Material
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag
from vocab.targets import Target

DIM = 8


def unit(rows: FloatArray) -> FloatArray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def material(*tags: Tag, vectors: FloatArray | None = None, **more: object) -> Material:
    if vectors is None:
        vectors = unit(np.random.default_rng(0).normal(size=(len(tags), 64)).astype(np.float32))
    zero = np.zeros(vectors.shape[1], dtype=np.float32)
    return Material(tags=tags, vectors=vectors, probe_mean=zero, **more)  # type: ignore[arg-type]


def found(rule: str, given: Material, limits: Limits | None = None) -> list[tuple[str, ...]]:
    report = lint(given, limits, rules=[rule])
    assert all(f.rule == rule and f.message and f.remedy for f in report.findings)
    return [tuple(tag.name for tag in f.tags) for f in report.findings]


@pytest.mark.parametrize("name", ["乳头（瓶）", "鼠标(电脑)", "【热】火锅", "a[b]"])
def test_a_name_with_brackets_is_found(name: str) -> None:
    assert found("bracket_name", material(Tag("1", name))) == [(name,)]


@pytest.mark.parametrize(
    "name", ["轮船、小艇", "猫/狗", "船或艇", "桌子和椅子", "a,b", "柜子或者箱子"]
)
def test_a_name_that_is_a_list_is_found(name: str) -> None:
    assert found("list_name", material(Tag("1", name))) == [(name,)]


@pytest.mark.parametrize("name", ["和服", "大和服", "参与者", "和平鸽", "普及版", "以及", "T恤"])
def test_a_word_with_a_joining_character_is_no_list(name: str) -> None:
    assert found("list_name", material(Tag("1", name))) == []


def test_unknown_pieces_are_found_where_the_tokenizer_tells() -> None:
    tags = (Tag("1", "猫"), Tag("2", "𪚥字"))
    given = material(*tags, unknown=lambda name: tuple(c for c in name if c == "𪚥"))
    assert found("unknown_pieces", given) == [("𪚥字",)]
    assert lint(material(*tags)).skipped.keys() == {"unknown_pieces", "fires_often"}


def test_a_tag_below_a_paused_parent_is_found() -> None:
    paused = Tag("p", "动物", state="paused")
    given = material(Tag("1", "猫", parents=("p",)), paused=(paused,))
    assert found("paused_parent", given) == [("猫", "动物")]


def test_a_missing_parent_is_seen_by_the_end_of_the_name() -> None:
    tags = (
        Tag("dog", "犬"),
        Tag("corgi", "柯基犬", parents=("dog",)),
        Tag("shiba", "柴犬"),
        Tag("boat", "快艇"),
        Tag("walk", "遛犬", "动作"),
        Tag("art", "艺术"),
        Tag("craft", "手工艺术"),
        Tag("below", "波斯猫", parents=("cat",)),
        Tag("cat", "猫"),
    )
    assert found("missing_parent", material(*tags)) == [("柴犬", "犬")]


def test_a_tag_that_hangs_together_with_nothing_is_an_orphan() -> None:
    tags = (
        Tag("1", "猫"),
        Tag("2", "狗", "动物"),
        Tag("3", "马", parents=("4",)),
        Tag("4", "牲口"),
    )
    assert found("orphan", material(*tags)) == [("猫",)]


def test_near_synonyms_are_found_once_and_relatives_are_not() -> None:
    base = unit(np.eye(4, DIM, dtype=np.float32))
    vectors = unit(np.stack([base[0], base[0] + 0.1 * base[1], base[2], base[2], base[3]]))
    tags = (
        Tag("1", "轿车"),
        Tag("2", "小汽车"),
        Tag("3", "狗"),
        Tag("4", "犬", parents=("3",)),
        Tag("5", "花"),
    )
    assert found("near_synonym", material(*tags, vectors=vectors)) == [("轿车", "小汽车")]


def test_an_ambiguous_name_is_seen_by_an_alias_far_away_or_a_paused_namesake() -> None:
    base = unit(np.eye(3, DIM, dtype=np.float32))
    tags = (Tag("1", "苹果", aliases=("红苹果", "手机")), Tag("2", "梨"))
    given = material(
        *tags,
        vectors=base[:2],
        aliases={"1": np.stack([base[0], -base[0] + base[2]])},
        paused=(Tag("3", "梨", "人名", state="paused"),),
    )
    assert found("ambiguous", given) == [("苹果",), ("梨", "梨")]


def test_a_tag_far_from_its_parent_is_found() -> None:
    parents = [Tag(f"p{n}", f"上级{n}") for n in range(10)]
    children = [Tag(f"c{n}", f"下级{n}", parents=(f"p{n}",)) for n in range(10)]
    axes = np.eye(10, dtype=np.float32)
    near = axes + 0.1
    near[3] = 1.0 - axes[3]  # nearer to every parent but its own
    given = material(*parents, *children, vectors=unit(np.concatenate([axes, near])))
    assert found("far_from_parent", given) == [("下级3", "上级3")]


def test_a_name_its_own_examples_do_not_fit_is_found() -> None:
    tags = tuple(Tag(str(n), f"标签{n}", examples=("x",)) for n in range(60))
    axes = np.eye(60, dtype=np.float32)
    images = {str(n): axes[n] for n in range(60)}
    images["7"] = 1.0 - axes[7]
    assert found("far_from_examples", material(*tags, vectors=axes, examples=images)) == [
        ("标签7", "标签0")
    ]


def test_a_tag_that_fires_often_is_found() -> None:
    tags = (Tag("1", "物体"), Tag("2", "汉服"))
    given = material(*tags, rates=np.asarray([0.4, 0.01], dtype=np.float32))
    assert found("fires_often", given) == [("物体",)]


def test_a_good_vocabulary_has_no_findings() -> None:
    tags = (
        Tag("1", "动物", "动物"),
        Tag("2", "猫", "动物", parents=("1",)),
        Tag("3", "汉服", "服饰"),
    )
    report = lint(material(*tags, rates=np.zeros(3, dtype=np.float32), unknown=lambda _: ()))
    assert report.findings == ()
    assert report.skipped == {}
    assert next(iter(RULES)) == "bracket_name"


def test_the_background_rate_counts_images_above_their_thresholds() -> None:
    rng = np.random.default_rng(1)
    bank = BackgroundBank("m", unit(rng.normal(size=(300, DIM)).astype(np.float32)))
    vectors = unit(rng.normal(size=(5, DIM)).astype(np.float32))
    probes = ProbeSet(unit(rng.normal(size=(9, DIM)).astype(np.float32)))
    calibration = calibrate(vectors, probes, bank, ScoreModel())
    rates = background_rates(vectors, calibration, bank, [Target("confidence", 0.3)])
    similarities = bank.vectors @ vectors.T
    side = calibration.image_side(bank.vectors)
    confidences = calibration.confidences(calibration.scores(similarities, side))
    assert np.allclose(rates, (confidences >= 0.3).mean(axis=0), atol=0.01)
    assert usual_threshold(calibration, bank).shape == (5,)
    empty = BackgroundBank.empty("m", DIM)
    assert np.isnan(background_rates(vectors, calibration, empty)).all()
