"""Which tags an image gets, from made-up numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.choice import Options, choose, nearest_misses, numbers_of, rows_of, with_parents
from app.errors import InvalidRequestError
from app.numbers import Numbers
from app.snapshot import Measure, Snapshot, build_snapshot
from vocab.background import BackgroundBank
from vocab.calibration import calibrate
from vocab.probes import ImageSide, ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag
from vocab.targets import Target

TAGS = (
    Tag("living", "生物", "自然"),
    Tag("animal", "动物", "动物", parents=("living",)),
    Tag("dog", "狗", "动物", parents=("animal",)),
    Tag("corgi", "柯基犬", "动物", parents=("dog", "gone")),
    Tag("sea", "海", "自然"),
)
N = len(TAGS)
MODEL = ScoreModel()
NO_PROBES = ProbeSet(np.zeros((1, N), dtype=np.float32))


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return build_snapshot(
        7,
        TAGS,
        np.eye(N, dtype=np.float32),
        Measure(
            probes=ProbeSet(np.zeros((1, N), dtype=np.float32)),
            bank=BackgroundBank.empty("m", N),
            score_model=MODEL,
        ),
    )


def numbers(*similarities: float, threshold: float = 0.5) -> Numbers:
    row = np.asarray(similarities, dtype=np.float32)
    # Scores are ten times the similarity, less five.
    side = ImageSide(np.asarray([0.5], np.float32), np.asarray([0.1], np.float32))
    calibration = calibrate(
        np.eye(N, dtype=np.float32), NO_PROBES, BackgroundBank.empty("m", N), MODEL
    )
    return Numbers(row, np.full(N, threshold, dtype=np.float32), calibration, side)


def names(hits: object) -> list[str]:
    return [hit.tag.id for hit in hits]  # type: ignore[attr-defined]


EVERY = np.arange(N)


def test_the_tags_that_reach_their_thresholds_come_strongest_first(snapshot: Snapshot) -> None:
    hits = choose(snapshot, numbers(0.1, 0.5, 0.9, 0.7, 0.49), EVERY, 10)
    assert names(hits) == ["dog", "corgi", "animal"]
    assert hits[0].similarity == pytest.approx(0.9)
    assert hits[0].threshold == pytest.approx(0.5)
    assert [parent.id for parent in hits[0].parents] == ["animal"]


def test_no_more_than_top_k_are_chosen(snapshot: Snapshot) -> None:
    assert names(choose(snapshot, numbers(0.6, 0.7, 0.8, 0.9, 1), EVERY, 2)) == ["sea", "corgi"]


def test_a_parent_that_is_not_in_the_vocabulary_is_left_out(snapshot: Snapshot) -> None:
    (hit,) = choose(snapshot, numbers(0, 0, 0, 0.9, 0), EVERY, 1)
    assert [parent.id for parent in hit.parents] == ["dog"]


def test_an_image_that_fits_nothing_has_three_nearest_misses(snapshot: Snapshot) -> None:
    near = numbers(0.1, 0.2, 0.3, 0.4, 0.0)
    assert choose(snapshot, near, EVERY, 10) == ()
    assert names(nearest_misses(snapshot, near, EVERY)) == ["corgi", "dog", "animal"]


def test_every_ancestor_of_a_chosen_tag_is_implied(snapshot: Snapshot) -> None:
    view = numbers(0.0, 0.1, 0.2, 0.9, 0.8)
    chosen = choose(snapshot, view, EVERY, 10)
    hits = with_parents(snapshot, view, EVERY, chosen)
    assert {hit.tag.id: hit.implied for hit in hits} == {
        "corgi": False,
        "sea": False,
        "dog": True,
        "animal": True,
        "living": True,
    }
    by_id = {hit.tag.id: hit for hit in hits}
    assert by_id["dog"].confidence == by_id["corgi"].confidence
    assert by_id["dog"].similarity == pytest.approx(0.2)


def test_a_chosen_parent_is_not_called_implied(snapshot: Snapshot) -> None:
    view = numbers(0.0, 0.0, 0.6, 0.9, 0.0)
    hits = with_parents(snapshot, view, EVERY, choose(snapshot, view, EVERY, 10))
    assert {hit.tag.id for hit in hits if not hit.implied} == {"dog", "corgi"}


def test_only_the_categories_asked_for_are_looked_at(snapshot: Snapshot) -> None:
    rows = rows_of(snapshot, Options(categories=("自然", "自然")))
    assert rows.tolist() == [0, 4]
    view = numbers(0.6, 0.9, 0.9, 0.9, 0.7)
    assert names(choose(snapshot, view, rows, 10)) == ["sea", "living"]


def test_an_implied_parent_of_another_category_stays_out(snapshot: Snapshot) -> None:
    rows = rows_of(snapshot, Options(categories=("动物",)))
    view = numbers(0.0, 0.0, 0.0, 0.9, 0.0)
    hits = with_parents(snapshot, view, rows, choose(snapshot, view, rows, 10))
    assert names(hits) == ["corgi", "dog", "animal"]


def test_an_unknown_category_is_refused_and_the_known_ones_are_named(snapshot: Snapshot) -> None:
    with pytest.raises(InvalidRequestError, match="植物") as refused:
        rows_of(snapshot, Options(categories=("动物", "植物")))
    assert refused.value.field == "options.categories"
    assert "自然" in (refused.value.remedy or "")


def test_every_wish_about_the_tags_is_a_target_of_its_own() -> None:
    assert Options().targets == ()
    asked = Options(min_confidence=0.0, precision_target=0.8, best_f1=True)
    assert asked.targets == (
        Target("confidence", 0.0),
        Target("precision", 0.8),
        Target("best_f1", 0.0),
    )


def test_a_tag_that_cannot_keep_a_target_comes_only_when_asked_for_and_says_so(
    snapshot: Snapshot,
) -> None:
    hopeless = replace(snapshot.calibration, shift=np.asarray([0, 0, -90, 0, 0], dtype=np.float32))
    live = replace(snapshot, calibration=replace(hopeless, manual=np.full(N, -1.0, np.float32)))
    images = np.eye(N, dtype=np.float32)[2:3]
    for wished, found in ((False, []), (True, ["dog"])):
        options = Options(precision_target=0.9, include_uncertain=wished, distinct=False)
        (view,) = numbers_of(live, images, images @ live.index.vectors.T, options)
        hits = choose(live, view, np.asarray([2]), 5)
        assert names(hits) == found
        assert all(hit.uncertain for hit in hits)


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=N, max_size=N),
    st.floats(-1, 1, width=32),
    st.integers(1, 9),
)
def test_what_is_chosen_is_sorted_passed_and_the_best(
    similarities: list[float], threshold: float, top_k: int
) -> None:
    snapshot = build_snapshot(
        1,
        TAGS,
        np.eye(N, dtype=np.float32),
        Measure(
            probes=ProbeSet(np.zeros((1, N), dtype=np.float32)),
            bank=BackgroundBank.empty("m", N),
            score_model=MODEL,
        ),
    )
    view = numbers(*similarities, threshold=threshold)
    hits = choose(snapshot, view, EVERY, top_k)
    passing = sorted((float(s) for s in view.similarities if s >= view.thresholds[0]), reverse=True)
    # Scores are coarser than similarities: tags a hair apart may come in either order.
    assert [hit.similarity for hit in hits] == pytest.approx(passing[:top_k], abs=1e-5)
    assert all(0 <= hit.confidence <= 1 for hit in hits)


def test_a_tag_and_its_ancestor_are_one_finding_and_the_surer_is_it(snapshot: Snapshot) -> None:
    view = numbers(0.6, 0.95, 0.8, 0.7, 0.9)
    assert names(choose(snapshot, view, EVERY, 10, keep_parents=False)) == ["animal", "sea"]
    assert names(choose(snapshot, view, EVERY, 10)) == ["animal", "sea", "dog", "corgi", "living"]
    sure = numbers(0.6, 0.7, 0.8, 0.95, 0.9)
    assert names(choose(snapshot, sure, EVERY, 10, keep_parents=False)) == ["corgi", "sea"]


def test_a_tag_left_out_leaves_its_place_to_another(snapshot: Snapshot) -> None:
    view = numbers(0.0, 0.95, 0.8, 0.0, 0.6)
    assert names(choose(snapshot, view, EVERY, 2, keep_parents=False)) == ["animal", "sea"]


def group_snapshot() -> Snapshot:
    tags = (
        Tag("indoor", "室内", exclusive_group="场所"),
        Tag("outdoor", "室外", exclusive_group="场所"),
        Tag("room", "卧室", parents=("indoor",)),
        Tag("beach", "沙滩", parents=("outdoor",)),
        Tag("cat", "猫"),
    )
    return build_snapshot(
        1,
        tags,
        np.eye(N, dtype=np.float32),
        Measure(
            probes=ProbeSet(np.zeros((1, N), dtype=np.float32)),
            bank=BackgroundBank.empty("m", N),
            score_model=MODEL,
        ),
    )


def test_of_an_exclusive_group_only_the_stronger_is_reported() -> None:
    view = numbers(0.7, 0.8, 0.0, 0.0, 0.6)
    assert names(choose(group_snapshot(), view, EVERY, 10)) == ["outdoor", "cat"]
    assert names(choose(group_snapshot(), view, EVERY, 2)) == ["outdoor", "cat"]


def test_a_tag_is_left_out_where_a_surer_one_of_its_group_does_not_pass() -> None:
    view = numbers(0.7, 0.8, 0.0, 0.0, 0.6)
    too_common = replace(view, thresholds=np.asarray([0.5, 0.9, 0.5, 0.5, 0.5], np.float32))
    assert names(choose(group_snapshot(), too_common, EVERY, 10)) == ["cat"]


def test_an_implied_parent_gives_way_to_a_chosen_tag_of_its_group() -> None:
    snapshot = group_snapshot()
    view = numbers(0.0, 0.6, 0.9, 0.0, 0.0)
    hits = with_parents(snapshot, view, EVERY, choose(snapshot, view, EVERY, 10))
    assert {hit.tag.id for hit in hits} == {"room", "outdoor"}


def test_of_two_implied_parents_of_one_group_the_surer_is_reported() -> None:
    snapshot = group_snapshot()
    view = numbers(0.0, 0.0, 0.8, 0.9, 0.0)
    hits = with_parents(snapshot, view, EVERY, choose(snapshot, view, EVERY, 10))
    assert {hit.tag.id for hit in hits} == {"room", "beach", "outdoor"}


@given(
    st.lists(st.floats(-1, 1, width=32, allow_subnormal=False), min_size=N, max_size=N),
    st.integers(1, 9),
)
def test_no_finding_says_what_another_says(similarities: list[float], top_k: int) -> None:
    snapshot = group_snapshot()
    view = numbers(*similarities, threshold=0.0)
    hits = choose(snapshot, view, EVERY, top_k, keep_parents=False)
    found = {hit.tag.id for hit in hits}
    assert len(hits) <= top_k
    assert not any(parent in found for hit in hits for parent in hit.tag.parents)
    groups = [hit.tag.exclusive_group for hit in hits if hit.tag.exclusive_group]
    assert len(groups) == len(set(groups))
    # Of scores a rounding apart either may be first: what is sorted is what is said.
    strengths = [hit.confidence for hit in hits]
    assert strengths == sorted(strengths, reverse=True)
