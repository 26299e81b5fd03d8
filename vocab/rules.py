"""What the fields of a tag may hold; every way into the vocabulary passes here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields

from vocab.errors import InvalidTagError
from vocab.names import MAX_NAME_LENGTH, clean_line, clean_name, clean_text, name_key
from vocab.tags import Tag, TagDraft
from vocab.targets import read_target, write_target

LINE_LIMITS = {"category": 64, "gloss": 500, "exclusive_group": 64}
TEXT_LIMITS = {"description": 10_000, "notes": 10_000}
# How many entries, and how many characters in each.
LIST_LIMITS = {
    "parents": (32, MAX_NAME_LENGTH),
    "aliases": (64, MAX_NAME_LENGTH),
    "prompt_templates": (32, 300),
    "negative_prompts": (64, 300),
    "examples": (64, 128),
}
STATES = ("active", "paused")
FIELDS = tuple(f.name for f in fields(Tag))

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def fields_of_draft(draft: TagDraft) -> dict[str, object]:
    """The draft's fields by name, without an empty id."""
    values = dict(vars(draft))
    if not values["id"]:
        del values["id"]
    return values


def clean_fields(values: Mapping[str, object]) -> dict[str, object]:
    """The given fields of a tag, tidied: trimmed, without repetitions, lists as tuples.

    Raises `InvalidTagError` for an unknown field, a wrong type, or a value no tag can have.
    """
    cleaned: dict[str, object] = {}
    for field, value in values.items():
        if field in LINE_LIMITS:
            cleaned[field] = clean_line(_text(field, value), field=field, limit=LINE_LIMITS[field])
        elif field in TEXT_LIMITS:
            cleaned[field] = clean_text(_text(field, value), field=field, limit=TEXT_LIMITS[field])
        elif field in LIST_LIMITS:
            cleaned[field] = _list(field, value)
        elif field == "name":
            cleaned[field] = clean_name(_text(field, value))
        elif field == "id":
            cleaned[field] = _id(_text(field, value))
        elif field == "state":
            cleaned[field] = _state(value)
        elif field == "threshold":
            cleaned[field] = _threshold(value)
        elif field == "target":
            text = _text(field, value).strip()
            cleaned[field] = write_target(read_target(text)) if text else ""
        else:
            raise InvalidTagError(
                f"标签没有 {field[:64]!r} 这个字段",
                field=field[:64],
                remedy=f"可用的字段：{'、'.join(FIELDS)}。",
            )
    return cleaned


def whole(tag: Tag) -> Tag:
    """The tag itself; raises `InvalidTagError` where its fields contradict each other."""
    if tag.target and tag.threshold is not None:
        raise InvalidTagError(
            f"标签“{tag.name}”不能既有 target（{tag.target}）又有 threshold（{tag.threshold:g}）",
            field="target",
            remedy="只留一个：清空 target，或把 threshold 设为 null。",
        )
    return tag


def names_by_key(tag: Tag) -> dict[str, str]:
    """The tag's name and aliases as written, by what they are compared by; the name first."""
    written: dict[str, str] = {}
    for name in (tag.name, *tag.aliases):
        written.setdefault(name_key(name), name)
    return written


def without_repeated_aliases(tag: Tag) -> tuple[str, ...]:
    """The aliases that say something the name and the aliases before them do not."""
    return tuple(list(names_by_key(tag).values())[1:])


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidTagError(
            f"{field} 应是文字，收到的是 {type(value).__name__}",
            field=field,
            remedy="请用字符串。",
        )
    return value


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise InvalidTagError(
            f"标签 id {value[:64]!r} 不合规",
            field="id",
            remedy="id 由 1 到 64 个英文字母、数字、下划线或连字符组成；留空则自动生成。",
        )
    return value


def _state(value: object) -> str:
    if value not in STATES:
        raise InvalidTagError(
            f"state 不能是 {str(value)[:64]!r}", field="state", remedy="可用：active、paused。"
        )
    return str(value)


def _threshold(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        number = math.nan
    else:
        # An integer too large for a float is as wrong as one that is merely too large.
        number = float(value) if abs(value) <= 1 else math.nan
    if math.isnan(number):
        raise InvalidTagError(
            f"threshold 不能是 {str(value)[:64]!r}",
            field="threshold",
            remedy="请填 -1 到 1 之间的余弦相似度，或留空使用校准值。",
        )
    return number


def _list(field: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidTagError(
            f"{field} 应是列表，收到的是 {type(value).__name__}",
            field=field,
            remedy="请用字符串列表。",
        )
    most, longest = LIST_LIMITS[field]
    entries = list(value)
    if len(entries) > most:
        raise InvalidTagError(
            f"{field} 有 {len(entries)} 项，最多 {most} 项", field=field, remedy="请减少项数。"
        )
    cleaned = [_entry(field, _text(field, entry), longest) for entry in entries]
    return tuple(dict.fromkeys(cleaned))


def _entry(field: str, text: str, longest: int) -> str:
    if field in ("parents", "aliases"):
        return clean_name(text, field=field)
    line = clean_line(text, field=field, limit=longest)
    if not line:
        raise InvalidTagError(f"{field} 里有空的一项", field=field, remedy="请删除这一项。")
    if field == "prompt_templates" and "{}" not in line:
        raise InvalidTagError(
            f"提示词模板 {line[:64]!r} 没有放名称的位置",
            field=field,
            remedy="请在模板里写 {}，例如“一张{}的照片”。",
        )
    return line
