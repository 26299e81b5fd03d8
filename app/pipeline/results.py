"""The result of a run as Parquet or JSONL: the old file stands until the new one is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import CollectionError
from app.pipeline.rows import Row
from index.errors import StorageFullError

Format = Literal["parquet", "jsonl"]
FORMATS: tuple[Format, ...] = ("parquet", "jsonl")
ROWS_AT_ONCE = 2_000

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        (
            "tags",
            pa.list_(
                pa.struct(
                    [("id", pa.string()), ("name", pa.string()), ("confidence", pa.float32())]
                )
            ),
        ),
        ("revision", pa.int64()),
        ("model", pa.string()),
        ("duplicate_group", pa.string()),
        ("duplicate_tie", pa.string()),
        ("problem", pa.struct([("code", pa.string()), ("detail", pa.string())])),
    ]
)


@dataclass(frozen=True)
class Made:
    """What every row of a result was made with: the model, its key, the vocabulary's revision."""

    model: str
    model_key: str
    revision: int


def format_of(result: Path, asked: Format | None) -> Format:
    """The format asked for, or that of the suffix. Raises `CollectionError` for any other."""
    suffix = result.suffix.lower().lstrip(".")
    chosen = asked or {"ndjson": "jsonl"}.get(suffix, suffix)
    for known in FORMATS:
        if chosen == known:
            return known
    raise CollectionError(
        f"看不出 {result} 该是什么格式",
        field="RESULT",
        remedy="文件名以 .parquet 或 .jsonl 结尾，或用 --format 指定。",
    )


def write_result(
    path: Path, form: Format, made: Made, rows: Iterable[tuple[Row, Row | None]]
) -> None:
    """Writes every row, given with the first of its group, and then puts the file in its place.

    Raises `StorageFullError`, and `CollectionError` where the file cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    write = _parquet if form == "parquet" else _jsonl
    try:
        with temporary.open("wb") as file:
            write(file, made, rows)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno == 28:
            raise StorageFullError("磁盘空间不足，结果没有写完") from error
        raise CollectionError(
            f"写不了 {path}：{error.strerror or error}", field="RESULT", remedy="检查目录与权限。"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def record(row: Row, first: Row | None, made: Made) -> dict[str, Any]:
    """A row as the result has it; an image without copies has no group."""
    return {
        "source": row.source,
        "sha256": row.sha256,
        "width": row.width,
        "height": row.height,
        "tags": [asdict(tag) for tag in row.tags],
        "revision": made.revision,
        "model": made.model,
        "duplicate_group": first.sha256 if first else None,
        "duplicate_tie": row.tie if first else None,
        "problem": asdict(row.problem) if row.problem else None,
    }


def _jsonl(file: IO[bytes], made: Made, rows: Iterable[tuple[Row, Row | None]]) -> None:
    for row, first in rows:
        line = json.dumps(record(row, first, made), ensure_ascii=False)
        file.write(line.encode("utf-8", "replace") + b"\n")


def _parquet(file: IO[bytes], made: Made, rows: Iterable[tuple[Row, Row | None]]) -> None:
    schema = SCHEMA.with_metadata({"tuqian.model_key": made.model_key})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for some in _several(record(row, first, made) for row, first in rows):
            writer.write_table(pa.Table.from_pylist(some, schema))


def _several(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for one in records:
        some.append(one)
        if len(some) == ROWS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
