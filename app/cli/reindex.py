"""`tuqian reindex`: the stored images under another model, so that the service can change to it."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app import console as show
from app.database import Database
from app.errors import InvalidRequestError
from app.main import assemble
from app.photos import find_photos
from app.reindex import ReindexReport, reasons
from app.reindex import reindex as reindex_images
from app.settings import Settings, load_settings
from index.carry import forget_model, stored_models, unmoved

# Images listed one by one before the rest is only counted.
SHOWN = 50

out = Console()
err = Console(stderr=True)


def reindex(
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", help="放有原图的目录或文件，可重复；按 SHA-256 认出原图。"),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="要换成的模型。")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="该模型的本地权重文件。")
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="只列出各模型存有多少张图片。")] = False,
    forget: Annotated[
        str | None, typer.Option("--forget", help="换好之后，删除这个模型（model_key）的全部图片。")
    ] = None,
) -> None:
    """换模型：为已入库的图片算出新模型的向量，与原来的并存；可中断，再次运行接着做。

    服务可以照常用原来的模型运行；完成后用新模型启动服务即可。有图片搬不过去时退出码为 1。
    """
    settings = load_settings(model=model, checkpoint=checkpoint)
    if status or forget:
        _without_a_model(settings, forget)
        return
    photos = find_photos(images or [])
    with ExitStack() as stack:
        with show.Steps(err) as steps:
            service = assemble(settings, stack, steps)
        database = stack.enter_context(closing(Database(settings.database)))
        with show.Steps(err) as steps:
            report = reindex_images(
                service.tagger,
                service.collection,
                database,
                service.live.current(),
                photos,
                lambda done, total: steps("换模型", done, total),
            )
        left = sum(map(len, unmoved(database, report.model_key)))
    _tell(report, left)
    if report.stayed:
        raise typer.Exit(1)


def _without_a_model(settings: Settings, forget: str | None) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.database)) as database:
        database.migrate()
        if forget:
            models = stored_models(database)
            if forget not in models:
                raise InvalidRequestError(
                    f"没有图片属于模型 {forget}",
                    field="--forget",
                    remedy="用 tuqian reindex --status 查看各模型的 model_key。",
                )
            _say(f"已删除模型 {forget} 的 {forget_model(database, forget)} 张图片")
        table = Table("模型（model_key）", "图片", "别的模型有、它没有的")
        for key, count in stored_models(database).items():
            table.add_row(key, str(count), str(sum(map(len, unmoved(database, key)))))
    out.print(table)


def _tell(report: ReindexReport, left: int) -> None:
    """What was moved, what was not and why, and what to do next."""
    _say(f"模型 {report.model_key}：搬过来 {report.moved} 张，{len(report.stayed)} 张搬不过去")
    if report.stayed:
        table = Table("id", "source", "原因")
        for one in report.stayed[:SHOWN]:
            table.add_row("\n".join(one.ids), one.source, one.reason)
        out.print(table)
        for reason, count in reasons(report.stayed).most_common():
            _say(f"{count} 张：{reason}")
        _say("用 --images 给出放有这些原图的目录再运行一次，或者重新入库；已搬好的不会重做")
    elif left:
        _say(f"运行期间又有 {left} 张入库，再运行一次即可")
    else:
        _say("全部就绪：用这个模型启动服务即可；确认无误后用 --forget 删除旧模型的向量")


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)
