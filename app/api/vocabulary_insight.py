"""`/v1/vocabulary/preview` and `/lint`: what a tag would do, and what may be wrong with others."""

from __future__ import annotations

import asyncio
import math

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.api.bodies import json_body, tag_path
from app.api.context import service_of
from app.api.problems import invalid_response, problem_of
from app.api.reading import parse_json
from app.api.render import finding_out, lint_out
from app.api.vocabulary import PROBLEMS, draft_of
from app.api.vocabulary_schemas import (
    LintOut,
    NearImageOut,
    NearTagOut,
    PreviewIn,
    PreviewOut,
    TagBackgroundOut,
)
from app.lint import examine
from app.preview import Preview, preview
from app.tag_background import tag_background

router = APIRouter(prefix="/v1/vocabulary", tags=["词表"])


@router.post(
    "/preview",
    summary="试一个还没有添加的标签",
    response_model=PreviewOut,
    responses={422: PROBLEMS[422]},
    openapi_extra=json_body({"$ref": "#/components/schemas/PreviewIn"}),
)
async def preview_tag(request: Request) -> Response:
    """它会得到的阈值、会命中多少背景图片、和哪些已有标签、哪些已入库的图片最接近、
    现在添加会不会被拒绝。"""
    service = service_of(request)
    try:
        wanted = PreviewIn.model_validate(parse_json(await request.body(), "body"))
    except ValidationError as error:
        return invalid_response(error.errors())
    with service.edit_gate.place(1):
        seen = await asyncio.get_running_loop().run_in_executor(
            service.editing,
            preview,
            service.editor,
            service.collection,
            draft_of(wanted),
            wanted.min_confidence,
        )
    return Response(_preview_out(seen).model_dump_json(), media_type="application/json")


@router.get(
    "/tags/{tag_id}/background",
    summary="一个标签在背景图片上的相似度分布",
    responses={404: PROBLEMS[404]},
)
def background(request: Request, tag_id: str) -> TagBackgroundOut:
    """直方图与阈值：阈值放在哪里，会命中多少背景图片。"""
    editor = service_of(request).editor
    seen = tag_background(editor, editor.store.stored(tag_path(tag_id)).tag)
    return TagBackgroundOut(
        threshold=round(seen.threshold, 4),
        state="certain" if seen.reachable else "uncertain",
        calibrated=round(seen.calibrated, 4),
        background_images=int(seen.counts.sum()),
        background_rate=None if math.isnan(seen.rate) else round(seen.rate, 4),
        lowest=round(float(seen.edges[0]), 6),
        highest=round(float(seen.edges[-1]), 6),
        counts=seen.counts.tolist(),
    )


@router.get("/lint", summary="检查词表", responses={503: PROBLEMS[503]})
def lint(request: Request) -> LintOut:
    """近义词、太宽的标签、有歧义或写法不好的名称、上下级的问题。第一次检查要计算别名的向量，较慢。"""
    service = service_of(request)
    with service.lint_gate.place(1):
        vocabulary, report = examine(service.editor)
    return lint_out(vocabulary.revision, report)


def _preview_out(seen: Preview) -> PreviewOut:
    return PreviewOut(
        threshold=round(seen.threshold, 4),
        state="certain" if seen.reachable else "uncertain",
        background_images=seen.background_images,
        background_rate=None if math.isnan(seen.rate) else round(seen.rate, 4),
        nearest=[
            NearTagOut(id=tag.id, name=tag.name, similarity=round(similarity, 4))
            for tag, similarity in seen.nearest
        ],
        images=[
            NearImageOut(id=name, similarity=round(similarity, 4))
            for name, similarity in seen.images
        ],
        findings=[finding_out(finding) for finding in seen.findings],
        problem=None if seen.problem is None else problem_of(seen.problem),
    )
