"""How tagging is doing, judged by nobody: the images answered last beside those of the bank."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.recent import RecentImages
from app.retag import tags_of
from app.snapshot import Snapshot
from vocab.background import BackgroundBank
from vocab.health import Pair, always_together, beyond_chance, stability_index

FloatArray = NDArray[np.float32]

# Images looked at on either side; enough for tenths, few enough for 100,000 tags.
MOST_IMAGES = 500
# Fewer images answered say nothing about a drift.
FEWEST_IMAGES = 50
TAGS_AT_ONCE = 1_000
LISTED = 20


@dataclass(frozen=True)
class Coverage:
    """How many tags `images` images get: the mean, and the share that gets none."""

    images: int
    tags_per_image: float
    without_tags: float


@dataclass(frozen=True)
class TagDrift:
    """A tag whose scores no longer lie as they did over the bank."""

    id: str
    name: str
    index: float


@dataclass(frozen=True)
class Drift:
    """How far today's scores lie from the bank's: `index` is of each image's highest logit.

    `drifted` counts the tags that moved beyond chance, of which `tags` has the worst.
    """

    index: float
    notable: bool
    drifted: int
    tags: tuple[TagDrift, ...]


@dataclass(frozen=True)
class Health:
    """`recent` and what needs it are None while too few images were answered."""

    since: datetime | None
    recent: Coverage | None
    bank: Coverage | None
    drift: Drift | None
    together: tuple[Pair, ...]


class HealthCheck:
    """Looks at the live tags; the same question twice is computed once."""

    def __init__(self, recent: RecentImages):
        self._recent = recent
        self._lock = threading.Lock()
        self._last: tuple[object, Health] | None = None

    def look(self, snapshot: Snapshot, bank: BackgroundBank) -> Health:
        """Seconds with 100,000 tags; those who ask meanwhile wait for the same answer."""
        with self._lock:
            seen = self._recent.newest(MOST_IMAGES)
            newest = seen[-1].sha256 if seen else ""
            key = (snapshot.revision, snapshot.calibration_generation, newest, len(seen))
            if self._last is None or self._last[0] != key:
                vectors = np.stack([one.vector for one in seen]) if seen else None
                health = examine(snapshot, bank, vectors)
                self._last = key, replace(health, since=seen[0].at if seen else None)
            return self._last[1]


def examine(snapshot: Snapshot, bank: BackgroundBank, recent: FloatArray | None) -> Health:
    """`(m, d)` vectors of the images answered last, or None, beside a sample of the bank."""
    before = bank.vectors[:: max(1, len(bank) // MOST_IMAGES)]
    then = tag_sets(snapshot, before)
    now = tag_sets(snapshot, recent) if recent is not None else []
    drift = None
    if recent is not None and len(recent) >= FEWEST_IMAGES and len(before) >= FEWEST_IMAGES:
        drift = _drift(snapshot, before, recent)
    return Health(
        since=None,
        recent=_coverage(now),
        bank=_coverage(then),
        drift=drift,
        together=always_together([*then, *now], LISTED),
    )


def tag_sets(snapshot: Snapshot, vectors: FloatArray) -> list[tuple[str, ...]]:
    """`(m, d)` image vectors to the ids of the tags each would get at the defaults."""
    if not len(vectors) or not snapshot.tags:
        return [()] * len(vectors)
    return [tuple(tag for tag, _ in tags) for tags in tags_of(snapshot, vectors)]


def logits_of(
    snapshot: Snapshot, vectors: FloatArray
) -> Iterator[tuple[NDArray[np.int64], FloatArray, FloatArray]]:
    """Rows of some tags, and `(m, r)` logits and similarities of the images, some at a time."""
    side = snapshot.calibration.image_side(vectors)
    for at in range(0, len(snapshot.tags), TAGS_AT_ONCE):
        rows = np.arange(at, min(at + TAGS_AT_ONCE, len(snapshot.tags)), dtype=np.int64)
        calibration = snapshot.calibration.taken(rows)
        similarities = vectors @ snapshot.index.vectors[rows].T
        yield rows, calibration.logits(calibration.scores(similarities, side)), similarities


def _drift(snapshot: Snapshot, before: FloatArray, now: FloatArray) -> Drift:
    indices = np.zeros(len(snapshot.tags))
    top_before = np.full(len(before), -np.inf, dtype=np.float32)
    top_now = np.full(len(now), -np.inf, dtype=np.float32)
    pairs = zip(logits_of(snapshot, before), logits_of(snapshot, now), strict=True)
    for (rows, old, _), (_, new, _) in pairs:
        # Of one tag, logits and scores lie in the same order, so their tenths are the same.
        indices[rows] = stability_index(old, new)
        np.maximum(top_before, old.max(axis=1), out=top_before)
        np.maximum(top_now, new.max(axis=1), out=top_now)
    if not len(indices):
        return Drift(0.0, False, 0, ())
    overall = float(stability_index(top_before[:, None], top_now[:, None])[0])
    moved = [
        int(row)
        for row in np.argsort(-indices, kind="stable")
        if _notable(indices[row], before, now)
    ]
    return Drift(
        index=overall,
        notable=_notable(overall, before, now),
        drifted=len(moved),
        tags=tuple(
            TagDrift(snapshot.tags[row].id, snapshot.tags[row].name, float(indices[row]))
            for row in moved[:LISTED]
        ),
    )


def _notable(index: float, before: FloatArray, now: FloatArray) -> bool:
    return beyond_chance(float(index), len(before), len(now))


def _coverage(tags: Sequence[tuple[str, ...]]) -> Coverage | None:
    if not tags:
        return None
    counts = np.asarray([len(one) for one in tags])
    return Coverage(len(tags), float(counts.mean()), float((counts == 0).mean()))
