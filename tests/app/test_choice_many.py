"""Many images at once get the tags that each gets by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.choice import EXAMINED, Options, choose, choose_for_each, numbers_of
from app.choice_many import USUAL, choose_many
from app.echoes import LEAST_SHARE, without_echoes, without_echoes_of_many
from app.snapshot import Measure, Snapshot, build_snapshot
from tests.fixtures.chance import DIM, related_tags, unit
from vocab.background import BackgroundBank
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag

TAGS = 120
# So that many tags pass.
EAGER = ScoreModel(default_confidence=0.2, intercept=-1.0)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Tags with parents, exclusive groups, and thresholds and targets that some of them reach."""
    rng = np.random.default_rng(3)
    goals = "min_confidence=0.02", "precision_target=0.1"

    def own(n: int) -> tuple[float | None, str]:
        return (float(rng.uniform(-0.2, 0.4)), "") if n % 4 else (None, goals[n % 8 // 4])

    tags = related_tags(TAGS, own)
    bank = BackgroundBank("m", unit(rng, 50))
    measure = Measure(ProbeSet(unit(rng, 8)), bank, ScoreModel())
    return build_snapshot(1, tags, unit(rng, TAGS), measure)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 150))
def test_many_images_get_what_each_gets_alone(snapshot: Snapshot, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng, count)
    # Some show a tag itself, so that the others near it are echoes.
    some = rng.integers(0, TAGS, count)
    vectors = vectors * 0.8 + snapshot.index.vectors[some] * rng.uniform(0, 1, (count, 1))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    similarities = snapshot.index.similarities(vectors, snapshot.model_key)
    every = np.arange(TAGS)
    single = [
        choose(snapshot, numbers, every, USUAL.top_k, keep_parents=False)
        for numbers in numbers_of(snapshot, vectors, similarities, USUAL)
    ]
    assert choose_many(snapshot, vectors, similarities) == [
        tuple((hit.tag.id, hit.confidence) for hit in hits) for hits in single
    ]


def by_the_formulas(
    snapshot: Snapshot, vector: np.ndarray, similarities: np.ndarray, options: Options
) -> list[tuple[str, float]]:
    """What `choose` gives one image, slowly: every number of every tag, and real projections."""
    calibration = snapshot.calibration
    side = calibration.image_side(vector[None, :])
    logits = calibration.logits(calibration.scores(similarities[None, :], side))[0]
    cut = calibration.own_cuts
    for target in options.targets[:1]:
        cut = calibration.cuts(target)
    needed = side.means[0] + side.spreads[0] * (calibration.mean + cut * calibration.spread)
    needed = np.where(np.isposinf(cut), 2.0, np.clip(needed, -1, 1))
    if not options.targets:
        needed = np.where(np.isnan(calibration.manual), needed, calibration.manual)
    order = [row for row in np.argsort(-logits, kind="stable") if similarities[row] >= needed[row]]
    basis = np.zeros((0, DIM))
    kept: list[int] = []
    for row in order[:EXAMINED]:
        tag = (snapshot.index.vectors[row] - calibration.probes.mean).astype(np.float64)
        rest = vector - basis.T @ (basis @ vector)
        if (kept and rest @ tag < LEAST_SHARE * (vector @ tag)) or len(kept) == options.top_k:
            continue
        kept.append(row)
        new = tag - basis.T @ (basis @ tag)
        basis = np.concatenate([basis, new[None, :] / np.linalg.norm(new)])
    return [(snapshot.tags[row].id, float(1 / (1 + np.exp(-logits[row])))) for row in kept]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), precision=st.sampled_from([None, 0.3, 0.8]))
def test_what_is_chosen_is_what_the_formulas_say(seed: int, precision: float | None) -> None:
    rng = np.random.default_rng(seed)
    tags = tuple(
        Tag(f"t{n}", f"标签{n}", threshold=0.1 if n % 9 == 0 else None) for n in range(TAGS)
    )
    measure = Measure(ProbeSet(unit(rng, 8)), BackgroundBank("m", unit(rng, 50)), EAGER)
    snapshot = build_snapshot(1, tags, unit(rng, TAGS), measure)
    vectors = unit(rng, 6)
    similarities = snapshot.index.similarities(vectors, "m")
    options = Options(precision_target=precision, top_k=8)
    numbers = numbers_of(snapshot, vectors, similarities, options)
    for at, hits in enumerate(choose_for_each(snapshot, numbers, np.arange(TAGS), 8)):
        expected = by_the_formulas(snapshot, vectors[at], similarities[at], options)
        assert [hit.tag.id for hit in hits] == [tag for tag, _ in expected]
        assert [hit.confidence for hit in hits] == pytest.approx([c for _, c in expected], abs=1e-6)


def test_echoes_are_found_alike_whatever_lies_beside_them() -> None:
    rng = np.random.default_rng(5)
    images, tags = unit(rng, 30), unit(rng, 30 * 9).reshape(30, 9, DIM)
    counts = rng.integers(0, 10, 30)
    together = without_echoes_of_many(images, tags, counts, 4)
    for row, count in enumerate(counts.tolist()):
        alone = without_echoes(images[row], tags[row, :count], 4)
        assert np.flatnonzero(together[row]).tolist() == alone
