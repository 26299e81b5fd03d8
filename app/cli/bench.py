"""`tuqian bench`: how fast this machine is, and with which settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app import console as show
from app.bench.advice import advise
from app.bench.end_to_end import CLIENTS, running, throughput
from app.bench.machine import machine, versions
from app.bench.parts import TAGS, decoding, encoding, searching
from app.bench.plot import write_plot
from app.bench.samples import Measured
from app.encoders.base import Encoder
from app.encoders.catalog import open_encoder
from app.errors import InvalidRequestError
from app.photos import find_photos
from app.scoring import SEED_PHOTOS
from app.settings import Settings, load_settings

PHOTOS = 48
CASES = {"encode": "编码", "decode": "解码", "search": "检索与校准", "end_to_end": "整个服务"}
# Enough to see the shape, in a minute.
QUICK_TAGS, QUICK_CLIENTS = TAGS[:2], CLIENTS[:3]

out = Console()
err = Console(stderr=True)

ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


def bench(
    output: Annotated[
        Path, typer.Option("--out", help="结果写到这个目录：bench.jsonl 与 bench.png。")
    ] = Path("bench-results"),
    images: Annotated[
        Path | None, typer.Option("--images", help="用来测量的图片目录；不给则用内置的 36 张。")
    ] = None,
    runtimes: Annotated[
        str, typer.Option("--runtimes", help="要比较的运行时，逗号分隔，第一个是参照。")
    ] = "auto",
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=600, help="每种客户端数测多少秒。")
    ] = 12.0,
    quick: Annotated[bool, typer.Option("--quick", help="少测几种规模，约一分钟。")] = False,
    model: ModelOption = None,
) -> None:
    """测量这台机器：编码、解码、检索、整个服务，并给出建议的设置。"""
    settings = load_settings(model=model)
    photos = [path.read_bytes() for path in find_photos([images or SEED_PHOTOS])[:PHOTOS]]
    if not photos:
        raise InvalidRequestError("没有找到图片", field="images")
    found: list[Measured] = []
    with show.Steps(err) as steps:
        for one in _measure(settings, photos, runtimes.split(","), seconds, quick):
            found.append(one)
            steps(f"测量 {CASES[one.case]}", 0, 0)
    out.print(_table(found))
    for name, value in advise(found).items():
        _say(f"建议 {name}={value}")
    _write(output, settings.model, found)
    _say(f"结果：{output / 'bench.jsonl'}，图：{output / 'bench.png'}")


def _measure(
    settings: Settings,
    photos: Sequence[bytes],
    runtimes: Sequence[str],
    seconds: float,
    quick: bool,
) -> Iterator[Measured]:
    with ExitStack() as stack:

        def opened(runtime: str) -> Encoder:
            encoder = open_encoder(
                settings.model,
                models_dir=settings.models_dir,
                device=settings.device,
                precision=settings.precision,
                threads=settings.threads,
                hub=settings.model_hub,
                checkpoint=settings.checkpoint,
                runtime=runtime,
            )
            stack.callback(encoder.close)
            return encoder

        encoder = None
        for line, used in encoding(runtimes, opened, photos):
            encoder = encoder or used
            yield line
        if encoder is None:
            return
        yield from decoding(encoder, photos)
        yield from searching(encoder.dim, QUICK_TAGS if quick else TAGS)
    chosen = {"TUQIAN_MODEL": settings.model, "TUQIAN_DATA_DIR": str(settings.data_dir.absolute())}
    with running(chosen) as (address, _):
        yield from throughput(address, photos, seconds, QUICK_CLIENTS if quick else CLIENTS)


def _table(found: Sequence[Measured]) -> Table:
    table = Table("项目", "参数", "中位数", "MAD", "次数", "备注")
    for one in found:
        given = " ".join(f"{name}={value}" for name, value in one.parameters.items())
        notes = {
            n: v
            for n, v in one.notes.items()
            if n == "cosine" or (n[0] == "p" and n.endswith("_ms"))
        }
        said = one.error or " ".join(f"{name}={value:.4g}" for name, value in notes.items())
        middle = f"{one.median:.4g} {one.unit}" if one.samples else "—"
        count = str(len(one.samples))
        table.add_row(CASES[one.case], given, middle, f"{one.spread:.2g}", count, said)
    return table


def _write(folder: Path, model: str, found: Sequence[Measured]) -> None:
    """Dated rows that stand by themselves, added to those of earlier runs; and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with (folder / "bench.jsonl").open("a", encoding="utf-8") as file:
        for one in found:
            row = {
                "date": date,
                "model": model,
                **asdict(one),
                "samples": None,
                "median": one.median if one.samples else None,
                "mad": one.spread if one.samples else None,
                "n": len(one.samples),
                "machine": machine(),
                "versions": versions(),
            }
            del row["samples"]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    write_plot(found, folder / "bench.png")


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)
