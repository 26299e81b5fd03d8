"""`tuqian doctor`: everything the service needs, looked at without changing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Annotated

import typer
from rich.console import Console

from app import console as show
from app.database import Database
from app.doctor import Finding, examine
from app.doctor_database import examine_database, head
from app.doctor_state import (
    examine_bank,
    examine_disk,
    examine_index,
    examine_model,
    examine_settings,
    failed,
)
from app.encoders.base import Encoder
from app.encoders.catalog import find_model, missing_packages, weights_path
from app.errors import TuqianError
from app.loading import encoders_of
from app.settings import Settings, load_settings, variable
from index.image_store import ImageStore

# Variables of ours that no setting is: the commands read them.
OF_COMMANDS = ("TUQIAN_API_KEY", "TUQIAN_URL")
LOOK_AT_MODEL = "检查 TUQIAN_MODEL、TUQIAN_DEVICE 与模型文件。"


def doctor(
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="是否加载模型来检查（大模型要几十秒）。")
    ] = True,
) -> None:
    """检查设置、安装、设备、模型文件、数据库、索引、背景库与磁盘；有问题时退出码为 1。"""
    settings = load_settings()
    known = {variable(name) for name in Settings.model_fields} | set(OF_COMMANDS)
    findings = [
        examine_settings(os.environ, known),
        *examine(settings.data_dir),
        examine_disk(settings.data_dir),
        examine_database(settings.database),
    ]
    if model:
        findings.extend(_with_model(settings, findings[-1]))
    Console().print(show.finding_table(tuple(findings)))
    if any(finding.remedy for finding in findings):
        raise typer.Exit(1)


def _with_model(settings: Settings, database: Finding) -> Iterator[Finding]:
    """What can only be asked of a model that runs."""
    with ExitStack() as stack:
        try:
            if waits := _what_is_missing(settings):
                yield waits
                return
            encoder = encoders_of(settings, stack, lambda *_: None)[0]
        except TuqianError as error:
            yield failed("模型", error, LOOK_AT_MODEL)
            return
        yield from examine_model(encoder)
        yield examine_bank(encoder, settings.data_dir)
        if not database.remedy and f"表结构 {head()}" in database.value:
            yield from _index(settings, encoder)


def _what_is_missing(settings: Settings) -> Finding | None:
    """Weights that the first start would download, which looking must not do."""
    chosen = find_model(settings.model)
    path = settings.checkpoint or weights_path(chosen, settings.models_dir)
    if missing_packages(chosen) or path is None or path.is_file():
        return None
    return Finding("模型", f"{chosen.name} 的权重还没有下载，首次启动时下载到 {path}")


def _index(settings: Settings, encoder: Encoder) -> Iterator[Finding]:
    with closing(Database(settings.database)) as database:
        store = ImageStore(database, encoder.model_key, encoder.dim, copy_dim=encoder.copy_dim)
        yield from examine_index(encoder, store, settings.data_dir / "index")
