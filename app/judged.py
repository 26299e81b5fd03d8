"""Judgements as labels: how good the tags are on the images that people judged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from app.errors import InvalidRequestError
from app.evaluation import Bools, Evaluated, Rows, measure_pairs
from app.snapshot import FloatArray, Snapshot
from app.tagger import Tagger
from vocab.judgements import Evidence, JudgementStore
from vocab.pairs_file import Pairs
from vocab.quality_report import Subject, quality_report


def evaluate_feedback(
    tagger: Tagger, judgements: JudgementStore, *, samples: int, seed: int
) -> Evaluated:
    """The report over every judged pair; what nobody judged does not count.

    The thresholds are those without feedback, because the same judgements have moved the live
    ones. Of a pair that authors disagree on the majority counts, and none where they are equal.
    Raises `InvalidRequestError` where no active tag was judged.
    """
    snapshot = _without_shifts(tagger.live.current())
    evidence = judgements.everything()
    rows, images, vectors, truth, counted = _labels(snapshot, evidence)
    if not len(rows):
        raise InvalidRequestError(
            "还没有对现有标签的评判",
            field="--from-feedback",
            remedy="先用 POST /v1/feedback 评判一些标签，或换用带标签的数据集。",
        )
    measured = measure_pairs(snapshot, rows, vectors, truth, counted)
    gone: dict[str, int] = defaultdict(int)
    for one in evidence.judgements:
        if one.tag_id not in snapshot.positions:
            gone[one.tag_name] += 1
    subject = Subject(
        dataset=f"反馈（{len(evidence.judgements)} 条评判，阈值不计反馈）",
        model=tagger.encoder.name,
        model_key=tagger.encoder.model_key,
        vocabulary_revision=snapshot.revision,
        unknown=dict(sorted(gone.items())),
        failed={},
    )
    report = quality_report(subject, measured, samples=samples, seed=seed)
    return Evaluated(report, Pairs(images, measured))


def _labels(
    snapshot: Snapshot, evidence: Evidence
) -> tuple[Rows, tuple[str, ...], FloatArray, Bools, Bools]:
    """Rows of the judged tags, the judged images with their vectors, and what is true of them."""
    votes: dict[tuple[str, int], int] = defaultdict(int)
    vector_at: dict[str, int] = {}
    for at, one in enumerate(evidence.judgements):
        row = snapshot.positions.get(one.tag_id)
        if row is not None:
            votes[one.image, row] += 1 if one.positive else -1
            vector_at.setdefault(one.image, at)
    rows: Rows = np.unique([row for _, row in votes]).astype(np.int64)
    images = tuple(sorted(vector_at))
    column = {int(row): place for place, row in enumerate(rows)}
    place = {image: at for at, image in enumerate(images)}
    truth = np.zeros((len(images), len(rows)), bool)
    counted = np.zeros_like(truth)
    for (image, row), said in votes.items():
        truth[place[image], column[row]] = said > 0
        counted[place[image], column[row]] = said != 0
    vectors: FloatArray = evidence.vectors[[vector_at[image] for image in images]]
    return rows, images, vectors, truth, counted


def _without_shifts(snapshot: Snapshot) -> Snapshot:
    shift = np.zeros(len(snapshot.tags), dtype=np.float32)
    return replace(snapshot, calibration=replace(snapshot.calibration, shift=shift))
