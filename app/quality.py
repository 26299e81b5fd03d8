"""What is known of the tags' quality while the service runs, from feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.learning import Learning
from app.promises import Cut, Kept, promises
from app.snapshot import Snapshot
from vocab.feedback import Shift
from vocab.judgements import Judgement

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
class FeedbackSummary:
    """All verdicts under this model, see `Promises`; `tags` are the most judged ones."""

    right: int
    wrong: int
    missing: int
    authors: int
    kept: Kept | None
    reliability: tuple[Kept, ...]
    cuts: tuple[Cut, ...]
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
    told = promises(snapshot, evidence, rows)
    return FeedbackSummary(
        right=sum(tag.right for tag in tags),
        wrong=sum(tag.wrong for tag in tags),
        missing=sum(tag.missing for tag in tags),
        authors=len({one.author for one in evidence.judgements}),
        kept=told.kept,
        reliability=told.reliability,
        cuts=told.cuts,
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
