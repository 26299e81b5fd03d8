"""A bounded sample of the different images that come by."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import Database
from vocab.background import BackgroundBank
from vocab.traffic import (
    ENOUGH,
    Arrival,
    TrafficStore,
    different_images,
    joined_bank,
    rank_of,
)

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def unit(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def arrivals(salt: str, images: range) -> list[Arrival]:
    vectors = unit(max(images) + 1)
    return [Arrival(rank_of(salt, f"sha-{n}"), vectors[n], NOW) for n in images]


def sample(store: TrafficStore) -> list[list[float]]:
    return store.vectors().tolist()


def test_while_there_is_room_every_image_is_kept_and_a_copy_counts_once(
    database: Database,
) -> None:
    store = TrafficStore(database, "m", 10)
    store.keep(arrivals(store.salt(), range(6)), seen=6)
    store.keep(arrivals(store.salt(), range(3)), seen=3)
    state = store.state()
    assert (state.kept, state.different, state.seen, state.limit) == (6, 6, 9, None)
    assert state.since == NOW
    assert np.allclose(np.linalg.norm(store.vectors(), axis=1), 1, atol=1e-6)


def test_the_sample_is_the_same_whatever_the_order_and_the_portions(database: Database) -> None:
    whole, parts = TrafficStore(database, "whole", 5), TrafficStore(database, "parts", 5)
    salt = whole.salt()
    all_of_them = arrivals(salt, range(40))
    whole.keep(all_of_them, seen=40)
    for at in range(39, -1, -3):
        parts.keep(all_of_them[max(0, at - 2) : at + 1], seen=3)
    assert sample(whole) == sample(parts)
    assert whole.state().kept == parts.state().kept == 5


def test_what_one_model_saw_is_nothing_to_another(database: Database) -> None:
    one, other = TrafficStore(database, "one", 5), TrafficStore(database, "other", 5)
    assert one.salt() != other.salt()
    assert one.salt() == TrafficStore(database, "one", 5).salt()
    one.keep(arrivals(one.salt(), range(3)), seen=3)
    assert other.state().kept == 0
    assert other.vectors().shape == (0, 0)


def test_every_different_image_is_as_likely_as_any_other() -> None:
    kept = np.zeros(12)
    for salt in range(3_000):
        ranks = sorted((rank_of(str(salt), f"sha-{n}"), n) for n in range(12))
        kept[[n for _, n in ranks[:3]]] += 1
    assert np.abs(kept / 3_000 - 0.25).max() < 0.04


def test_a_smaller_sample_keeps_the_lowest_ranks(database: Database) -> None:
    store = TrafficStore(database, "m", 10)
    store.keep(arrivals(store.salt(), range(10)), seen=10)
    smaller = TrafficStore(database, "m", 4)
    assert smaller.state().kept == 4
    assert np.array_equal(smaller.vectors(), store.vectors()[:4])
    smaller.keep([], seen=0)
    assert store.state().kept == 4


def test_the_number_of_different_images_is_estimated_once_the_sample_is_full() -> None:
    assert different_images(["00", "ff"], 5) == 2
    estimates = []
    for salt in range(200):
        ranks = sorted(rank_of(str(salt), f"sha-{n}") for n in range(2_000))
        estimates.append(different_images(ranks[:100], 100))
    assert np.mean(estimates) == pytest.approx(2_000, rel=0.05)


def test_only_one_of_two_processes_may_measure(database: Database) -> None:
    one, other = TrafficStore(database, "m", 10), TrafficStore(database, "m", 10)
    one.salt()
    calls: list[str] = []
    assert one.claim(0, 500, lambda: calls.append("one"))
    assert not other.claim(0, 510, lambda: calls.append("other"))
    assert calls == ["one"]
    assert other.state().measured == 500
    assert other.state().measured_at is not None


@given(st.integers(0, ENOUGH + 10))
def test_shipped_images_give_way_to_sampled_ones(count: int) -> None:
    shipped = BackgroundBank("m", unit(100, seed=1))
    sampled = np.tile(unit(1, seed=2), (count, 1))
    joined = joined_bank(shipped, sampled)
    of_shipped = len(joined) - count
    assert of_shipped <= 100
    if count < ENOUGH:
        assert of_shipped >= 20
    else:
        assert of_shipped == 0
    if count:
        fewer = joined_bank(shipped, sampled[:-1])
        assert of_shipped <= len(fewer) - (count - 1)


def test_without_a_sampled_image_the_bank_is_the_shipped_one() -> None:
    shipped = BackgroundBank("m", unit(5))
    assert joined_bank(shipped, np.zeros((0, 0), dtype=np.float32)) is shipped
