"""`tuqian run`: a whole collection of images to a file of tags."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app import console as show
from app.api.context import Service
from app.api.problems import row_of
from app.choice import Options
from app.cli.run_summary import show_summary
from app.errors import CollectionError
from app.intake.limits import Limits
from app.main import assemble, fetcher_of
from app.pipeline.checkpoint import Checkpoint, folder_of, forget, open_checkpoint
from app.pipeline.groups import open_groups
from app.pipeline.items import Listed, Sequential, in_order
from app.pipeline.results import Format, Made, format_of, write_result
from app.pipeline.run import Run
from app.pipeline.sources import is_remote, open_source
from app.pipeline.summary import Summary
from app.settings import Settings, load_settings
from app.snapshot import Snapshot

# Threads that decode spend most of their time waiting where images come over the network.
REMOTE_THREADS = 16

err = Console(stderr=True)

ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


@dataclass(frozen=True)
class Asked:
    """What a run is asked for beside where from and where to."""

    options: Options
    duplicates: bool
    index: bool
    limit: int | None
    batch: int


def run(
    source: Annotated[
        str,
        typer.Argument(
            help="目录、tar、zip、Parquet、每行一个路径或网址的文本，"
            "或任意文件系统上的通配地址（s3://桶/*.jpg）。"
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="结果文件，以 .parquet 或 .jsonl 结尾。")],
    form: Annotated[
        Format | None, typer.Option("--format", help="结果的格式；默认看文件名。")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Parquet 里图片字节、路径或网址所在的列。")
    ] = None,
    fetch_urls: Annotated[
        bool, typer.Option("--fetch-urls", help="下载列表里的 http(s) 网址；只连公网地址。")
    ] = False,
    precision: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="目标精确率；越高标签越少、越准。")
    ] = None,
    duplicates: Annotated[
        bool, typer.Option("--duplicates/--no-duplicates", help="找出集合里的近重复图片。")
    ] = True,
    index: Annotated[bool, typer.Option("--index", help="同时存入图片库。")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="只处理前几张。")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, max=4096, help="一批编码几张；默认看设置。")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="不接着上次的进度，从头开始，并覆盖已有的结果。")
    ] = False,
    model: ModelOption = None,
) -> None:
    """给整个图片集合打标，写成 Parquet 或 JSONL；中断后再次运行同一条命令，接着做。

    坏图记下原因，不影响其他图；一张都没读到时退出码为 1。
    """
    written_as = format_of(out, form)
    settings = _settings(source, fetch_urls, batch, model)
    fetch = fetcher_of(settings).fetch if fetch_urls else None
    limits = Limits(settings.max_image_bytes, settings.max_image_pixels)
    images = open_source(source, limits, column=column, fetch=fetch)
    folder = folder_of(out)
    if out.exists() and not folder.exists() and not restart:
        raise CollectionError(
            f"{out} 已经存在", field="RESULT", remedy="换一个文件名，或加上 --restart 覆盖它。"
        )
    asked = Asked(Options(precision_target=precision), duplicates, index, limit, settings.max_batch)
    with ExitStack() as stack:
        checkpoint = stack.enter_context(closing(open_checkpoint(folder, fresh=restart)))
        with show.Steps(err) as steps:
            service = assemble(settings, stack, steps)
        snapshot = service.live.current()
        before, since = checkpoint.done, time.monotonic()
        try:
            _go(images, checkpoint, service, snapshot, asked)
        except KeyboardInterrupt:
            err.print(f"已中断，{checkpoint.done} 张已保存；再次运行同一条命令，接着做。")
            raise typer.Exit(130) from None
        summary = Summary(before=before, seconds=time.monotonic() - since)
        made = Made(service.tagger.encoder.name, snapshot.model_key, snapshot.revision)
        write_result(out, written_as, made, summary.counting(checkpoint.rows()))
    forget(folder)
    show_summary(err, summary, images.skipped.files)
    err.print(f"结果：{out}", highlight=False, markup=False, soft_wrap=True)
    if not summary.read:
        raise typer.Exit(1)


def _go(
    images: Listed | Sequential,
    checkpoint: Checkpoint,
    service: Service,
    snapshot: Snapshot,
    asked: Asked,
) -> None:
    """Makes every row that is missing."""
    tagger = service.tagger
    checkpoint.begin(_facts(images, snapshot, asked))
    source = in_order(images, checkpoint)
    total, done = source.count(), checkpoint.done
    if total is not None and asked.limit is not None:
        total = min(total, asked.limit)
    with ExitStack() as stack:
        groups = None
        if asked.duplicates:
            groups = open_groups(checkpoint.folder, tagger.encoder, tagger.pool, done, stack)
        run = Run(
            tagger=tagger,
            snapshot=snapshot,
            source=source,
            checkpoint=checkpoint,
            code_of=lambda error: row_of(error).code,
            options=asked.options,
            groups=groups,
            library=service.collection if asked.index else None,
            chunk=asked.batch,
        )
        if done:
            err.print(f"· 接着上次的进度：已有 {done} 张", highlight=False)
        with show.Pace(err, "打标", done, total) as pace:
            asyncio.run(run.go(asked.limit, pace))


def _facts(images: Listed | Sequential, snapshot: Snapshot, asked: Asked) -> dict[str, object]:
    """What has to be the same for a run to go on."""
    return {
        "source": images.identity,
        "model_key": snapshot.model_key,
        "revision": snapshot.revision,
        "options": {
            "precision": asked.options.precision_target,
            "duplicates": asked.duplicates,
        },
    }


def _settings(source: str, fetch_urls: bool, batch: int | None, model: str | None) -> Settings:
    """The usual ones, without the limits of a request, and more threads for what is far away."""
    usual = load_settings(model=model, max_batch=batch)
    threads = usual.decode_threads
    if fetch_urls or is_remote(source):
        threads = max(usual.decoders, REMOTE_THREADS)
    return usual.for_a_command().model_copy(
        update={
            "max_queue": max(usual.max_queue, 2 * usual.max_batch),
            "decode_threads": threads,
        }
    )
