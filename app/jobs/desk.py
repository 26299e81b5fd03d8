"""What the interface needs of the jobs: where they lie, how fast they go, what may be asked."""

from __future__ import annotations

from dataclasses import dataclass

from app.database import Database
from app.jobs.deliveries import Deliveries
from app.jobs.lease import Lease
from app.jobs.pace import Pace
from app.jobs.store import JobStore


@dataclass(frozen=True)
class JobDesk:
    """`fetches`: URLs can be items; `signs`: there is a secret, so that webhooks can be sent."""

    store: JobStore
    deliveries: Deliveries
    lease: Lease
    pace: Pace
    max_images: int
    fetches: bool
    signs: bool


def desk_of(
    database: Database, *, max_unfinished: int, max_images: int, fetches: bool, signs: bool
) -> JobDesk:
    """The desk over a database."""
    return JobDesk(
        JobStore(database, max_unfinished=max_unfinished),
        Deliveries(database),
        Lease(database),
        Pace(),
        max_images,
        fetches,
        signs,
    )
