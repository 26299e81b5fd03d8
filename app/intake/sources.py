"""Where an image comes from, and how its bytes are had without taking more than the limits."""

from __future__ import annotations

import base64
import binascii
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from app.errors import ImageSourceError
from app.intake.decode import check_bytes
from app.intake.limits import Limits

DATA_URL = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)
NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
SPACE = re.compile(r"\s+")
URL_SAFE = str.maketrans("-_", "+/")

# Told a URL, gives the bytes there; raises `FetchError` or `ImageTooLargeError`.
Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class UploadSource:
    """A file of a multipart request, open for reading; whoever opened it closes it."""

    file: BinaryIO
    filename: str = ""

    def read(self, limits: Limits) -> bytes:
        """The file's bytes. Raises `EmptyImageError` or `ImageTooLargeError`."""
        self.file.seek(0)
        data = self.file.read(limits.max_image_bytes + 1)
        check_bytes(len(data), limits)
        return data


@dataclass(frozen=True)
class Base64Source:
    """Base64 text, the plain or the URL-safe alphabet, with or without a `data:` prefix."""

    text: str = field(repr=False)

    def read(self, limits: Limits) -> bytes:
        """The decoded bytes.

        Raises `ImageSourceError` for text that is not base64, `EmptyImageError` and
        `ImageTooLargeError`.
        """
        text = SPACE.sub("", _without_prefix(self.text)).rstrip("=").translate(URL_SAFE)
        check_bytes(len(text) * 3 // 4, limits)
        if bad := NOT_BASE64.search(text):
            raise ImageSourceError(
                f"base64 里有不该出现的字符 {bad.group()!r}（去掉空白后的第 {bad.start() + 1} 个）",
                field="base64",
                remedy="只传图片内容的 base64 编码，可以带 data:image/…;base64, 前缀。",
            )
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error as error:
            raise ImageSourceError(
                "base64 的长度不对，内容可能被截断",
                field="base64",
                remedy="确认整段编码都已放进请求。",
            ) from error


@dataclass(frozen=True)
class UrlSource:
    """An address to be fetched, by a fetcher that the operator has switched on or not."""

    url: str
    fetch: Fetch | None = field(default=None, repr=False)

    def through(self, fetch: Fetch | None) -> UrlSource:
        """The same address with what fetches it; None where nothing does."""
        return replace(self, fetch=fetch)

    def read(self, limits: Limits) -> bytes:
        """The bytes at the address.

        Raises `ImageSourceError` where fetching is off, `FetchError`, `EmptyImageError` and
        `ImageTooLargeError`.
        """
        if self.fetch is None:
            raise ImageSourceError(
                "没有开启按网址取图（TUQIAN_FETCH_URLS）",
                field="url",
                remedy="请下载图片后用 files 字段上传，或以 base64 放在 base64 字段；"
                "管理员可设置 TUQIAN_FETCH_URLS=true 开启。",
            )
        data = self.fetch(self.url)
        check_bytes(len(data), limits)
        return data


@dataclass(frozen=True)
class PathSource:
    """A file of this machine, named by its operator on the command line, never by a request."""

    path: Path

    def read(self, limits: Limits) -> bytes:
        """The file's bytes.

        Raises `ImageSourceError` for what is missing, unreadable or not a file,
        `EmptyImageError` and `ImageTooLargeError`.
        """
        try:
            # A pipe or device would be waited for, without an end.
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise ImageSourceError(
                    f"{self.path} 不是文件", field="path", remedy="请给出图片文件的路径。"
                )
            with self.path.open("rb") as file:
                return UploadSource(file).read(limits)
        except (OSError, ValueError) as error:
            raise ImageSourceError(
                f"读不到文件 {self.path}：{_reason(error)}",
                field="path",
                remedy="检查路径是否正确，以及是否有读取权限。",
            ) from error


@dataclass(frozen=True)
class StoredSource:
    """An image that is stored already, by its id: its vectors are kept, and its bytes are not."""

    image_id: str


class FileSource(Protocol):
    """Whatever the bytes of one image can be had from."""

    def read(self, limits: Limits) -> bytes:
        """The file's bytes, never more than the limits allow. Raises `ImageError`."""


Source = FileSource | StoredSource


def _without_prefix(text: str) -> str:
    text = text.lstrip()
    prefix = DATA_URL.match(text)
    if prefix is None:
        return text
    if not prefix.group(1).lower().endswith(";base64"):
        raise ImageSourceError(
            "data: 地址没有标明 base64 编码",
            field="base64",
            remedy="请用 data:image/…;base64, 开头的地址，或只传 base64 内容。",
        )
    return text[prefix.end() :]


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "文件不存在"
    if isinstance(error, PermissionError):
        return "没有读取权限"
    return "路径无效" if isinstance(error, ValueError) else "读取失败"
