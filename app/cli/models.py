"""`tuqian models` and `tuqian models optimize`: which models there are, and making one fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app import console as show
from app.encoders.catalog import CATALOG, open_encoder
from app.encoders.dual import DualEncoder
from app.errors import SettingsError
from app.intake.decode import decode
from app.intake.limits import Limits
from app.optimize import METHODS, Outcome, Precision, optimize
from app.photos import find_photos
from app.scoring import SEED_PHOTOS
from app.settings import Settings, load_settings
from vocab.starter import starter_tags
from vocab.tags import Tag

# Enough to see decisions change, few enough for a text tower on a CPU.
JUDGED_TAGS = 200
MOST_PHOTOS = 128
FEWEST_PHOTOS = 4
METHOD_NAMES = {"static": "静态", "dynamic": "动态"}

out = Console()
err = Console(stderr=True)
app = typer.Typer(help="列出可用的模型；optimize 让模型更快。", invoke_without_command=True)


@app.callback()
def models(context: typer.Context) -> None:
    """列出可用的模型。"""
    if context.invoked_subcommand is None:
        out.print(show.model_table(CATALOG, load_settings().model))


@app.command("optimize")
def optimize_model(
    name: Annotated[str, typer.Argument(help="模型名称，见 tuqian models。")],
    precision: Annotated[
        str, typer.Option("--precision", help="int8、bf16（需要 openvino）或 fp32。")
    ] = "int8",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="本地权重文件；不给则用下载的。")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="有代表性的图片目录，用来校准与核对；不给则用内置的 36 张。"),
    ] = None,
) -> None:
    """导出并量化模型，与原模型核对后安装，偏差过大则不装；装好后基础环境（没有 torch）也能运行。"""
    if precision not in METHODS:
        raise SettingsError(
            f"不认识的精度 {precision!r}",
            field="precision",
            remedy=f"可用的有 {'、'.join(METHODS)}",
        )
    settings = load_settings(checkpoint=checkpoint)
    photos = find_photos([images or SEED_PHOTOS])[:MOST_PHOTOS]
    if len(photos) < FEWEST_PHOTOS:
        raise SettingsError(
            f"只找到 {len(photos)} 张图片，至少要 {FEWEST_PHOTOS} 张", field="images"
        )
    with show.Steps(err) as steps:
        steps(f"加载模型 {name}", 0, 0)
        encoder = _original(name, settings)
        pixels = _pixels(encoder, photos, settings)
        chosen: Precision = precision  # one of them, as checked above
        outcome = optimize(encoder, pixels, _tags(), settings.models_dir, chosen, steps)
    out.print(_table(outcome))
    _say(
        f"校准用了 {outcome.calibrated_on} 张图片，核对用了另外 {outcome.checked_on} 张；"
        f"余弦为平均/最小，标签一致为两者给出的标签里相同的比例"
    )
    _say(f"已安装到 {outcome.folder}；TUQIAN_RUNTIME=auto 时下次启动即使用")


def _original(name: str, settings: Settings) -> DualEncoder:
    """The model in fp32 on the CPU, run by torch: what every form is compared with."""
    encoder = open_encoder(
        name,
        models_dir=settings.models_dir,
        device="cpu",
        precision="fp32",
        threads=settings.threads,
        hub=settings.model_hub,
        checkpoint=settings.checkpoint,
        runtime="auto" if name == "builtin" else "torch",
    )
    if name == "builtin" or not isinstance(encoder, DualEncoder):
        raise SettingsError("内置模型已经是优化过的 ONNX，不需要再优化", field="name")
    return encoder


def _pixels(
    encoder: DualEncoder, photos: Sequence[Path], settings: Settings
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """`(n, 3, h, w) float32`: the photos as the model takes them."""
    limits = Limits(
        max_image_bytes=settings.max_image_bytes, max_image_pixels=settings.max_image_pixels
    )
    images: list[Image.Image] = [decode(path.read_bytes(), limits).image for path in photos]
    return np.stack([encoder.prepare(image) for image in images])


def _tags() -> list[Tag]:
    """Some of the tags that ship with the project, from all its categories."""
    shipped = starter_tags()
    return [Tag(d.name, d.name) for d in shipped[:: max(1, len(shipped) // JUDGED_TAGS)]]


def _table(outcome: Outcome) -> Table:
    # As narrow as it can be: in eighty columns no cosine may be cut short.
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("形式", "张/秒", "倍数", "图像余弦", "文本余弦", "标签一致", "结果"):
        table.add_column(heading, no_wrap=True)
    table.add_row("fp32 torch", f"{outcome.original_per_s:.1f}", "1.00")
    for check in outcome.checks:
        table.add_row(
            f"{METHOD_NAMES.get(check.method, check.method)} {check.runtime}",
            f"{check.images_per_s:.1f}",
            f"{check.images_per_s / outcome.original_per_s:.2f}",
            f"{check.image_mean:.4f}/{check.image_min:.4f}",
            f"{check.text_mean:.4f}/{check.text_min:.4f}",
            f"{check.decisions.agreement:.1%}",
            "通过" if check.passed else "不通过",
        )
    return table


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)
