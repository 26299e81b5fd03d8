"""Any model of open_clip: its graph, its tokenizer, and the preprocessing that it states.

Imported only where the `clip` extra is installed.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import open_clip
from open_clip import factory, pretrained

from app.encoders.base import IntArray, TokenBatch
from app.encoders.dual import DualEncoder
from app.encoders.identity import file_digest, model_key
from app.encoders.preprocessing import Preprocessing
from app.encoders.runtimes.torch import TorchImageTower, TorchTextTower, choose_placement
from app.errors import ModelDownloadError, ModelError, ModelFileError, UnknownModelError

SCHEMES = ("hf-hub:", "local-dir:")
FITS: dict[str, Literal["crop", "squash"]] = {"shortest": "crop", "squash": "squash"}
INTERPOLATIONS: dict[str, Literal["bilinear", "bicubic"]] = {
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "random": "bicubic",  # a way to train; open_clip infers with bicubic then
}
STATED = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True)
class Reference:
    """What follows `open-clip:`: a model with a tag of published weights, or one with a scheme."""

    model: str
    tag: str = ""

    @property
    def scheme(self) -> str:
        """`hf-hub:` or `local-dir:` where the model brings its own weights, else empty."""
        return next((scheme for scheme in SCHEMES if self.model.startswith(scheme)), "")


class OpenClipTokenizer:
    """A tokenizer of open_clip, padded to the length that its model was trained with."""

    def __init__(self, tokenize: Any):
        self.tokenize = tokenize
        # Hugging Face's fast tokenizers raise `Already borrowed` when two threads share one.
        self._one_at_a_time = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Ids and mask `(n, context_length) int64`."""
        with self._one_at_a_time:
            ids: IntArray = np.asarray(self.tokenize(list(texts)).numpy(), dtype=np.int64)
        return TokenBatch(ids=ids, mask=(ids != 0).astype(np.int64))


def load_open_clip(
    text: str,
    *,
    models_dir: Path,
    checkpoint: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    compiled: bool = False,
) -> DualEncoder:
    """An encoder over `MODEL/TAG`, `hf-hub:org/name`, `local-dir:path`, or MODEL and a checkpoint.

    A checkpoint beside a tag replaces the tag's weights and keeps its preprocessing. Raises
    `UnknownModelError`, `ModelDownloadError` or `ModelFileError`.
    """
    reference = parse_reference(text, checkpoint)
    placement = choose_placement(device, precision, threads, compiled)
    cache = models_dir / "open_clip"
    weights = checkpoint or _fetch(reference, cache)
    if not weights.is_file():
        raise ModelFileError(f"权重文件 {weights} 不存在", field="checkpoint")
    model = _create(reference, weights, cache, placement.precision, str(placement.device))
    preprocessing = read_preprocessing(model.visual.preprocess_cfg)
    tokenizer = OpenClipTokenizer(_tokenizer_of(reference, cache))
    text_tower = TorchTextTower(model.encode_text, placement)
    name = f"open-clip:{text}"
    return DualEncoder(
        name=name,
        model_key=model_key(name, [file_digest(weights)], preprocessing),
        dim=text_tower(tokenizer(["图"])).shape[1],
        preprocessing=preprocessing,
        tokenizer=tokenizer,
        image_tower=TorchImageTower(model.encode_image, placement, preprocessing),
        text_tower=text_tower,
    )


def parse_reference(text: str, checkpoint: Path | None = None) -> Reference:
    """Raises `UnknownModelError` where open_clip has no such model, or no such tag for it."""
    if text.startswith(SCHEMES):
        return Reference(text)
    model, _, tag = text.partition("/")
    models = open_clip.list_models()
    if model not in models:
        near = difflib.get_close_matches(model, models, n=3)
        raise UnknownModelError(
            f"open_clip 没有名为 {model!r} 的模型",
            field="model",
            remedy=f"相近的有 {'、'.join(near)}" if near else "写法是 open-clip:模型/权重",
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag and not open_clip.get_pretrained_cfg(model, tag):
        raise UnknownModelError(
            f"open_clip 的 {model} 没有名为 {tag!r} 的权重",
            field="model",
            remedy=f"可用的权重：{'、'.join(tags) or '无，请用本地权重文件'}",
        )
    if not tag and checkpoint is None:
        raise UnknownModelError(
            f"open-clip:{model} 没有说明用哪份权重",
            field="model",
            remedy=f"请写成 open-clip:{model}/权重，或给出本地权重文件；权重有 {'、'.join(tags)}",
        )
    return Reference(model, tag)


def read_preprocessing(stated: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing an open_clip model states; a value not known here is an error."""
    size = stated["size"]
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) != 1:
        raise ModelFileError(f"open_clip 模型的输入尺寸 {size!r} 不是正方形，暂不支持")
    for key, known in (("resize_mode", FITS), ("interpolation", INTERPOLATIONS)):
        if stated[key] not in known:
            raise ModelFileError(f"open_clip 模型的预处理 {key} 是 {stated[key]!r}，暂不支持")
    return Preprocessing(
        size=sides.pop(),
        mean=_three(stated["mean"]),
        std=_three(stated["std"]),
        fit=FITS[stated["resize_mode"]],
        interpolation=INTERPOLATIONS[stated["interpolation"]],
    )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = values if isinstance(values, Sequence) else (values,) * 3
    return float(red), float(green), float(blue)


def _fetch(reference: Reference, cache: Path) -> Path:
    """The weights file, downloaded by open_clip unless it is in its cache."""
    if reference.scheme == "local-dir:":
        folder = Path(reference.model.removeprefix("local-dir:"))
        found = factory._find_checkpoint_in_dir(folder) if folder.is_dir() else None
        if found is None:
            raise ModelFileError(f"文件夹 {folder} 里没有 open_clip 的权重文件", field="model")
        return Path(found)
    try:
        if reference.scheme == "hf-hub:":
            repo = reference.model.removeprefix("hf-hub:")
            return Path(pretrained.download_pretrained_from_hf(repo, cache_dir=str(cache)))
        entry = open_clip.get_pretrained_cfg(reference.model, reference.tag)
        return Path(pretrained.download_pretrained(entry, cache_dir=str(cache)))
    except Exception as error:  # the hub's client has many kinds of failure, all meaning this
        raise _no_download(f"open-clip:{reference.model}/{reference.tag}", error) from error


def _create(reference: Reference, weights: Path, cache: Path, precision: str, device: str) -> Any:
    entry = open_clip.get_pretrained_cfg(reference.model, reference.tag) if reference.tag else {}
    try:
        model = open_clip.create_model(
            reference.model,
            pretrained=None if reference.scheme else str(weights),
            force_preprocess_cfg={key: entry[key] for key in STATED if key in entry},
            precision=precision,
            device=device,
            cache_dir=str(cache),
            require_pretrained=True,
            weights_only=True,
        )
    except Exception as error:  # open_clip raises whatever torch or the hub's client raised
        raise _unusable(reference, weights, error) from error
    return model.eval().requires_grad_(False)


def _tokenizer_of(reference: Reference, cache: Path) -> Any:
    try:
        return open_clip.get_tokenizer(reference.model, cache_dir=str(cache))
    except Exception as error:  # as above
        raise _no_download(f"open-clip:{reference.model} 的分词器", error) from error


def _unusable(reference: Reference, weights: Path, error: Exception) -> ModelError:
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        # The text tower of some models reads its configuration from the hub.
        return _no_download(f"open-clip:{reference.model} 的配置", error)
    return ModelFileError(
        f"权重文件 {weights} 不能用于 {reference.model}：{_first_line(error)}",
        field="checkpoint",
        remedy="请确认文件完整，并且是这个模型的权重；只接受张量，不执行文件里的代码",
    )


def _no_download(what: str, error: Exception) -> ModelDownloadError:
    return ModelDownloadError(
        f"无法下载 {what}：{_first_line(error)}",
        field="model",
        remedy=(
            "请检查网络（镜像可设环境变量 HF_ENDPOINT），或手动下载权重后用 checkpoint 指定本地文件"
        ),
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().split("\n")[0]
