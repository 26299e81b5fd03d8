"""A tagging request's body, multipart or JSON, as sources and options."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from app.api.bodies import refuse_unknown
from app.api.problem_table import MalformedRequestError, UnsupportedMediaTypeError
from app.api.schemas import ImageIn, OptionsIn, TagRequest
from app.choice import Options
from app.errors import InvalidRequestError
from app.intake.sources import Base64Source, Source, StoredSource, UploadSource, UrlSource
from app.recall import Name

MAX_JSON_DEPTH = 16
MAX_FORM_FIELDS = 16


@dataclass(frozen=True)
class TagOrder:
    """What a request asks for."""

    sources: tuple[Source, ...]
    options: Options

    @property
    def names(self) -> tuple[Name, ...]:
        """What images are stored under, where they are: uploads say what their file is called."""
        return tuple(
            Name(source=one.filename[:500] if isinstance(one, UploadSource) else "")
            for one in self.sources
        )


@asynccontextmanager
async def read_tag_order(request: Request, max_images: int) -> AsyncIterator[TagOrder]:
    """The order in a body; uploads lie in temporary files that go with the context.

    Raises `InvalidRequestError` (or pydantic's `ValidationError`) for a body that asks for
    nothing we can do.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        # One more than allowed is let through the parser, so that the refusal can be ours.
        async with request.form(max_files=max_images + 1, max_fields=MAX_FORM_FIELDS) as form:
            yield _from_form(form, max_images)
    elif kind == "application/json":
        wanted = TagRequest.model_validate(parse_json(await request.body(), "body"))
        sources = tuple(source_of(image) for image in wanted.images)
        yield TagOrder(counted(sources, max_images, "images"), options_of(wanted.options))
    else:
        raise UnsupportedMediaTypeError(
            f"Content-Type 是 {kind or '空'}，需要 multipart/form-data 或 application/json",
            field="Content-Type",
        )


@asynccontextmanager
async def read_predict_order(request: Request) -> AsyncIterator[TagOrder]:
    """The order of the short form: one image in the field `file`, all options as usual."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise UnsupportedMediaTypeError(
            f"Content-Type 是 {kind or '空'}，需要 multipart/form-data",
            field="Content-Type",
            remedy="用 multipart/form-data 上传，例如 curl -F file=@photo.jpg。",
        )
    async with request.form(max_files=2, max_fields=MAX_FORM_FIELDS) as form:
        refuse_unknown(form, {"file"}, "只有 file 一个字段；要选项请用 POST /v1/tag。")
        files = form.getlist("file")
        if len(files) != 1 or not isinstance(files[0], UploadFile):
            raise InvalidRequestError(
                "file 字段应有且只有一张图片",
                field="file",
                remedy="用 multipart/form-data 上传，例如 curl -F file=@photo.jpg。",
            )
        yield TagOrder((upload_source(files[0]),), Options())


def parse_json(text: bytes | str, field: str) -> Any:
    """JSON of bounded depth; raises `MalformedRequestError` naming `field`."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "嵌套过深" if isinstance(error, RecursionError) else str(error)
        raise MalformedRequestError(f"{field} 不是有效的 JSON：{reason}", field=field) from error
    if _deeper_than(value, MAX_JSON_DEPTH):
        raise MalformedRequestError(f"{field} 嵌套超过 {MAX_JSON_DEPTH} 层", field=field)
    return value


def options_of(given: OptionsIn) -> Options:
    """The options as the tagger takes them."""
    return Options(
        top_k=given.top_k,
        min_confidence=given.min_confidence,
        precision_target=given.precision_target,
        precision_ranges=given.precision_ranges,
        false_positive_rate=given.false_positive_rate,
        best_f1=given.best_f1,
        include_uncertain=given.include_uncertain,
        detail=given.detail,
        categories=tuple(given.categories),
        include_parents=given.include_parents,
        distinct=given.distinct,
        duplicates=given.duplicates,
        index=given.index,
    )


def _from_form(form: FormData, max_images: int) -> TagOrder:
    remedy = "图片放在 files 字段（可重复），选项以 JSON 放在 options 字段。"
    refuse_unknown(form, {"files", "options"}, remedy)
    files = form.getlist("files")
    if not files or not all(isinstance(file, UploadFile) for file in files):
        raise InvalidRequestError(
            "files 字段没有图片文件",
            field="files",
            remedy="用 multipart/form-data 上传，例如 curl -F files=@photo.jpg。",
        )
    sources = tuple(upload_source(file) for file in files if isinstance(file, UploadFile))
    text = form.get("options") or "{}"
    if isinstance(text, UploadFile):
        raise InvalidRequestError("options 字段应为 JSON 文本，而不是文件", field="options")
    wanted = TagRequest.model_validate(
        {"images": [{"image_id": "upload"}], "options": parse_json(text, "options")}
    )
    return TagOrder(counted(sources, max_images, "files"), options_of(wanted.options))


def upload_source(file: UploadFile) -> UploadSource:
    """The file is read later, off the event loop, and not before a place is free for it."""
    return UploadSource(file.file, file.filename or "")


def counted(sources: tuple[Source, ...], max_images: int, field: str) -> tuple[Source, ...]:
    """The sources themselves; raises `InvalidRequestError` where there are too many."""
    if len(sources) > max_images:
        raise InvalidRequestError(
            f"一个请求最多 {max_images} 张图片",
            field=field,
            remedy="分成几个请求，或调大 TUQIAN_MAX_IMAGES_PER_REQUEST。",
        )
    return sources


def source_of(image: ImageIn) -> Source:
    """The source an image is given by."""
    if image.url is not None:
        return UrlSource(image.url)
    if image.base64 is not None:
        return Base64Source(image.base64)
    return StoredSource(image.image_id or "")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} 不是 JSON 的数字")


def _deeper_than(value: Any, limit: int) -> bool:
    """Whether arrays and objects are nested more than `limit` deep, without recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)
