"""A bounded sample of the images that come by: each different image as likely as any other.

An image's rank is a keyed hash of its digest, and the images of the lowest ranks are kept. That is
a uniform sample without replacement of the *different* images (bottom-k sampling, Cohen and Kaplan
2007), as Algorithm R gives one of all arrivals; but a copy finds its own rank taken and counts
once, the order of arrival does not matter, two processes may fill one sample, and the k-th lowest
rank tells how many different images there were (Bar-Yossef et al. 2002).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select, update

from vocab.background import BackgroundBank
from vocab.learning_tables import traffic, traffic_images
from vocab.store import Transactions, now_utc
from vocab.tables import batches

FloatArray = NDArray[np.float32]

RANKS = 1 << 64
# From so many images of their own on, an operator's traffic needs no shipped ones beside it;
# below it, at least this share of the shipped ones stays.
ENOUGH = 2_000
LEAST_SHIPPED = 0.2


@dataclass(frozen=True)
class Arrival:
    """An image that was tagged: its rank and its `(d,) float32` unit vector."""

    rank: str
    vector: FloatArray
    at: datetime


@dataclass(frozen=True)
class SampleState:
    """What is known of the sample: images `kept`, answers `seen`, and different images among them.

    `measured` is how many different images there were when the tags were last measured with the
    sample, 0 for never. `limit` is the rank from which on nothing is kept, None while there is
    room.
    """

    kept: int
    seen: int
    different: int
    measured: int
    measured_at: datetime | None
    since: datetime | None
    limit: str | None


def rank_of(salt: str, sha256: str) -> str:
    """16 hexadecimal digits drawn from the digest; without the salt nobody can aim at a rank."""
    return hashlib.sha256(f"{salt}:{sha256}".encode()).hexdigest()[:16]


def different_images(ranks: Sequence[str], size: int) -> int:
    """How many different images there were, from the kept ranks in ascending order.

    Exact while the sample has room, else (k - 1) / u with u the k-th rank as a share of all.
    """
    if len(ranks) < size:
        return len(ranks)
    share = (int(ranks[-1], 16) + 1) / RANKS
    return max(len(ranks), round((len(ranks) - 1) / share))


def joined_bank(shipped: BackgroundBank, sampled: FloatArray) -> BackgroundBank:
    """The shipped images and the `(n, d)` sampled ones; fewer of the former the more of the latter.

    The same shipped images each time: those of a larger sample are among those of a smaller.
    """
    if not len(sampled):
        return shipped
    share = 0.0 if len(sampled) >= ENOUGH else max(LEAST_SHIPPED, 1 - len(sampled) / ENOUGH)
    order = np.random.default_rng(0).permutation(len(shipped))
    kept = np.sort(order[: round(len(shipped) * share)])
    return BackgroundBank(shipped.model_key, np.concatenate([shipped.vectors[kept], sampled]))


class TrafficStore:
    """The sample of one model's traffic in the database. Safe to share between threads."""

    def __init__(
        self,
        transactions: Transactions,
        model_key: str,
        size: int,
        *,
        clock: Callable[[], datetime] = now_utc,
    ):
        self._transactions = transactions
        self.model_key = model_key
        self.size = size
        self._clock = clock

    def salt(self) -> str:
        """The key of the ranks, made at the first use."""
        with self._transactions.read() as connection:
            known = self._salt(connection)
        if known is None:
            with self._transactions.write() as connection:
                known = self._salt(connection)
                if known is None:
                    known = secrets.token_hex(16)
                    row = {"model_key": self.model_key, "salt": known, "seen": 0, "measured": 0}
                    connection.execute(insert(traffic).values(row))
        return known

    def keep(self, arrivals: Sequence[Arrival], seen: int) -> None:
        """Puts arrivals into the sample and drops what then has too high a rank, all or nothing.

        `seen` answers are counted, copies and images that are not kept included.
        """
        columns = traffic_images.c
        with self._transactions.write() as connection:
            mine = traffic.c.model_key == self.model_key
            connection.execute(update(traffic).where(mine).values(seen=traffic.c.seen + seen))
            known = set(self._ranks(connection))
            new = {one.rank: one for one in arrivals if one.rank not in known}
            rows = [
                {
                    "model_key": self.model_key,
                    "rank": one.rank,
                    "seen_at": one.at,
                    "vector": one.vector.astype("<f2").tobytes(),
                }
                for one in new.values()
            ]
            if rows:
                connection.execute(insert(traffic_images), rows)
            for some in batches(sorted(known | set(new))[self.size :]):
                out = delete(traffic_images).where(columns.model_key == self.model_key)
                connection.execute(out.where(columns.rank.in_(some)))

    def state(self) -> SampleState:
        """What is known of the sample now."""
        images, columns = traffic_images.c, traffic.c
        with self._transactions.read() as connection:
            ranks = self._ranks(connection)[: self.size]
            row = connection.execute(
                select(columns.seen, columns.measured, columns.measured_at).where(
                    columns.model_key == self.model_key
                )
            ).first()
            oldest = select(func.min(images.seen_at)).where(images.model_key == self.model_key)
            since = connection.scalar(oldest)
        return SampleState(
            kept=len(ranks),
            seen=row.seen if row else 0,
            different=different_images(ranks, self.size),
            measured=row.measured if row else 0,
            measured_at=_utc(row.measured_at) if row else None,
            since=_utc(since),
            limit=ranks[-1] if len(ranks) >= self.size else None,
        )

    def vectors(self) -> FloatArray:
        """`(n, d) float32`, unit rows in order of rank; `(0, 0)` of an empty sample."""
        columns = traffic_images.c
        query = select(columns.vector).where(columns.model_key == self.model_key)
        with self._transactions.read() as connection:
            found = connection.scalars(query.order_by(columns.rank).limit(self.size)).all()
        if not found:
            return np.zeros((0, 0), dtype=np.float32)
        vectors = np.stack([np.frombuffer(blob, dtype="<f2") for blob in found]).astype(np.float32)
        unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def claim(self, before: int, different: int, publish: Callable[[], object]) -> bool:
        """Says that the tags are measured with the sample as it is now; False where another
        process was quicker. `publish` is called before others can know of it.
        """
        columns = traffic.c
        with self._transactions.write() as connection:
            mine = (columns.model_key == self.model_key, columns.measured == before)
            change = update(traffic).where(*mine)
            done = connection.execute(
                change.values(measured=different, measured_at=self._clock())
            ).rowcount
            if done:
                publish()
        return bool(done)

    def _salt(self, connection: Connection) -> str | None:
        found = connection.scalar(
            select(traffic.c.salt).where(traffic.c.model_key == self.model_key)
        )
        return None if found is None else str(found)

    def _ranks(self, connection: Connection) -> list[str]:
        columns = traffic_images.c
        query = select(columns.rank).where(columns.model_key == self.model_key)
        return list(connection.scalars(query.order_by(columns.rank)))


def _utc(moment: datetime | None) -> datetime | None:
    """SQLite forgets the zone of what it was given, which was UTC."""
    if moment is None or moment.tzinfo:
        return moment
    return moment.replace(tzinfo=timezone.utc)
