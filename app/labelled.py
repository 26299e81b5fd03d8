"""Photos with labels, as an operator has them: a JSONL or CSV file, or a folder of folders."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from app.errors import InvalidRequestError
from app.photos import find_photos
from vocab.decoding import decode_text

SEPARATORS = re.compile(r"[|;；、,，]")
REMEDY = (
    "数据集可以是 JSONL（每行 {“file”, “tags”, “unsure”}）、CSV（表头 file,tags,unsure），"
    "或者以标签名为子目录名的目录。"
)


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo, the names of what is on it, and of what is arguable; everything else is not."""

    path: Path
    tags: frozenset[str]
    unsure: frozenset[str] = frozenset()


def read_labelled(dataset: Path) -> tuple[LabelledPhoto, ...]:
    """The photos of a dataset, in its order; lines of one file are joined.

    Paths in a file start from its folder. In a folder every folder between it and a photo is a
    label of that photo. Raises `InvalidRequestError` where the dataset, or a line, is not one.
    """
    if dataset.is_dir():
        found = _from_folders(dataset)
    elif dataset.suffix.lower() in (".jsonl", ".ndjson"):
        found = _from_rows(dataset, _jsonl_rows(_text(dataset)))
    elif dataset.suffix.lower() == ".csv":
        found = _from_rows(dataset, _csv_rows(_text(dataset)))
    else:
        _refuse(f"{dataset} 不是认识的数据集" if dataset.exists() else f"{dataset} 不存在")
    if not found:
        _refuse(f"{dataset} 里没有带标签的图片")
    return found


def _from_folders(folder: Path) -> tuple[LabelledPhoto, ...]:
    photos = ((path, path.relative_to(folder).parts[:-1]) for path in find_photos([folder]))
    return tuple(LabelledPhoto(path, frozenset(names)) for path, names in photos if names)


def _from_rows(dataset: Path, rows: Iterable[tuple[int, Any]]) -> tuple[LabelledPhoto, ...]:
    found: dict[Path, LabelledPhoto] = {}
    for line, row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("file"), str) or not row["file"]:
            _refuse(f"{dataset} 第 {line} 行没有 file")
        path = dataset.parent / row["file"]
        known = found.get(path, LabelledPhoto(path, frozenset()))
        tags = known.tags | _names(row.get("tags"), dataset, line)
        unsure = known.unsure | _names(row.get("unsure"), dataset, line)
        found[path] = LabelledPhoto(path, tags, unsure)
    return tuple(found.values())


def _jsonl_rows(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                _refuse(f"第 {number} 行不是 JSON：{error}")


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = reader.fieldnames or []
        if "file" not in columns or "tags" not in columns:
            _refuse("CSV 的表头要有 file 和 tags")
        for row in reader:
            if None in row:
                _refuse(f"第 {reader.line_num} 行比表头长；多个标签请用 | 隔开")
            yield reader.line_num, row
    except csv.Error as error:
        _refuse(f"第 {reader.line_num} 行不是 CSV：{error}")


def _names(value: Any, dataset: Path, line: int) -> frozenset[str]:
    """A list of names, or one text with separators between them."""
    if isinstance(value, str):
        value = SEPARATORS.split(value)
    if value is None:
        value = []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        _refuse(f"{dataset} 第 {line} 行的标签不是名称的列表")
    return frozenset(name.strip() for name in value if name.strip())


def _text(dataset: Path) -> str:
    try:
        return decode_text(dataset.read_bytes())
    except OSError as error:
        _refuse(f"读不到 {dataset}：{error.strerror}")


def _refuse(sentence: str) -> NoReturn:
    raise InvalidRequestError(sentence, field="DATASET", remedy=REMEDY)
