"""A text file that names an image on each line, and the places a name can stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import CollectionError, ImageSourceError
from app.intake.decode import check_bytes
from app.intake.limits import Limits
from app.intake.sources import FileSource, PathSource
from app.pipeline.items import FailedSource, Item, Skipped

Fetch = Callable[[str], bytes]

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")
# A line longer than this is no address: the file is something else than a list.
MAX_LINE = 8_192


@dataclass(frozen=True)
class FetchedSource:
    """An address fetched when its turn comes; `fetch` keeps to the rules about addresses."""

    url: str
    fetch: Fetch

    def read(self, limits: Limits) -> bytes:
        """The bytes there. Raises as `fetch` does, `EmptyImageError` and `ImageTooLargeError`."""
        data = self.fetch(self.url)
        check_bytes(len(data), limits)
        return data


@dataclass(frozen=True)
class Places:
    """What a name in a list or a table stands for: a path from `base`, or an address.

    Without `fetch` an address is a failed item. Whoever wrote the list is not trusted, so only
    http and https are fetched, and no other scheme is opened.
    """

    base: Path
    fetch: Fetch | None = None

    def source(self, name: str) -> FileSource:
        """Where the bytes of that name are."""
        scheme = SCHEME.match(name)
        if scheme is None:
            return PathSource(self.base / name)
        if scheme[1].lower() not in ("http", "https"):
            return FailedSource(
                ImageSourceError(
                    f"列表里的地址不支持 {scheme[1]}",
                    field="url",
                    remedy="对象存储请直接用通配地址作为 SOURCE，例如 s3://桶/目录/*.jpg。",
                )
            )
        if self.fetch is None:
            return FailedSource(
                ImageSourceError("没有开启按网址取图", field="url", remedy="加上 --fetch-urls。")
            )
        return FetchedSource(name, self.fetch)


@dataclass(frozen=True)
class TextList:
    """One path or address a line; blank lines and lines that begin with # are left out."""

    path: Path
    places: Places
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def identity(self) -> Mapping[str, object]:
        """The file: its lines were taken over when the run began."""
        return {"list": str(self.path.resolve())}

    def names(self) -> Iterator[str]:
        """The lines. Raises `CollectionError` for a file that is no text."""
        try:
            with self.path.open(encoding="utf-8-sig") as file:
                while line := file.readline(MAX_LINE + 1):
                    if len(line) > MAX_LINE or "\0" in line:
                        raise self._unknown()
                    name = line.strip()
                    if name and not name.startswith("#"):
                        yield name
        except UnicodeDecodeError as error:
            raise self._unknown() from error

    def item(self, name: str) -> Item:
        """The image of that line."""
        return Item(name, self.places.source(name))

    def _unknown(self) -> CollectionError:
        return CollectionError(
            f"认不出 {self.path} 是什么",
            field="SOURCE",
            remedy="可以是目录、tar、zip、Parquet、每行一个路径或网址的 UTF-8 文本，"
            "或者带通配符的地址。",
        )
