"""`/v1/images`: stored images, their search, their duplicates, and their tags."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import ValidationError

from app.api.bodies import json_body
from app.api.charging import charged
from app.api.context import Service, service_of
from app.api.image_reading import filters_of, read_image_order
from app.api.image_render import added_out, found_out, group_out, image_out, retag_out
from app.api.image_schemas import (
    GroupsOut,
    ImageOut,
    ImagesOut,
    RetagIn,
    RetagOut,
    SearchIn,
    SearchOut,
)
from app.api.openapi import IMAGES_BODY
from app.api.presence import CallerLeftError, while_present
from app.api.problems import CLIENT_CLOSED_REQUEST, invalid_response
from app.api.reading import parse_json, source_of
from app.api.schemas import ProblemOut
from app.api.tag import PROBLEMS, server_timing
from app.choice import Options
from app.errors import InvalidRequestError
from app.retag import retag as retag_images
from app.tagger import Problem
from index.groups import duplicate_groups

FloatArray = NDArray[np.float32]

router = APIRouter(prefix="/v1/images", tags=["图片库"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemOut, "description": "没有这张图片"}
}
STORED = PROBLEMS | {507: {"model": ProblemOut, "description": "磁盘空间不足"}}


@router.post(
    "",
    summary="图片入库",
    response_model=ImagesOut,
    responses=STORED,
    openapi_extra={"requestBody": IMAGES_BODY},
)
async def add(request: Request) -> Response:
    """一张或多张；保存向量、指纹与一张小的灰度图，不保存原图。同样的字节再次入库不会重复保存。

    回答时已写入磁盘。每张图同时打标，并报告入库之前就有的重复图片。
    """
    service = service_of(request)
    try:
        async with read_image_order(request, service.max_images) as order:
            with charged(request, len(order.sources)):
                work = service.tagger.tag(order.sources, Options(index=True), order.names)
                answer = await while_present(request, work)
    except ValidationError as error:
        return invalid_response(error.errors())
    except CallerLeftError:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    body = ImagesOut(
        model=answer.model,
        vocabulary_revision=answer.revision,
        results=[added_out(result) for result in answer.results],
    )
    return _json(body, {"Server-Timing": server_timing(answer.stages_ms)})


@router.post(
    "/search",
    summary="按图片、文字或向量搜索",
    response_model=SearchOut,
    responses=PROBLEMS | NOT_FOUND,
    openapi_extra=json_body({"$ref": "#/components/schemas/SearchIn"}),
)
async def search(request: Request) -> Response:
    """`text`、`id`、`image`、`vector` 四选一；可筛选，按 `next` 翻页。"""
    service = service_of(request)
    try:
        wanted = SearchIn.model_validate(parse_json(await request.body(), "body"))
    except ValidationError as error:
        return invalid_response(error.errors())
    snapshot = service.live.current()
    filters = filters_of(wanted.filters, snapshot)
    vector = await _vector_of(service, wanted)
    skip = int(wanted.cursor or 0)
    found = await asyncio.to_thread(
        service.collection.search, vector, wanted.limit + 1, skip=skip, filters=filters
    )
    page = found[: wanted.limit]
    more = str(skip + wanted.limit) if len(found) > wanted.limit else None
    return _json(SearchOut(items=[found_out(one, snapshot) for one in page], next=more))


@router.get("/duplicates", summary="重复图片的分组")
async def duplicates(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> GroupsOut:
    """同一张图的各个版本为一组，并建议保留哪一张、为什么。

    一次只查看有限的图片，所以一页可能为空而仍有 `next`；`next` 为空才是结束。
    """
    service = service_of(request)
    snapshot = service.live.current()
    page = await asyncio.to_thread(duplicate_groups, service.collection, cursor, limit)
    return GroupsOut(
        items=[group_out(group, snapshot) for group in page.groups],
        next=None if page.next is None else str(page.next),
    )


@router.post(
    "/retag",
    summary="用当前词表重新打标",
    response_model=RetagOut,
    responses=STORED,
    openapi_extra=json_body({"$ref": "#/components/schemas/RetagIn"}, required=False),
)
async def retag(request: Request) -> Response:
    """只用已保存的向量，不重新编码；结果连同词表版本一起保存，并报告每个标签的增减。"""
    service = service_of(request)
    try:
        body = parse_json(await request.body() or b"{}", "body")
        wanted = RetagIn.model_validate(body)
    except ValidationError as error:
        return invalid_response(error.errors())
    snapshot = service.live.current()
    filters = filters_of(wanted.filters, snapshot)
    with service.edit_gate.place(1):
        loop = asyncio.get_running_loop()
        report = await loop.run_in_executor(
            service.editing, retag_images, snapshot, service.collection, filters
        )
    return _json(retag_out(report))


@router.get("/{image_id}", summary="一张图片", responses=NOT_FOUND)
async def get(request: Request, image_id: str) -> ImageOut:
    """入库时的信息与现在的标签。"""
    service = service_of(request)
    image = await asyncio.to_thread(service.collection.get, image_id)
    return image_out(image, service.live.current())


@router.get(
    "/{image_id}/thumbnail",
    summary="一张图片的缩略图",
    response_class=Response,
    responses=NOT_FOUND | {200: {"content": {"image/jpeg": {}}}},
)
async def thumbnail(request: Request, image_id: str) -> Response:
    """小的灰度 JPEG，长边至多 256 像素，去掉了纯色边框；服务不保存原图。"""
    picture = await asyncio.to_thread(service_of(request).collection.thumbnail_of, image_id)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private"})


@router.delete("/{image_id}", summary="删除图片", status_code=204, responses=NOT_FOUND)
async def delete(request: Request, image_id: str) -> None:
    """回答之后不再能被搜到；同一内容的其他 id 不受影响。"""
    await asyncio.to_thread(service_of(request).collection.delete, image_id)


async def _vector_of(service: Service, wanted: SearchIn) -> FloatArray:
    """The `(d,)` unit vector that is searched for."""
    if wanted.text is not None:
        texts = await asyncio.to_thread(service.tagger.encoder.encode_texts, [wanted.text])
        return np.asarray(texts[0], dtype=np.float32)
    if wanted.id is not None:
        return await asyncio.to_thread(service.collection.vector_of, wanted.id)
    if wanted.vector is not None:
        return _unit(wanted.vector)
    assert wanted.image is not None  # noqa: S101 - the schema saw to it
    (image,), encoded = await service.tagger.encode([source_of(wanted.image)])
    if isinstance(image, Problem):
        raise image.error
    return encoded[0].vector


def _unit(values: list[float]) -> FloatArray:
    """The caller's vector at unit length; raises `InvalidRequestError` where it has none."""
    vector = np.asarray(values, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise InvalidRequestError("vector 含有 NaN 或无穷大，或者全为 0", field="vector")
    return (vector / length).astype(np.float32)


def _json(
    body: ImagesOut | SearchOut | RetagOut, headers: dict[str, str] | None = None
) -> Response:
    text = body.model_dump_json(exclude_none=True)
    return Response(text, media_type="application/json", headers=headers)
