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
from app.metrics.catalogue import CATALOGUE, PROCESS
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


def metrics_page() -> str:
    """Every metric: its name, kind, labels and meaning."""
    lines = [
        NOTE,
        "# 指标\n",
        "`GET /metrics`，Prometheus 的文本格式，需要 `read` 角色。"
        "直方图有 `_bucket`、`_sum` 与 `_count` 三种序列。"
        "告警规则与仪表盘见 `deploy/prometheus/alerts.yml` 与 `deploy/grafana/dashboard.json`。\n",
        "| 名称 | 类型 | 标签 | 含义 |",
        "| --- | --- | --- | --- |",
    ]
    for one in CATALOGUE:
        labels = "、".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
    lines += ["\n客户端库自带的进程指标（仅 Linux）：\n", "| 名称 | 含义 |", "| --- | --- |"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in PROCESS]
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
    "metrics.md": metrics_page,
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
