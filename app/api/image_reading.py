"""The bodies of requests about stored images, as sources, names and filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from app.api.image_schemas import FiltersIn, ImageNameIn, ImageNamesIn, ImagesIn, ImageToAdd
from app.api.problem_table import UnsupportedMediaTypeError
from app.api.reading import counted, parse_json, upload_source
from app.errors import InvalidRequestError
from app.intake.sources import Base64Source, Source, UrlSource
from app.recall import Name
from app.snapshot import Snapshot
from index.errors import InvalidImageError
from index.images import Filters, checked_id, checked_metadata


@dataclass(frozen=True)
class ImageOrder:
    """Images to be stored, and their names in the same order."""

    sources: tuple[Source, ...]
    names: tuple[Name, ...]


@asynccontextmanager
async def read_image_order(request: Request, max_images: int) -> AsyncIterator[ImageOrder]:
    """The order in a body; uploads lie in temporary files that go with the context.

    Raises `InvalidRequestError`, `InvalidImageError` or pydantic's `ValidationError`.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=max_images + 1, max_fields=4) as form:
            yield _from_form(form, max_images)
    elif kind == "application/json":
        wanted = ImagesIn.model_validate(parse_json(await request.body(), "body"))
        sources = counted(tuple(_source(one) for one in wanted.images), max_images, "images")
        yield ImageOrder(sources, names_of(wanted.images))
    else:
        raise UnsupportedMediaTypeError(
            f"Content-Type 是 {kind or '空'}，需要 multipart/form-data 或 application/json",
            field="Content-Type",
        )


def names_of(given: list[ImageToAdd] | list[ImageNameIn]) -> tuple[Name, ...]:
    """The names, checked before anything is encoded; raises `InvalidImageError`."""
    names = []
    for at, one in enumerate(given):
        try:
            name = None if one.id is None else checked_id(one.id)
            names.append(Name(name, one.source, checked_metadata(one.metadata)))
        except InvalidImageError as error:
            error.field = f"images[{at}].{error.field}"
            raise
    return tuple(names)


def filters_of(given: FiltersIn, snapshot: Snapshot) -> Filters:
    """Filters by tag ids; raises `InvalidRequestError` for a tag or category there is none of."""
    by_name = {tag.name: tag.id for tag in snapshot.tags} if given.tags else {}
    groups = []
    for at, asked in enumerate(given.tags):
        tag = asked if asked in snapshot.positions else by_name.get(asked)
        if tag is None:
            raise InvalidRequestError(f"没有标签 {asked[:64]}", field=f"filters.tags[{at}]")
        groups.append((tag,))
    if given.categories:
        unknown = [name for name in given.categories if name not in snapshot.categories]
        if unknown:
            raise InvalidRequestError(f"没有类别 {unknown[0][:64]}", field="filters.categories")
        rows = [row for name in given.categories for row in snapshot.categories[name]]
        groups.append(tuple(snapshot.tags[row].id for row in rows))
    return Filters(tuple(groups), given.since, given.until, given.metadata)


def _from_form(form: FormData, max_images: int) -> ImageOrder:
    unknown = sorted(set(form) - {"files", "images"})
    files = form.getlist("files")
    if unknown or not files or not all(isinstance(file, UploadFile) for file in files):
        raise InvalidRequestError(
            f"表单里有未知的字段 {unknown[0]}" if unknown else "files 字段没有图片文件",
            field=unknown[0] if unknown else "files",
            remedy="图片放在 files 字段（可重复），各图的 id 等以 JSON 数组放在 images 字段。",
        )
    sources = tuple(upload_source(file) for file in files if isinstance(file, UploadFile))
    counted(sources, max_images, "files")
    text = form.get("images")
    if text is None:
        return ImageOrder(sources, tuple(Name(source=one.filename[:500]) for one in sources))
    if isinstance(text, UploadFile):
        raise InvalidRequestError("images 字段应为 JSON 文本，而不是文件", field="images")
    given = ImageNamesIn.model_validate({"images": parse_json(text, "images")}).images
    if len(given) != len(sources):
        raise InvalidRequestError(
            f"images 有 {len(given)} 项，而 files 有 {len(sources)} 个文件，应一一对应",
            field="images",
        )
    return ImageOrder(sources, names_of(given))


def _source(image: ImageToAdd) -> Source:
    return UrlSource(image.url) if image.url is not None else Base64Source(image.base64 or "")
