"""`tuqian backup` and `tuqian restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from app.backup import restore_backup, write_backup
from app.settings import Settings, load_settings

err = Console(stderr=True)

# They may hold a password, or belong to the machine rather than to the service.
LEFT_OUT = ("database_url", "redis_url", "otel_endpoint", "data_dir")


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT.tar", help="写到哪个文件。")],
    force: Annotated[bool, typer.Option("--force", help="文件已存在时替换它。")] = False,
) -> None:
    """把数据库、背景库与（不含密钥的）设置写进一个文件；服务可以照常运行。"""
    settings = load_settings()
    manifest = write_backup(
        out, settings.database, settings.data_dir, _told(settings), replace=force
    )
    size = out.stat().st_size / 1e6
    err.print(f"已备份到 {out}：{len(manifest['files'])} 个文件，{size:.1f} MB", highlight=False)


def restore(
    archive: Annotated[Path, typer.Argument(metavar="OUT.tar", help="备份文件。")],
    data_dir: Annotated[Path, typer.Option("--data-dir", help="恢复到哪个空目录。")],
) -> None:
    """核对摘要后把备份恢复到一个空目录，并把表结构升级到本版本。"""
    manifest = restore_backup(archive, data_dir)
    err.print(
        f"已恢复 {manifest['made_at']} 的备份；用 TUQIAN_DATA_DIR={data_dir} 启动服务",
        highlight=False,
        soft_wrap=True,
    )


def _told(settings: Settings) -> dict[str, object]:
    """The settings for a person to read; none is applied by restoring."""
    told = settings.model_dump(mode="json", exclude=set(LEFT_OUT))
    secrets = {name for name in told if isinstance(getattr(settings, name), SecretStr)}
    return {name: value for name, value in told.items() if name not in secrets}
