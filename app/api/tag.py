"""`POST /v1/tag` and its short form `POST /predict`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from app.access.roles import Role
from app.api.access import require
from app.api.charging import charged
from app.api.context import Service, service_of
from app.api.openapi import TAG_BODY, TAG_EXAMPLE
from app.api.presence import CallerLeftError, while_present
from app.api.problems import CLIENT_CLOSED_REQUEST, invalid_response, problem_of
from app.api.reading import read_predict_order, read_tag_order
from app.api.schemas import (
    DuplicateOut,
    MissOut,
    ParentOut,
    PredictResponse,
    ProblemOut,
    ResultError,
    ResultOk,
    TagOut,
    TagResponse,
)
from app.choice import Swept, TagHit
from app.recall import Recalled
from app.tagger import Answer, Problem, Tagged

router = APIRouter(tags=["打标"])

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemOut, "description": text}
    for status, text in {
        400: "请求体无法解析",
        413: "请求体过大",
        415: "不支持的请求类型",
        422: "请求内容不符合要求",
        503: "服务繁忙或尚未就绪",
        504: "处理超时",
    }.items()
}


@router.post(
    "/v1/tag",
    summary="给图片打标签",
    response_model=TagResponse,
    responses=PROBLEMS | {200: {"content": {"application/json": {"example": TAG_EXAMPLE}}}},
    openapi_extra={"requestBody": TAG_BODY},
)
async def tag(request: Request) -> Response:
    """一张或多张图片，返回中文标签；某一张出错不影响其他张。

    用 `multipart/form-data` 上传（`files` 可重复，`options` 为 JSON 文本），
    或提交 JSON `{"images": [{"url" | "base64" | "image_id"}], "options": {...}}`。
    """
    service = service_of(request)
    try:
        async with read_tag_order(request, service.max_images) as order:
            if order.options.index:
                require(request, Role.EDIT)
            with charged(request, len(order.sources)):
                work = service.tagger.tag(order.sources, order.options, order.names)
                answer = await while_present(request, work)
    except ValidationError as error:
        return invalid_response(error.errors())
    except CallerLeftError:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return _json(service, lambda: render(answer), answer.stages_ms)


@router.post(
    "/predict",
    summary="给一张图片打标签（简短形式）",
    response_model=PredictResponse,
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "additionalProperties": False,
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
async def predict(request: Request) -> Response:
    """`file` 字段上传一张图片，返回 `{"labels": [...]}`，按置信度从高到低。"""
    service = service_of(request)
    try:
        async with read_predict_order(request) as order:
            work = service.tagger.tag(order.sources, order.options)
            answer = await while_present(request, work)
    except CallerLeftError:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    (result,) = answer.results
    if isinstance(result, Problem):
        raise result.error
    labels = [hit.tag.name for hit in result.tags]
    return _json(service, lambda: PredictResponse(labels=labels), answer.stages_ms)


def render(answer: Answer) -> TagResponse:
    """The answer as its JSON schema."""
    return TagResponse(
        model=answer.model,
        vocabulary_revision=answer.revision,
        results=[result_out(result) for result in answer.results],
    )


def server_timing(stages_ms: Mapping[str, float]) -> str:
    """The stages as the value of a `Server-Timing` header."""
    return ", ".join(f"{stage};dur={spent:.1f}" for stage, spent in stages_ms.items())


def result_out(result: Tagged | Problem) -> ResultOk | ResultError:
    """What is said of one image."""
    if isinstance(result, Problem):
        return ResultError(problem=ProblemOut.model_validate(problem_of(result.error)))
    return ResultOk(
        sha256=result.sha256,
        width=result.width,
        height=result.height,
        tags=[TagOut(**hit_members(hit)) for hit in result.tags],
        nearest_misses=[
            MissOut(**hit_members(hit), lacking=round(hit.threshold - hit.similarity, 4))
            for hit in result.nearest_misses
        ]
        or None,
        blank=result.blank,
        **recalled_members(result.recalled),
    )


def recalled_members(recalled: Recalled | None) -> dict[str, Any]:
    """What is said about stored images, where it was asked."""
    if recalled is None:
        return {}
    members: dict[str, Any] = {
        "duplicates": [
            DuplicateOut(
                id=hit.id,
                tier=hit.tier,
                similarity=round(hit.similarity, 4),
                hash_bits=hit.hash_bits,
                inliers=hit.inliers,
            )
            for hit in recalled.duplicates
        ]
    }
    if recalled.stored is not None:
        members |= {"id": recalled.stored.id, "state": recalled.stored.state}
    return members


def hit_members(hit: TagHit) -> dict[str, Any]:
    """A tag of an image as the members of its schema."""
    return {
        "id": hit.tag.id,
        "name": hit.tag.name,
        "confidence": round(hit.confidence, 4),
        "similarity": round(hit.similarity, 4),
        "score": round(hit.score, 4),
        "threshold": round(hit.threshold, 4),
        "category": hit.tag.category,
        "parents": [ParentOut(id=parent.id, name=parent.name) for parent in hit.parents],
        "implied": hit.implied,
        "manual_threshold": hit.tag.threshold,
        "state": "uncertain" if hit.uncertain else "certain",
    } | swept_members(hit.swept)


def swept_members(swept: Swept | None) -> dict[str, Any]:
    """What is said of other cuts, where it was asked."""
    if swept is None:
        return {}
    return {
        "precision_ranges": list(swept.precisions),
        "usual": swept.usual,
        "usual_threshold": round(swept.usual_threshold, 4),
    }


def _json(
    service: Service,
    make: Callable[[], TagResponse | PredictResponse],
    stages_ms: Mapping[str, float],
) -> Response:
    """The body that `make` builds, and the stages with that of building it."""
    began = time.monotonic()
    body = make().model_dump_json(exclude_none=True)
    stages_ms = {**stages_ms, "render": (time.monotonic() - began) * 1000}
    service.counts.stage("render", stages_ms["render"])
    return Response(
        body,
        media_type="application/json",
        headers={"Server-Timing": server_timing(stages_ms)},
    )
