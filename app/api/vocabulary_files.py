"""`/v1/vocabulary/import` and `/v1/vocabulary/export`: the vocabulary as a file."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.bodies import file_body, read_file
from app.api.context import service_of
from app.api.editing import EditIntent, carry_out, edit_out, edit_response
from app.api.preconditions import etag
from app.api.render import change_out
from app.api.vocabulary import PROBLEMS
from app.api.vocabulary_schemas import ImportOut
from vocab.edit import Edit
from vocab.exchange import export_csv, export_json
from vocab.imports import import_tags, read_tags

router = APIRouter(prefix="/v1/vocabulary", tags=["词表"])

CHANGES_SHOWN = 200


@router.post(
    "/import",
    summary="导入词表文件（CSV 或 JSON）",
    response_model=ImportOut,
    responses=PROBLEMS,
    openapi_extra=file_body("text/csv", "application/json"),
)
async def import_file(
    request: Request,
    intent: EditIntent,
    mode: Annotated[
        Literal["merge", "replace"],
        Query(description="`merge` 合并到现有词表，`replace` 用文件取代整个词表。"),
    ] = "merge",
    dry_run: Annotated[bool, Query(description="只检查，不生效。")] = False,
) -> Response:
    """UTF-8、GBK、Big5、UTF-16 均可；全部成功或全部不生效，错误带行号。

    `If-Match` 是词表的 ETag。
    """
    service = service_of(request)
    data = await read_file(request)
    file = await asyncio.to_thread(read_tags, data)

    def change(edit: Edit) -> ImportOut:
        import_tags(edit, file, mode)
        did = edit_out(edit, []).model_dump()
        if dry_run:
            did["vocabulary_revision"] = edit.revision - 1
            did["changes"] = [change_out(one) for one in edit.changes[:CHANGES_SHOWN]]
        return ImportOut(**did, dry_run=dry_run, rows=len(file.rows))

    done = await carry_out(service, intent, change, of_vocabulary=True, dry_run=dry_run)
    return edit_response(done.value)


@router.get(
    "/export",
    summary="导出词表文件",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}, "application/json": {}}}, 404: PROBLEMS[404]},
)
def export_file(
    request: Request,
    kind: Annotated[
        Literal["csv", "json"], Query(alias="format", description="`csv` 或 `json`。")
    ] = "csv",
    revision: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="导出这个版本；不填则为最新。")
    ] = None,
) -> Response:
    """导出的文件原样导入，得到同样的词表。"""
    store = service_of(request).editor.store
    vocabulary = store.load() if revision is None else store.at(revision)
    data = export_csv(vocabulary) if kind == "csv" else export_json(vocabulary)
    name = f"tuqian-vocabulary-{vocabulary.revision}.{kind}"
    return Response(
        data,
        media_type="text/csv; charset=utf-8" if kind == "csv" else "application/json",
        headers={
            "ETag": etag(vocabulary.revision),
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
