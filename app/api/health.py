"""`/healthz`, `/readyz` and `/v1/models`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from app.api.context import service_of
from app.api.schemas import HealthOut, ModelOut, ModelsOut, ProblemOut, ReadyOut
from app.encoders.catalog import missing_packages

router = APIRouter(tags=["运行状态"])


@router.get("/healthz", summary="进程是否存活")
async def healthz() -> HealthOut:
    """只要进程能回答就是 ok。"""
    return HealthOut()


@router.get(
    "/readyz",
    summary="是否可以接收请求",
    responses={503: {"model": ProblemOut, "description": "模型与词表尚未加载完成"}},
)
async def readyz(request: Request) -> ReadyOut:
    """模型与词表都已加载时回答 200，否则 503。"""
    service = service_of(request)
    snapshot = service.live.current()
    return ReadyOut(
        model=service.tagger.encoder.name,
        vocabulary_revision=snapshot.revision,
        tags=len(snapshot.tags),
        live_snapshots=service.live.alive,
    )


@router.get("/v1/models", summary="可用的模型")
async def models(request: Request) -> ModelsOut:
    """模型目录，以及当前使用的是哪一个。"""
    service = service_of(request)
    encoder = service.tagger.encoder
    return ModelsOut(
        current=encoder.name,
        model_key=encoder.model_key,
        dim=encoder.dim,
        device=encoder.device,
        default_confidence=service.live.current().calibration.model.default_confidence,
        models=[
            ModelOut(
                name=model.name,
                kind=model.kind,
                description=model.description,
                licence=model.licence,
                installed=not missing_packages(model),
                loaded=model.name == encoder.name,
            )
            for model in service.models
        ],
    )
