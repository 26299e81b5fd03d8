"""`/v1/jobs`: thousands of images tagged in the background."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError

from app.access.roles import Role
from app.api.access import require
from app.api.bodies import json_body
from app.api.charging import charged
from app.api.context import service_of
from app.api.job_reading import read_job
from app.api.job_render import job_out
from app.api.job_schemas import JobOut, JobsOut
from app.api.problems import invalid_response
from app.api.schemas import ProblemOut
from app.jobs.desk import JobDesk
from app.jobs.job import Job, State
from vocab.store import now_utc

router = APIRouter(prefix="/v1/jobs", tags=["后台任务"])

NDJSON = "application/x-ndjson"
LINES_AT_ONCE = 500
MAX_POSITION = 2**31 - 1

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemOut, "description": text}
    for status, text in {
        409: "幂等键已用于另一个请求",
        413: "请求体过大",
        422: "请求内容不符合要求",
        503: "未完成的任务过多，或服务尚未就绪",
    }.items()
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemOut, "description": "没有这个任务"}
}


@router.post(
    "",
    summary="提交后台任务",
    status_code=202,
    response_model=JobOut,
    responses=PROBLEMS,
    openapi_extra=json_body({"$ref": "#/components/schemas/JobIn"}),
)
async def create(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="重复发送同一请求时，得到第一次的那个任务（24 小时）。",
        ),
    ] = None,
) -> Response:
    """给很多图片打标：网址或已入库图片的 id。回答时任务已写入磁盘，服务重启后继续。

    进度见 `GET /v1/jobs/{id}`，结果见 `GET /v1/jobs/{id}/results`。
    """
    service = service_of(request)
    body = await request.body()
    snapshot = service.live.current()

    def work() -> Job:
        draft = read_job(body, service.jobs, snapshot)
        if draft.options.index:
            require(request, Role.EDIT)
        # They are tagged when nobody else asks, so how fast is not the caller's doing.
        with charged(request, len(draft.items), paced=False) as give_back:
            asked_at = now_utc()
            job = service.jobs.store.create(draft, key, hashlib.sha256(body).hexdigest())
            if job.created_at < asked_at:  # the same request again
                give_back()
        return job

    try:
        # One after another with the edits, which wait for the same writer.
        with service.edit_gate.place(1):
            job = await asyncio.get_running_loop().run_in_executor(service.editing, work)
    except ValidationError as error:
        return invalid_response(error.errors())
    headers = {"Location": f"/v1/jobs/{job.id}"}
    return Response(_out(service.jobs, job).model_dump_json(), 202, headers, "application/json")


@router.get("", summary="列出任务")
def list_jobs(
    request: Request,
    state: Annotated[State | None, Query(description="只列这个状态的。")] = None,
    cursor: Annotated[int | None, Query(ge=0, le=2**62, description="上一页的 next。")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="一页多少个。")] = 20,
) -> JobsOut:
    """最新的在前。"""
    desk = service_of(request).jobs
    page = desk.store.page(cursor, limit, state)
    items = [job_out(job, desk.pace.rate(job)) for job in page.jobs]
    return JobsOut(items=items, next=None if page.next is None else str(page.next))


@router.get("/{job_id}", summary="任务的进度", responses=NOT_FOUND)
def get(request: Request, job_id: str) -> JobOut:
    """状态、已完成与失败的数量、速度与预计剩余时间。"""
    desk = service_of(request).jobs
    return _out(desk, desk.store.get(job_id))


@router.get(
    "/{job_id}/results",
    summary="任务的结果",
    response_class=StreamingResponse,
    responses=NOT_FOUND
    | {200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "每行一个结果"}},
)
async def results(
    request: Request,
    job_id: str,
    cursor: Annotated[
        int, Query(ge=0, le=MAX_POSITION, description="从第几张开始：上次最后一行的 index 加 1。")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_POSITION, description="最多几行。")] = MAX_POSITION,
) -> StreamingResponse:
    """JSONL，按提交的顺序，每行一张图：`index`、`model`、`vocabulary_revision` 与打标结果。

    任务进行中也可以读：给出从 `cursor` 起已有的、连续的结果；之后用新的 `cursor` 接着读，
    不会遗漏也不会重复。
    """
    desk = service_of(request).jobs
    job = await asyncio.to_thread(desk.store.get, job_id)
    return StreamingResponse(_lines(desk, job, cursor, limit), media_type=NDJSON)


@router.post("/{job_id}/cancel", summary="取消任务", responses=NOT_FOUND | {409: PROBLEMS[409]})
def cancel(request: Request, job_id: str) -> JobOut:
    """已有的结果保留；再次取消没有影响。已经完成的任务不能取消。"""
    desk = service_of(request).jobs
    return _out(desk, desk.store.cancel(job_id))


@router.delete("/{job_id}", summary="删除任务", status_code=204, responses=NOT_FOUND)
def delete(request: Request, job_id: str) -> None:
    """连同结果一起删除；未完成的任务不再继续，也不再发送通知。"""
    service_of(request).jobs.store.delete(job_id)


def _out(desk: JobDesk, job: Job) -> JobOut:
    return job_out(job, desk.pace.rate(job), desk.deliveries.of(job.id))


async def _lines(desk: JobDesk, job: Job, position: int, left: int) -> AsyncIterator[bytes]:
    """The results from a position on, some at a time, so that none has to be held in memory."""
    while left > 0:
        count = min(left, LINES_AT_ONCE)
        found = await asyncio.to_thread(desk.store.lines, job, position, count)
        if not found:
            return
        yield "".join(f"{line}\n" for _, line in found).encode()
        position, left = found[-1][0] + 1, left - len(found)
