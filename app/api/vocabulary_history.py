"""`/v1/vocabulary/revisions`, `/diff` and `/rollback`: what the vocabulary was."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.api.bodies import json_body
from app.api.context import service_of
from app.api.editing import EditIntent, carry_out, edit_out, edit_response
from app.api.problems import invalid_response
from app.api.reading import parse_json
from app.api.render import diff_out, revision_out
from app.api.vocabulary import PROBLEMS
from app.api.vocabulary_schemas import DiffOut, EditOut, RevisionsOut, RollbackIn
from vocab.edit import Edit

router = APIRouter(prefix="/v1/vocabulary", tags=["词表"])

MOST_REVISIONS = 2**31 - 1
Number = Annotated[int, Query(ge=0, le=MOST_REVISIONS)]


@router.get("/revisions", summary="列出版本")
def revisions(
    request: Request,
    before: Annotated[
        int | None, Query(ge=0, le=MOST_REVISIONS, description="上一页的 next。")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="一页多少个。")] = 50,
) -> RevisionsOut:
    """每次修改（单个或批量）是一个版本，最新的在前。"""
    found = service_of(request).editor.store.revisions(before, limit)
    more = len(found) == limit and found[-1].number > 1
    return RevisionsOut(
        items=[revision_out(revision) for revision in found],
        next=found[-1].number if more else None,
    )


@router.get("/diff", summary="比较两个版本", responses={404: PROBLEMS[404]})
def diff(request: Request, older: Number, newer: Number) -> DiffOut:
    """从 `older` 到 `newer` 有哪些标签增加、删除、修改；0 是空词表。"""
    return diff_out(service_of(request).editor.store.diff(older, newer))


@router.post(
    "/rollback",
    summary="回到某个版本",
    response_model=EditOut,
    responses=PROBLEMS,
    openapi_extra=json_body({"$ref": "#/components/schemas/RollbackIn"}),
)
async def rollback(request: Request, intent: EditIntent) -> Response:
    """回滚是一个内容等于旧版本的新版本，历史不会变短。`If-Match` 是词表的 ETag。"""
    service = service_of(request)
    try:
        wanted = RollbackIn.model_validate(parse_json(await request.body(), "body"))
    except ValidationError as error:
        return invalid_response(error.errors())

    def change(edit: Edit) -> EditOut:
        edit.rollback_to(wanted.revision)
        return edit_out(edit, [])

    return edit_response((await carry_out(service, intent, change, of_vocabulary=True)).value)
