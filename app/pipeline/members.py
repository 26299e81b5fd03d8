"""What a member of an archive must keep to, before and after its bytes are had."""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from app.errors import CollectionError, ImageError, ImageSourceError, ImageTooLargeError
from app.intake.decode import check_bytes
from app.intake.limits import MIB, Limits
from app.intake.sources import UploadSource
from app.pipeline.items import FailedSource, Item

# Deflate reaches 1,032; an image that shrinks more than this is flat, or a bomb.
MOST_EXPANSION = 200
# Below this size a member may be as flat as it likes.
HARMLESS_BYTES = 4 * MIB
DRIVE = re.compile(r"[A-Za-z]:")
# What the archive modules raise for damage.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def member_item(name: str, read: Callable[[], bytes]) -> Item:
    """The member with its bytes in memory, or with the reason why it has none."""
    try:
        data = read()
    except ImageError as error:
        return Item(name, FailedSource(error))
    except BROKEN as error:
        return Item(name, FailedSource(_bad(f"压缩包里的这个文件已损坏：{error}", "请重新打包。")))
    return Item(name, UploadSource(BytesIO(data), name), len(data))


def broken_off(path: Path, error: Exception) -> Item:
    """The rest of an archive that cannot be read any further."""
    said = f"压缩包从这里起读不下去：{error}"
    return Item(path.name, FailedSource(_bad(said, "确认文件完整，或重新下载、打包。")))


def unreadable(path: Path, error: Exception) -> CollectionError:
    """The whole file cannot be read."""
    return CollectionError(
        f"读不了 {path}：{error}", field="SOURCE", remedy="确认文件完整，或重新下载、打包。"
    )


def read_member(member: Any, declared: int, limits: Limits) -> bytes:
    """The member's bytes, of which there may be others than declared. Raises `ImageError`."""
    data: bytes = member.read(limits.max_image_bytes + 1)
    check_bytes(len(data), limits)
    if len(data) != declared:
        said = f"压缩包说这个文件有 {declared} 字节，实际读出 {len(data)} 字节"
        raise _bad(said, "压缩包可能已损坏，请重新打包。")
    return data


def check_name(name: str) -> None:
    """Refuses a name that points out of the archive: whoever joins it to a folder would follow."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or DRIVE.match(name) or "\0" in name:
        raise _bad("压缩包里的文件名指向压缩包之外", "压缩包可能是恶意的；确认来源后重新打包。")


def check_expansion(size: int, packed: int) -> None:
    """Refuses what grows too much when it is unpacked, by what the archive says of it."""
    if size > HARMLESS_BYTES and size > packed * MOST_EXPANSION:
        raise ImageTooLargeError(
            f"这个文件解压后是原来的 {size / max(1, packed):.0f} 倍，像是解压炸弹",
            field="member",
            remedy=f"解压后大于 {HARMLESS_BYTES // MIB} MiB 的文件，最多允许 {MOST_EXPANSION} 倍。",
        )


def check_kind(allowed: bool, said: str, remedy: str) -> None:
    """Refuses a member of a kind that is not read."""
    if not allowed:
        raise _bad(said, remedy)


def file_identity(path: Path) -> dict[str, object]:
    """What tells that a file is still the same: its path, size and time."""
    facts = path.stat()
    return {"file": str(path.resolve()), "bytes": facts.st_size, "time_ns": facts.st_mtime_ns}


def _bad(said: str, remedy: str) -> ImageSourceError:
    return ImageSourceError(said, field="member", remedy=remedy)
