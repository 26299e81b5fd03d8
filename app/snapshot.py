"""What a request sees of the vocabulary: frozen, numbered, and replaced whole."""

from __future__ import annotations

import operator
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, repeat

import numpy as np
from numpy.typing import NDArray

from app.errors import NotReadyError
from index.tag_index import TagIndex
from vocab.background import BackgroundBank
from vocab.calibration import Calibration, calibrate
from vocab.probes import ProbeSet
from vocab.score_model import ScoreModel
from vocab.tags import Tag, Vocabulary
from vocab.targets import Aims, read_target

FloatArray = NDArray[np.float32]
Rows = NDArray[np.int64]

_id_of = operator.attrgetter("id")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The active tags at one revision; row i of the index and the calibration is `tags[i]`.

    `calibration_generation` counts how often this process has measured the tags of a revision
    anew, after feedback or with another bank: revision and generation together name an answer.
    """

    revision: int
    model_key: str
    tags: tuple[Tag, ...]
    index: TagIndex
    calibration: Calibration
    calibration_generation: int = 0

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Row of each tag, by its id."""
        return dict(zip(map(_id_of, self.tags), range(len(self.tags)), strict=True))

    @cached_property
    def categories(self) -> Mapping[str, NDArray[np.int64]]:
        """Rows of the tags of each category."""
        return self._rows_by(tag.category for tag in self.tags)

    @cached_property
    def exclusive_groups(self) -> Mapping[str, NDArray[np.int64]]:
        """Rows of the tags of each exclusive group; those of none are under the empty name."""
        return self._rows_by(tag.exclusive_group for tag in self.tags)

    @staticmethod
    def _rows_by(names: Iterable[str]) -> Mapping[str, NDArray[np.int64]]:
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            rows.setdefault(name, []).append(row)
        return {name: np.asarray(found, dtype=np.int64) for name, found in rows.items()}


@dataclass(frozen=True)
class Measure:
    """What every tag of a model is measured with; no edit of the vocabulary changes it."""

    probes: ProbeSet
    bank: BackgroundBank
    score_model: ScoreModel

    def calibrate(self, vectors: FloatArray, tags: Sequence[Tag] | None = None) -> Calibration:
        """`(n, d)` tag vectors to the numbers of each tag by itself.

        Without the tags they belong to, what depends on a tag's fields is left out.
        """
        if tags is None:
            return calibrate(vectors, self.probes, self.bank, self.score_model)
        own = manual_thresholds(tags), own_aims(tags)
        found = calibrate(vectors, self.probes, self.bank, self.score_model, *own)
        return found.with_logistics(*labelled_logistics(tags, self.score_model))


def active_tags(vocabulary: Vocabulary) -> tuple[Tag, ...]:
    """The tags that take part in tagging, in the vocabulary's order."""
    states = map(operator.attrgetter("state"), vocabulary.tags)
    return tuple(compress(vocabulary.tags, map("active".__eq__, states)))


def build_snapshot(
    revision: int,
    tags: tuple[Tag, ...],
    vectors: FloatArray,
    measure: Measure,
) -> Snapshot:
    """A snapshot of tags and their `(n, d) float32` unit vectors; slow, and changes nothing."""
    return Snapshot(
        revision=revision,
        model_key=measure.bank.model_key,
        tags=tags,
        index=TagIndex(vectors, measure.bank.model_key),
        calibration=measure.calibrate(vectors, tags),
    )


def kept_rows(base: Snapshot, tags: tuple[Tag, ...]) -> Rows:
    """`(n,) int64`: for each of the tags its row in `base`, or -1 where it is new or changed.

    The loops run in C: among 100,000 tags an edit looks for the one that differs.
    """
    found = list(map(base.positions.get, map(_id_of, tags), repeat(-1)))
    rows = np.fromiter(found, np.int64, len(found))
    if not base.tags:
        return rows
    same = map(operator.is_, map(base.tags.__getitem__, found), tags)
    for row in np.flatnonzero(~np.fromiter(same, bool, len(tags))):
        # Read anew from the database, a tag is another object with the same fields.
        if base.tags[found[row]] != tags[row]:
            rows[row] = -1
    return rows


def next_snapshot(
    base: Snapshot,
    revision: int,
    tags: tuple[Tag, ...],
    rows: Rows,
    vectors: FloatArray,
    calibration: Calibration,
) -> Snapshot:
    """A snapshot of `tags` that takes over what `base` knows of those that did not change.

    `rows` says where each tag lies: in `base`, or below it in `vectors (p, d)` and `calibration`,
    which hold the new and changed ones. Nothing is computed again; the arrays are copied once.
    What feedback said of a tag stays with it while it is unchanged.
    """
    taken = base.calibration.joined(calibration).taken(rows)
    manual, aims = taken.manual.copy(), taken.aims.copy()
    slope, intercept = np.full((2, len(tags)), np.nan, dtype=np.float32)
    changed = np.flatnonzero(rows >= len(base.tags))
    new = [tags[row] for row in changed]
    manual[changed], aims[changed] = manual_thresholds(new), own_aims(new)
    slope[changed], intercept[changed] = labelled_logistics(new, taken.model)
    return Snapshot(
        revision=revision,
        model_key=base.model_key,
        tags=tags,
        index=base.index.rearranged(rows, vectors),
        calibration=replace(taken, manual=manual, aims=aims).with_logistics(slope, intercept),
        calibration_generation=base.calibration_generation,
    )


def recalibrated(base: Snapshot, calibration: Calibration) -> Snapshot:
    """The same tags at the same revision with other numbers, of the next generation."""
    generation = base.calibration_generation + 1
    return replace(base, calibration=calibration, calibration_generation=generation)


def labelled_logistics(tags: Sequence[Tag], model: ScoreModel) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept, `(n,) float32` each, of tags so named that were labelled when the model
    was fitted; NaN of others. A tag with prompt templates of its own is another text.
    """
    unknown = (np.nan, np.nan)
    found = [
        unknown if tag.prompt_templates else model.labelled.get(tag.name, unknown) for tag in tags
    ]
    slope, intercept = np.asarray(found, dtype=np.float32).reshape(-1, 2).T
    return slope, intercept


def manual_thresholds(tags: Sequence[Tag]) -> FloatArray:
    """`(n,) float32`: the operators' own thresholds, NaN where there is none."""
    return np.asarray(
        [np.nan if tag.threshold is None else tag.threshold for tag in tags], dtype=np.float32
    )


def own_aims(tags: Sequence[Tag]) -> Aims:
    """`(n,) object`: the targets operators gave, None where there is none."""
    found = np.full(len(tags), None, dtype=np.object_)
    for row, tag in enumerate(tags):
        if tag.target:
            found[row] = read_target(tag.target)
    return found


class Live:
    """Points to the snapshot that new requests take."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._publishing = threading.Lock()
        self._published: list[weakref.ref[Snapshot]] = []

    @property
    def alive(self) -> int:
        """How many published snapshots are in memory: the current one and those that requests
        still hold. A number that grows is a leak.
        """
        return sum(1 for published in self._published if published() is not None)

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
            held = [known for known in self._published if known() not in (None, snapshot)]
            self._published = [*held, weakref.ref(snapshot)]
            return True
