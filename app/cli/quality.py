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
from app.errors import InvalidRequestError
from app.evaluation import Evaluated
from app.evaluation import evaluate as run_evaluation
from app.judged import evaluate_feedback
from app.main import assemble
from app.photos import find_photos
from app.settings import Settings, load_settings
from vocab.comparison import compare as compare_runs
from vocab.comparison_page import comparison_page, conclusion
from vocab.pairs_file import load_pairs, save_pairs
from vocab.quality_page import quality_page
from vocab.quality_pictures import comparison_picture, quality_pictures
from vocab.quality_report import Figure, QualityReport, as_json

BANK_SIZE = 5000
# Below it the statistics of a tag still move noticeably with the choice of photos.
FEW = 200
REPORT_SAMPLES = 300
COMPARISON_SAMPLES = 10_000
# Failed files shown before the rest is only counted.
SHOWN = 20

out = Console()
err = Console(stderr=True)

ModelOption = Annotated[str | None, typer.Option("--model", help="模型名称，见 tuqian models。")]


def evaluate(
    dataset: Annotated[
        Path | None,
        typer.Argument(help="带标签的图片：JSONL、CSV（file,tags,unsure），或按标签分目录。"),
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="报告写到这个目录。")] = None,
    from_feedback: Annotated[
        bool, typer.Option("--from-feedback", help="不用数据集，用已有的评判。")
    ] = False,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", help="比较之前与之后两份报告（目录或 report.json）。"),
    ] = None,
    resamples: Annotated[
        int | None,
        typer.Option(min=10, max=100_000, help="自助抽样的次数；默认评测 300，比较 10000。"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="自助抽样的随机种子。")] = 0,
    model: ModelOption = None,
) -> None:
    """评测当前词表与模型（用带标签的图片或已有的评判），或比较两份报告。"""
    if sum((dataset is not None, from_feedback, compare is not None)) != 1:
        raise InvalidRequestError(
            "DATASET、--from-feedback、--compare 三者要且只要给出一个",
            remedy="例如 tuqian evaluate labels.csv --report out。",
        )
    if compare is not None:
        _compare(*compare, report, resamples or COMPARISON_SAMPLES, seed)
        return
    if report is None:
        raise InvalidRequestError(
            "没有给出 --report", field="--report", remedy="例如 --report out。"
        )
    samples = resamples or REPORT_SAMPLES
    with _service(load_settings(model=model)) as service, show.Steps(err) as steps:
        if dataset is not None:
            found = run_evaluation(
                service.tagger, dataset, samples=samples, seed=seed, progress=steps
            )
        else:
            judgements = service.learning.judgements
            found = evaluate_feedback(service.tagger, judgements, samples=samples, seed=seed)
    _list_failed(found.report.subject.failed)
    unknown = found.report.subject.unknown
    if unknown:
        some = "、".join(list(unknown)[:SHOWN]) + ("……" if len(unknown) > SHOWN else "")
        _say(f"{len(unknown)} 个标签不在词表里，没有参与评测：{some}", err)
    _write(report, found)
    out.print(_summary(found.report))
    _say(f"报告：{report / 'report.html'}")


def _write(folder: Path, found: Evaluated) -> None:
    """The report as JSON, as a page and as pictures, and the pairs that a comparison needs."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "report.json", as_json(found.report))
    (folder / "report.html").write_text(quality_page(found.report), encoding="utf-8")
    for name, picture in quality_pictures(found.report).items():
        (folder / name).write_bytes(picture)
    save_pairs(folder / "pairs.npz", found.pairs)


def _compare(before: Path, after: Path, folder: Path | None, samples: int, seed: int) -> None:
    """Says what got better and worse, and writes it where a folder is given."""
    runs = [path.parent if path.suffix == ".json" else path for path in (before, after)]
    old, new = (load_pairs(run / "pairs.npz") for run in runs)
    found = compare_runs(old, new, samples=samples, seed=seed)
    out.print(show.comparison_table(found))
    _say(conclusion(found))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "comparison.json", as_json(found))
        shown = comparison_page(found, str(before), str(after))
        (folder / "comparison.html").write_text(shown, encoding="utf-8")
        (folder / "comparison.png").write_bytes(comparison_picture(found))
        _say(f"比较：{folder / 'comparison.html'}")


def _write_json(path: Path, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


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
    for share, cut in report.miss_cuts.items():
        said = "图片太少" if cut is None else f"{cut:.3f}"
        table.add_row(f"平均漏掉不超过 {float(share):.0%} 的 min_confidence", said, "")
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
