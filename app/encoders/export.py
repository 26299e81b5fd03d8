"""A model of torch as ONNX graphs, with batches of any size.

Imported only where the `clip` extra is installed.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.encoders.dual import DualEncoder
from app.encoders.json_tokenizer import JsonTokenizer
from app.encoders.runtimes.torch import TorchImageTower, TorchTextTower
from app.encoders.wordpiece import WordPieceTokenizer
from app.errors import ModelError

OPSET = 18
LARGE_BYTES = 1_500_000_000
# Not "embedding": that is what the exporter calls a value inside the text graph.
OUTPUT = "vector"
# Two rows: of one, the exporter would think it were always one.
SAMPLE_ROWS = 2
SAMPLE_TEXTS = ("图", "一张照片")
TOKENIZED = ("图", "一只 柯基犬，在草地上奔跑", "A Photo of 3 cats!", "长" * 300, "")


class _Graph(torch.nn.Module):  # type: ignore[misc]
    """One of a model's methods as a module of its own, so that it can be exported."""

    def __init__(self, method: Callable[[torch.Tensor], torch.Tensor]):
        super().__init__()
        self.model = getattr(method, "__self__", None)
        self._method = method

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self._method(batch)


def export_image(encoder: DualEncoder, path: Path) -> None:
    """Writes the image graph: input `pixels (n, 3, size, size) float32`, output `(n, d)`.

    Raises `ModelError` for an encoder that is not run by torch, or that cannot be exported.
    """
    tower = encoder.image_tower
    if not isinstance(tower, TorchImageTower):
        raise ModelError("只有由 torch 运行的模型可以导出")
    size = encoder.preprocessing.size
    pixels = torch.zeros(SAMPLE_ROWS, 3, size, size)
    _export(_Graph(tower.graph).eval(), pixels, path, "pixels", {0: torch.export.Dim("n", min=1)})


def export_text(encoder: DualEncoder, path: Path) -> None:
    """Writes the text graph: input `ids (n, length) int64`, output `(n, d)`.

    The length is free where the tokenizer pads to the longest text, else the model's own. Raises
    as `export_image` does.
    """
    tower = encoder.text_tower
    if not isinstance(tower, TorchTextTower):
        raise ModelError("只有由 torch 运行的模型可以导出")
    ids = torch.from_numpy(encoder.tokenizer(SAMPLE_TEXTS).ids)
    free = {0: torch.export.Dim("n", min=1)}
    if isinstance(encoder.tokenizer, WordPieceTokenizer):
        free[1] = torch.export.Dim("length", min=2, max=512)
    _export(_Graph(tower.graph).eval(), ids, path, "ids", free)


def export_tokenizer(encoder: DualEncoder, path: Path) -> None:
    """Writes the `tokenizer.json` of a tokenizer that is not the built-in one.

    Raises `ModelError` where it has none, or where it would give other ids.
    """
    if isinstance(encoder.tokenizer, WordPieceTokenizer):
        return
    inside = getattr(getattr(encoder.tokenizer, "tokenize", None), "tokenizer", None)
    backend = getattr(inside, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(
            f"{encoder.name} 的分词器不能脱离 open_clip 使用",
            remedy="只有用 Hugging Face 快速分词器的 open_clip 模型可以优化；此模型请继续用 torch",
        )
    backend.save(str(path))
    expected = encoder.tokenizer(TOKENIZED).ids
    if not np.array_equal(JsonTokenizer(path, expected.shape[1])(TOKENIZED).ids, expected):
        raise ModelError(
            f"{encoder.name} 的分词器导出后结果不同", remedy="此模型请继续用 torch 运行"
        )


def _is_large(graph: torch.nn.Module) -> bool:
    """Whether the weights come near the two gigabytes that one protobuf file can hold."""
    return bool(sum(p.numel() * p.element_size() for p in graph.parameters()) > LARGE_BYTES)


def _export(
    graph: torch.nn.Module,
    sample: torch.Tensor,
    path: Path,
    name: str,
    free: dict[int, Any],
) -> None:
    chatter = logging.getLogger("torch.onnx")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                (sample,),
                str(path),
                input_names=[name],
                output_names=[OUTPUT],
                dynamic_shapes=({dim: free[dim] for dim in free},),
                opset_version=OPSET,
                dynamo=True,
                external_data=_is_large(graph),
                verbose=False,
            )
    except Exception as error:  # the exporter raises a dozen kinds, all meaning this
        reason = str(error).strip().splitlines()
        raise ModelError(f"模型无法导出为 ONNX：{reason[0] if reason else error!r}") from error
    finally:
        chatter.setLevel(level)
