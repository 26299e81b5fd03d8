"""The JSON of background jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.schemas import OptionsIn, ProblemOut, RequestModel
from app.api.ways import check_one_of, one_of
from app.intake.targets import MAX_URL_CHARS
from index.images import MAX_ID_LENGTH


class JobImageIn(RequestModel):
    """One image of a job, given in exactly one way."""

    model_config = ConfigDict(json_schema_extra=one_of("url", "image_id"))

    url: str | None = Field(
        None, max_length=MAX_URL_CHARS, description="图片的 http(s) 地址；需要 TUQIAN_FETCH_URLS。"
    )
    image_id: str | None = Field(None, max_length=MAX_ID_LENGTH, description="已入库图片的 id。")

    @model_validator(mode="after")
    def _exactly_one(self) -> JobImageIn:
        return check_one_of(self, "url", "image_id")


class JobIn(RequestModel):
    """A job."""

    images: list[JobImageIn] = Field(min_length=1, description="要打标的图片，可以有很多。")
    options: OptionsIn = Field(OptionsIn(), description="打标选项，与 `POST /v1/tag` 相同。")
    webhook: str | None = Field(
        None,
        max_length=MAX_URL_CHARS,
        description="任务结束时通知的 http(s) 地址；需要 TUQIAN_WEBHOOK_SECRET。",
    )


class WebhookOut(BaseModel):
    """Telling that the job has finished."""

    url: str
    state: Literal["waiting", "delivered", "given_up"] = Field(
        description="waiting 任务未结束或将重试；delivered 对方已接受；given_up 多次失败后放弃。"
    )
    attempts: int
    last_error: str = Field(description="最近一次失败的原因。")


class JobOut(BaseModel):
    """A job and how far it has come."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"] = Field(
        description="done 每张图都有了结果（可能是错误）；failed 整个任务无法进行，见 problem。"
    )
    total: int
    done: int = Field(description="已打标的图片数。")
    failed: int = Field(description="不能打标的图片数；原因在结果里。")
    rate: float | None = Field(None, description="每秒处理的图片数。")
    eta_s: float | None = Field(None, description="按现在的速度，还要多少秒。")
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    options: dict[str, Any]
    problem: ProblemOut | None = None
    webhook: WebhookOut | None = Field(None, description="只在查询单个任务时给出。")


class JobsOut(BaseModel):
    """One page, the newest first."""

    items: list[JobOut]
    next: str | None = Field(None, description="下一页的 cursor；没有更多时为空。")
