"""kill -9 of a real service in the middle of 10,000-tag imports: all or nothing, every time."""

from __future__ import annotations

from pathlib import Path

from bench.kill_import import Rounds, kill_rounds

ROUNDS = 4


def test_a_service_killed_during_imports_starts_with_all_of_each_or_nothing(
    tmp_path: Path,
) -> None:
    rounds: Rounds = kill_rounds(tmp_path / "data", ROUNDS, seed=7)
    assert rounds.kills == ROUNDS
    assert rounds.lost == 0
