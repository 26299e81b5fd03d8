"""Bodies the routes read themselves: their OpenAPI, and files in whichever form they come."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from app.errors import InvalidRequestError
from vocab.errors import TagNotFoundError

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def json_body(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """The OpenAPI of a JSON body that is read by hand, so that its errors are ours."""
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": required, "content": content}}


def file_body(*kinds: str) -> dict[str, Any]:
    """The OpenAPI of a file, sent as it is or in the field `file` of a form."""
    binary = {"type": "string", "format": "binary"}
    form: dict[str, Any] = {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": binary},
    }
    content: dict[str, Any] = {kind: {"schema": binary} for kind in kinds}
    content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


def tag_path(tag_id: str) -> str:
    """The id in an address; raises `TagNotFoundError` for what can be no id."""
    if not _ID.fullmatch(tag_id):
        raise TagNotFoundError(
            f"没有 id 为 {tag_id[:64]!r} 的标签", field="id", remedy="请先查询标签列表。"
        )
    return tag_id


def refuse_unknown(form: FormData, known: Collection[str], remedy: str) -> None:
    """Raises `InvalidRequestError` naming the first field of a form that nobody would read."""
    unknown = sorted(set(form) - set(known))
    if unknown:
        raise InvalidRequestError(
            f"表单里有未知的字段：{'、'.join(name[:64] for name in unknown)}",
            field=unknown[0][:64],
            remedy=remedy,
        )


async def read_file(request: Request) -> bytes:
    """The bytes of a file sent as the body or in the field `file` of a form."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return await request.body()
    async with request.form(max_files=2, max_fields=4) as form:
        files = form.getlist("file")
        if len(files) != 1 or len(form) != 1 or not isinstance(files[0], UploadFile):
            raise InvalidRequestError(
                "表单里应有且只有一个文件，放在 file 字段",
                field="file",
                remedy="例如 curl -F file=@tags.csv，或把文件内容直接作为请求体。",
            )
        return await files[0].read()
