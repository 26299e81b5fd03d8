"""`tuqian images …` and `tuqian retag`: the stored images from the shell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app import console as show
from app.api.context import Service
from app.choice import Options
from app.intake.sources import PathSource
from app.main import assemble
from app.photos import find_photos
from app.recall import Name
from app.retag import retag as retag_images
from app.settings import load_settings
from app.tagger import Problem, Tagged
from index.groups import duplicate_groups
from index.images import Filters

PHOTOS_AT_ONCE = 16
ALIKE = {"exact": "完全相同", "near": "近重复", "similar": "相似"}

out = Console()
err = Console(stderr=True)
app = typer.Typer(help="图片库：入库、搜索、查重、删除。", no_args_is_help=True)

ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


@app.command()
def add(
    photos: Annotated[list[Path], typer.Argument(help="图片或目录；目录会包含其下所有图片。")],
    model: ModelOption = None,
) -> None:
    """图片入库并报告重复；id 是文件的 SHA-256。有图片失败时退出码为 1。"""
    found = find_photos(photos)
    if not found:
        err.print("没有找到图片", highlight=False)
        raise typer.Exit(2)
    table = Table("图片", "结果", "重复")
    with _service(model) as service, show.Steps(err) as steps:
        failed = asyncio.run(_add_all(service, found, table, steps))
    out.print(table)
    if failed:
        raise typer.Exit(1)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="中文描述。")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="最多几张。")] = 20,
    model: ModelOption = None,
) -> None:
    """以文搜图。"""
    with _service(model) as service:
        vector = service.tagger.encoder.encode_texts([text])[0]
        found = service.collection.search(vector, limit)
    table = Table("id", "来源", "相似度")
    for one in found:
        table.add_row(one.image.id, one.image.source, f"{one.similarity:.3f}")
    out.print(table)


@app.command()
def duplicates(model: ModelOption = None) -> None:
    """列出重复图片的分组与保留建议。"""
    table = Table("保留", "理由", "其余")
    after: int | None = 0
    with _service(model) as service:
        while after is not None:
            page = duplicate_groups(service.collection, after, 100)
            for group in page.groups:
                others = [one.id for one in group.members if one is not group.keeper]
                table.add_row(group.keeper.id, group.reason, "\n".join(others))
            after = page.next
    out.print(table)


@app.command()
def delete(
    image_ids: Annotated[list[str], typer.Argument(help="图片 id。")], model: ModelOption = None
) -> None:
    """从图片库删除。"""
    with _service(model) as service:
        for image_id in image_ids:
            service.collection.delete(image_id)
    err.print(f"已删除 {len(image_ids)} 张", highlight=False)


def retag(model: ModelOption = None) -> None:
    """用当前词表给库中全部图片重新打标，不重新编码。"""
    with _service(model) as service, show.Steps(err) as steps:
        report = retag_images(
            service.live.current(),
            service.collection,
            Filters(),
            lambda done, total: steps("重新打标", done, total),
        )
    table = Table("标签", "增加", "减少")
    for change in report.tags:
        table.add_row(change.name, str(change.gained), str(change.lost))
    out.print(table)
    err.print(
        f"词表版本 {report.revision}：{report.images} 张图片，{report.changed} 张有变化",
        highlight=False,
    )


@contextmanager
def _service(model: str | None) -> Iterator[Service]:
    """The parts of the service in this process, over the same data directory."""
    with ExitStack() as stack:
        with show.Steps(err) as steps:
            service = assemble(load_settings(model=model).for_a_command(), stack, steps)
        yield service


async def _add_all(service: Service, found: list[Path], table: Table, steps: show.Steps) -> int:
    """Fills the table; returns how many photos failed."""
    failed = 0
    for at in range(0, len(found), PHOTOS_AT_ONCE):
        paths = found[at : at + PHOTOS_AT_ONCE]
        names = [Name(source=str(path)) for path in paths]
        sources = [PathSource(path) for path in paths]
        answer = await service.tagger.tag(sources, Options(index=True), names)
        for path, result in zip(paths, answer.results, strict=True):
            failed += isinstance(result, Problem)
            table.add_row(str(path), *_cells(result))
        steps("入库", at + len(paths), len(found))
    return failed


def _cells(result: Tagged | Problem) -> tuple[str, str]:
    if isinstance(result, Problem):
        return f"失败：{result.error}", ""
    recalled = result.recalled
    if recalled is None or recalled.stored is None:
        return "", ""
    state = {"added": "已入库", "exists": "已在库中", "replaced": "已替换"}[recalled.stored.state]
    alike = [f"{ALIKE[hit.tier]} {hit.id[:16]}" for hit in recalled.duplicates]
    return state, "\n".join(alike)
