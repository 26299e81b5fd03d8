"""The JSON of stored images: adding, searching, groups and re-tagging."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    model_validator,
)

from app.api.schemas import DuplicateOut, ImageIn, Number, RequestModel, ResultError, TagOut
from app.api.ways import check_one_of, one_of
from index.images import MAX_SOURCE_LENGTH

Equal = str | bool | int | float
MAX_FILTER_ITEMS = 100
MAX_SKIP = 10_000


def _written_out(value: object) -> object:
    """A moment as people write it; pydantic alone would take a number of seconds as well."""
    if not isinstance(value, str) or value[4:5] != "-":
        raise ValueError("应为带时区的时间，例如 2026-01-31T08:00:00+08:00")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]


class ImageNameIn(RequestModel):
    """What the caller calls an image, and what is kept with it."""

    id: str | None = Field(None, description="图片 id；不填则用文件的 SHA-256。")
    source: str = Field("", max_length=MAX_SOURCE_LENGTH, description="来源，例如原始地址。")
    metadata: dict[str, Any] = Field({}, description="任意 JSON 对象，至多 8 KB，可用于筛选。")


class ImageToAdd(ImageNameIn):
    """One image to be stored, given in exactly one way."""

    model_config = ConfigDict(json_schema_extra=one_of("url", "base64"))

    url: str | None = Field(None, max_length=8192, description="图片的 http(s) 地址。")
    base64: str | None = Field(None, description="图片文件的 base64，可带 `data:` 前缀。")

    @model_validator(mode="after")
    def _exactly_one(self) -> ImageToAdd:
        return check_one_of(self, "url", "base64")


class ImagesIn(RequestModel):
    """Images to be stored."""

    images: list[ImageToAdd] = Field(min_length=1)


class ImageNamesIn(RequestModel):
    """The form field `images`: one entry a file, in their order."""

    images: list[ImageNameIn]


class FiltersIn(RequestModel):
    """Which stored images count; what is left out asks nothing."""

    categories: list[str] = Field(
        [], max_length=MAX_FILTER_ITEMS, description="至少有一个标签属于这些类别之一。"
    )
    tags: list[str] = Field(
        [], max_length=MAX_FILTER_ITEMS, description="同时具有这些标签（id 或名称）。"
    )
    since: Moment | None = Field(None, description="入库时间不早于。")
    until: Moment | None = Field(None, description="入库时间早于。")
    metadata: dict[str, Equal] = Field(
        {}, max_length=MAX_FILTER_ITEMS, description="附加信息中这些项等于给出的值。"
    )


class SearchIn(RequestModel):
    """A search by exactly one of text, stored image, image or vector."""

    model_config = ConfigDict(json_schema_extra=one_of("text", "id", "image", "vector"))

    text: str | None = Field(None, min_length=1, max_length=500, description="中文描述。")
    id: str | None = Field(None, description="已入库图片的 id。")
    image: ImageIn | None = Field(None, description="图片。")
    vector: list[Number] | None = Field(None, max_length=8192, description="当前模型的向量。")
    filters: FiltersIn = FiltersIn()
    limit: StrictInt = Field(20, ge=1, le=100, description="每页几张。")
    cursor: str | None = Field(None, pattern=r"^\d{1,5}$", description="上一页的 next。")

    @model_validator(mode="after")
    def _exactly_one(self) -> SearchIn:
        check_one_of(self, "text", "id", "image", "vector")
        if self.cursor is not None and int(self.cursor) > MAX_SKIP:
            raise ValueError(f"最多翻到第 {MAX_SKIP} 张")
        return self


class RetagIn(RequestModel):
    """Which stored images are tagged again; all of them where nothing is said."""

    filters: FiltersIn = FiltersIn()


class StoredTagRef(BaseModel):
    """A tag of a stored image."""

    id: str
    name: str
    confidence: float


class ImageOut(BaseModel):
    """A stored image."""

    id: str
    ids: list[str] = Field(description="同一内容的全部 id，最早的在前。")
    sha256: str
    width: int
    height: int
    format: str
    bytes: int
    created_at: datetime
    source: str
    metadata: dict[str, Any]
    tags: list[StoredTagRef]
    tags_revision: int | None = Field(description="标签是用词表的哪个版本打的。")


class AddedOut(BaseModel):
    """An image that is stored now."""

    status: Literal["ok"] = "ok"
    id: str
    state: Literal["added", "exists", "replaced"]
    sha256: str
    width: int
    height: int
    tags: list[TagOut]
    duplicates: list[DuplicateOut] = Field(description="入库之前就有的重复图片。")


class ImagesOut(BaseModel):
    """What became of every image, in the order they were given."""

    model: str
    vocabulary_revision: int
    results: list[Annotated[AddedOut | ResultError, Field(discriminator="status")]]


class FoundOut(ImageOut):
    """A stored image of a search."""

    similarity: float


class SearchOut(BaseModel):
    """One page, best first."""

    items: list[FoundOut]
    next: str | None = Field(None, description="下一页的 cursor；没有更多时为空。")


class MemberOut(BaseModel):
    """A member of a group, and the verdict on it beside the oldest."""

    image: ImageOut
    tier: Literal["exact", "near"] | None = Field(
        None, description="与最早的一张相比；最早的一张没有。"
    )
    similarity: float | None = None


class GroupOut(BaseModel):
    """Stored images that are one picture."""

    keep: str = Field(description="建议保留的 id。")
    reason: str
    members: list[MemberOut]


class GroupsOut(BaseModel):
    """Some groups; a page may be empty although more follow."""

    items: list[GroupOut]
    next: str | None = None


class TagChangeOut(BaseModel):
    """How many images gained and lost a tag."""

    id: str
    name: str
    gained: int
    lost: int


class RetagOut(BaseModel):
    """What a re-tag changed."""

    vocabulary_revision: int
    images: int = Field(description="重新打标的图片数。")
    changed: int = Field(description="标签有增减的图片数。")
    tags: list[TagChangeOut]
