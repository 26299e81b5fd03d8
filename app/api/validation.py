"""What pydantic found wrong with a body, in sentences a Chinese reader can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MESSAGES: dict[str, str] = {
    "missing": "缺少必填项",
    "extra_forbidden": "没有这个选项",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数字",
    "string_type": "应为字符串",
    "list_type": "应为数组",
    "tuple_type": "应为数组",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "too_short": "至少要有 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "literal_error": "只能是 {expected}",
    "value_error": "{error}",
    "json_invalid": "不是有效的 JSON",
}


def field_problems(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """`{"field", "message"}` of each thing found; the caller's own values are not repeated."""
    return [{"field": _field(one["loc"]), "message": _message(one)} for one in found]


def _field(path: Sequence[str | int]) -> str:
    """`("body", "images", 0, "url")` as `images[0].url`."""
    text = ""
    for part in path[1:] if path and path[0] in ("body", "query", "path", "header") else path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "body"


def _message(one: Mapping[str, Any]) -> str:
    template = MESSAGES.get(one["type"])
    name = _field(one["loc"])
    if template is None:
        return f"{name}：{one['msg']}"
    return f"{name}：{template.format(**one.get('ctx', {}))}"
