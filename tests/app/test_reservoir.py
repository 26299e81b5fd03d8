"""From images that were tagged to the bank that the tags are measured with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from app.database import Database
from app.recent import RecentImages, Seen
from app.reservoir import Reservoir, with_traffic
from vocab.background import BackgroundBank
from vocab.traffic import ENOUGH, TrafficStore

DIM = 4
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def seen(numbers: range) -> list[Seen]:
    made = np.random.default_rng(7).normal(size=(1_000, DIM)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return [Seen(f"sha-{n}", made[n], NOW) for n in numbers]


SHIPPED = BackgroundBank("m", np.stack([one.vector for one in seen(range(900, 950))]))


@pytest.fixture
def banks() -> list[BackgroundBank]:
    return []


@pytest.fixture
def new_reservoir(
    database: Database, tmp_path: Path, banks: list[BackgroundBank]
) -> Iterator[Callable[..., Reservoir]]:
    """Makes what another process over the same folder would have; its thread sleeps."""
    made: list[Reservoir] = []

    def make(
        size: int = 100, measure: Callable[[BackgroundBank], None] = banks.append
    ) -> Reservoir:
        store = TrafficStore(database, "m", size)
        one = Reservoir(store, SHIPPED, tmp_path / "bank.npz", measure, first=10, every_s=600)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def test_what_is_offered_waits_until_it_is_written(
    new_reservoir: Callable[..., Reservoir],
) -> None:
    reservoir = new_reservoir()
    reservoir.offer(seen(range(4)))
    assert reservoir.state().kept == 0
    assert not reservoir.flush()
    assert (reservoir.state().kept, reservoir.state().seen) == (4, 4)


def test_the_tags_are_measured_when_the_sample_has_grown_and_not_with_every_image(
    new_reservoir: Callable[..., Reservoir], banks: list[BackgroundBank]
) -> None:
    reservoir = new_reservoir()
    for number in range(45):
        reservoir.offer(seen(range(number, number + 1)))
        reservoir.flush()
    assert [len(bank) for bank in banks] == [10 + 50, 20 + 50, 40 + 49]
    assert reservoir.state().measured == 40


def test_copies_do_not_make_the_sample_grow(
    new_reservoir: Callable[..., Reservoir], banks: list[BackgroundBank]
) -> None:
    reservoir = new_reservoir()
    for _ in range(30):
        reservoir.offer(seen(range(5)))
        reservoir.flush()
    assert banks == []
    assert (reservoir.state().kept, reservoir.state().seen) == (5, 150)


def test_a_full_sample_is_measured_again_when_the_traffic_has_doubled(
    new_reservoir: Callable[..., Reservoir], banks: list[BackgroundBank]
) -> None:
    reservoir = new_reservoir(size=15)
    for number in range(400):
        reservoir.offer(seen(range(number, number + 1)))
        reservoir.flush()
    assert reservoir.state().kept == 15
    assert 4 <= len(banks) <= 8  # 10, 20, 40, ... of an estimated number


def test_what_waits_is_written_when_the_service_stops(
    new_reservoir: Callable[..., Reservoir], database: Database
) -> None:
    reservoir = new_reservoir()
    reservoir.offer(seen(range(3)))
    reservoir.close()
    assert TrafficStore(database, "m", 100).state().kept == 3


def test_a_restart_measures_with_the_same_images(
    new_reservoir: Callable[..., Reservoir], banks: list[BackgroundBank], tmp_path: Path
) -> None:
    reservoir = new_reservoir()
    reservoir.offer(seen(range(12)))
    assert reservoir.flush()
    reservoir.offer(seen(range(12, 15)))  # these come too late to be measured with
    reservoir.flush()
    again = with_traffic(SHIPPED, tmp_path / "bank.npz", DIM)
    assert np.array_equal(again.vectors, banks[-1].vectors)


def test_another_process_measures_with_what_the_first_one_did(
    new_reservoir: Callable[..., Reservoir], banks: list[BackgroundBank]
) -> None:
    others: list[BackgroundBank] = []
    first, second = new_reservoir(), new_reservoir(measure=others.append)
    first.offer(seen(range(11)))
    assert first.flush()
    assert second.flush()
    assert np.array_equal(others[-1].vectors, banks[-1].vectors)
    assert not second.flush()


def test_the_shipped_images_leave_when_there_are_enough_real_ones(tmp_path: Path) -> None:
    many = np.tile(SHIPPED.vectors[:1], (ENOUGH, 1))
    BackgroundBank("m", many).save(tmp_path / "bank.npz")
    assert len(with_traffic(SHIPPED, tmp_path / "bank.npz", DIM)) == ENOUGH


def test_only_the_last_images_are_remembered_and_one_seen_again_is_new() -> None:
    recent = RecentImages(3)
    recent.add(seen(range(3)))
    recent.add(seen(range(1)))
    recent.add(seen(range(3, 4)))
    assert [one.sha256 for one in recent.newest(10)] == ["sha-2", "sha-0", "sha-3"]
    assert recent.vector_of("sha-1") is None
    assert recent.vector_of("sha-0") is not None
    assert [one.sha256 for one in recent.newest(2)] == ["sha-0", "sha-3"]
