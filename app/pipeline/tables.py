"""Images in a column of a Parquet file: as bytes, or as paths or addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import CollectionError, ImageSourceError
from app.intake.limits import MIB
from app.intake.sources import FileSource, UploadSource
from app.pipeline.items import FailedSource, Item, Skipped
from app.pipeline.lists import Places
from app.pipeline.members import file_identity, unreadable

# Rows decoded together: of a column of images, some megabytes.
ROWS_AT_ONCE = 16
# The column taken where nobody names one, if it is of a kind that can hold images.
USUAL = ("image", "bytes", "image_bytes", "path", "file", "url", "image_url", "img")


@dataclass(frozen=True)
class ParquetTable:
    """One column, row by row: bytes, text, or bytes with a path as data sets of images have them.

    A row of bytes is named by its path, or by its number.
    """

    path: Path
    column: str
    places: Places = field(repr=False)
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def identity(self) -> Mapping[str, object]:
        """The file, its size and time, and the column."""
        return file_identity(self.path) | {"column": self.column}

    def count(self) -> int:
        """How many rows there are."""
        with pq.ParquetFile(self.path) as file:
            return int(file.metadata.num_rows)

    def items(self, start: int) -> Iterator[Item]:
        """The rows from number `start` on, of which a few are in memory at a time.

        Raises `CollectionError` where the file is damaged.
        """
        try:
            with pq.ParquetFile(self.path, buffer_size=MIB, pre_buffer=False) as file:
                groups, first = _groups_from(file.metadata, start)
                row = first
                for batch in file.iter_batches(ROWS_AT_ONCE, groups, [self.column]):
                    for cell in batch.column(0):
                        if row >= start:
                            yield self._item(row, cell.as_py())
                        row += 1
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self.path, error) from error

    def _item(self, row: int, cell: Any) -> Item:
        numbered = f"{self.path.name}#{row}"
        if isinstance(cell, dict):
            name = str(cell.get("path") or numbered)
            data = cell.get("bytes")
            return self._item_of(name, name if data is None and cell.get("path") else data)
        return self._item_of(cell if isinstance(cell, str) and cell else numbered, cell)

    def _item_of(self, name: str, cell: Any) -> Item:
        if isinstance(cell, bytes):
            return Item(name, UploadSource(BytesIO(cell), name), len(cell))
        source: FileSource = self.places.source(cell) if cell else FailedSource(_empty())
        return Item(name, source)


def open_table(path: Path, column: str | None, places: Places) -> ParquetTable:
    """The column of that name, or the one that looks like the images.

    Raises `CollectionError` where there is none, and where the file cannot be read.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    possible = [one.name for one in schema if _can_hold_images(one.type)]
    chosen = column or _likely(possible)
    if chosen is None or chosen not in possible:
        columns = "、".join(possible) or "（没有）"
        raise CollectionError(
            f"Parquet 里没有可用的列 {column}" if column else "看不出 Parquet 的哪一列是图片",
            field="--column",
            remedy=f"用 --column 指出字节、路径或网址所在的列：{columns}。",
        )
    return ParquetTable(path, chosen, places)


def _likely(possible: list[str]) -> str | None:
    usual = [name for name in USUAL if name in possible]
    if usual:
        return usual[0]
    return possible[0] if len(possible) == 1 else None


def _can_hold_images(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        names = {kind.field(at).name for at in range(kind.num_fields)}
        return "bytes" in names
    if pa.types.is_dictionary(kind):
        return _can_hold_images(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _groups_from(metadata: Any, start: int) -> tuple[list[int], int]:
    """The row groups that hold row `start` and those after it, and the first's first row."""
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if first + rows > start:
            return list(range(group, metadata.num_row_groups)), first
        first += rows
    return [], first


def _empty() -> ImageSourceError:
    return ImageSourceError("这一行是空的", field="column", remedy="补上图片，或不理会这一行。")
