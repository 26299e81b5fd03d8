"""`tuqian keys …`: who may use the service, from the shell of its machine."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.access.store import KeyStore
from app.database import Database
from app.settings import load_settings

out = Console()
err = Console(stderr=True)
app = typer.Typer(help="密钥：谁可以使用服务，能做什么。", no_args_is_help=True)

RoleOption = Annotated[
    str,
    typer.Option("--role", help="read 查看、tag 打标、edit 修改、admin 管理，后者包含前者。"),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="名称，成为修改记录里的作者；不能重复使用。")],
    role: RoleOption = "tag",
    rate: Annotated[
        float, typer.Option(min=0, help="每秒最多几次，一张图算一次，0 为不限。")
    ] = 0.0,
    daily: Annotated[
        int, typer.Option(min=0, help="每天（UTC）最多几次，一张图算一次，0 为不限。")
    ] = 0,
) -> None:
    """创建密钥。密钥只显示这一次；标准输出只有密钥本身。"""
    with _store() as store:
        key, token = store.create(
            name, role, rate_per_s=rate, daily_requests=daily, actor=_operator()
        )
    err.print(
        f"已创建 {key.name}（{key.role.word}，id {key.id}）。请现在保存，之后无法再查看：",
        highlight=False,
        markup=False,
    )
    out.file.write(token + "\n")


@app.command("list")
def list_() -> None:
    """列出密钥；不含密钥本身。"""
    table = Table("id", "名称", "角色", "限制", "创建", "今天", "最近使用", "状态")
    with _store() as store:
        today, days = store.used(datetime.now(timezone.utc).date()), store.last_days()
        for key in store.all():
            limits = [f"{key.rate_per_s:g}/秒"] if key.rate_per_s else []
            limits += [f"{key.daily_requests}/天"] if key.daily_requests else []
            table.add_row(
                key.id,
                key.name,
                key.role.word,
                "，".join(limits) or "无",
                f"{key.created_at:%Y-%m-%d}",
                str(today.get(key.id, 0)),
                f"{days[key.id]:%Y-%m-%d}" if key.id in days else "从未",
                "有效" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d} 吊销",
            )
    out.print(table)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="密钥的名称或 id。")]) -> None:
    """吊销密钥；运行中的服务一秒之内生效。"""
    with _store() as store:
        gone = store.revoke(key, actor=_operator())
    out.print(f"已吊销 {gone.name}（{gone.id}）", highlight=False, markup=False)


@contextmanager
def _store() -> Iterator[KeyStore]:
    """The keys of the database of the settings; no model is loaded."""
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    try:
        database.migrate()
        yield KeyStore(database)
    finally:
        database.close()


def _operator() -> str:
    try:
        return f"shell:{getpass.getuser()}"
    except (OSError, KeyError):  # a container may run as a user without a name
        return "shell"
