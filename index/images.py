"""What is known of a stored image: the domain types, and the rules for ids and metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from index.errors import InvalidImageError

FloatArray = NDArray[np.float32]
State = Literal["added", "exists", "replaced"]

MAX_ID_LENGTH = 200
MAX_METADATA_BYTES = 8 * 1024
MAX_SOURCE_LENGTH = 2_000
# Addresses under /v1/images/ that are no image's.
RESERVED_IDS = frozenset({"search", "duplicates", "retag", ".", ".."})
# Slashes, and whatever cannot be seen, make an address that means something else.
FORBIDDEN_IN_ID = re.compile(r"[\x00-\x1f\x7f-\x9f/\\?#\ud800-\udfff]")


@dataclass(frozen=True)
class Fingerprint:
    """What tells two images apart beside their vectors; see `index.fingerprint`.

    `pixel_digest` is hexadecimal, `hash` 32 bytes, `quality` 0 (flat) to 100, `thumbnail` a
    small grey JPEG.
    """

    pixel_digest: str
    hash: bytes
    quality: int
    thumbnail: bytes


@dataclass(frozen=True)
class NewImage:
    """An image to be stored: `vector` is `(d,) float32`, unit length; `tags` id and confidence.

    Without an id of the caller's, its id is the SHA-256 of its file. `created_at` is now unless
    the image was stored before, under another model.
    """

    sha256: str
    width: int
    height: int
    format: str
    bytes: int
    fingerprint: Fingerprint
    vector: FloatArray
    copy_vector: FloatArray | None = None
    id: str | None = None
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[tuple[str, float], ...] = ()
    tags_revision: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class StoredImage:
    """A content of the store under one of its names; `ids` are all of them, oldest first."""

    number: int
    id: str
    ids: tuple[str, ...]
    sha256: str
    width: int
    height: int
    format: str
    bytes: int
    created_at: datetime
    source: str
    metadata: Mapping[str, Any]
    tags: tuple[tuple[str, float], ...]
    tags_revision: int | None


@dataclass(frozen=True)
class Added:
    """What an addition did: `exists` where the content was there already (the id answers now).

    `removed` are numbers of contents that lost their last name to it.
    """

    number: int
    id: str
    state: State
    new_content: bool
    removed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Filters:
    """Which stored images count; what is empty or None asks nothing.

    `all_tags` holds groups of tag ids, of each of which one must be there;
    `metadata` members must be equal.
    """

    all_tags: tuple[tuple[str, ...], ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    @property
    def ask_nothing(self) -> bool:
        """Whether every image passes."""
        return not (self.all_tags or self.since or self.until or self.metadata)


def utc(moment: datetime) -> datetime:
    """SQLite forgets the zone of what it was given, which was UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def checked_id(given: str) -> str:
    """The id itself. Raises `InvalidImageError` for one that no address could name."""
    if not given.strip() or len(given) > MAX_ID_LENGTH:
        raise InvalidImageError(
            f"图片 id 的长度是 {len(given)}，应为 1 到 {MAX_ID_LENGTH} 个字符，且不全是空白",
            field="id",
            remedy="换一个短的 id，长地址可以放在 source 或 metadata 里。",
        )
    if FORBIDDEN_IN_ID.search(given) or given in RESERVED_IDS:
        raise InvalidImageError(
            "图片 id 不能含有 / \\ ? #、控制字符，也不能是 search、duplicates、retag",
            field="id",
            remedy="例如用 - 或 _ 代替斜杠。",
        )
    return given


def checked_metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata as a plain object. Raises `InvalidImageError` where JSON cannot hold it."""
    try:
        text = json.dumps(given, ensure_ascii=False, allow_nan=False)
        size = len(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidImageError(
            "metadata 不是有效的 JSON 对象", field="metadata", remedy="只用字符串、数字、布尔值。"
        ) from error
    if size > MAX_METADATA_BYTES or "\\u0000" in text:
        raise InvalidImageError(
            f"metadata 有 {size} 字节，上限是 {MAX_METADATA_BYTES}，且不能含有空字符",
            field="metadata",
            remedy="只保存查询需要的内容，其余放在自己的系统里。",
        )
    plain: dict[str, Any] = json.loads(text)
    return plain
