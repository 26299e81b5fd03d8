"""The JSON of what is known of the tags' quality."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.feedback_schemas import JudgedTagOut


class BankOut(BaseModel):
    """The images that every tag is measured with, and the sample they are learned from."""

    images: int = Field(description="背景库现有的图片数：附带的与流量样本里的合计。")
    source: Literal["operator", "shipped", "traffic"] = Field(
        description=(
            "operator 用 tuqian calibrate 建立；shipped 随模型附带；traffic 已用流量样本校准过。"
        )
    )
    learning: bool = Field(description="是否在随流量学习。")
    sampled: int = Field(0, description="流量样本里的图片数。")
    seen: int = Field(0, description="打标的总次数，重复的图片也算。")
    different: int = Field(0, description="不同图片的数量；样本满了以后是估计值。")
    measured_with: int = Field(0, description="上次校准时不同图片的数量；翻倍时再次校准。")
    measured_at: datetime | None = None
    since: datetime | None = Field(None, description="样本中最早的一张图片的时间。")


class KeptOut(BaseModel):
    """What was promised, and what came of it."""

    judged: int = Field(description="right 与 wrong 的条数。")
    right: float = Field(description="其中 right 的比例。")
    low: float = Field(description="95% 区间的下端（Wilson）。")
    high: float
    promised: float = Field(description="同样这些图片与标签，不计反馈时的平均置信度。")


class CutOut(BaseModel):
    """What giving tags from a confidence on would mean for what was judged."""

    confidence: float
    precision: float = Field(description="不低于这个置信度的评判里，正确的比例。")
    recall: float = Field(description="正确的（含漏掉的）里面，不低于这个置信度的比例。")


class FedBackTagOut(JudgedTagOut):
    """A judged tag."""

    right: int
    wrong: int
    missing: int
    shift: float = Field(description="反馈给这个标签的对数几率加了多少；负数使它更难给出。")
    deviation: float = Field(description="shift 的不确定程度（后验标准差）。")


class FeedbackSummaryOut(BaseModel):
    """All verdicts."""

    right: int
    wrong: int
    missing: int
    authors: int
    kept: KeptOut | None = None
    reliability: list[KeptOut] = Field(
        [], description="同样的内容按置信度从低到高分成条数相等的组；评判太少时为空。"
    )
    cuts: list[CutOut] = Field([], description="只看评判过的图片与标签，从最有把握的开始。")
    tags: list[FedBackTagOut] = Field(description="评判最多的标签。")


class CoverageOut(BaseModel):
    """How many tags images get."""

    images: int
    tags_per_image: float
    without_tags: float = Field(description="一个标签也没有的图片的比例。")


class TagDriftOut(JudgedTagOut):
    """A tag that drifted."""

    index: float


class DriftOut(BaseModel):
    """How far the scores moved since calibration (population stability index)."""

    index: float = Field(description="每张图最强标签的稳定性指数；0.2 以上值得注意。")
    notable: bool = Field(description="既超过 0.2，又超出抽样误差。")
    drifted: int = Field(description="明显偏移的标签数。")
    tags: list[TagDriftOut] = Field(description="偏移最大的标签。")


class TogetherOut(BaseModel):
    """Two tags that hardly ever come alone."""

    tags: list[JudgedTagOut]
    both: int = Field(description="同时有两者的图片数。")
    either: int = Field(description="有其中之一的图片数。")


class HealthOut(BaseModel):
    """What can be seen without labels."""

    since: datetime | None = Field(None, description="最近的图片中最早一张的时间。")
    recent: CoverageOut | None = Field(None, description="最近打标的图片；没有时为空。")
    bank: CoverageOut | None = Field(None, description="背景库的图片，用来对照。")
    drift: DriftOut | None = Field(None, description="最近的图片不足 50 张时为空。")
    together: list[TogetherOut]


class QualityOut(BaseModel):
    """What is known of the tags' quality while the service runs."""

    model: str
    model_key: str
    vocabulary_revision: int
    calibration_generation: int = Field(description="本进程内重新校准的次数。")
    bank: BankOut
    feedback: FeedbackSummaryOut
    health: HealthOut


class SuggestionOut(BaseModel):
    """A pair worth judging."""

    sha256: str = Field(description="可直接用于 POST /v1/feedback。")
    image_id: str | None = None
    tag: JudgedTagOut
    confidence: float
    similarity: float
    threshold: float
    shown: bool = Field(description="这个标签现在是否达到阈值。")
    gain: float = Field(description="评判这一对预计能学到多少，越大越值得；只用于比较。")


class ReviewOut(BaseModel):
    """What is worth judging next, the most instructive first."""

    items: list[SuggestionOut]
