"""What is read when Prometheus asks: queues, caches, indexes, drift, jobs, the disk."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from app.batching.cache import BoundedCache
from app.health import Drift, HealthCheck
from app.jobs.job import State
from app.jobs.store import JobStore
from app.metrics import catalogue as known
from app.metrics.catalogue import Metric
from app.snapshot import Snapshot
from app.tagger import Tagger
from vocab.background import BackgroundBank

log = logging.getLogger(__name__)

# A metric, the values of its labels, and its value.
Reading = tuple[Metric, tuple[str, ...], float]

DRIFT_EVERY_S = 60.0


class DriftWatch:
    """The drift, looked at most once in `every_s` seconds: with 100,000 tags it takes some."""

    def __init__(
        self,
        health: HealthCheck,
        *,
        every_s: float = DRIFT_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._health = health
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._drift: Drift | None = None

    def look(self, snapshot: Snapshot, bank: BackgroundBank) -> Drift | None:
        """None while too few images were answered."""
        with self._lock:
            now = self._clock()
            if self._looked is None or now - self._looked >= self._every_s:
                self._drift = self._health.look(snapshot, bank).drift
                self._looked = self._clock()
            return self._drift


@dataclass(frozen=True, eq=False)
class Watch(Collector):
    """The parts that are read; one that cannot be read is left out and the others are told."""

    tagger: Tagger
    bank: Callable[[], BackgroundBank]
    drift: DriftWatch
    jobs: JobStore
    data_dir: Path

    def collect(self) -> Iterator[Family]:
        """The families of everything in the catalogue that is not counted as it happens."""
        families: dict[str, Any] = {}
        for read in (
            self._about,
            self._queues,
            self._caches,
            self._indexes,
            self._drifted,
            self._jobs,
            self._disk,
        ):
            for metric, labels, value in _read(read):
                if metric.name not in families:
                    families[metric.name] = _family(metric)
                families[metric.name].add_metric(labels, value)
        yield from families.values()

    def _about(self) -> Iterator[Reading]:
        encoder, live = self.tagger.encoder, self.tagger.live
        yield known.INFO, (version("tuqian"), encoder.name, encoder.device), 1
        snapshot = live.current()
        yield known.READY, (), self.tagger.batcher.is_working
        yield known.REVISION, (), snapshot.revision
        yield known.GENERATION, (), snapshot.calibration_generation
        yield known.SNAPSHOTS, (), live.alive

    def _queues(self) -> Iterator[Reading]:
        tagger = self.tagger
        yield known.ENCODER_THREADS, (), tagger.batcher.encoders
        yield known.ENCODER_RESTARTS, (), tagger.batcher.restarts
        yield known.QUEUE, (), tagger.batcher.waiting
        yield known.IN_PROGRESS, ("interactive",), tagger.gate.inside
        yield known.IN_PROGRESS, ("bulk",), tagger.bulk_gate.inside
        yield known.CAPACITY, ("interactive",), tagger.gate.capacity
        yield known.CAPACITY, ("bulk",), tagger.bulk_gate.capacity
        yield known.REFUSED, (), tagger.gate.refused

    def _caches(self) -> Iterator[Reading]:
        caches: dict[str, BoundedCache[Any]] = {}
        if self.tagger.seen is not None:
            caches["vectors"] = self.tagger.seen.memory
            yield known.SHARED_HITS, (), self.tagger.seen.shared_hits
        if self.tagger.answers is not None:
            caches["answers"] = self.tagger.answers.memory
        for name, cache in caches.items():
            yield known.CACHE_HITS, (name,), cache.hits
            yield known.CACHE_MISSES, (name,), cache.misses
            yield known.CACHE_EVICTED, (name,), cache.evicted
            yield known.CACHE_BYTES, (name,), cache.bytes
            yield known.CACHE_ENTRIES, (name,), len(cache)

    def _indexes(self) -> Iterator[Reading]:
        yield known.INDEX_ENTRIES, ("tags",), len(self.tagger.live.current().tags)
        if self.tagger.collection is not None:
            yield known.INDEX_ENTRIES, ("images",), len(self.tagger.collection)
        yield known.BANK_IMAGES, (), len(self.bank())

    def _drifted(self) -> Iterator[Reading]:
        drift = self.drift.look(self.tagger.live.current(), self.bank())
        if drift is not None:
            yield known.DRIFT_INDEX, (), drift.index
            yield known.DRIFT_NOTABLE, (), drift.notable
            yield known.DRIFT_TAGS, (), drift.drifted

    def _jobs(self) -> Iterator[Reading]:
        try:
            counts = self.jobs.counts()
        except Exception:
            yield known.DATABASE_UP, (), 0
            raise
        yield known.DATABASE_UP, (), 1
        for state in get_args(State):
            yield known.JOBS, (state,), counts.get(state, 0)

    def _disk(self) -> Iterator[Reading]:
        usage = shutil.disk_usage(self.data_dir)
        yield known.DISK_FREE, (), usage.free
        yield known.DISK_SIZE, (), usage.total


def _read(read: Callable[[], Iterable[Reading]]) -> Iterator[Reading]:
    try:
        yield from read()
    except Exception:  # whatever is wrong with one part, the others are wanted all the more
        log.exception("a part could not be read for /metrics")


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return make(metric.name, metric.help, labels=metric.labels)
