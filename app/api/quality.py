"""`/v1/quality`: how good the tags are as they run, and what is worth judging."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.api.context import Service, service_of
from app.api.feedback import PROBLEMS
from app.api.feedback_schemas import JudgedTagOut
from app.api.quality_schemas import (
    BankOut,
    CoverageOut,
    DriftOut,
    FeedbackSummaryOut,
    HealthOut,
    QualityOut,
    ReviewOut,
    SuggestionOut,
    TogetherOut,
)
from app.health import Coverage, Health
from app.quality import feedback_summary
from app.review import Suggestion, suggestions
from app.snapshot import Snapshot

router = APIRouter(prefix="/v1/quality", tags=["反馈与质量"])


@router.get("", summary="标签的质量", responses={503: PROBLEMS[503]})
def quality(request: Request) -> QualityOut:
    """来自反馈的（多少打对了、承诺与兑现），以及不需要标注的：每张图几个标签、多少张没有标签、
    与校准时相比偏移了多少、哪些标签总是一起出现；还有背景库的大小与时间。"""
    service = service_of(request)
    snapshot = service.live.current()
    with service.quality_gate.place(1):
        summary = feedback_summary(service.learning, snapshot)
        health = service.learning.health.look(snapshot, service.editor.measure.bank)
    return QualityOut(
        model=service.tagger.encoder.name,
        model_key=snapshot.model_key,
        vocabulary_revision=snapshot.revision,
        calibration_generation=snapshot.calibration_generation,
        bank=_bank_out(service),
        feedback=FeedbackSummaryOut.model_validate(asdict(summary)),
        health=_health_out(health, snapshot),
    )


@router.get("/review", summary="最值得评判的图片与标签", responses={503: PROBLEMS[503]})
def review(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, description="多少对。")] = 20,
) -> ReviewOut:
    """从最近打标的与入库的图片里，挑出评判之后学到最多的：置信度居中、标签还不确定、影响的图片多；
    分散到不同的标签，已评判过的不再出现。"""
    service = service_of(request)
    snapshot = service.live.current()
    with service.quality_gate.place(1):
        found = suggestions(service.learning, service.collection, snapshot, limit)
    return ReviewOut(items=[_suggestion_out(one) for one in found])


def _bank_out(service: Service) -> BankOut:
    learning, bank = service.learning, service.editor.measure.bank
    if learning.reservoir is None:
        source = "operator" if learning.operators_bank else "shipped"
        return BankOut(images=len(bank), source=source, learning=False)
    state = learning.reservoir.state()
    return BankOut(
        images=len(bank),
        source="traffic" if state.measured else "shipped",
        learning=True,
        sampled=state.kept,
        seen=state.seen,
        different=state.different,
        measured_with=state.measured,
        measured_at=state.measured_at,
        since=state.since,
    )


def _health_out(health: Health, snapshot: Snapshot) -> HealthOut:
    def ref(tag_id: str) -> JudgedTagOut:
        return JudgedTagOut(id=tag_id, name=snapshot.tags[snapshot.positions[tag_id]].name)

    return HealthOut(
        since=health.since,
        recent=_coverage_out(health.recent),
        bank=_coverage_out(health.bank),
        drift=None if health.drift is None else DriftOut.model_validate(asdict(health.drift)),
        together=[
            TogetherOut(
                tags=[ref(pair.first), ref(pair.second)], both=pair.both, either=pair.either
            )
            for pair in health.together
        ],
    )


def _coverage_out(coverage: Coverage | None) -> CoverageOut | None:
    return None if coverage is None else CoverageOut.model_validate(asdict(coverage))


def _suggestion_out(one: Suggestion) -> SuggestionOut:
    return SuggestionOut(
        sha256=one.sha256,
        image_id=one.image_id,
        tag=JudgedTagOut(id=one.tag.id, name=one.tag.name),
        confidence=round(one.confidence, 4),
        similarity=round(one.similarity, 4),
        threshold=round(one.threshold, 4),
        shown=one.similarity >= one.threshold,
        gain=one.gain,
    )
