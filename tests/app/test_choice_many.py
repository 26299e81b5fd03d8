"""Many images at once get the tags that each gets by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.choice import choose, numbers_of
from app.choice_many import USUAL, choose_many
from app.echoes import without_echoes, without_echoes_of_many
from app.snapshot import Measure, Snapshot, build_snapshot
from vocab.background import BackgroundBank
from vocab.calibration import ScoreModel
from vocab.probes import ProbeSet
from vocab.tags import Tag

DIM = 24
TAGS = 120


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    made = rng.normal(size=(rows, DIM)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """Tags with parents, exclusive groups, and thresholds and targets that some of them reach."""
    rng = np.random.default_rng(3)
    tags = tuple(
        Tag(
            f"t{n}",
            f"标签{n}",
            parents=(f"t{n // 3}",) if n % 3 == 1 and n > 3 else (),
            exclusive_group="组" if n % 7 == 0 else "",
            threshold=float(rng.uniform(-0.2, 0.4)) if n % 4 else None,
            target="" if n % 4 else ("min_confidence=0.02", "precision_target=0.1")[n % 8 // 4],
        )
        for n in range(TAGS)
    )
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


def test_echoes_are_found_alike_whatever_lies_beside_them() -> None:
    rng = np.random.default_rng(5)
    images, tags = unit(rng, 30), unit(rng, 30 * 9).reshape(30, 9, DIM)
    counts = rng.integers(0, 10, 30)
    together = without_echoes_of_many(images, tags, counts, 4)
    for row, count in enumerate(counts.tolist()):
        alone = without_echoes(images[row], tags[row, :count], 4)
        assert np.flatnonzero(together[row]).tolist() == alone
