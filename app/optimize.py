"""Makes a faster form of a model: export, quantise, check against the original, install."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from app.encoders.base import FloatArray
from app.encoders.dual import DualEncoder
from app.encoders.folder import (
    DESCRIPTION_FILE,
    IMAGE_FILE,
    TEXT_FILE,
    TOKENIZER_FILE,
    FolderRuntime,
    load_folder,
)
from app.encoders.identity import file_digest
from app.encoders.optimized import PROBE_FILE, optimized_dir, probe_of
from app.errors import MissingExtraError, OptimizationRefusedError
from app.optimize_check import Check, Original
from vocab.tags import Tag

Precision = Literal["fp32", "bf16", "int8"]
Report = Callable[[str, int, int], None]

# bf16 is the arithmetic of OpenVINO over the fp32 graph: ONNX Runtime has none on a CPU.
METHODS: dict[Precision, tuple[str, ...]] = {
    "fp32": ("fp32",),
    "bf16": ("bf16",),
    "int8": ("static", "dynamic"),
}
# Not worth trying: OpenVINO runs scales that are found as they come slower than fp32.
SLOWER = {("dynamic", "openvino")}


@dataclass(frozen=True)
class Outcome:
    """What was made and where; `original_per_s` is torch in fp32, in the same run."""

    folder: Path
    precision: Precision
    checks: tuple[Check, ...]
    original_per_s: float
    calibrated_on: int
    checked_on: int


def optimize(
    encoder: DualEncoder,
    pixels: FloatArray,
    tags: Sequence[Tag],
    models_dir: Path,
    precision: Precision,
    report: Report,
) -> Outcome:
    """Makes the forms of a precision that there are and installs the fastest that passes.

    `pixels (n, 3, h, w)` are prepared real photos: every other one calibrates, the rest judge.
    Raises `MissingExtraError`, `ModelError` where the model cannot be exported, or
    `OptimizationRefusedError` where no form passes the bar: then nothing is installed.
    """
    runtimes = _runtimes(precision)
    target = optimized_dir(models_dir, encoder.name) / precision
    work = target.with_name(f".{precision}.making")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        report("用原模型编码", 0, 0)
        original = Original(encoder, pixels[::2], pixels[1::2], tags)
        _export(encoder, work / "fp32", report)
        checks: list[Check] = []
        for method in METHODS[precision]:
            report(f"制作 {method}", 0, 0)
            folder = _form(work, method, pixels[::2])
            _describe(folder, encoder, precision)
            for runtime in runtimes:
                if (method, runtime) in SLOWER:
                    continue
                report(f"核对 {method}（{runtime}）", 0, 0)
                form = load_folder(folder, device="cpu", runtime=runtime)
                checks.append(original.check(form, runtime, method))
        best = _best(checks)
        kept = [c for c in checks if c.method == best.method and c.passed]
        _record(work / best.method, encoder, kept)
        shutil.rmtree(target, ignore_errors=True)
        (work / best.method).rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    counts = len(pixels[::2]), len(pixels[1::2])
    return Outcome(target, precision, tuple(checks), original.images_per_s, *counts)


def _runtimes(precision: Precision) -> tuple[FolderRuntime, ...]:
    """Those installed that can run the precision; raises `MissingExtraError`."""
    has_openvino = importlib.util.find_spec("openvino") is not None
    missing = [name for name in ("onnx", "onnxscript") if not importlib.util.find_spec(name)]
    if precision == "bf16" and not has_openvino:
        missing.append("openvino")
    if missing:
        raise MissingExtraError(
            f"优化模型需要的软件包没有安装：{'、'.join(missing)}",
            remedy="请运行 make install-clip；openvino 用 pip install 'tuqian[openvino]' 安装",
        )
    if precision == "bf16":
        return ("openvino",)
    return ("onnx", "openvino") if has_openvino else ("onnx",)


def _export(encoder: DualEncoder, folder: Path, report: Report) -> None:
    from app.encoders.export import export_image, export_text, export_tokenizer

    folder.mkdir()
    report("导出图像塔", 0, 0)
    export_image(encoder, folder / IMAGE_FILE)
    report("导出文本塔", 0, 0)
    export_text(encoder, folder / TEXT_FILE)
    export_tokenizer(encoder, folder / TOKENIZER_FILE)


def _form(work: Path, method: str, pixels: FloatArray) -> Path:
    """A folder with the graphs of one method, made from those in `fp32`."""
    source, folder = work / "fp32", work / method
    if method == "fp32":
        return source
    if method == "bf16":
        shutil.copytree(source, folder)
        return folder
    from app.encoders.quantise import quantise_dynamic, quantise_static

    folder.mkdir()
    # Short texts differ too much in length for scales fixed beforehand.
    quantise_dynamic(source / TEXT_FILE, folder / TEXT_FILE)
    if method == "static":
        quantise_static(source / IMAGE_FILE, folder / IMAGE_FILE, pixels)
    else:
        quantise_dynamic(source / IMAGE_FILE, folder / IMAGE_FILE)
    if (source / TOKENIZER_FILE).exists():
        shutil.copy(source / TOKENIZER_FILE, folder)
    return folder


def _describe(folder: Path, encoder: DualEncoder, precision: Precision) -> None:
    """Writes `model.json`, so that the folder can be loaded."""
    stated = {
        "name": encoder.name,
        "key": encoder.model_key,
        "dim": encoder.dim,
        "max_tokens": _max_tokens(encoder),
        "precision": precision,
        "preprocessing": asdict(encoder.preprocessing),
        "files": {path.name: file_digest(path) for path in sorted(folder.iterdir())},
    }
    _write(folder, stated)


def _record(folder: Path, encoder: DualEncoder, checks: Sequence[Check]) -> None:
    """Adds what was measured, and what the form gives for pixels that every machine can make."""
    form = load_folder(folder, device="cpu", runtime=checks[0].runtime)
    np.save(folder / PROBE_FILE, form.encode_pixels(probe_of(encoder.preprocessing)))
    stated = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    stated["images_per_s"] = {check.runtime: round(check.images_per_s, 2) for check in checks}
    stated["checks"] = [asdict(check) for check in checks]
    stated["files"][PROBE_FILE] = file_digest(folder / PROBE_FILE)
    _write(folder, stated)


def _write(folder: Path, stated: dict[str, object]) -> None:
    text = json.dumps(stated, ensure_ascii=False, indent=2)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def _best(checks: Sequence[Check]) -> Check:
    passed = [check for check in checks if check.passed]
    if not passed:
        raise OptimizationRefusedError(
            "没有一种优化结果达到要求：" + "；".join(str(check) for check in checks)
        )
    return max(passed, key=lambda check: check.images_per_s)


def _max_tokens(encoder: DualEncoder) -> int:
    """The longest a text becomes: measured, with one that is far too long."""
    return int(encoder.tokenizer(["长 " * 1000]).ids.shape[1])
