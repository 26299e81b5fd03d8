"""`tuqian vocab`: the vocabulary from the shell, in the database or in a running service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.cli.desks import desk_of, find_tag, read_input
from app.cli.options import (
    AliasOption,
    AuthorOption,
    CategoryOption,
    DescriptionOption,
    GlossOption,
    GroupOption,
    JsonOption,
    NegativeOption,
    NotesOption,
    ParentOption,
    ReasonOption,
    StateOption,
    TagArgument,
    TargetOption,
    TemplateOption,
    ThresholdOption,
    UrlOption,
)

app = typer.Typer(help="查看与修改词表。", no_args_is_help=True)
out = Console()


@app.command("list")
def list_tags(
    query: Annotated[str, typer.Argument(help="名称或别名的一部分，或拼音。")] = "",
    category: CategoryOption = None,
    state: StateOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多列多少个。")] = 50,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """列出或搜索标签。"""
    with desk_of(url) as desk:
        page = desk.page(query=query, category=category, state=state, limit=limit)
    if as_json:
        return _print_json(page)
    table = Table("id", "名称", "类别", "上级", "别名", "版本")
    for tag in page["items"]:
        name = escape(tag["name"]) + ("" if tag["state"] == "active" else " [dim]（停用）[/]")
        parents = "、".join(parent["name"] for parent in tag["parents"])
        cells = (tag["category"], parents, "、".join(tag["aliases"]), str(tag["revision"]))
        table.add_row(tag["id"], name, *(escape(cell) for cell in cells))
    out.print(table)
    more = "，还有更多，请缩小范围或调大 --limit" if page["next"] else ""
    _say(f"词表版本 {page['vocabulary_revision']}，列出 {len(page['items'])} 个{more}")
    return None


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="名称。")],
    category: CategoryOption = None,
    parent: ParentOption = None,
    alias: AliasOption = None,
    gloss: GlossOption = None,
    description: DescriptionOption = None,
    template: TemplateOption = None,
    negative: NegativeOption = None,
    threshold: ThresholdOption = None,
    target: TargetOption = None,
    group: GroupOption = None,
    notes: NotesOption = None,
    state: StateOption = None,
    url: UrlOption = None,
    author: AuthorOption = None,
    reason: ReasonOption = "",
) -> None:
    """添加一个标签。"""
    fields = _fields(
        name=name,
        category=category,
        parents=parent,
        aliases=alias,
        gloss=gloss,
        description=description,
        prompt_templates=template,
        negative_prompts=negative,
        threshold=threshold,
        target=target,
        exclusive_group=group,
        notes=notes,
        state=state,
    )
    with desk_of(url, author, reason) as desk:
        _say_edit(desk.add(fields))


@app.command()
def edit(
    tag: TagArgument,
    name: Annotated[str | None, typer.Option("--name", help="新的名称。")] = None,
    category: CategoryOption = None,
    parent: ParentOption = None,
    alias: AliasOption = None,
    gloss: GlossOption = None,
    description: DescriptionOption = None,
    template: TemplateOption = None,
    negative: NegativeOption = None,
    threshold: ThresholdOption = None,
    target: TargetOption = None,
    group: GroupOption = None,
    notes: NotesOption = None,
    state: StateOption = None,
    clear: Annotated[
        list[str] | None, typer.Option("--clear", help="清空这个字段（如 aliases），可重复。")
    ] = None,
    url: UrlOption = None,
    author: AuthorOption = None,
    reason: ReasonOption = "",
) -> None:
    """修改一个标签；只改给出的字段，列表类字段整体替换。"""
    changes = _fields(
        name=name,
        category=category,
        parents=parent,
        aliases=alias,
        gloss=gloss,
        description=description,
        prompt_templates=template,
        negative_prompts=negative,
        threshold=threshold,
        target=target,
        exclusive_group=group,
        notes=notes,
        state=state,
    )
    lists = {"parents", "aliases", "prompt_templates", "negative_prompts", "examples"}
    for field in clear or []:
        changes[field] = [] if field in lists else None if field == "threshold" else ""
    with desk_of(url, author, reason) as desk:
        _say_edit(desk.edit(find_tag(desk, tag), changes))


@app.command()
def remove(
    tag: TagArgument,
    url: UrlOption = None,
    author: AuthorOption = None,
    reason: ReasonOption = "",
) -> None:
    """删除一个标签；用 rollback 可以恢复。"""
    with desk_of(url, author, reason) as desk:
        _say_edit(desk.remove(find_tag(desk, tag)))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV 或 JSON 文件；- 表示标准输入。")],
    replace: Annotated[bool, typer.Option("--replace", help="用文件取代整个词表。")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不生效。")] = False,
    url: UrlOption = None,
    author: AuthorOption = None,
    reason: ReasonOption = "",
) -> None:
    """导入词表文件：全部成功或全部不生效。"""
    data = read_input(file)
    with desk_of(url, author, reason) as desk:
        did = desk.import_file(data, replace=replace, dry_run=dry_run)
    if dry_run:
        counts = f"新增 {did['created']}、修改 {did['updated']}、删除 {did['deleted']}"
        _say(f"检查通过，未生效：{did['rows']} 行，{counts}")
    else:
        _say_edit(did)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="写到哪里；- 表示标准输出。")] = Path("-"),
    kind: Annotated[
        str | None, typer.Option("--format", help="csv 或 json；默认看文件名，否则 csv。")
    ] = None,
    revision: Annotated[int | None, typer.Option(min=0, help="导出这个版本。")] = None,
    url: UrlOption = None,
) -> None:
    """导出词表文件；原样导入得到同样的词表。"""
    chosen = kind or ("json" if file.suffix.lower() == ".json" else "csv")
    if chosen not in ("csv", "json"):
        raise typer.BadParameter("只能是 csv 或 json", param_hint="--format")
    with desk_of(url) as desk:
        data = desk.export(chosen, revision)
    if str(file) == "-":
        sys.stdout.buffer.write(data)
    else:
        file.write_bytes(data)


@app.command()
def revisions(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多列多少个。")] = 20,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """列出版本，最新的在前。"""
    with desk_of(url) as desk:
        found = desk.revisions(limit)
    if as_json:
        return _print_json(found)
    table = Table("版本", "时间", "修改人", "标签数", "原因")
    for one in found["items"]:
        cells = (one["revision"], one["created_at"][:19], one["author"], one["changed_tags"])
        table.add_row(*(escape(str(cell)) for cell in (*cells, one["reason"])))
    out.print(table)
    return None


@app.command()
def diff(
    older: Annotated[int, typer.Argument(min=0, help="旧版本。")],
    newer: Annotated[int, typer.Argument(min=0, help="新版本。")],
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """比较两个版本。"""
    with desk_of(url) as desk:
        found = desk.diff(older, newer)
    if as_json:
        return _print_json(found)
    marks = {"added": "[green]+[/]", "removed": "[red]-[/]", "changed": "[yellow]~[/]"}
    for change in found["changes"]:
        out.print(f"{marks[change['kind']]} {escape(change['name'])}", highlight=False)
        for field in change["fields"]:
            was, became = change["before"][field], change["after"][field]
            out.print(f"    {field}：{escape(str(was))} → {escape(str(became))}", highlight=False)
    _say(f"{len(found['changes'])} 处不同")
    return None


@app.command()
def rollback(
    revision: Annotated[int, typer.Argument(min=0, help="回到哪个版本。")],
    url: UrlOption = None,
    author: AuthorOption = None,
    reason: ReasonOption = "",
) -> None:
    """回到某个版本；这本身是一个新版本，历史不会变短。"""
    with desk_of(url, author, reason) as desk:
        _say_edit(desk.rollback(revision))


@app.command()
def lint(as_json: JsonOption = False, url: UrlOption = None) -> None:
    """检查词表；有发现时退出码为 1。"""
    with desk_of(url) as desk:
        found = desk.lint()
    if as_json:
        _print_json(found)
    else:
        table = Table("规则", "发现", "建议")
        for one in found["findings"]:
            table.add_row(one["rule"], escape(one["message"]), escape(one["remedy"]))
        out.print(table)
        skipped = "".join(f"；没有检查 {rule}：{why}" for rule, why in found["skipped"].items())
        _say(f"{len(found['findings'])} 处发现{skipped}")
    if found["findings"]:
        raise typer.Exit(1)


def _fields(**given: Any) -> dict[str, Any]:
    """What was given on the command line."""
    return {name: value for name, value in given.items() if value not in (None, [])}


def _say_edit(did: dict[str, Any]) -> None:
    if not did["changed"]:
        _say(f"没有变化，词表仍是版本 {did['vocabulary_revision']}")
        return
    counts = f"新增 {did['created']}、修改 {did['updated']}、删除 {did['deleted']}"
    ids = "".join(f"，{tag['name']} 的 id 是 {tag['id']}" for tag in did["tags"][:1])
    _say(f"词表版本 {did['vocabulary_revision']}：{counts}{ids}")


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _print_json(value: dict[str, Any]) -> None:
    out.file.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
