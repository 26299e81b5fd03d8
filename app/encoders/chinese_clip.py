"""Chinese-CLIP: cn_clip's own graph with published weights, read without running any code.

Imported only where the `clip` extra is installed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cn_clip.clip.model import CLIP, LayerNorm, VisualTransformer

from app.encoders.dual import DualEncoder
from app.encoders.identity import file_digest, model_key
from app.encoders.preprocessing import Preprocessing
from app.encoders.runtimes.torch import (
    Placement,
    TorchImageTower,
    TorchTextTower,
    choose_placement,
)
from app.encoders.vit_parts import encode_parts
from app.encoders.wordpiece import WordPieceTokenizer
from app.errors import ModelFileError

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
# These have statistics or sums that half precision cannot hold; cn_clip keeps them so as well.
KEPT_IN_FP32 = (LayerNorm, torch.nn.BatchNorm2d)


@dataclass(frozen=True)
class TextShape:
    """Size of a RoBERTa text tower."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class Shape:
    """Size of one published model; four `vision_layers` are a ResNet's, one a transformer's."""

    dim: int
    resolution: int
    vision_layers: int | tuple[int, int, int, int]
    vision_width: int
    text: TextShape
    patch: int | None = None
    head_width: int = 64


RBT3 = TextShape(width=768, layers=3, heads=12)
BASE = TextShape(width=768, layers=12, heads=12)
LARGE = TextShape(width=1024, layers=24, heads=16)

SHAPES = {
    "chinese-clip-rn50": Shape(1024, 224, (3, 4, 6, 3), 64, RBT3),
    "chinese-clip-vit-b-16": Shape(512, 224, 12, 768, BASE, patch=16),
    "chinese-clip-vit-l-14": Shape(768, 224, 24, 1024, BASE, patch=14),
    "chinese-clip-vit-l-14-336": Shape(768, 336, 24, 1024, BASE, patch=14),
    "chinese-clip-vit-h-14": Shape(1024, 224, 32, 1280, LARGE, patch=14, head_width=80),
}


def load_chinese_clip(
    name: str,
    path: Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    compiled: bool = False,
) -> DualEncoder:
    """An encoder over a `.pt` in the published format: `{"state_dict": {"module.…": tensor}}`.

    Raises `ModelFileError` where the file is missing, damaged, wants to run code, or holds the
    weights of another model.
    """
    shape = SHAPES[name]
    placement = choose_placement(device, precision, threads, compiled)
    model = load_model(name, path, placement)
    preprocessing = preprocessing_of(shape)
    return DualEncoder(
        name=name,
        model_key=model_key(name, [file_digest(path)], preprocessing),
        dim=shape.dim,
        preprocessing=preprocessing,
        tokenizer=WordPieceTokenizer(),
        image_tower=TorchImageTower(model.encode_image, placement, preprocessing),
        text_tower=TorchTextTower(model.encode_text, placement),
        part_tower=_part_tower(model, placement, preprocessing),
    )


def _part_tower(
    model: CLIP, placement: Placement, preprocessing: Preprocessing
) -> TorchImageTower | None:
    """What embeds the patches of an image; a ResNet has none. Never compiled: it is rarely used."""
    if not isinstance(model.visual, VisualTransformer):
        return None
    graph = partial(encode_parts, model.visual)
    return TorchImageTower(graph, replace(placement, compiled=False), preprocessing)


def preprocessing_of(shape: Shape) -> Preprocessing:
    """Straight to the square, nothing cut off: a Chinese-CLIP image keeps its edges."""
    return Preprocessing(
        size=shape.resolution, mean=MEAN, std=STD, fit="squash", interpolation="bicubic"
    )


def load_model(name: str, path: Path, placement: Placement) -> CLIP:
    """cn_clip's model with the weights of a file, in the placement's numbers, for inference."""
    state = read_checkpoint(path)
    model = empty_model(SHAPES[name], placement.dtype)
    expected = model.state_dict()
    _check_fit(name, path, state, expected)
    # Copied one by one: the file is mapped into memory and may be replaced later.
    weights = {
        key: tensor.to(device=placement.device, dtype=expected[key].dtype, copy=True)
        for key, tensor in state.items()
    }
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False)


def empty_model(shape: Shape, dtype: torch.dtype) -> CLIP:
    """The graph without memory behind its weights, which takes milliseconds at any size."""
    with torch.device("meta"):
        model = CLIP(
            embed_dim=shape.dim,
            image_resolution=shape.resolution,
            vision_layers=shape.vision_layers,
            vision_width=shape.vision_width,
            vision_patch_size=shape.patch,
            vision_head_width=shape.head_width,
            vocab_size=21128,
            text_attention_probs_dropout_prob=0.1,
            text_hidden_act="gelu",
            text_hidden_dropout_prob=0.1,
            text_hidden_size=shape.text.width,
            text_initializer_range=0.02,
            text_intermediate_size=4 * shape.text.width,
            text_max_position_embeddings=512,
            text_num_attention_heads=shape.text.heads,
            text_num_hidden_layers=shape.text.layers,
            text_type_vocab_size=2,
        )
    for module in model.modules():
        if not isinstance(module, KEPT_IN_FP32):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)
    return model


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Weights by name, without `module.` and without BERT's unused pooler.

    Raises `ModelFileError`; no code in the file is run.
    """
    if not path.is_file():
        raise ModelFileError(f"权重文件 {path} 不存在", field="checkpoint")
    try:
        # Mapped where the format allows it, so that a 4 GB file is not held twice.
        checkpoint = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except Exception as error:  # torch raises a dozen kinds for a file that is not what it expects
        raise _unreadable(path, error) from error
    state = checkpoint.get("state_dict") if isinstance(checkpoint, Mapping) else None
    if not isinstance(state, Mapping) or not _are_weights(state):
        raise ModelFileError(
            f"权重文件 {path} 里没有 state_dict，不是 Chinese-CLIP 发布的格式",
            field="checkpoint",
            remedy="请使用 cn_clip 发布或训练保存的 .pt 文件",
        )
    return {
        key.removeprefix("module."): tensor
        for key, tensor in state.items()
        if "bert.pooler" not in key
    }


def _are_weights(state: Mapping[Any, Any]) -> bool:
    return bool(state) and all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    )


def _unreadable(path: Path, error: Exception) -> ModelFileError:
    if "unsupported global" in str(error).lower():  # torch's words for a callable in a pickle
        return ModelFileError(
            f"权重文件 {path} 要求执行代码，已拒绝加载",
            field="checkpoint",
            remedy="只加载 state_dict 里全是张量的 .pt；来历不明的文件请删除",
        )
    return ModelFileError(
        f"权重文件 {path} 无法读取：文件损坏、没有下载完整，或不是 .pt 格式",
        field="checkpoint",
        remedy="请删除它后重新下载",
    )


def _check_fit(
    name: str,
    path: Path,
    state: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
) -> None:
    reason = _misfit(state, expected)
    if not reason:
        return
    other = next((n for n in SHAPES if n != name and not _misfit(state, _weights_of(n))), None)
    hint = f"；它看起来是 {other} 的权重" if other else ""
    raise ModelFileError(
        f"权重文件 {path} 与 {name} 的结构不符：{reason}{hint}",
        field="checkpoint",
        remedy=f"请改用模型名 {other}" if other else f"请换成 {name} 的权重文件",
    )


def _weights_of(name: str) -> Mapping[str, torch.Tensor]:
    weights: Mapping[str, torch.Tensor] = empty_model(SHAPES[name], torch.float32).state_dict()
    return weights


def _misfit(state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> str:
    """What is wrong with the weights, in a few words; empty where they fit."""
    missing = sorted(set(expected) - set(state))
    if missing:
        return f"缺少 {len(missing)} 项（{'、'.join(missing[:3])}）"
    unknown = sorted(set(state) - set(expected))
    if unknown:
        return f"多出 {len(unknown)} 项（{'、'.join(unknown[:3])}）"
    for key, tensor in state.items():
        if tensor.shape != expected[key].shape:
            return f"{key} 的形状是 {tuple(tensor.shape)}，应为 {tuple(expected[key].shape)}"
    return ""
