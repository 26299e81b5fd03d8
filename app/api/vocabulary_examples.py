"""`/v1/vocabulary/tags/{id}/examples`: tags that pictures say better than words."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from app.api.bodies import tag_path
from app.api.context import service_of
from app.api.editing import EditIntent, carry_out, edit_out, edit_response, expected_version
from app.api.vocabulary import PROBLEMS
from app.api.vocabulary_schemas import EditOut
from app.errors import InvalidRequestError
from app.intake.sources import UploadSource
from vocab.edit import Edit
from vocab.errors import TagNotFoundError

router = APIRouter(prefix="/v1/vocabulary", tags=["词表"])

MAX_FORM_FIELDS = 4
FILES_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "一张或多张示例图。",
                        }
                    },
                }
            }
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

    适合文字说不清的概念：标志、吉祥物、某件商品。有一张图不能用则全部不生效。
    """
    service = service_of(request)
    tag_id = tag_path(tag_id)
    await asyncio.to_thread(service.editor.store.stored, tag_id)
    most = service.max_images
    async with request.form(max_files=most + 1, max_fields=MAX_FORM_FIELDS) as form:
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        if not 1 <= len(files) <= most:
            raise InvalidRequestError(
                f"files 字段应有 1 到 {most} 张图片，收到 {len(files)} 张",
                field="files",
                remedy="用 multipart/form-data 上传，例如 curl -F files=@logo.png。",
            )
        sources = [UploadSource(file.file, file.filename or "") for file in files]
        seen = await service.tagger.embed(sources)
    # Before the edit that names them, so that no tag ever names a vector that is missing.
    key = service.tagger.encoder.model_key
    await asyncio.to_thread(service.editor.vectors.examples.add, tag_id, key, seen)

    def change(edit: Edit) -> EditOut:
        examples = [*dict.fromkeys((*edit.get(tag_id).examples, *seen))]
        version = expected_version(intent, edit, tag_id)
        return edit_out(edit, [edit.update(tag_id, {"examples": examples}, version)])

    return edit_response((await carry_out(service, intent, change)).value, 201)


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
