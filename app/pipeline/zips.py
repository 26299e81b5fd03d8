"""Images in a zip file, read in memory: nothing is ever unpacked to the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.intake.decode import check_bytes
from app.intake.limits import Limits
from app.pipeline.items import Item, Skipped, offers_image
from app.pipeline.members import (
    BROKEN,
    check_expansion,
    check_kind,
    check_name,
    file_identity,
    member_item,
    read_member,
    unreadable,
)

# Other ways to compress give no bound on what one read unpacks, and nobody packs images with them.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
NAMED_IN_UTF8 = 0x800


@dataclass(frozen=True)
class ZipArchive:
    """The images of a zip file, in the order of its directory."""

    path: Path
    limits: Limits
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def identity(self) -> Mapping[str, object]:
        """The file, its size and time."""
        return file_identity(self.path)

    def count(self) -> int:
        """How many images its directory names. Raises `CollectionError`."""
        with self._opened() as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
        count = sum(offers_image(shown(info)) for info in files)
        self.skipped.files = len(files) - count
        return count

    def items(self, start: int) -> Iterator[Item]:
        """The images from number `start` on. Raises `CollectionError`."""
        with self._opened() as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            images = [info for info in files if offers_image(shown(info))]
            for info in images[start:]:
                yield member_item(shown(info), partial(self._bytes, archive, info))

    def _opened(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except BROKEN as error:
            raise unreadable(self.path, error) from error

    def _bytes(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
        """A member's bytes. Raises `ImageError` for one that is not taken."""
        check_name(info.orig_filename)
        check_kind(not info.flag_bits & ENCRYPTED, "压缩包里的这个文件有密码", "请先解压，再打标。")
        check_kind(
            info.compress_type in METHODS,
            f"压缩包里的这个文件用了不支持的压缩方式（{info.compress_type}）",
            "用普通的 zip（deflate）重新打包。",
        )
        check_bytes(info.file_size, self.limits)
        check_expansion(info.file_size, info.compress_size)
        with archive.open(info) as member:
            return read_member(member, info.file_size, self.limits)


def shown(info: zipfile.ZipInfo) -> str:
    """The member's name; one that is not said to be UTF-8 is read as UTF-8 or GBK where it can be.

    Windows packs Chinese names in GBK, and the module takes them for an American code page.
    """
    if info.flag_bits & NAMED_IN_UTF8 or info.filename.isascii():
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode(encoding)
    return info.filename
