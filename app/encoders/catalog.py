"""The models that can be asked for by name, as rows of data, and how a name becomes an encoder."""

from __future__ import annotations

import difflib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.encoders.base import Encoder
from app.encoders.builtin import load_builtin
from app.encoders.download import Download, Progress, fetch_weights
from app.encoders.folder import FolderRuntime
from app.encoders.hubs import HubFile, hub_named
from app.encoders.optimized import choices_of, open_optimized
from app.encoders.runtimes.providers import NVIDIA_DEVICE
from app.errors import MissingExtraError, SettingsError, UnknownModelError

Kind = Literal["builtin", "chinese-clip", "open-clip"]

OPEN_CLIP = "open-clip:"
# Every package that a kind imports; all of them come with the extra `clip`.
PACKAGES: dict[Kind, tuple[str, ...]] = {
    "builtin": (),
    "chinese-clip": ("torch", "torchvision", "cn_clip"),
    "open-clip": ("torch", "torchvision", "open_clip"),
}


@dataclass(frozen=True)
class Model:
    """One row: what a model is, under which licence, where its weights come from, what it needs.

    `dim` and `input_size` are zero where they depend on the weights. `extra` is empty where the
    base install is enough, `weights` absent where nothing is downloaded by this project.
    """

    name: str
    kind: Kind
    description: str
    licence: str
    dim: int = 0
    input_size: int = 0
    extra: str = ""
    weights: HubFile | None = None


def _chinese_clip(
    size: str,
    description: str,
    *,
    dim: int,
    input_size: int,
    repo: str,
    licence: str = "权重的许可以模型页为准",
    sha256: str = "",
    size_bytes: int = 0,
) -> Model:
    return Model(
        name=f"chinese-clip-{size}",
        kind="chinese-clip",
        description=description,
        licence=f"代码 MIT（OFA-Sys/Chinese-CLIP）；{licence}",
        dim=dim,
        input_size=input_size,
        extra="clip",
        weights=HubFile(
            name=f"clip_cn_{size}.pt",
            modelscope_repo=f"AI-ModelScope/{repo}",
            huggingface_repo=f"OFA-Sys/{repo}",
            sha256=sha256,
            size_bytes=size_bytes,
        ),
    )


# Repositories and file names are those of cn_clip 1.6.0 (`cn_clip/clip/utils.py`).
CATALOG: tuple[Model, ...] = (
    Model(
        name="builtin",
        kind="builtin",
        description="内置小模型：随项目提供，离线可用，无需 GPU；精度低于 Chinese-CLIP",
        licence="见 docs/model-card-builtin.md",
    ),
    _chinese_clip(
        "rn50",
        "Chinese-CLIP RN50 + RBT3，7700 万参数，最小最快",
        dim=1024,
        input_size=224,
        repo="chinese-clip-rn50",
        licence="权重 Apache-2.0（模型页）",
        sha256="b196ee3ee528b70be1158ab1aafb1d2f1c801ad2d9ffb3bae31b0d305f82fc88",
        size_bytes=308_316_425,
    ),
    _chinese_clip(
        "vit-b-16",
        "Chinese-CLIP ViT-B/16 + RoBERTa-base，1.88 亿参数，推荐的起点",
        dim=512,
        input_size=224,
        repo="chinese-clip-vit-base-patch16",
    ),
    _chinese_clip(
        "vit-l-14",
        "Chinese-CLIP ViT-L/14 + RoBERTa-base，4.06 亿参数，建议用 GPU",
        dim=768,
        input_size=224,
        repo="chinese-clip-vit-large-patch14",
    ),
    _chinese_clip(
        "vit-l-14-336",
        "Chinese-CLIP ViT-L/14（336 像素）+ RoBERTa-base，4.07 亿参数，建议用 GPU",
        dim=768,
        input_size=336,
        repo="chinese-clip-vit-large-patch14-336px",
    ),
    _chinese_clip(
        "vit-h-14",
        "Chinese-CLIP ViT-H/14 + RoBERTa-large，9.58 亿参数，最准，需要 GPU",
        dim=1024,
        input_size=224,
        repo="chinese-clip-vit-huge-patch14",
    ),
)


def find_model(name: str) -> Model:
    """The row of a name; `open-clip:MODEL/TAG` has one made for it.

    Raises `UnknownModelError` that lists the names there are.
    """
    if name.startswith(OPEN_CLIP) and name != OPEN_CLIP:
        return Model(
            name=name,
            kind="open-clip",
            description=f"open_clip 模型 {name.removeprefix(OPEN_CLIP)}",
            licence="见 open_clip 与该权重的模型页",
            extra="clip",
        )
    for model in CATALOG:
        if model.name == name:
            return model
    names = [model.name for model in CATALOG]
    near = difflib.get_close_matches(name, names, n=1)
    guess = f"是不是 {near[0]}？" if near else ""
    raise UnknownModelError(
        f"没有名为 {name!r} 的模型。{guess}",
        field="model",
        remedy=f"可用的模型：{'、'.join(names)}，以及 {OPEN_CLIP}模型/权重",
    )


def missing_packages(model: Model) -> tuple[str, ...]:
    """The packages of its extra that are not installed; nothing is imported to find out."""
    return tuple(name for name in PACKAGES[model.kind] if not importlib.util.find_spec(name))


def weights_path(model: Model, models_dir: Path) -> Path | None:
    """Where the weights of a model lie, or will; `None` where the project downloads none."""
    return models_dir / model.weights.name if model.weights else None


def open_encoder(
    name: str,
    *,
    models_dir: Path,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    hub: str = "modelscope",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    runtime: str = "auto",
) -> Encoder:
    """The encoder of a name, with its weights downloaded to `models_dir` where they are not there.

    `checkpoint` is a local weights file, in place of the published one. `runtime` is `auto`,
    `onnx`, `openvino`, `torch` or `torch-compile`; `auto` takes the fastest form that
    `tuqian models optimize` installed, else torch. Raises `UnknownModelError`,
    `MissingExtraError`, `ModelDownloadError`, `ModelFileError`, or `SettingsError` for a device,
    precision, runtime or hub that is none or is not there.
    """
    model = find_model(name)
    if model.kind == "builtin":
        if checkpoint is not None:
            raise SettingsError(
                "内置模型不接受本地权重文件",
                field="checkpoint",
                remedy="请去掉权重文件，或换用 chinese-clip-… 模型",
            )
        return load_builtin(device=device, threads=threads, runtime=_of_folder(runtime))
    fast = _optimized(model, models_dir, checkpoint, device, precision, threads, runtime)
    if fast is not None:
        return fast
    _require_extra(model)
    compiled = runtime == "torch-compile"
    if model.kind == "open-clip":
        from app.encoders.open_clip import load_open_clip

        return load_open_clip(
            name.removeprefix(OPEN_CLIP),
            models_dir=models_dir,
            checkpoint=checkpoint,
            device=device,
            precision=precision,
            threads=threads,
            compiled=compiled,
        )
    from app.encoders.chinese_clip import load_chinese_clip

    path = checkpoint or _download(model, models_dir, hub, progress)
    return load_chinese_clip(
        name, path, device=device, precision=precision, threads=threads, compiled=compiled
    )


def _of_folder(runtime: str) -> FolderRuntime:
    """The runtime of a model that consists of ONNX graphs."""
    if runtime not in ("auto", "onnx", "openvino"):
        raise SettingsError(
            f"内置模型不能用 {runtime} 运行", field="runtime", remedy="请用 auto、onnx 或 openvino"
        )
    return "openvino" if runtime == "openvino" else "onnx"


def _optimized(
    model: Model,
    models_dir: Path,
    checkpoint: Path | None,
    device: str,
    precision: str,
    threads: int,
    runtime: str,
) -> Encoder | None:
    """The fastest form made by `tuqian models optimize`; `None` where torch should run the model.

    Raises `SettingsError` where the operator asked for a form that is not there.
    """
    on_gpu = device.startswith("cuda") or (device == "auto" and NVIDIA_DEVICE.exists())
    # Half precision on a GPU is faster than any form on a CPU.
    torch_is_better = runtime == "auto" and on_gpu and not missing_packages(model)
    if runtime in ("torch", "torch-compile") or torch_is_better:
        return None
    weights = checkpoint or weights_path(model, models_dir)
    choices = choices_of(
        models_dir, model.name, weights=weights, runtime=runtime, precision=precision
    )
    explicit = runtime != "auto"
    found = open_optimized(model.name, choices, device=device, threads=threads, explicit=explicit)
    if found is None and (explicit or precision == "int8"):
        raise SettingsError(
            f"{model.name} 没有可以用 {runtime}（精度 {precision}）运行的优化结果",
            field="runtime",
            remedy=f"请先运行 tuqian models optimize {model.name}",
        )
    return found


def _download(model: Model, models_dir: Path, hub: str, progress: Progress | None) -> Path:
    target = weights_path(model, models_dir)
    if model.weights is None or target is None:
        raise UnknownModelError(f"目录里没有写明 {model.name} 的权重在哪里", field="model")
    return fetch_weights(Download(hub_named(hub), model.weights, target, progress))


def _require_extra(model: Model) -> None:
    missing = missing_packages(model)
    if missing:
        raise MissingExtraError(
            f"模型 {model.name} 需要附加包 {model.extra}，这里没有安装 {'、'.join(missing)}",
            field="model",
            remedy=f"请运行 make install-clip（或 pip install 'tuqian[{model.extra}]'）",
        )
