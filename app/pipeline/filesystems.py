"""Images on any file system that fsspec knows, named by a glob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import fsspec

from app.errors import CollectionError, ImageSourceError
from app.intake.decode import check_bytes
from app.intake.limits import Limits
from app.pipeline.items import Item, Skipped, offers_image

WILD = frozenset("*?[")


@dataclass(frozen=True)
class FileSystemSource:
    """A file of a file system, which may be far away."""

    files: Any = field(repr=False)
    path: str

    def read(self, limits: Limits) -> bytes:
        """The file's bytes.

        Raises `ImageSourceError` whatever the file system raises, `EmptyImageError` and
        `ImageTooLargeError`.
        """
        try:
            with self.files.open(self.path, "rb") as file:
                data: bytes = file.read(limits.max_image_bytes + 1)
        except Exception as error:  # every file system has exceptions of its own
            raise ImageSourceError(
                f"读不到 {self.path}：{type(error).__name__}",
                field="path",
                remedy="检查地址、凭据与网络。",
            ) from error
        check_bytes(len(data), limits)
        return data


@dataclass(frozen=True)
class Glob:
    """The files that an address with wildcards names, or the images below one without.

    What a wildcard names is taken whatever its suffix; `pattern` is the address as `files`, a
    file system, reads it.
    """

    address: str
    files: Any = field(repr=False)
    pattern: str
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def identity(self) -> Mapping[str, object]:
        """The address: what it named was listed when the run began."""
        return {"glob": self.address}

    def names(self) -> Iterator[str]:
        """Paths in the file system, sorted. Raises `CollectionError` where it cannot be listed."""
        try:
            wild = not WILD.isdisjoint(self.pattern)
            search = self.files.glob if wild else self.files.find
            found = search(self.pattern, detail=True)
            paths = sorted(path for path, facts in found.items() if facts["type"] == "file")
        except Exception as error:  # every file system has exceptions of its own
            raise CollectionError(
                f"列不出 {self.address}：{type(error).__name__} {error}",
                field="SOURCE",
                remedy="检查地址、凭据与网络。",
            ) from error
        for path in paths:
            if wild or offers_image(path[len(self.pattern) :].lstrip("/")) or path == self.pattern:
                yield path
            else:
                self.skipped.files += 1

    def item(self, name: str) -> Item:
        """The file of that path, named with its scheme."""
        full = self.files.unstrip_protocol(name)
        return Item(str(full), FileSystemSource(self.files, name))


def open_glob(address: str) -> Glob:
    """The files of an address. Raises `CollectionError` for a scheme that nothing here opens."""
    try:
        files, pattern = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise CollectionError(
            f"打不开 {address}：{error}",
            field="SOURCE",
            remedy="安装该文件系统的软件包，例如 s3:// 需要 s3fs，oss:// 需要 ossfs。",
        ) from error
    return Glob(address, files, str(pattern))
