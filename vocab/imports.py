"""Reading a file of tags and putting it into the vocabulary, all or none, errors by line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vocab.decoding import decode_text
from vocab.edit import Edit
from vocab.errors import (
    BulkEditError,
    ExchangeError,
    ImportProblem,
    ImportRefusedError,
    UnknownParentError,
    VocabularyError,
)
from vocab.exchange import COLUMNS, JSON_FORMAT, JSON_VERSION, split_list
from vocab.names import name_key
from vocab.rules import clean_fields
from vocab.tag_json import LIST_FIELDS
from vocab.tags import Tag, TagDraft

MAX_FILE_BYTES = 64 * 2**20
MAX_ROWS = 100_000

# Headings people write in place of the fields' names.
CHINESE_HEADINGS = {
    "名称": "name",
    "标签": "name",
    "分类": "category",
    "类别": "category",
    "上级": "parents",
    "父标签": "parents",
    "别名": "aliases",
    "英文": "gloss",
    "描述": "description",
    "提示词模板": "prompt_templates",
    "反例提示词": "negative_prompts",
    "状态": "state",
    "阈值": "threshold",
    "目标": "target",
    "备注": "notes",
    "互斥组": "exclusive_group",
}


@dataclass(frozen=True)
class ImportRow:
    """The fields one line of a file gives a tag; a column the file lacks is not among them."""

    line: int
    fields: Mapping[str, object]

    @property
    def draft(self) -> TagDraft:
        """The row as a tag of its own, fields it lacks being empty."""
        values: dict[str, Any] = dict(self.fields)
        return TagDraft(**values)


@dataclass(frozen=True)
class ImportFile:
    """The rows of a file that can be tags, and what is wrong with the others."""

    rows: tuple[ImportRow, ...]
    problems: tuple[ImportProblem, ...]


def read_tags(data: bytes) -> ImportFile:
    """The tags of a CSV or JSON file, whichever it is, in any encoding `decode_text` knows.

    Raises `ExchangeError` where the file as a whole cannot be read.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ExchangeError(
            f"文件有 {len(data)} 字节，最多 {MAX_FILE_BYTES} 字节",
            field="file",
            remedy="请拆分成几个文件。",
        )
    text = decode_text(data)
    is_json = text.lstrip()[:1] in ("[", "{")
    rows: list[ImportRow] = []
    problems: list[ImportProblem] = []
    seen: dict[str, int] = {}
    for line, found in _json_rows(text) if is_json else _csv_rows(text):
        if isinstance(found, ImportProblem):
            problems.append(found)
            continue
        try:
            row = ImportRow(line, _checked(found))
        except VocabularyError as error:
            problems.append(ImportProblem(line, str(error), error.field, error.remedy))
            continue
        first = _first_like(row, seen)
        if first is not None:
            problems.append(_repeated(row, first))
        elif len(rows) == MAX_ROWS:
            raise ExchangeError(
                f"文件的标签多于 {MAX_ROWS} 个", field="file", remedy="请拆分成几个文件。"
            )
        else:
            rows.append(row)
    return ImportFile(tuple(rows), tuple(problems))


def import_tags(
    edit: Edit, file: ImportFile, mode: Literal["merge", "replace"] = "merge"
) -> tuple[Tag, ...]:
    """Puts the tags of a file into the vocabulary, beside those it has or in place of them.

    Raises `ImportRefusedError` with every line at fault, having changed nothing.
    """
    problems = list(file.problems)
    tags: tuple[Tag, ...] = ()
    try:
        if mode == "merge":
            tags = edit.merge([row.fields for row in file.rows])
        else:
            tags = edit.replace_all([row.draft for row in file.rows])
    except BulkEditError as error:
        for problem in error.problems:
            # Its parent may be in one of the lines that could not be read.
            if not (file.problems and isinstance(problem, UnknownParentError)):
                line = file.rows[problem.item].line if problem.item is not None else 1
                problems.append(ImportProblem(line, str(problem), problem.field, problem.remedy))
    if problems:
        raise ImportRefusedError(sorted(problems, key=lambda p: p.line))
    return tags


def _checked(fields: Mapping[str, object]) -> dict[str, object]:
    given = {name: value for name, value in fields.items() if (name, value) != ("id", "")}
    if "name" not in given:
        raise VocabularyError("缺少 name", field="name", remedy="每个标签都要有名称。")
    return clean_fields(given)


def _first_like(row: ImportRow, seen: dict[str, int]) -> int | None:
    """The earlier line about the same tag, if any: same id, or same name and no id to tell."""
    tag_id, key = str(row.fields.get("id", "")), name_key(str(row.fields["name"]))
    mine = f"id:{tag_id}" if tag_id else f"without id:{key}"
    same = [mine, f"without id:{key}"] if tag_id else [f"named:{key}"]
    first = next((seen[mark] for mark in same if mark in seen), None)
    for mark in (mine, f"named:{key}"):
        seen.setdefault(mark, row.line)
    return first


def _repeated(row: ImportRow, first: int) -> ImportProblem:
    message = f"“{row.fields['name']}”与第 {first} 行重复"
    return ImportProblem(row.line, message, "name", "请只保留一行。")


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, object] | ImportProblem]]:
    first_line = text.split("\n", 1)[0]
    delimiter = max(",\t;", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []))
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, _csv_fields(line, columns, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise ExchangeError(
            f"CSV 第 {reader.line_num} 行无法解析：{error}",
            field="file",
            remedy="请检查引号是否成对，单元格是否过长。",
        ) from error


def _columns(header: list[str]) -> list[str]:
    columns = [CHINESE_HEADINGS.get(h.strip(), h.strip().lower()) for h in header]
    while columns and not columns[-1]:
        columns.pop()
    for place, column in enumerate(columns):
        if column not in COLUMNS or column in columns[:place]:
            what = "重复" if column in COLUMNS else "不认识"
            raise ExchangeError(
                f"CSV 表头有{what}的列 {column[:64]!r}",
                field="file",
                remedy=f"第一行是表头，可用的列：{'、'.join(COLUMNS)}。",
            )
    if "name" not in columns:
        raise ExchangeError(
            "CSV 表头缺少 name 列", field="file", remedy="第一行写列名，至少有 name（或“名称”）。"
        )
    return columns


def _csv_fields(
    line: int, columns: list[str], cells: list[str]
) -> dict[str, object] | ImportProblem:
    if any(cell.strip() for cell in cells[len(columns) :]):
        message = f"有 {len(cells)} 格，表头只有 {len(columns)} 列"
        return ImportProblem(line, message, None, "含逗号的内容请加英文双引号。")
    fields: dict[str, object] = {}
    for column, cell in zip(columns, [*cells, *[""] * len(columns)], strict=False):
        if column in LIST_FIELDS:
            fields[column] = split_list(cell)
        elif column == "state":
            fields[column] = cell.strip() or "active"
        elif column == "threshold":
            fields[column] = _number(cell.strip())
        else:
            fields[column] = cell
    return fields


def _number(cell: str) -> float | str | None:
    """The number a cell holds; text that is none is left for the rules to refuse."""
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, object] | ImportProblem]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ExchangeError(
            f"JSON 第 {error.lineno} 行第 {error.colno} 列无法解析：{error.msg}",
            field="file",
            remedy="请检查逗号、引号和括号。",
        ) from error
    except (RecursionError, ValueError) as error:
        raise ExchangeError("JSON 嵌套过深或数字过长", field="file") from error
    for number, item in enumerate(_items(document), start=1):
        if isinstance(item, dict):
            yield number, item
        else:
            message = f"应是对象，收到的是 {type(item).__name__}"
            yield number, ImportProblem(number, message, None, '例如 {"name": "汉服"}。')


def _items(document: object) -> list[object]:
    if isinstance(document, dict):
        known = (document.get("format", JSON_FORMAT), document.get("version", JSON_VERSION))
        if known != (JSON_FORMAT, JSON_VERSION):
            raise ExchangeError(
                f"JSON 的格式是 {str(known)[:100]}，能读的是 {JSON_FORMAT} 第 {JSON_VERSION} 版",
                field="file",
                remedy="请使用相应版本的图签导入。",
            )
        document = document.get("tags")
    if not isinstance(document, list):
        raise ExchangeError(
            "JSON 里没有标签列表", field="file", remedy='应是 [...]，或 {"tags": [...]}。'
        )
    return document
