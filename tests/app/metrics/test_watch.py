"""What is read when Prometheus asks."""

from __future__ import annotations

from typing import Any, cast

from app.health import Drift, Health
from app.metrics.watch import DriftWatch


class Looker:
    """A health check that counts how often it is asked."""

    def __init__(self) -> None:
        self.looks = 0

    def look(self, snapshot: object, bank: object) -> Health:
        self.looks += 1
        return Health(None, None, None, Drift(self.looks / 10, False, 0, ()), ())


def test_the_drift_is_looked_at_once_a_minute_however_often_it_is_asked_for() -> None:
    looker, now = Looker(), [0.0]
    watch = DriftWatch(cast(Any, looker), clock=lambda: now[0])
    seen = []
    for at in (0, 1, 59, 60, 61, 119, 121):
        now[0] = at
        drift = watch.look(cast(Any, None), cast(Any, None))
        assert drift is not None
        seen.append(drift.index)
    assert seen == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3]
