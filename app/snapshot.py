"""What a request sees of the vocabulary: frozen, numbered, and replaced whole."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.errors import NotReadyError
from index.tag_index import TagIndex
from vocab.background import BackgroundBank
from vocab.calibration import Calibration, ScoreModel, calibrate
from vocab.tags import Tag, Vocabulary

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Snapshot:
    """The active tags at one revision; row i of the index and the calibration is `tags[i]`."""

    revision: int
    model_key: str
    tags: tuple[Tag, ...]
    index: TagIndex
    calibration: Calibration

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Row of each tag, by its id."""
        return {tag.id: row for row, tag in enumerate(self.tags)}

    @cached_property
    def categories(self) -> Mapping[str, NDArray[np.int64]]:
        """Rows of the tags of each category."""
        rows: dict[str, list[int]] = {}
        for row, tag in enumerate(self.tags):
            rows.setdefault(tag.category, []).append(row)
        return {name: np.asarray(found, dtype=np.int64) for name, found in rows.items()}


def active_tags(vocabulary: Vocabulary) -> tuple[Tag, ...]:
    """The tags that take part in tagging, in the vocabulary's order."""
    return tuple(tag for tag in vocabulary.tags if tag.state == "active")


def build_snapshot(
    revision: int,
    tags: tuple[Tag, ...],
    vectors: FloatArray,
    *,
    probe_mean: FloatArray,
    bank: BackgroundBank,
    score_model: ScoreModel,
) -> Snapshot:
    """A snapshot of tags and their `(n, d) float32` unit vectors; slow, and changes nothing."""
    manual = np.asarray(
        [np.nan if tag.threshold is None else tag.threshold for tag in tags], dtype=np.float32
    )
    return Snapshot(
        revision=revision,
        model_key=bank.model_key,
        tags=tags,
        index=TagIndex(vectors, bank.model_key),
        calibration=calibrate(vectors, probe_mean, bank, score_model, manual),
    )


class Live:
    """Points to the snapshot that new requests take."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._publishing = threading.Lock()

    def current(self) -> Snapshot:
        """The newest snapshot; take it once a request and pass it on."""
        snapshot = self._snapshot
        if snapshot is None:
            raise NotReadyError("模型与词表尚未加载完成")
        return snapshot

    def publish(self, snapshot: Snapshot) -> bool:
        """Makes it the current one and answers True, or False where a newer one is live.

        Two writers may finish in the other order than they began; the older must not win. It
        cannot fail: everything slow or doubtful happened before.
        """
        with self._publishing:
            if self._snapshot is not None and snapshot.revision < self._snapshot.revision:
                return False
            self._snapshot = snapshot
            return True
