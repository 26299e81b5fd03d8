"""Which tags an image gets, once their numbers are known: pure functions over one image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.echoes import without_echoes
from app.errors import InvalidRequestError
from app.snapshot import Snapshot
from vocab.logistic import probabilities
from vocab.probes import ImageSide
from vocab.tags import Tag
from vocab.targets import Kind, Target

FloatArray = NDArray[np.float32]
Rows = NDArray[np.int64]

MISSES = 3
# Tags looked at for echoes: far more than are ever shown, few enough to cost nothing.
EXAMINED = 64


@dataclass(frozen=True)
class Options:
    """What a caller asks of the tags.

    `min_confidence`, `precision_target`, `false_positive_rate` and `best_f1` all move the cut; the
    strictest counts, and none that operators gave a tag does. A tag that cannot keep what is asked
    stays out, unless `include_uncertain` brings it in at its usual cut. An empty `categories` means
    all of them. `distinct` leaves out tags that only repeat a stronger one. `duplicates` asks
    whether the image is stored already; `index` asks that too, and stores it. `detail` says
    whether parts of an image count too. `precision_ranges` adds what stricter precision targets
    would give (`app.sweep`).
    """

    top_k: int = 10
    min_confidence: float | None = None
    precision_target: float | None = None
    precision_ranges: bool = False
    false_positive_rate: float | None = None
    best_f1: bool = False
    include_uncertain: bool = False
    detail: Literal["usual", "high"] = "usual"
    categories: tuple[str, ...] = ()
    include_parents: bool = False
    distinct: bool = True
    duplicates: bool = False
    index: bool = False

    @property
    def targets(self) -> tuple[Target, ...]:
        """What every tag must keep; none means its own target, or else the model's usual cut."""
        asked: list[tuple[Kind, float | None]] = [
            ("confidence", self.min_confidence),
            ("precision", self.precision_target),
            ("false_positive_rate", self.false_positive_rate),
            ("best_f1", 0.0 if self.best_f1 else None),
        ]
        return tuple(Target(kind, value) for kind, value in asked if value is not None)


@dataclass(frozen=True)
class Numbers:
    """One image against n tags: each array is `(n,) float32`, in the order of the snapshot.

    `vector (d,) float32` is the image itself, by which a tag is recognised as the echo of a
    stronger one; None where every tag that passes is wanted. `uncertain (n,) bool` marks the tags
    that cannot keep what was asked. `side` is the image over the probes.
    """

    similarities: FloatArray
    scores: FloatArray
    logits: FloatArray
    thresholds: FloatArray
    vector: FloatArray | None = None
    uncertain: NDArray[np.bool_] | None = None
    side: ImageSide | None = None


@dataclass(frozen=True)
class Swept:
    """What becomes of a tag of an image at other cuts: the precision targets that give it, each
    pair the lowest and the highest of some in a row; and what it needs where nothing is asked,
    and whether it is given then.
    """

    precisions: tuple[tuple[float, float], ...]
    usual_threshold: float
    usual: bool


@dataclass(frozen=True)
class TagHit:
    """One tag on one image; `implied` says it is there for the sake of a chosen child.

    `uncertain` says that the tag cannot keep what was asked of the tags.
    """

    tag: Tag
    parents: tuple[Tag, ...]
    confidence: float
    similarity: float
    score: float
    threshold: float
    implied: bool = False
    uncertain: bool = False
    swept: Swept | None = None


def numbers_of(
    snapshot: Snapshot, vectors: FloatArray, similarities: FloatArray, options: Options
) -> list[Numbers]:
    """`(m, d)` image vectors and their `(m, n)` similarities to the numbers of each image."""
    calibration = snapshot.calibration
    side = calibration.image_side(vectors)
    scores = calibration.scores(similarities, side)
    thresholds = calibration.thresholds(side, options.targets)
    uncertain = ~calibration.reaches(options.targets)
    if options.include_uncertain and uncertain.any():
        thresholds = np.where(uncertain, calibration.lenient_thresholds(side), thresholds)
    images = vectors if options.distinct else [None] * len(vectors)
    logits = calibration.logits(scores)
    sides = [ImageSide(side.means[at, None], side.spreads[at, None]) for at in range(len(vectors))]
    rows = zip(similarities, scores, logits, thresholds, images, strict=True)
    return [
        Numbers(*row, uncertain=uncertain, side=one) for row, one in zip(rows, sides, strict=True)
    ]


def rows_of(snapshot: Snapshot, options: Options) -> Rows:
    """`(r,) int64`: the rows of the tags in the categories asked for.

    Raises `InvalidRequestError` for a category no active tag has.
    """
    if not options.categories:
        return np.arange(len(snapshot.tags), dtype=np.int64)
    unknown = [name for name in options.categories if name not in snapshot.categories]
    if unknown:
        known = "、".join(sorted(filter(None, snapshot.categories)))
        raise InvalidRequestError(
            f"词表中没有这些类别：{'、'.join(unknown)}",
            field="options.categories",
            remedy=f"可用的类别：{known}。",
        )
    found = [snapshot.categories[name] for name in dict.fromkeys(options.categories)]
    return np.sort(np.concatenate(found))


def given_tags(
    snapshot: Snapshot, numbers: Numbers, rows: Rows, among: Rows, options: Options
) -> tuple[TagHit, ...]:
    """The tags chosen `among` some of the rows asked for, with their parents where wanted."""
    tags = choose(snapshot, numbers, among, options.top_k, keep_parents=options.include_parents)
    return with_parents(snapshot, numbers, rows, tags) if options.include_parents else tags


def choose(
    snapshot: Snapshot, numbers: Numbers, rows: Rows, top_k: int, *, keep_parents: bool = True
) -> tuple[TagHit, ...]:
    """The tags among `rows` that reach their thresholds, strongest first, `top_k` at most.

    Of an exclusive group (室内, 室外) only the strongest is one. Without `keep_parents` a tag is
    left out where a stronger ancestor or descendant is chosen: a corgi and a dog are one finding,
    and the surer of the two is it. Echoes of stronger tags are left out (`app.echoes`).
    """
    passed = rows[numbers.similarities[rows] >= numbers.thresholds[rows]]
    order = strongest(numbers, passed, len(passed))
    if numbers.vector is not None:
        order = order[:EXAMINED]
        kept = without_echoes(numbers.vector, directions_of(snapshot, order), top_k)
        order = [order[i] for i in kept]
    return _hits(snapshot, numbers, differing(snapshot, order, top_k, keep_parents))


def directions_of(snapshot: Snapshot, rows: Sequence[int] | Rows) -> FloatArray:
    """`(k, d) float32`: what those tags say beyond what every tag says."""
    centred: FloatArray = snapshot.index.vectors[rows] - snapshot.calibration.probes.mean
    return centred


def nearest_misses(snapshot: Snapshot, numbers: Numbers, rows: Rows) -> tuple[TagHit, ...]:
    """For an image that no tag fits: the few tags that lack least, nearest first."""
    lacking = numbers.thresholds[rows] - numbers.similarities[rows]
    nearest = np.argsort(lacking, kind="stable")[:MISSES]
    return _hits(snapshot, numbers, [int(row) for row in rows[nearest]])


def with_parents(
    snapshot: Snapshot, numbers: Numbers, rows: Rows, tags: Sequence[TagHit]
) -> tuple[TagHit, ...]:
    """The tags with every ancestor among `rows` that was not chosen itself, strongest first.

    What is a corgi is at least as surely a dog: an ancestor has the confidence of its surest
    descendant where its own is lower. The other numbers are its own. An ancestor of an exclusive
    group stays out where the group has a tag already.
    """
    allowed = set(rows.tolist())
    found = {hit.tag.id: hit for hit in tags}
    for hit in tags:
        for row in _ancestors(snapshot, hit.tag):
            tag = snapshot.tags[row]
            if row not in allowed or (tag.id in found and not found[tag.id].implied):
                continue
            known = found.get(tag.id) or _hits(snapshot, numbers, [row])[0]
            surest = max(known.confidence, hit.confidence)
            found[tag.id] = replace(known, confidence=surest, implied=True)
    return tuple(sorted(_one_a_group(found.values()), key=lambda hit: -hit.confidence))


def differing(
    snapshot: Snapshot, order: Sequence[int], top_k: int, keep_parents: bool
) -> list[int]:
    """The first `top_k` of `order` that say something the others do not, in the same order.

    The walk ends when they are found, so it is short however many tags have passed.
    """
    kept: list[int] = []
    groups: set[str] = set()
    above: set[int] = set()  # the ancestors of those kept
    for row in order:
        if len(kept) == top_k:
            break
        tag = snapshot.tags[row]
        ancestors = [] if keep_parents else _ancestors(snapshot, tag)
        if tag.exclusive_group in groups or row in above or not set(kept).isdisjoint(ancestors):
            continue
        kept.append(row)
        above.update(ancestors)
        if tag.exclusive_group:
            groups.add(tag.exclusive_group)
    return kept


def _one_a_group(hits: Iterable[TagHit]) -> list[TagHit]:
    """The hits without those whose exclusive group a better one has: one chosen, or a surer one."""
    taken: set[str] = set()
    kept: list[TagHit] = []
    for hit in sorted(hits, key=lambda hit: (hit.implied, -hit.confidence)):
        if hit.tag.exclusive_group not in taken:
            kept.append(hit)
            taken |= {hit.tag.exclusive_group} - {""}
    return kept


def strongest(numbers: Numbers, rows: Rows, count: int) -> list[int]:
    """The `count` of the rows that are surest, strongest first; equal ones in their order."""
    order = np.argsort(-numbers.logits[rows], kind="stable")[:count]
    return [int(row) for row in rows[order]]


def _hits(snapshot: Snapshot, numbers: Numbers, rows: Sequence[int]) -> tuple[TagHit, ...]:
    chosen = np.asarray(rows, dtype=np.int64)
    confidences = probabilities(numbers.logits[chosen])
    return tuple(
        TagHit(
            tag=snapshot.tags[row],
            parents=tuple(_parents(snapshot, snapshot.tags[row])),
            confidence=float(confidence),
            similarity=float(numbers.similarities[row]),
            score=float(numbers.scores[row]),
            threshold=float(numbers.thresholds[row]),
            uncertain=numbers.uncertain is not None and bool(numbers.uncertain[row]),
        )
        for row, confidence in zip(rows, confidences, strict=True)
    )


def _parents(snapshot: Snapshot, tag: Tag) -> Iterator[Tag]:
    """The active parents; a paused one takes no part in tagging."""
    for parent in tag.parents:
        row = snapshot.positions.get(parent)
        if row is not None:
            yield snapshot.tags[row]


def _ancestors(snapshot: Snapshot, tag: Tag) -> list[int]:
    """Rows of every active ancestor, nearest first, each once (the store allows no cycle)."""
    if not tag.parents:
        return []
    found: dict[int, None] = {}
    waiting = list(_parents(snapshot, tag))
    while waiting:
        parent = waiting.pop(0)
        row = snapshot.positions[parent.id]
        if row not in found:
            found[row] = None
            waiting.extend(_parents(snapshot, parent))
    return list(found)
