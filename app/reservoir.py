"""The bank learns from what is tagged: a bounded sample, measured with when it has grown enough.

A request only appends to a bounded queue. A thread writes what belongs into the sample every few
seconds, so a crash loses some seconds of a sample that loses nothing by it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from app.recent import Seen
from vocab.background import BackgroundBank
from vocab.traffic import Arrival, SampleState, TrafficStore, joined_bank, rank_of

log = logging.getLogger(__name__)

# Answers that wait for the thread; with more of them than it can write, the oldest go unsampled.
MOST_WAITING = 4_096
# The tags are measured anew at so many different images, and then each time they have doubled.
FIRST = 500


def traffic_bank_path(data_dir: Path, model_key: str) -> Path:
    """Where the sampled images lie that the tags are measured with."""
    return data_dir / "background" / f"{model_key}.traffic.npz"


def with_traffic(shipped: BackgroundBank, path: Path, dim: int) -> BackgroundBank:
    """The bank as it is in use: the shipped images and those the tags were last measured with."""
    if not path.is_file():
        return shipped
    return joined_bank(shipped, BackgroundBank.load(path, shipped.model_key, dim).vectors)


class Reservoir:
    """Samples the traffic of one model and says when the tags should be measured with it.

    `measure(bank)` is called on the reservoir's own thread. `path` keeps what is measured with,
    so that a restart, and every process over the same folder, measures with the same images.
    """

    def __init__(
        self,
        store: TrafficStore,
        shipped: BackgroundBank,
        path: Path,
        measure: Callable[[BackgroundBank], None],
        *,
        first: int = FIRST,
        every_s: float = 5.0,
    ):
        self._store = store
        self._shipped = shipped
        self._path = path
        self._measure = measure
        self._first = first
        self._every_s = every_s
        self._waiting: deque[Seen] = deque(maxlen=MOST_WAITING)
        self._salt = store.salt()
        self._measured = store.state().measured
        self._flushing = threading.Lock()
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._work, name="reservoir", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what waits and ends the thread; measures nothing any more."""
        self._stopping.set()
        self._thread.join()
        with self._flushing:
            self._write(self._store.state())

    def offer(self, seen: Sequence[Seen]) -> None:
        """Images that were tagged; costs an append each and never waits."""
        self._waiting.extend(seen)

    def state(self) -> SampleState:
        """What is known of the sample."""
        return self._store.state()

    def flush(self) -> bool:
        """Writes what waits; True where the tags were then measured with the grown sample."""
        with self._flushing:
            before = self._store.state()
            state = self._store.state() if self._write(before) else before
            if state.measured != self._measured:  # another process measured first
                bank = with_traffic(self._shipped, self._path, self._shipped.vectors.shape[1])
                self._measured = state.measured
                self._measure(bank)
                return True
            if state.different < max(self._first, 2 * state.measured):
                return False
            return self._grown(state)

    def _write(self, state: SampleState) -> bool:
        """Puts into the sample what has a rank low enough; False where nothing waited."""
        seen = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not seen:
            return False
        ranked = ((rank_of(self._salt, one.sha256), one) for one in seen)
        self._store.keep(
            [
                Arrival(rank, one.vector, one.at)
                for rank, one in ranked
                if state.limit is None or rank < state.limit
            ],
            len(seen),
        )
        return True

    def _grown(self, state: SampleState) -> bool:
        sampled = BackgroundBank(self._shipped.model_key, self._store.vectors())
        draft = self._path.with_name(self._path.name + ".new")
        sampled.save(draft)
        if not self._store.claim(
            state.measured, state.different, lambda: draft.replace(self._path)
        ):
            draft.unlink(missing_ok=True)
            return False  # the next look finds what the other process has measured with
        self._measured = state.different
        self._measure(with_traffic(self._shipped, self._path, sampled.vectors.shape[1]))
        log.info("the bank has learned from %d images", len(sampled))
        return True

    def _work(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.flush()
                self._failing = False
            except Exception:  # whatever failed, the next time may succeed
                if not self._failing:
                    log.exception("cannot write the sample of the traffic; trying again")
                self._failing = True
