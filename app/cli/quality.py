"""`tuqian calibrate`: what the tags are measured with, from the shell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app import console as show
from app.api.context import Service
from app.background_fill import fill_background
from app.main import assemble
from app.photo_vectors import FailedPhoto
from app.photos import find_photos
from app.settings import Settings, load_settings

BANK_SIZE = 5000
# Below it the statistics of a tag still move noticeably with the choice of photos.
FEW = 200
# Failed files shown before the rest is only counted.
SHOWN = 20

out = Console()
err = Console(stderr=True)

ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


def calibrate(
    images: Annotated[Path, typer.Option("--images", help="放有代表性图片的目录。")],
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多取多少张。")] = BANK_SIZE,
    seed: Annotated[int, typer.Option(help="抽样的随机种子；相同则抽到相同的图片。")] = 0,
    model: ModelOption = None,
) -> None:
    """用自己的图片建立当前模型的背景库，取代原来的；运行中的服务重启后生效。"""
    photos = find_photos([images])
    settings = load_settings(model=model)
    with _service(settings) as service, show.Steps(err) as steps:
        filled = asyncio.run(
            fill_background(
                service.tagger,
                settings.data_dir,
                photos,
                limit=limit,
                seed=seed,
                progress=lambda done, total: steps("编码背景图片", done, total),
            )
        )
    _list_failed(filled.failed)
    was = "自己的" if filled.replaced else "随模型附带的"
    copies = f"，另有 {filled.copies} 张是重复文件，只算一次" if filled.copies else ""
    _say(f"背景库：原来 {filled.before} 张（{was}），现在 {filled.after} 张{copies}")
    _say(f"已写入 {filled.path}；要恢复随模型附带的背景库，删除这个文件即可")
    if filled.after < FEW:
        _say(f"少于 {FEW} 张，各标签的统计还不稳定，建议多给一些图片")
    _say("正在运行的服务要重启后才会使用新的背景库")


@contextmanager
def _service(settings: Settings) -> Iterator[Service]:
    """The parts of the service in this process, over the same data directory."""
    with ExitStack() as stack:
        with show.Steps(err) as steps:
            service = assemble(settings, stack, steps)
        yield service


def _list_failed(failed: Sequence[FailedPhoto]) -> None:
    if not failed:
        return
    _say(f"{len(failed)} 张图片无法使用，已跳过：", err)
    for one in failed[:SHOWN]:
        _say(f"  {one.path}：{one.error}", err)
    if len(failed) > SHOWN:
        _say(f"  ……以及另外 {len(failed) - SHOWN} 张", err)


def _say(sentence: str, console: Console = out) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)
