"""Towers run by torch, eagerly. Imported only where the `clip` extra is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from app.encoders.base import FloatArray, TokenBatch
from app.errors import EncoderError, SettingsError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """Where a graph runs and in which numbers."""

    device: torch.device
    dtype: torch.dtype
    precision: str


def choose_placement(device: str, precision: str, threads: int = 0) -> Placement:
    """`auto` takes the first GPU in fp16 where there is one, else the CPU in fp32.

    `threads` above 0 sets torch's number for this process. Raises `SettingsError` for a device
    that this machine lacks or a precision that is none.
    """
    if precision not in ("auto", *PRECISIONS):
        raise SettingsError(
            f"精度 {precision!r} 不认识", field="precision", remedy="请用 auto、fp32、bf16 或 fp16"
        )
    if threads > 0:
        torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
    place = _existing(device)
    if precision == "auto":
        precision = "fp16" if place.type == "cuda" else "fp32"
    return Placement(place, PRECISIONS[precision], precision)


def _existing(device: str) -> torch.device:
    try:
        # Where the tensor lands names the card too: `cuda` becomes `cuda:0`.
        return torch.empty(1, device=torch.device(device)).device
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise SettingsError(
            f"设备 {device!r} 不能用：{reason}",
            field="device",
            remedy="请用 auto、cpu，或本机有的 cuda:0",
        ) from error


class TorchImageTower:
    """An image graph: a function of pixels `(n, 3, h, w)` in the placement's numbers."""

    def __init__(self, encode: Callable[[torch.Tensor], torch.Tensor], placement: Placement):
        self._encode: Callable[[torch.Tensor], torch.Tensor] | None = encode
        self._placement = placement
        self.device = str(placement.device)

    def __call__(self, pixels: FloatArray) -> FloatArray:
        """`(n, 3, h, w) float32` to `(n, d) float32`."""
        batch = torch.tensor(pixels, device=self._placement.device, dtype=self._placement.dtype)
        return _run(self._encode, batch)

    def close(self) -> None:
        """Lets go of the weights."""
        self._encode = None


class TorchTextTower:
    """A text graph: a function of ids `(n, length)`, which finds the padding in them itself."""

    def __init__(self, encode: Callable[[torch.Tensor], torch.Tensor], placement: Placement):
        self._encode: Callable[[torch.Tensor], torch.Tensor] | None = encode
        self._placement = placement
        self.device = str(placement.device)

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        return _run(self._encode, torch.tensor(tokens.ids, device=self._placement.device))

    def close(self) -> None:
        """Lets go of the weights."""
        self._encode = None


def _run(encode: Callable[[torch.Tensor], torch.Tensor] | None, batch: torch.Tensor) -> FloatArray:
    if encode is None:
        raise EncoderError("模型已经关闭")
    try:
        with torch.inference_mode():
            return np.asarray(encode(batch).float().cpu().numpy(), dtype=np.float32)
    except RuntimeError as error:  # out of memory is one of these
        raise EncoderError(f"模型运行失败：{error}") from error
