"""Which tags an image gets, once their numbers are known: pure functions over one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.echoes import orders_without_echoes
from app.errors import InvalidRequestError
from app.kin import ancestors_of, differing, parents_of, without_outdone
from app.numbers import FloatArray, Numbers, Rows, measured
from app.snapshot import Snapshot
from vocab.logistic import probabilities
from vocab.probes import ImageSide
from vocab.tags import Tag
from vocab.targets import Kind, Target

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
    thresholds = calibration.thresholds(side, options.targets)
    uncertain = ~calibration.reaches(options.targets)
    if options.include_uncertain and uncertain.any():
        thresholds = np.where(uncertain, calibration.lenient_thresholds(side), thresholds)
    images = vectors if options.distinct else [None] * len(vectors)
    sides = [ImageSide(side.means[at, None], side.spreads[at, None]) for at in range(len(vectors))]
    return [
        Numbers(similar, needed, calibration, one, image, uncertain)
        for similar, needed, one, image in zip(similarities, thresholds, sides, images, strict=True)
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


def given_to_each(
    snapshot: Snapshot, numbers: Sequence[Numbers], rows: Rows, among: Rows, options: Options
) -> list[tuple[TagHit, ...]]:
    """The tags chosen `among` some of the rows asked for, with their parents where wanted."""
    parents = options.include_parents
    given = choose_for_each(snapshot, numbers, among, options.top_k, keep_parents=parents)
    if not parents:
        return given
    pairs = zip(numbers, given, strict=True)
    return [with_parents(snapshot, one, rows, tags) for one, tags in pairs]


def choose(
    snapshot: Snapshot, numbers: Numbers, rows: Rows, top_k: int, *, keep_parents: bool = True
) -> tuple[TagHit, ...]:
    """The tags among `rows` that reach their thresholds, strongest first, `top_k` at most.

    Of an exclusive group (室内, 室外) only the strongest is one, and none where the strongest is
    not given: what is surely outdoors is not indoors, however little that says. Without
    `keep_parents` a tag is left out where a stronger ancestor or descendant is chosen: a corgi and
    a dog are one finding, and the surer of the two is it. Echoes of stronger tags are left out
    (`app.echoes`).
    """
    return choose_for_each(snapshot, [numbers], rows, top_k, keep_parents=keep_parents)[0]


def choose_for_each(
    snapshot: Snapshot,
    numbers: Sequence[Numbers],
    rows: Rows,
    top_k: int,
    *,
    keep_parents: bool = True,
) -> list[tuple[TagHit, ...]]:
    """The same for several images of one request."""
    chosen = [
        np.asarray(differing(snapshot, order.tolist(), top_k, keep_parents), dtype=np.int64)
        for order in orders_of(snapshot, numbers, rows, top_k)
    ]
    each = zip(numbers, chosen, measured(numbers, chosen), strict=True)
    return [_hits(snapshot, one, found, *both) for one, found, both in each]


def orders_of(snapshot: Snapshot, numbers: Sequence[Numbers], rows: Rows, top_k: int) -> list[Rows]:
    """For each image the rows that reach their thresholds, strongest first, without the echoes."""
    passed = [one.passing(rows) for one in numbers]
    # The surest first; equal ones in their order.
    orders = [
        without_outdone(snapshot, one, found[np.argsort(-logits, kind="stable")])
        for one, found, (_, logits) in zip(numbers, passed, measured(numbers, passed), strict=True)
    ]
    vectors = [one.vector for one in numbers if one.vector is not None]
    if not vectors or len(vectors) < len(numbers):  # a request wants echoes of all images or none
        return orders
    examined = [order[:EXAMINED] for order in orders]
    tags, centre = snapshot.index.vectors, snapshot.calibration.probes.mean
    return orders_without_echoes(np.stack(vectors), tags, centre, examined, top_k)


def nearest_misses(snapshot: Snapshot, numbers: Numbers, rows: Rows) -> tuple[TagHit, ...]:
    """For an image that no tag fits: the few tags that lack least, nearest first."""
    lacking = numbers.thresholds[rows] - numbers.similarities[rows]
    nearest = np.argsort(lacking, kind="stable")[:MISSES]
    return _hits_at(snapshot, numbers, rows[nearest])


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
        for row in ancestors_of(snapshot, hit.tag):
            tag = snapshot.tags[row]
            if row not in allowed or (tag.id in found and not found[tag.id].implied):
                continue
            known = found.get(tag.id) or _hits_at(snapshot, numbers, np.asarray([row]))[0]
            surest = max(known.confidence, hit.confidence)
            found[tag.id] = replace(known, confidence=surest, implied=True)
    return tuple(sorted(_one_a_group(found.values()), key=lambda hit: -hit.confidence))


def _one_a_group(hits: Iterable[TagHit]) -> list[TagHit]:
    """The hits without those whose exclusive group a better one has: one chosen, or a surer one."""
    taken: set[str] = set()
    kept: list[TagHit] = []
    for hit in sorted(hits, key=lambda hit: (hit.implied, -hit.confidence)):
        if hit.tag.exclusive_group not in taken:
            kept.append(hit)
            taken |= {hit.tag.exclusive_group} - {""}
    return kept


def _hits_at(snapshot: Snapshot, numbers: Numbers, rows: Rows) -> tuple[TagHit, ...]:
    ((scores, logits),) = measured([numbers], [rows])
    return _hits(snapshot, numbers, rows, scores, logits)


def _hits(
    snapshot: Snapshot, numbers: Numbers, rows: Rows, scores: FloatArray, logits: FloatArray
) -> tuple[TagHit, ...]:
    uncertain = numbers.uncertain[rows] if numbers.uncertain is not None else rows < 0
    each = zip(
        rows.tolist(),
        probabilities(logits).tolist(),
        numbers.similarities[rows].tolist(),
        scores.tolist(),
        numbers.thresholds[rows].tolist(),
        uncertain.tolist(),
        strict=True,
    )
    return tuple(
        TagHit(
            tag=snapshot.tags[row],
            parents=tuple(parents_of(snapshot, snapshot.tags[row])),
            confidence=confidence,
            similarity=similarity,
            score=score,
            threshold=threshold,
            uncertain=unsure,
        )
        for row, confidence, similarity, score, threshold, unsure in each
    )
