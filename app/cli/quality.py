"""`tuqian evaluate` and `tuqian calibrate`: how good the tags are, and measured with what."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app import console as show
from app.api.context import Service
from app.background_fill import fill_background
from app.evaluation import evaluate as run_evaluation
from app.main import assemble
from app.photos import find_photos
from app.settings import Settings, load_settings
from vocab.quality_page import quality_page
from vocab.quality_report import Figure, QualityReport, as_json

BANK_SIZE = 5000
# Below it the statistics of a tag still move noticeably with the choice of photos.
FEW = 200
# Failed files shown before the rest is only counted.
SHOWN = 20

out = Console()
err = Console(stderr=True)

ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


def evaluate(
    dataset: Annotated[
        Path, typer.Argument(help="带标签的图片：JSONL、CSV（file,tags,unsure），或按标签分目录。")
    ],
    report: Annotated[Path, typer.Option("--report", help="报告写到这个目录。")],
    resamples: Annotated[
        int, typer.Option(min=10, max=10_000, help="自助抽样的次数，用来算 95% 区间。")
    ] = 300,
    seed: Annotated[int, typer.Option(min=0, help="自助抽样的随机种子。")] = 0,
    model: ModelOption = None,
) -> None:
    """用带标签的图片评测当前词表与模型，写出 report.json 与 report.html。"""
    with _service(load_settings(model=model)) as service, show.Steps(err) as steps:
        found = run_evaluation(
            service.tagger, dataset, samples=resamples, seed=seed, progress=steps
        )
    _list_failed(found.subject.failed)
    unknown = found.subject.unknown
    if unknown:
        some = "、".join(list(unknown)[:SHOWN]) + ("……" if len(unknown) > SHOWN else "")
        _say(f"{len(unknown)} 个标签不在词表里，没有参与评测：{some}", err)
    report.mkdir(parents=True, exist_ok=True)
    text = json.dumps(as_json(found), ensure_ascii=False, indent=2)
    (report / "report.json").write_text(text + "\n", encoding="utf-8")
    (report / "report.html").write_text(quality_page(found), encoding="utf-8")
    out.print(_summary(found))
    _say(f"报告：{report / 'report.html'}")


def calibrate(
    images: Annotated[Path, typer.Option("--images", help="放有代表性图片的目录。")],
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="最多取多少张。")] = BANK_SIZE,
    seed: Annotated[int, typer.Option(min=0, help="抽样的随机种子；相同则抽到相同的图片。")] = 0,
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
    _list_failed({str(one.path): str(one.error) for one in filled.failed})
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


def _summary(report: QualityReport) -> Table:
    """The figures a reader looks for first."""
    table = Table("指标", "数值", "95% 区间")
    rows = {
        "mAP": report.mean_ap,
        "F1（macro，自动阈值）": report.automatic.macro_f1,
        "F1（macro，最优阈值）": report.oracle.macro_f1,
        "精确率（micro，实际给出）": report.served.micro_precision,
        "召回率（micro，实际给出）": report.served.micro_recall,
        "ECE": report.ece,
        "每张图的标签数": report.coverage.mean,
        "没有标签的图片": report.coverage.none,
    }
    for name, figure in rows.items():
        table.add_row(name, *_cells(figure))
    return table


def _cells(figure: Figure) -> tuple[str, str]:
    if math.isnan(figure.value):
        return "—", ""
    return f"{figure.value:.3f}", f"{figure.low:.3f}–{figure.high:.3f}"


def _list_failed(failed: Mapping[str, str]) -> None:
    """Files that were passed over, by name, with the reason of each."""
    if not failed:
        return
    _say(f"{len(failed)} 张图片无法使用，已跳过：", err)
    for name, why in list(failed.items())[:SHOWN]:
        _say(f"  {name}：{why}", err)
    if len(failed) > SHOWN:
        _say(f"  ……以及另外 {len(failed) - SHOWN} 张", err)


def _say(sentence: str, console: Console = out) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)
