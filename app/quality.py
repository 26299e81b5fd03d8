"""What is known of the tags' quality while the service runs, from feedback."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.learning import Learning
from app.recalibration import unshifted_logits
from app.snapshot import Snapshot
from vocab.feedback import Shift
from vocab.judgements import Evidence, Judgement
from vocab.logistic import probabilities

# 97.5 % of a normal distribution lie below it.
Z = 1.959964
LISTED = 200


@dataclass(frozen=True)
class JudgedTag:
    """A tag's verdicts and what they did: `shift` is added to its logit, within `deviation`."""

    id: str
    name: str
    right: int
    wrong: int
    missing: int
    shift: float
    deviation: float


@dataclass(frozen=True)
class Kept:
    """Of the verdicts on tags that were given: the share that was right, with its 95 % interval.

    `promised` is the mean confidence the same pairs have now without what feedback taught; apart
    from that, the calibration can be judged by the difference.
    """

    judged: int
    right: float
    low: float
    high: float
    promised: float


@dataclass(frozen=True)
class FeedbackSummary:
    """All verdicts under this model; `tags` are the most judged ones."""

    right: int
    wrong: int
    missing: int
    authors: int
    kept: Kept | None
    tags: tuple[JudgedTag, ...]


def feedback_summary(learning: Learning, snapshot: Snapshot) -> FeedbackSummary:
    """What the judgements say of the tags as they were given."""
    evidence = learning.judgements.everything()
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(evidence.judgements):
        rows.setdefault(one.tag_id, []).append(row)
    shifts = learning.recalibration.shifts()
    unsaid = Shift(0.0, learning.recalibration.prior.deviation, 0.0)
    tags = [
        _judged(snapshot, tag_id, [evidence.judgements[row] for row in some], shifts, unsaid)
        for tag_id, some in rows.items()
    ]
    tags.sort(key=lambda tag: (-(tag.right + tag.wrong + tag.missing), tag.id))
    return FeedbackSummary(
        right=sum(tag.right for tag in tags),
        wrong=sum(tag.wrong for tag in tags),
        missing=sum(tag.missing for tag in tags),
        authors=len({one.author for one in evidence.judgements}),
        kept=_promises(snapshot, evidence, rows),
        tags=tuple(tags[:LISTED]),
    )


def _judged(
    snapshot: Snapshot,
    tag_id: str,
    judgements: Sequence[Judgement],
    shifts: Mapping[str, Shift],
    unsaid: Shift,
) -> JudgedTag:
    verdicts = [one.verdict for one in judgements]
    shift = shifts.get(tag_id, unsaid)
    row = snapshot.positions.get(tag_id)
    return JudgedTag(
        id=tag_id,
        name=judgements[-1].tag_name if row is None else snapshot.tags[row].name,
        right=verdicts.count("right"),
        wrong=verdicts.count("wrong"),
        missing=verdicts.count("missing"),
        shift=shift.value,
        deviation=shift.deviation,
    )


def _promises(
    snapshot: Snapshot, evidence: Evidence, rows: Mapping[str, Sequence[int]]
) -> Kept | None:
    """Over the verdicts on tags that were given: what was missing was picked because it was, and
    says nothing of their share.
    """
    promised: list[float] = []
    right = 0
    for tag_id, some in rows.items():
        given = [row for row in some if evidence.judgements[row].verdict != "missing"]
        position = snapshot.positions.get(tag_id)
        if position is not None and given:
            logits = unshifted_logits(snapshot, position, evidence.vectors[given])
            promised.extend(probabilities(logits).tolist())
            right += sum(evidence.judgements[row].positive for row in given)
    if not promised:
        return None
    low, high = wilson(right, len(promised))
    return Kept(len(promised), right / len(promised), low, high, float(np.mean(promised)))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927); never outside [0, 1]."""
    share = hits / count
    scale = 1 + Z**2 / count
    middle = (share + Z**2 / (2 * count)) / scale
    half = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
