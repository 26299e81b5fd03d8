"""What a slider shows is what a request for its target would give, at every place of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.choice import Options, TagHit, rows_of
from app.deciding import Tagged, decide
from app.intake.blank import Blank
from app.pixels import Pixels
from app.snapshot import Measure, Snapshot, build_snapshot
from tests.fixtures.chance import DIM, related_tags, unit
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel

TAGS = 90
LOWEST = 0.05
SWEEP = Options(top_k=100, precision_target=LOWEST, precision_ranges=True)
TARGETS = (LOWEST, 0.06, 0.2, 0.33, 0.5, 0.57, 0.7, 0.81, 0.9, 0.95, 0.99)
OWN = ("", "", "", "precision_target=0.6", "min_confidence=0.9", "best_f1")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Tags with parents, exclusive groups, thresholds and targets of their own."""
    rng = np.random.default_rng(3)
    tags = related_tags(TAGS, lambda n: (None, OWN[n % len(OWN)]) if n % 11 else (0.1, ""))
    bank = BackgroundBank("m", unit(rng, 200))
    measure = Measure(ProbeSet(unit(rng, 8)), bank, ScoreModel(intercept=-2.5))
    return build_snapshot(1, tags, unit(rng, TAGS), measure)


def tagged(
    snapshot: Snapshot, vector: np.ndarray, options: Options, blank: Blank | None = None
) -> Tagged:
    image = Pixels("0" * 64, 8, 8, None, 0.0, blank=blank)
    rows = rows_of(snapshot, options)
    return decide(snapshot, [image], vector[None], "m", rows, options).tagged[0]


def ids(hits: Iterable[TagHit]) -> set[str]:
    return {hit.tag.id for hit in hits}


def at(hits: Iterable[TagHit], target: float) -> set[str]:
    """What a reader of the ranges shows at a target."""
    return {
        hit.tag.id
        for hit in hits
        if hit.swept and any(low <= target <= high for low, high in hit.swept.precisions)
    }


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_the_ranges_say_what_a_request_for_each_target_would_give(
    snapshot: Snapshot, seed: int, distinct: bool, parents: bool
) -> None:
    rng = np.random.default_rng(seed)
    mixed = 0.4 * unit(rng, 1)[0] + snapshot.index.vectors[rng.integers(0, TAGS, 3)].sum(axis=0)
    vector = (mixed / np.linalg.norm(mixed)).astype(np.float32)
    options = replace(SWEEP, distinct=distinct, include_parents=parents)
    hits = tagged(snapshot, vector, options).tags
    for target in TARGETS:
        asked = replace(options, precision_target=target, precision_ranges=False)
        assert at(hits, target) == ids(tagged(snapshot, vector, asked).tags), target
    usual = replace(options, precision_target=None, precision_ranges=False)
    given_ = tagged(snapshot, vector, usual).tags
    assert {hit.tag.id for hit in hits if hit.swept and hit.swept.usual} == ids(given_)
    needed = {hit.tag.id: hit.swept.usual_threshold for hit in hits if hit.swept}
    assert all(needed[hit.tag.id] == pytest.approx(hit.threshold) for hit in given_)


def test_stricter_targets_give_other_tags_and_not_only_fewer(snapshot: Snapshot) -> None:
    counts = set()
    for row in range(20):
        hits = tagged(snapshot, snapshot.index.vectors[row], SWEEP).tags
        counts |= {len(at(hits, target)) for target in TARGETS}
    assert len(counts) > 3  # or the equality above would say little


def test_a_frame_with_nothing_to_see_has_no_tag_where_nothing_is_asked(snapshot: Snapshot) -> None:
    hits = tagged(snapshot, snapshot.index.vectors[1], SWEEP, "flat").tags
    assert hits
    assert not any(hit.swept and hit.swept.usual for hit in hits)


def test_where_no_target_gives_a_tag_the_misses_say_what_they_usually_need(
    snapshot: Snapshot,
) -> None:
    nobody = replace(SWEEP, min_confidence=0.9999)
    vector = np.full(DIM, DIM**-0.5, dtype=np.float32)
    found = tagged(snapshot, vector, nobody, "flat")
    assert found.tags == ()
    assert len(found.nearest_misses) == 3
    assert all(hit.swept and hit.swept.precisions == () for hit in found.nearest_misses)


def test_a_service_answers_a_sweep_as_it_answers_each_request(
    client: TestClient, cat: bytes
) -> None:
    def ask(**options: object) -> list[dict[str, object]]:
        data = {"options": json.dumps({"top_k": 100, **options})}
        answer = client.post("/v1/tag", files={"files": cat}, data=data)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, object]] = answer.json()["results"][0]["tags"]
        return found

    swept = ask(precision_target=0.05, precision_ranges=True)
    for target in (0.05, 0.3, 0.6, 0.95):
        ranges = {str(tag["name"]): tag["precision_ranges"] for tag in swept}
        shown = {name for name, one in ranges.items() if any(a <= target <= b for a, b in one)}  # type: ignore[attr-defined]
        assert shown == {tag["name"] for tag in ask(precision_target=target)}
    assert {tag["name"] for tag in swept if tag["usual"]} == {tag["name"] for tag in ask()}
    assert "precision_ranges" not in ask(precision_target=0.05)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"precision_ranges": True},
        {"precision_ranges": True, "precision_target": 0.1, "include_uncertain": True},
    ],
)
def test_a_sweep_needs_a_target_to_begin_with(
    client: TestClient, cat: bytes, options: dict[str, object]
) -> None:
    answer = client.post(
        "/v1/tag", files={"files": cat}, data={"options": json.dumps(options)}
    ).json()
    assert answer["code"] == "invalid_request"
    assert "precision_target" in answer["detail"]
