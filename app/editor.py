"""The write path: prepare, check, commit, publish. Its twin is `app.tagger`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.errors import OverloadedError
from app.snapshot import (
    Live,
    Measure,
    Rows,
    Snapshot,
    active_tags,
    build_snapshot,
    kept_rows,
    next_snapshot,
)
from app.tag_vectors import Progress, TagVectors
from vocab.calibration import Calibration
from vocab.edit import Edit, new_tag_id
from vocab.store import VocabularyStore
from vocab.tags import Outcome, Tag, Vocabulary

FloatArray = NDArray[np.float32]
Value = TypeVar("Value")
log = logging.getLogger(__name__)

# How often an edit may find that others changed the very tags it is about.
ATTEMPTS = 8


@dataclass(frozen=True)
class Edited(Generic[Value]):
    """What an edit's function returned, and what the edit did."""

    value: Value
    outcome: Outcome


class UnpreparedError(Exception):
    """Inside the lock: these tags have no vector yet. Never leaves the editor."""

    def __init__(self, tags: Sequence[Tag]):
        super().__init__(f"{len(tags)} tags")
        self.tags = tuple(tags)


class Prepared:
    """Vectors and calibrations of tags, by what they depend on; grows, never changes."""

    def __init__(self, vectors: TagVectors, measure: Measure):
        self._of = vectors
        self._measure = measure
        self._rows: dict[str, int] = {}
        self._vectors: FloatArray = np.zeros((0, vectors.encoder.dim), dtype=np.float32)
        self._calibration: Calibration = measure.calibrate(self._vectors)

    def add(self, tags: Sequence[Tag]) -> None:
        """Encodes and measures tags: slow, may fail, and changes nothing but this object."""
        new = {key: tag for tag in tags if (key := self._of.key(tag)) not in self._rows}
        if not new:
            return
        vectors = self._of.of(list(new.values()))
        calibration = self._calibration.joined(self._measure.calibrate(vectors))
        self._vectors = np.concatenate([self._vectors, vectors])
        self._calibration = calibration
        for key in new:
            self._rows[key] = len(self._rows)

    def measured_with(self, measure: Measure) -> None:
        """Measures anew where the bank was exchanged since; encodes nothing."""
        if self._measure is not measure:
            self._measure = measure
            self._calibration = measure.calibrate(self._vectors)

    def snapshot(self, base: Snapshot, vocabulary: Vocabulary) -> Snapshot:
        """The snapshot of a vocabulary, made from `base` and what was prepared, and tried out.

        Raises `UnpreparedError` with the tags it would need.
        """
        tags = active_tags(vocabulary)
        rows: Rows = kept_rows(base, tags)
        missing: list[Tag] = []
        for row in np.flatnonzero(rows < 0):
            prepared = self._rows.get(self._of.key(tags[row]))
            if prepared is None:
                missing.append(tags[row])
            else:
                rows[row] = len(base.tags) + prepared
        if missing:
            raise UnpreparedError(missing)
        made = next_snapshot(
            base, vocabulary.revision, tags, rows, self._vectors, self._calibration
        )
        # A snapshot that cannot be searched must not be committed to.
        made.index.search(made.index.vectors[-1:], 1, base.model_key)
        return made


class Editor:
    """Carries edits from a request to the snapshot that answers the next one.

    Its methods are slow and run on threads, never on an event loop. Edits of this process pass
    one by one; those of other processes are told apart by the database.
    """

    def __init__(
        self,
        store: VocabularyStore,
        vectors: TagVectors,
        measure: Measure,
        live: Live,
        *,
        wait_s: float = 30.0,
    ):
        self.store = store
        self.vectors = vectors
        self.measure = measure
        self.live = live
        self._wait_s = wait_s
        self._turn = threading.Lock()

    def start(self, progress: Progress | None = None) -> None:
        """Publishes the newest vocabulary as it is in the store: the first snapshot."""
        vocabulary = self.store.load()
        tags = active_tags(vocabulary)
        self.live.publish(
            build_snapshot(
                vocabulary.revision,
                tags,
                self.vectors.of(tags, progress),
                self.measure,
            )
        )

    def edit(
        self,
        author: str,
        reason: str,
        change: Callable[[Edit], Value],
        *,
        if_match: int | None = None,
        dry_run: bool = False,
    ) -> Edited[Value]:
        """Carries out a change; when it returns, the next request sees it.

        `change` is called more than once and must do nothing but edit. Raises what it raises,
        `StaleEditError`, `EncoderError` and `OverloadedError`; then nothing has changed. A change
        that changes nothing publishes nothing, and its outcome says so.
        """
        ids = Ids()
        # Prepare: outside any lock. What the change comes to is found out by rehearsing it.
        prepared = Prepared(self.vectors, self.measure)
        with self.store.rehearsing(author, if_match=if_match, new_id=ids.restarted()) as rehearsal:
            value = change(rehearsal)
            outcome = rehearsal.outcome
        if dry_run:
            return Edited(value, outcome)
        prepared.add([t for t in (*outcome.created, *outcome.updated) if t.state == "active"])
        for _ in range(ATTEMPTS):
            try:
                with self.turn():
                    # Check, in the transaction that commits when the block is over.
                    with self.store.editing(
                        author, reason, if_match=if_match, new_id=ids.restarted()
                    ) as edit:
                        value = change(edit)
                        snapshot = self._snapshot(edit.vocabulary(), prepared)
                    # Publish: one assignment.
                    self.live.publish(snapshot)
                return Edited(value, edit.outcome)
            except UnpreparedError as others:
                # Someone else's edit slipped in; their vectors are kept, so this is quick.
                prepared.add(others.tags)
        raise OverloadedError(
            "这些标签一直在被其他人修改，没能提交", remedy="请重新读取当前内容后再试。"
        )

    def catch_up(self) -> bool:
        """Publishes what other processes have committed; True where there was something.

        Raises what the database and the encoder raise; what is live stays live.
        """
        vocabulary = self.store.load()
        if vocabulary.revision <= self.live.current().revision:
            return False
        prepared = Prepared(self.vectors, self.measure)
        for _ in range(ATTEMPTS):
            try:
                with self.turn():
                    if vocabulary.revision <= self.live.current().revision:
                        return False
                    return self.live.publish(self._snapshot(vocabulary, prepared))
            except UnpreparedError as others:
                prepared.add(others.tags)  # outside the turn: nobody waits for an encoder
        raise OverloadedError("词表一直在变化，没能跟上")

    def _snapshot(self, vocabulary: Vocabulary, prepared: Prepared) -> Snapshot:
        base = self.live.current()
        if base.revision == vocabulary.revision:
            return base
        prepared.measured_with(self.measure)
        return prepared.snapshot(base, vocabulary)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """What publishes holds it, so that nothing is built upon a snapshot that was replaced.

        Raises `OverloadedError` where others take too long.
        """
        if not self._turn.acquire(timeout=self._wait_s):
            raise OverloadedError(
                f"等待其他修改超过 {self._wait_s:g} 秒", remedy="其他修改正在进行，请稍后重试。"
            )
        try:
            yield
        finally:
            self._turn.release()


class Ids:
    """New ids for one edit: the same ones in the same order each time it is carried out."""

    def __init__(self) -> None:
        self._given: list[str] = []

    def restarted(self) -> Callable[[], str]:
        """A source that begins with the first id again."""
        at = 0

        def next_id() -> str:
            nonlocal at
            if at == len(self._given):
                self._given.append(new_tag_id())
            at += 1
            return self._given[at - 1]

        return next_id
