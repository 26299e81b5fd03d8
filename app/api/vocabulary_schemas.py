"""The JSON of the vocabulary's requests and responses."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from app.api.schemas import Number, ParentOut, Probability, RequestModel

MOST_TAGS = 10_000

State = Literal["active", "paused"]
Reach = Literal["certain", "uncertain"]
REACH = "uncertain 表示达不到它自己的目标：不会给出，`threshold` 大于 1。"
# Said in the schema alone: the vocabulary checks names itself, and says more about them.
NAME: dict[str, JsonValue] = {"pattern": r"\S"}


class TagChangesIn(RequestModel):
    """Fields of a tag to change; those left out stay as they are."""

    name: str = Field("", description="名称，最多 64 个字符。")
    category: str = Field("", description="类别。")
    parents: list[str] = Field([], description="上级标签的 id 或名称。")
    aliases: list[str] = Field([], description="别名；与名称一样不能和别的标签重复。")
    gloss: str = Field("", description="英文释义。")
    description: str = Field("", description="说明。")
    prompt_templates: list[str] = Field(
        [], description="提示模板，`{}` 处填名称；空则用 TUQIAN_PROMPT_TEMPLATES。"
    )
    negative_prompts: list[str] = Field([], description="反例提示词。")
    state: State = Field("active", description="`paused` 的标签不参与打标，也不占用名称。")
    threshold: Number | None = Field(
        None, description="手工设定的余弦相似度阈值，-1 到 1；null 表示用校准值。"
    )
    target: str = Field(
        "",
        description=(
            "这个标签自己的目标，请求没有另外要求时以它为准：`precision_target=0.9`、"
            "`false_positive_rate=0.01`、`min_confidence=0.6` 或 `best_f1`；空表示用通常的阈值。"
            "不能与 `threshold` 同时填。"
        ),
        examples=["precision_target=0.9"],
    )
    notes: str = Field("", description="备注。")
    exclusive_group: str = Field("", description="互斥组：同组标签只报告最强的一个。")


class TagIn(TagChangesIn):
    """A new tag."""

    name: str = Field(description="名称，最多 64 个字符。", json_schema_extra=NAME)
    id: str = Field("", description="留空则自动生成。")


class TagsIn(RequestModel):
    """Many new tags, all or none; they may name each other as parents."""

    tags: list[TagIn] = Field(min_length=1, max_length=MOST_TAGS)


class PreviewIn(TagIn):
    """A tag to try out, and the cut to try it at."""

    min_confidence: Probability | None = Field(
        None, description="在哪个置信度处划线；不填则用模型默认值。"
    )


class RollbackIn(RequestModel):
    """Which revision the vocabulary should be equal to again."""

    revision: int = Field(strict=True, ge=0, le=2**31 - 1)


class StoredTagOut(BaseModel):
    """A tag as it is in the vocabulary."""

    id: str
    revision: int = Field(description="最后一次修改它的词表版本，即它的 ETag。")
    name: str
    category: str
    parents: list[ParentOut]
    aliases: list[str]
    gloss: str
    description: str
    prompt_templates: list[str]
    negative_prompts: list[str]
    state: State
    threshold: float | None
    target: str = Field(description="这个标签自己的目标；没有时为空。")
    notes: str
    exclusive_group: str
    examples: list[str] = Field(description="示例图的 id（图片的 SHA-256）。")


class VocabularyOut(BaseModel):
    """The vocabulary as a whole."""

    vocabulary_revision: int
    tags: int
    active: int
    categories: dict[str, int] = Field(description="每个类别有多少标签。")


class TagListOut(BaseModel):
    """One page of tags."""

    items: list[StoredTagOut]
    next: str | None = Field(description="下一页的 cursor；没有更多时为 null。")
    vocabulary_revision: int


class EditOut(BaseModel):
    """What an edit did; it is live when the answer is sent."""

    vocabulary_revision: int = Field(description="下一次打标所用的词表版本。")
    changed: bool = Field(description="false 表示没有任何变化，也没有产生新版本。")
    created: int
    updated: int
    deleted: int
    tags: list[StoredTagOut] = Field([], description="请求所指的标签现在的样子。")


class RevisionOut(BaseModel):
    """One edit of the vocabulary."""

    revision: int
    created_at: datetime
    author: str
    reason: str
    changed_tags: int


class RevisionsOut(BaseModel):
    """Revisions, the newest first."""

    items: list[RevisionOut]
    next: int | None = Field(description="下一页的 before；没有更多时为 null。")


class ChangeOut(BaseModel):
    """One tag before and after."""

    id: str
    kind: Literal["added", "removed", "changed"]
    name: str
    fields: list[str] = Field(description="有变化的字段。")
    before: dict[str, object] | None
    after: dict[str, object] | None


class ImportOut(EditOut):
    """What an import did, or would do."""

    dry_run: bool
    rows: int = Field(description="文件里有多少个标签。")
    changes: list[ChangeOut] = Field([], description="只检查时：前 200 个标签会有什么变化。")


class DiffOut(BaseModel):
    """What differs between two revisions."""

    older: int
    newer: int
    changes: list[ChangeOut]


class TagBackgroundOut(BaseModel):
    """How a tag's similarities lie over the background images."""

    threshold: float = Field(description="现在的阈值：在平均的图片上需要达到的相似度。")
    state: Reach = Field(description=REACH)
    calibrated: float = Field(description="不手工设定阈值与目标时的阈值。")
    background_images: int
    background_rate: float | None = Field(description="会命中背景图片的比例；没有背景库时为 null。")
    lowest: float = Field(description="第一格的下界。")
    highest: float = Field(description="最后一格的上界。")
    counts: list[int] = Field(description="等宽的每一格里有多少张背景图片。")


class NamedTagOut(BaseModel):
    """A tag by its name."""

    id: str
    name: str


class NearTagOut(NamedTagOut):
    """A tag that means something similar."""

    similarity: float


class NearImageOut(BaseModel):
    """A stored image that the tag would hit."""

    id: str
    similarity: float


class ExamplesIn(RequestModel):
    """Stored images that show what a tag means."""

    image_ids: list[str] = Field(min_length=1, description="已入库图片的 id。")


class ExampleOut(BaseModel):
    """An image that shows what a tag means."""

    id: str = Field(description="图片的 SHA-256。")
    image_id: str | None = Field(description="图片库里同一个文件的 id；没有入库则为 null。")


class ExamplesOut(BaseModel):
    """The example images of a tag, in the order they were added."""

    items: list[ExampleOut]


class FindingOut(BaseModel):
    """One thing that may be wrong with the vocabulary."""

    rule: str
    message: str
    remedy: str
    tags: list[NamedTagOut] = Field(description="所指的标签，第一个是要看的那个。")
    value: float | None = Field(description="判断所依据的数值。")


class LintOut(BaseModel):
    """What may be wrong with the vocabulary."""

    vocabulary_revision: int
    findings: list[FindingOut]
    skipped: dict[str, str] = Field(description="没有检查的规则及原因。")


class PreviewOut(BaseModel):
    """What a tag would do, were it added."""

    threshold: float = Field(description="在平均的图片上需要达到的相似度。")
    state: Reach = Field(description=REACH)
    background_images: int = Field(description="背景库里有多少图片。")
    background_rate: float | None = Field(description="会命中背景图片的比例；没有背景库时为 null。")
    nearest: list[NearTagOut] = Field(description="意思最接近的已有标签。")
    images: list[NearImageOut] = Field(description="最像它的已入库图片，从强到弱。")
    findings: list[FindingOut] = Field(description="词表检查对它的意见。")
    problem: dict[str, object] | None = Field(
        description="现在添加会得到的错误；可以添加则为 null。"
    )
