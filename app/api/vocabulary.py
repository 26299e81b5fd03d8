"""`/v1/vocabulary/tags`: list, create, get, change and delete tags."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from app.api.bodies import json_body, tag_path
from app.api.context import service_of
from app.api.editing import (
    EditIntent,
    Intent,
    carry_out,
    edit_out,
    edit_response,
    expected_version,
)
from app.api.preconditions import etag
from app.api.problems import invalid_response
from app.api.reading import parse_json
from app.api.render import stored_tag_out
from app.api.schemas import ProblemOut
from app.api.vocabulary_schemas import (
    EditOut,
    State,
    StoredTagOut,
    TagChangesIn,
    TagIn,
    TagListOut,
    TagsIn,
    VocabularyOut,
)
from vocab.edit import Edit
from vocab.names import clean_line
from vocab.store import VocabularyStore
from vocab.tags import StoredTag, TagDraft

router = APIRouter(prefix="/v1/vocabulary", tags=["词表"])

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemOut, "description": text}
    for status, text in {
        404: "没有这个标签",
        409: "名称已被占用，或幂等键已用于另一个请求",
        412: "内容已被他人修改；`current` 是现在的内容",
        422: "内容不符合要求；批量时 `problems` 列出每一处",
        503: "服务繁忙或尚未就绪",
    }.items()
}
TAG_SCHEMA = {"$ref": "#/components/schemas/TagIn"}
MANY_SCHEMA = {"$ref": "#/components/schemas/TagsIn"}


@router.get("", summary="词表概况")
def overview(request: Request, response: Response) -> VocabularyOut:
    """版本号、标签数与类别；ETag 是版本号。"""
    vocabulary = service_of(request).editor.store.load()
    response.headers["ETag"] = etag(vocabulary.revision)
    categories: dict[str, int] = {}
    for tag in vocabulary.tags:
        categories[tag.category] = categories.get(tag.category, 0) + 1
    return VocabularyOut(
        vocabulary_revision=vocabulary.revision,
        tags=len(vocabulary.tags),
        active=sum(tag.state == "active" for tag in vocabulary.tags),
        categories=categories,
    )


@router.get("/tags", summary="列出或搜索标签", responses={422: PROBLEMS[422]})
def list_tags(
    request: Request,
    response: Response,
    query: Annotated[
        str, Query(max_length=128, description="名称或别名的一部分，或拼音（全拼、首字母）。")
    ] = "",
    category: Annotated[str | None, Query(description="只列这个类别。")] = None,
    state: Annotated[State | None, Query(description="只列 active 或 paused。")] = None,
    cursor: Annotated[str | None, Query(description="上一页的 next。")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="一页多少个。")] = 50,
) -> TagListOut:
    """名称完全相同的在前，其次是以它开头的，再次是包含它的。"""
    store = service_of(request).editor.store
    if category is not None:
        category = clean_line(category, field="category", limit=64)
    page = store.list(clean_line(query, field="query", limit=128), category, state, cursor, limit)
    response.headers["ETag"] = etag(page.revision)
    names = parent_names(store, page.items)
    return TagListOut(
        items=[stored_tag_out(stored, names) for stored in page.items],
        next=page.next,
        vocabulary_revision=page.revision,
    )


@router.post(
    "/tags",
    status_code=201,
    summary="添加一个或多个标签",
    response_model=EditOut,
    responses=PROBLEMS,
    openapi_extra=json_body({"oneOf": [TAG_SCHEMA, MANY_SCHEMA]}),
)
async def create(request: Request, intent: EditIntent) -> Response:
    """提交一个标签，或 `{"tags": [...]}`（最多 10000 个，全部成功或全部不生效）。

    回答时标签已经生效。带 `Idempotency-Key` 重发不会重复添加。
    """
    service = service_of(request)
    body = await request.body()
    try:
        drafts, many = await asyncio.to_thread(_drafts, body)
    except ValidationError as error:
        return invalid_response(error.errors())
    digest = hashlib.sha256(b"create\n" + body).hexdigest()

    def change(edit: Edit) -> tuple[EditOut, bool]:
        if intent.key is not None and (kept := edit.recall(intent.key, digest)) is not None:
            return EditOut.model_validate_json(kept), True
        tags = edit.create_all(drafts) if many else (edit.create(drafts[0]),)
        answer = edit_out(edit, tags)
        if intent.key is not None:
            edit.remember(intent.key, digest, answer.model_dump_json())
        return answer, False

    answer, again = (await carry_out(service, intent, change, of_vocabulary=True)).value
    headers = {"Idempotent-Replayed": "true"} if again else {}
    if not many:
        headers["Location"] = f"/v1/vocabulary/tags/{answer.tags[0].id}"
    return edit_response(answer, 201, **headers)


@router.get("/tags/{tag_id}", summary="查看一个标签", responses={404: PROBLEMS[404]})
def get(request: Request, response: Response, tag_id: str) -> StoredTagOut:
    """ETag 是最后一次修改它的版本号。"""
    store = service_of(request).editor.store
    stored = store.stored(tag_path(tag_id))
    response.headers["ETag"] = etag(stored.revision)
    return stored_tag_out(stored, parent_names(store, [stored]))


@router.patch(
    "/tags/{tag_id}",
    summary="修改一个标签",
    response_model=EditOut,
    responses=PROBLEMS,
    openapi_extra=json_body({"$ref": "#/components/schemas/TagChangesIn"}),
)
async def patch(request: Request, intent: EditIntent, tag_id: str) -> Response:
    """只改提交的字段。`If-Match` 是这个标签的 ETag。"""
    service = service_of(request)
    tag_id = tag_path(tag_id)
    try:
        given = TagChangesIn.model_validate(parse_json(await request.body(), "body"))
    except ValidationError as error:
        return invalid_response(error.errors())
    changes = given.model_dump(exclude_unset=True)

    def change(edit: Edit) -> EditOut:
        tag = edit.update(tag_id, changes, expected_version(intent, edit, tag_id))
        return edit_out(edit, [tag])

    return edit_response((await carry_out(service, intent, change)).value)


@router.delete("/tags/{tag_id}", summary="删除一个标签", response_model=EditOut, responses=PROBLEMS)
async def delete(request: Request, intent: EditIntent, tag_id: str) -> Response:
    """它的下级标签会失去这个上级；回滚可以恢复。`If-Match` 是这个标签的 ETag。"""
    return await delete_tag(request, intent, tag_path(tag_id))


async def delete_tag(request: Request, intent: Intent, tag_id: str) -> Response:
    """Deletes a tag and answers."""

    def change(edit: Edit) -> EditOut:
        edit.delete(tag_id, expected_version(intent, edit, tag_id))
        return edit_out(edit, [])

    return edit_response((await carry_out(service_of(request), intent, change)).value)


def parent_names(store: VocabularyStore, tags: Iterable[StoredTag]) -> Mapping[str, str]:
    """The names of all their parents, by id."""
    wanted = {parent for stored in tags for parent in stored.tag.parents}
    return {tag.id: tag.name for tag in store.many(wanted)}


def _drafts(body: bytes) -> tuple[list[TagDraft], bool]:
    """The tags of a body, and whether it is the form for many."""
    value = parse_json(body, "body")
    many = isinstance(value, dict) and "tags" in value
    tags = TagsIn.model_validate(value).tags if many else [TagIn.model_validate(value)]
    return [draft_of(tag) for tag in tags], many


def draft_of(tag: TagIn) -> TagDraft:
    """The tag as the vocabulary takes it."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in tag.model_dump(include=set(TagIn.model_fields)).items()
    }
    return TagDraft(**fields)
