"""`/v1/audit`: what was changed, by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from app.access.audit import Entry
from app.api.context import service_of

router = APIRouter(prefix="/v1/audit", tags=["管理"])

LAST_ID = 2**62


class AuditEntryOut(BaseModel):
    """One change."""

    id: int
    at: datetime
    actor: str = Field(description="密钥的名称；不带密钥时是 X-Author；命令行是 shell:用户名。")
    key_id: str = Field(description="密钥的 id；不带密钥时为空。")
    action: str
    target: str = Field(description="改了什么：请求的地址，或密钥的名称与角色。")
    revision: int | None = Field(description="改动之后的词表版本；与词表无关时没有。")
    request_id: str


class AuditOut(BaseModel):
    """A page of changes."""

    items: list[AuditEntryOut]
    next: int | None = Field(description="下一页的 before；没有更多时为空。")


@router.get("", summary="修改记录")
def audit(
    request: Request,
    before: Annotated[int | None, Query(ge=0, le=LAST_ID, description="上一页的 next。")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="一页多少条。")] = 50,
) -> AuditOut:
    """最新的在前：词表、图片、评判、任务与密钥的每次改动。需要 admin 角色。"""
    found = service_of(request).access.audit.page(before, limit + 1)
    items = [_out(entry) for entry in found[:limit]]
    return AuditOut(items=items, next=items[-1].id if len(found) > limit else None)


def _out(entry: Entry) -> AuditEntryOut:
    deed = entry.deed
    return AuditEntryOut(
        id=entry.id,
        at=entry.at,
        actor=deed.actor,
        key_id=deed.key_id,
        action=deed.action,
        target=deed.target,
        revision=deed.revision,
        request_id=deed.request_id,
    )
