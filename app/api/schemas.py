"""The JSON of requests and responses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

from app.api.ways import check_one_of, one_of

# A truth value is no number, although Python would take it for one.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Probability = Annotated[Number, Field(ge=0, le=1)]


class RequestModel(BaseModel):
    """A member nobody knows is a mistake of the caller, and silence would hide it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OptionsIn(RequestModel):
    """How images are tagged; every member may be left out."""

    top_k: StrictInt = Field(10, ge=1, le=100, description="最多返回多少个标签。")
    min_confidence: Probability | None = Field(
        None, description="置信度下限；不填则用各标签自己的阈值。"
    )
    precision_target: Probability | None = Field(
        None, description="希望达到的精确率，例如 0.8；服务据此为每个标签决定阈值。"
    )
    precision_ranges: StrictBool = Field(
        False,
        description=(
            "还要每个标签在哪些更严的目标精确率下返回，以便之后不再请求就重新挑选；"
            "需要 `precision_target`，不能与 `include_uncertain` 同用。"
        ),
    )
    false_positive_rate: Number | None = Field(
        None,
        gt=0,
        lt=1,
        description="每个标签最多在多大比例的无关图片上误报，例如 0.01。",
    )
    best_f1: StrictBool = Field(
        False, description="让每个标签的阈值使预期的 F1 最高，兼顾查准与查全。"
    )
    include_uncertain: StrictBool = Field(
        False,
        description=(
            "达不到上述要求的标签默认不返回；`true` 时按通常的阈值返回，`state` 为 uncertain。"
        ),
    )
    categories: list[str] = Field(
        [], max_length=100, description="只返回这些类别的标签；空表示全部。"
    )
    include_parents: StrictBool = Field(
        False,
        description=(
            "同时返回上级标签：由下级带出的 `implied` 为 true；"
            "不填时，一个标签与它的上级只报告更强的那个。"
        ),
    )
    detail: Literal["usual", "high"] = Field(
        "usual",
        description=(
            "`high` 另看图片的各个局部，小物体更准：模型能在同一次编码里给出图块的"
            "（内置模型、torch 运行的 chinese-clip-vit-*），用时约 1.4 倍；"
            "其他模型另编码四个角，约五倍。对已入库的图片不起作用。"
        ),
    )
    distinct: StrictBool = Field(
        True,
        description=(
            "略去只是重复更强标签的近义词与字面相近的词；`false` 报告所有达到阈值的标签。"
        ),
    )
    duplicates: StrictBool = Field(False, description="报告已入库的重复图片。")
    index: StrictBool = Field(
        False, description="保存这张图片的向量与指纹（不保存原图），同时报告重复。"
    )

    @model_validator(mode="after")
    def _ranges_have_a_start(self) -> OptionsIn:
        if self.precision_ranges and (self.precision_target is None or self.include_uncertain):
            raise ValueError(
                "precision_ranges 需要 precision_target，且不能与 include_uncertain 同用"
            )
        return self


class ImageIn(RequestModel):
    """One image, given in exactly one way."""

    model_config = ConfigDict(json_schema_extra=one_of("url", "base64", "image_id"))

    url: str | None = Field(None, max_length=8192, description="图片的 http(s) 地址。")
    base64: str | None = Field(None, description="图片文件的 base64，可带 `data:` 前缀。")
    image_id: str | None = Field(
        None, max_length=256, description="已入库图片的 id：用保存的向量打标，不需要原图。"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> ImageIn:
        return check_one_of(self, "url", "base64", "image_id")


class TagRequest(RequestModel):
    """The JSON form of a tagging request."""

    images: list[ImageIn] = Field(min_length=1, description="要打标的图片。")
    options: OptionsIn = Field(OptionsIn(), description="打标选项。")


class ParentOut(BaseModel):
    """A tag one level up."""

    id: str
    name: str


class TagOut(BaseModel):
    """One tag of an image."""

    id: str = Field(description="标签 id，改名后不变。")
    name: str
    confidence: float = Field(description="校准后的置信度，0 到 1。")
    similarity: float = Field(description="图文向量的原始余弦相似度。")
    score: float = Field(description="标准化后的分数，可跨标签比较。")
    threshold: float = Field(description="这个标签在这张图上需要达到的相似度。")
    category: str
    parents: list[ParentOut]
    implied: bool = Field(False, description="因下级标签被选中而带出的上级标签。")
    manual_threshold: float | None = Field(
        None, description="手工设定的阈值；没有时不出现。请求不另外要求时以它为准。"
    )
    state: Literal["certain", "uncertain"] = Field(
        "certain",
        description="uncertain 表示这个标签达不到请求所要的（或它自己的）精确率、误报率或 F1。",
    )
    precision_ranges: list[tuple[float, float]] | None = Field(
        None,
        description=(
            "以 1% 为步、不低于 `precision_target` 的目标精确率中，哪些会返回这个标签："
            "每对是连续一段的最低与最高。仅在选项 precision_ranges 时出现。"
        ),
    )
    usual: bool | None = Field(
        None, description="不提任何要求时是否返回它。仅在选项 precision_ranges 时出现。"
    )
    usual_threshold: float | None = Field(
        None,
        description=(
            "不提任何要求时它需要达到的相似度，达不到自己目标的大于 1。"
            "仅在选项 precision_ranges 时出现。"
        ),
    )


class MissOut(TagOut):
    """A tag that nearly fitted."""

    lacking: float = Field(description="相似度还差多少。")


class ProblemOut(BaseModel):
    """An error (RFC 9457)."""

    type: str
    code: str = Field(description="稳定的错误代码，见 docs/reference/errors.md。")
    status: int
    title: str
    detail: str
    remedy: str = Field(description="如何解决。")
    field: str | None = Field(None, description="出错的位置。")


class DuplicateOut(BaseModel):
    """A stored image that this one is a copy of, or similar to."""

    id: str
    tier: Literal["exact", "near", "similar"] = Field(
        description="exact 字节或像素相同；near 同一张图改过；similar 只是相像。"
    )
    similarity: float = Field(description="图片向量的余弦相似度。")
    hash_bits: int | None = Field(None, description="感知哈希（256 位）相差的位数。")
    inliers: int | None = Field(None, description="局部比对中吻合的关键点数。")


class ResultOk(BaseModel):
    """An image that was tagged."""

    status: Literal["ok"] = "ok"
    sha256: str
    width: int
    height: int
    tags: list[TagOut]
    nearest_misses: list[MissOut] | None = Field(
        None, description="没有任何标签达到阈值时，最接近的三个及各自的差距。"
    )
    blank: Literal["flat", "noise", "blurred"] | None = Field(
        None,
        description=(
            "图上没有可识别的内容：flat 纯色，noise 噪点，blurred 严重模糊；默认设置下不给标签。"
        ),
    )
    duplicates: list[DuplicateOut] | None = Field(
        None, description="已入库的重复图片，最确定的在前；仅在选项 duplicates 或 index 时出现。"
    )
    id: str | None = Field(None, description="入库后的 id；仅在选项 index 时出现。")
    state: Literal["added", "exists", "replaced"] | None = Field(
        None, description="added 新入库；exists 内容已在库中；replaced 该 id 换成了这张图。"
    )


class ResultError(BaseModel):
    """An image that could not be tagged; the others of the request are not affected."""

    status: Literal["error"] = "error"
    problem: ProblemOut


class TagResponse(BaseModel):
    """The tags of every image, in the order they were given, strongest tag first."""

    model: str
    vocabulary_revision: int
    results: list[Annotated[ResultOk | ResultError, Field(discriminator="status")]]


class PredictResponse(BaseModel):
    """The short form."""

    labels: list[str]


class HealthOut(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class ReadyOut(BaseModel):
    """The service takes requests."""

    status: Literal["ready"] = "ready"
    model: str
    vocabulary_revision: int
    tags: int
    live_snapshots: int = Field(
        description="内存中的词表快照数：当前的一个，加上进行中的请求还在用的；持续增长说明有泄漏。"
    )


class ModelOut(BaseModel):
    """One model of the catalogue."""

    name: str
    kind: str = Field(description="模型家族：builtin、chinese-clip 或 open-clip。")
    description: str
    licence: str
    installed: bool = Field(description="所需的软件包是否已安装。")
    loaded: bool = Field(description="是否为当前使用的模型。")


class ModelsOut(BaseModel):
    """The models, and which one is in use."""

    current: str
    model_key: str
    dim: int
    device: str
    default_confidence: float = Field(description="没有另外要求时，标签需要达到的置信度。")
    models: list[ModelOut]
