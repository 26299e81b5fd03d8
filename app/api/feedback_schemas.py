"""The JSON of judgements."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.schemas import Number, ProblemOut, RequestModel
from app.api.ways import check_one_of, one_of

Verdict = Literal["right", "wrong", "missing"]
MOST_AT_ONCE = 1_000


class JudgementIn(RequestModel):
    """A verdict on one tag of one image; the image is given in exactly one way."""

    model_config = ConfigDict(json_schema_extra=one_of("image_id", "sha256", "vector"))

    tag: str = Field(min_length=1, max_length=200, description="标签的 id、名称或别名。")
    verdict: Verdict = Field(
        description="right 打对了；wrong 打错了；missing 该有而没有打出来。",
    )
    image_id: str | None = Field(None, max_length=200, description="已入库图片的 id。")
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-fA-F]{64}$", description="最近打过标的图片的 sha256，见打标的回答。"
    )
    vector: list[Number] | None = Field(None, max_length=8192, description="当前模型的图片向量。")

    @model_validator(mode="after")
    def _exactly_one(self) -> JudgementIn:
        return check_one_of(self, "image_id", "sha256", "vector")


class FeedbackIn(RequestModel):
    """Verdicts of one author."""

    judgements: list[JudgementIn] = Field(min_length=1, max_length=MOST_AT_ONCE)


class JudgedTagOut(BaseModel):
    """A tag, by the name under which it was judged."""

    id: str
    name: str


class JudgementOut(BaseModel):
    """A verdict that is kept."""

    id: int
    tag: JudgedTagOut
    verdict: Verdict
    image: str = Field(description="图片的 sha256；只给了向量时为 vector: 加向量的摘要。")
    image_id: str | None = Field(None, description="评判时给出的图片 id。")
    author: str
    vocabulary_revision: int = Field(description="评判时词表的版本。")
    created_at: datetime


class KeptOut(JudgementOut):
    """A verdict of this request that is kept now."""

    status: Literal["ok"] = "ok"
    state: Literal["added", "exists", "replaced"] = Field(
        description="replaced：同一个人对同一张图、同一个标签的上一次评判被这一次取代。"
    )


class RefusedOut(BaseModel):
    """A verdict that was not kept; the others are not affected."""

    status: Literal["error"] = "error"
    problem: ProblemOut


class FeedbackOut(BaseModel):
    """What became of every verdict, in their order."""

    results: list[Annotated[KeptOut | RefusedOut, Field(discriminator="status")]]


class JudgementsOut(BaseModel):
    """One page, the newest first."""

    items: list[JudgementOut]
    next: int | None = Field(None, description="下一页的 before；没有更多时为空。")
