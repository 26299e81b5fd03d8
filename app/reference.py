"""The reference pages, written from the code: `python -m app.reference docs/reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main

from app.api.problem_table import TABLE
from app.cli import app as command
from app.settings import Settings, variable

NOTE = "<!-- 由 `make docs` 从代码生成，请勿手工修改。 -->\n"


def settings_page() -> str:
    """Every setting: its variable, default and meaning."""
    lines = [
        NOTE,
        "# 设置\n",
        "每项设置都是一个环境变量；命令行选项（`--host`、`--port`、`--model`）优先于它们。\n",
        "| 环境变量 | 默认值 | 说明 |",
        "| --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{variable(name)}` | {_default(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every error code: its status, title and remedy."""
    lines = [
        NOTE,
        "# 错误代码\n",
        "错误响应的类型是 `application/problem+json`（RFC 9457）："
        "`type`、`code`、`status`、`title`、`detail`、`remedy`，以及出错的位置 `field`。"
        "`code` 不会改变，程序应当依据它判断。503 带有 `Retry-After`。\n",
        "| code | 状态码 | 含义 | 解决办法 |",
        "| --- | --- | --- | --- |",
    ]
    rows = sorted(TABLE.values(), key=lambda row: row.code)
    lines += [f"| `{row.code}` | {row.status} | {row.title} | {row.remedy} |" for row in rows]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command with its arguments and options."""
    parts = [NOTE, "# 命令\n"]
    for path, one in _commands("tuqian", typer.main.get_command(command)):
        parts.append(f"## `{path}`\n\n{one.help or ''}\n")
        rows = [_parameter(p) for p in one.params if p.name != "help"]
        if rows:
            parts.append("| 参数 | 默认值 | 说明 |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "commands.md": commands_page,
}


def write(folder: Path) -> None:
    """Writes every page into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def _commands(path: str, one: Any) -> Iterator[tuple[str, Any]]:
    """The commands at the ends of the tree, with their full names (click's objects)."""
    children = getattr(one, "commands", None)
    if not children:
        yield path, one
        return
    for name in sorted(children):
        yield from _commands(f"{path} {name}", children[name])


def _parameter(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    name = ", ".join(parameter.opts) if is_option else (parameter.metavar or parameter.name.upper())
    default = "" if parameter.default is None or not is_option else _default(parameter.default)
    return f"| `{name}` | {default} | {parameter.help or ''} |"


def _default(value: object) -> str:
    if value is None or str(value) == "":  # a secret hides what it is, but not that it is none
        return "（空）"
    if isinstance(value, tuple):
        return f"`{json.dumps(value, ensure_ascii=False)}`"
    return f"`{value}`"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
