"""`/v1/feedback`: was this tag right on this image?"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ValidationError

from app.api.bodies import json_body
from app.api.context import service_of
from app.api.editing import header_text
from app.api.feedback_schemas import (
    FeedbackIn,
    FeedbackOut,
    JudgedTagOut,
    JudgementIn,
    JudgementOut,
    JudgementsOut,
    KeptOut,
    RefusedOut,
)
from app.api.problems import invalid_response, problem_of
from app.api.reading import parse_json
from app.api.schemas import ProblemOut
from app.feedback import Meant, Opinion, Refused, judge
from vocab.judgements import Judgement, Kept

router = APIRouter(prefix="/v1/feedback", tags=["反馈与质量"])

LAST_NUMBER = 2**62
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemOut, "description": text}
    for status, text in {
        400: "请求体无法解析",
        404: "没有这条评判",
        422: "请求内容不符合要求",
        503: "服务繁忙或尚未就绪",
    }.items()
}


@router.post(
    "",
    summary="评判标签",
    response_model=FeedbackOut,
    responses={status: PROBLEMS[status] for status in (400, 422, 503)},
    openapi_extra=json_body({"$ref": "#/components/schemas/FeedbackIn"}),
)
async def give(
    request: Request,
    author: Annotated[
        str, Header(alias="X-Author", description="评判人；UTF-8 或百分号编码。")
    ] = "",
) -> Response:
    """一条或多条；某一条有误不影响其他条。回答时已保存，一秒之内影响这个标签的置信度。

    同一个人对同一张图、同一个标签只算最后一次；每个人对一个标签的影响有上限。
    """
    service = service_of(request)
    try:
        wanted = FeedbackIn.model_validate(parse_json(await request.body(), "body"))
    except ValidationError as error:
        return invalid_response(error.errors())
    with service.edit_gate.place(1):
        results = await asyncio.get_running_loop().run_in_executor(
            service.editing,
            judge,
            service.learning,
            service.collection,
            service.live.current(),
            header_text(author),
            [_opinion(one) for one in wanted.judgements],
        )
    return _json(FeedbackOut(results=[_result(one) for one in results]))


@router.get("", summary="列出评判", responses={404: PROBLEMS[404]})
def list_judgements(
    request: Request,
    tag: Annotated[str | None, Query(max_length=200, description="只看这个标签。")] = None,
    before: Annotated[
        int | None, Query(ge=1, le=LAST_NUMBER, description="上一页的 next。")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="一页多少条。")] = 50,
) -> JudgementsOut:
    """最新的在前。"""
    service = service_of(request)
    tag_id = None if tag is None else Meant(service.live.current()).of(tag).id
    found = service.learning.judgements.list(before=before, limit=limit, tag_id=tag_id)
    return JudgementsOut(
        items=[JudgementOut(**_members(one)) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.delete("/{number}", summary="撤回一条评判", status_code=204, responses={404: PROBLEMS[404]})
def take_back(request: Request, number: int) -> None:
    """连同保存的向量一起删除；一秒之内，这个标签回到没有这条评判时的样子。"""
    learning = service_of(request).learning
    learning.judgements.delete(min(max(number, 0), LAST_NUMBER))
    learning.recalibration.wake()


def _opinion(given: JudgementIn) -> Opinion:
    vector = None if given.vector is None else tuple(given.vector)
    return Opinion(given.tag, given.verdict, given.image_id, given.sha256, vector)


def _result(one: Kept | Refused) -> KeptOut | RefusedOut:
    if isinstance(one, Refused):
        return RefusedOut(problem=ProblemOut.model_validate(problem_of(one.error)))
    return KeptOut(**_members(one.judgement), state=one.state)


def _members(one: Judgement) -> dict[str, Any]:
    return {
        "id": one.id,
        "tag": JudgedTagOut(id=one.tag_id, name=one.tag_name),
        "verdict": one.verdict,
        "image": one.image,
        "image_id": one.image_id,
        "author": one.author,
        "vocabulary_revision": one.revision,
        "created_at": one.created_at,
    }


def _json(body: FeedbackOut) -> Response:
    return Response(body.model_dump_json(exclude_none=True), media_type="application/json")
