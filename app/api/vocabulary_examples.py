"""`/v1/vocabulary/tags/{id}/examples`: tags that pictures say better than words."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import Response

from app.api.bodies import refuse_unknown, tag_path
from app.api.charging import charged
from app.api.context import Service, service_of
from app.api.editing import EditIntent, carry_out, edit_out, edit_response, expected_version
from app.api.problems import invalid_response
from app.api.reading import parse_json
from app.api.vocabulary import PROBLEMS
from app.api.vocabulary_schemas import EditOut, ExampleOut, ExamplesIn, ExamplesOut
from app.encoders.base import FloatArray
from app.errors import InvalidRequestError
from app.intake.sources import UploadSource
from vocab.edit import Edit
from vocab.errors import TagNotFoundError

router = APIRouter(prefix="/v1/vocabulary", tags=["词表"])

MAX_FORM_FIELDS = 4
FILES_REMEDY = "用 multipart/form-data 上传，例如 curl -F files=@logo.png。"
FILES_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "additionalProperties": False,
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "一张或多张示例图。",
                        }
                    },
                }
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/ExamplesIn"}},
        },
    }
}


@router.post(
    "/tags/{tag_id}/examples",
    status_code=201,
    summary="给标签添加示例图",
    response_model=EditOut,
    responses=PROBLEMS,
    openapi_extra=FILES_BODY,
)
async def add_examples(request: Request, intent: EditIntent, tag_id: str) -> Response:
    """标签的向量变为 单位化((1−w)·文本 + w·示例均值)，w 是 TUQIAN_EXAMPLE_WEIGHT。

    适合文字说不清的概念：标志、吉祥物、某件商品。可以上传图片，也可以用 JSON 的 `image_ids`
    指出已入库的图片。有一张图不能用则全部不生效。
    """
    service = service_of(request)
    tag_id = tag_path(tag_id)
    await asyncio.to_thread(service.editor.store.stored, tag_id)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    try:
        seen = await (_stored if kind == "application/json" else _uploaded)(request, service)
    except ValidationError as error:
        return invalid_response(error.errors())
    # Before the edit that names them, so that no tag ever names a vector that is missing.
    key = service.tagger.encoder.model_key
    await asyncio.to_thread(service.editor.vectors.examples.add, tag_id, key, seen)

    def change(edit: Edit) -> EditOut:
        examples = [*dict.fromkeys((*edit.get(tag_id).examples, *seen))]
        version = expected_version(intent, edit, tag_id)
        return edit_out(edit, [edit.update(tag_id, {"examples": examples}, version)])

    return edit_response((await carry_out(service, intent, change)).value, 201)


@router.get(
    "/tags/{tag_id}/examples",
    summary="列出标签的示例图",
    responses={404: PROBLEMS[404]},
)
def list_examples(request: Request, tag_id: str) -> ExamplesOut:
    """上传的示例图只留下向量；图片库里也有同一个文件时，给出它的 id，可以取缩略图。"""
    service = service_of(request)
    store = service.collection.store
    tag = service.editor.store.stored(tag_path(tag_id)).tag
    numbers = {one: found for one in tag.examples if (found := store.same_bytes(one))}
    stored = store.load(number for found in numbers.values() for number in found)

    def image_id(one: str) -> str | None:
        return next((stored[n].ids[0] for n in numbers.get(one, ()) if n in stored), None)

    return ExamplesOut(items=[ExampleOut(id=one, image_id=image_id(one)) for one in tag.examples])


@router.delete(
    "/tags/{tag_id}/examples/{example_id}",
    summary="去掉标签的一张示例图",
    response_model=EditOut,
    responses=PROBLEMS,
)
async def remove_example(
    request: Request, intent: EditIntent, tag_id: str, example_id: str
) -> Response:
    """`example_id` 是图片的 SHA-256，见标签的 `examples`。"""
    tag_id = tag_path(tag_id)

    def change(edit: Edit) -> EditOut:
        examples = edit.get(tag_id).examples
        if example_id not in examples:
            raise TagNotFoundError(
                f"这个标签没有示例图 {example_id[:64]}",
                field="example_id",
                remedy="标签的 examples 列出了它的示例图。",
            )
        kept = [one for one in examples if one != example_id]
        version = expected_version(intent, edit, tag_id)
        return edit_out(edit, [edit.update(tag_id, {"examples": kept}, version)])

    return edit_response((await carry_out(service_of(request), intent, change)).value)


async def _uploaded(request: Request, service: Service) -> dict[str, FloatArray]:
    """Vectors of the uploaded images by their SHA-256."""
    most = service.max_images
    async with request.form(max_files=most + 1, max_fields=MAX_FORM_FIELDS) as form:
        refuse_unknown(form, {"files"}, FILES_REMEDY)
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        _check_count(len(files), most, "files", FILES_REMEDY)
        sources = [UploadSource(file.file, file.filename or "") for file in files]
        with charged(request, len(sources)):
            return await service.tagger.embed(sources)


async def _stored(request: Request, service: Service) -> dict[str, FloatArray]:
    """Vectors of stored images by their SHA-256; raises `ImageNotFoundError`."""
    given = ExamplesIn.model_validate(parse_json(await request.body(), "body"))
    _check_count(len(given.image_ids), service.max_images, "image_ids", "请分几次添加。")

    def read() -> dict[str, FloatArray]:
        images = service.collection
        return {images.get(name).sha256: images.vector_of(name) for name in given.image_ids}

    return await asyncio.to_thread(read)


def _check_count(count: int, most: int, field: str, remedy: str) -> None:
    if not 1 <= count <= most:
        raise InvalidRequestError(
            f"{field} 字段应有 1 到 {most} 张图片，收到 {count} 张", field=field, remedy=remedy
        )
