"""Images in a tar file, read in memory: nothing is ever unpacked to the disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from app.intake.decode import check_bytes
from app.intake.limits import MIB, Limits
from app.pipeline.items import Item, Skipped, offers_image
from app.pipeline.members import (
    BROKEN,
    broken_off,
    check_kind,
    check_name,
    file_identity,
    member_item,
    read_member,
    unreadable,
)

# More than any header has, and far less than one may claim.
MOST_AT_ONCE = 64 * MIB
PACKINGS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)


@dataclass(frozen=True)
class TarArchive:
    """The images of a tar file, plain or compressed by gzip, bzip2 or xz, in its order."""

    path: Path
    limits: Limits
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def identity(self) -> Mapping[str, object]:
        """The file, its size and time."""
        return file_identity(self.path)

    def count(self) -> int | None:
        """How many images a plain tar holds; None for a compressed one, or where it is damaged."""
        with _open(self.path) as file:
            if file.packed:
                return None
            try:
                return sum(1 for _ in self._images(_tar(file, self.path), file))
            except BROKEN:
                return None

    def items(self, start: int) -> Iterator[Item]:
        """The images from number `start` on; where the file breaks off there is a failed one.

        Raises `CollectionError` where nothing can be read.
        """
        with _open(self.path) as file:
            archive = _tar(file, self.path)
            at = 0
            try:
                for info in self._images(archive, file):
                    if at >= start:
                        yield member_item(_shown(info), partial(self._bytes, archive, info))
                    at += 1
            except BROKEN as error:
                if at >= start:
                    yield broken_off(self.path, error)

    def _images(self, archive: tarfile.TarFile, file: _Unpacked) -> Iterator[tarfile.TarInfo]:
        """The members that are images. Raises one of `BROKEN` where the archive breaks off."""
        self.skipped.files = 0
        while (info := archive.next()) is not None:
            # The module remembers every member; of a million that is a gigabyte.
            archive.members = []  # type: ignore[attr-defined]
            if info.isdir():
                continue
            if offers_image(_shown(info)):
                yield info
            else:
                self.skipped.files += 1
        # The module takes any damage between two members for the end.
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("没有结束标记")

    def _bytes(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
        """A member's bytes. Raises `ImageError` for one that is not taken."""
        check_name(info.name)
        check_kind(
            info.isreg(), "压缩包里的这一项是链接或设备，不是文件", "打包时让 tar 跟随链接（-h）。"
        )
        check_bytes(info.size, self.limits)
        return read_member(archive.extractfile(info), info.size, self.limits)


class _Unpacked:
    """A plain or compressed file for the tar module, which believes the sizes that a file states.

    Asked for too much at a time it refuses: a header of an extended kind may claim gigabytes and
    would be read whole.
    """

    def __init__(self, raw: BinaryIO):
        magic = raw.read(6)
        raw.seek(0)
        self._raw = raw
        unpack = next((unpack for start, unpack in PACKINGS if magic.startswith(start)), None)
        self.packed = unpack is not None
        self._file: BinaryIO = raw if unpack is None else unpack(raw, "rb")

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._raw.close()

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        return self._file.read(size)

    def seek(self, *where: int) -> int:
        return self._file.seek(*where)

    def tell(self) -> int:
        return self._file.tell()


def is_tar(path: Path) -> bool:
    """Whether the file begins as a tar, plain or compressed."""
    with _open(path) as file:
        try:
            tarfile.TarFile(fileobj=cast(Any, file))
        except BROKEN:
            return False
    return True


def _open(path: Path) -> _Unpacked:
    try:
        return _Unpacked(path.open("rb"))
    except OSError as error:
        raise unreadable(path, error) from error


def _tar(file: _Unpacked, path: Path) -> tarfile.TarFile:
    try:
        return tarfile.TarFile(fileobj=cast(Any, file))
    except BROKEN as error:
        raise unreadable(path, error) from error


def _shown(info: tarfile.TarInfo) -> str:
    """The member's name as text that any file can hold."""
    return info.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
