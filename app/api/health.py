"""`/healthz`, `/readyz` and `/v1/models`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from app.api.context import Service, service_of
from app.api.schemas import HealthOut, ModelOut, ModelsOut, ProblemOut, ReadyOut
from app.encoders.catalog import missing_packages
from app.errors import NotReadyError

router = APIRouter(tags=["运行状态"])


NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": ProblemOut, "description": "尚未就绪，或编码器连续失败"}
}


@router.get("/healthz", summary="进程是否存活", responses=NOT_READY)
async def healthz(request: Request) -> HealthOut:
    """进程能回答就是 ok，正在加载时也是；编码器连续失败、只有重启进程才可能恢复时回答 503。"""
    service = getattr(request.app.state, "service", None)
    if isinstance(service, Service):
        _check_encoder(service)
    return HealthOut()


@router.get(
    "/readyz",
    summary="是否可以接收请求",
    responses=NOT_READY,
)
async def readyz(request: Request) -> ReadyOut:
    """模型、词表快照与索引都已加载、编码器没有连续失败时回答 200，否则 503。"""
    service = service_of(request)
    _check_encoder(service)
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


def _check_encoder(service: Service) -> None:
    """Raises `NotReadyError` where batch after batch fails."""
    if not service.tagger.batcher.is_working:
        raise NotReadyError(
            f"编码器已连续失败 {service.tagger.batcher.failed_in_a_row} 批",
            remedy="查看日志里的原始异常；多半是设备出错，重启进程，再用 tuqian doctor 检查。",
        )
