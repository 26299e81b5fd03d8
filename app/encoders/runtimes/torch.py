"""Towers run by torch, eagerly or compiled. Imported only where the `clip` extra is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from app.encoders.base import FloatArray, PixelArray, TokenBatch
from app.encoders.preprocessing import Preprocessing
from app.errors import DeviceMemoryError, EncoderError, SettingsError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Graph = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Placement:
    """Where a graph runs, in which numbers, and whether it is compiled first."""

    device: torch.device
    dtype: torch.dtype
    precision: str
    compiled: bool = False


def choose_placement(
    device: str, precision: str, threads: int = 0, compiled: bool = False
) -> Placement:
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
    return Placement(place, PRECISIONS[precision], precision, compiled)


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
    """An image graph: a function of pixels `(n, 3, h, w)` in the placement's numbers.

    Bytes are normalised here, as `preprocessing` says. A GPU asks for them: they are a quarter of
    what floats would be, in the queue, in its batches, and on the way to the device.
    """

    def __init__(self, encode: Graph, placement: Placement, preprocessing: Preprocessing):
        on_gpu = placement.device.type == "cuda"
        self._encode: Graph | None = _prepared(encode, placement)
        self._placement = placement
        # A batch of any other size would have CUDA graphs recorded for it, each time for seconds.
        self._round_up = placement.compiled and on_gpu
        self._mean, self._std = (
            torch.tensor(three, device=placement.device)[:, None, None]
            for three in (preprocessing.mean, preprocessing.std)
        )
        self.takes_bytes = on_gpu
        self.device = str(placement.device)

    def __call__(self, pixels: PixelArray) -> FloatArray:
        """`(n, 3, h, w)`, normalised `float32` or `uint8`, to `(n, d) float32`."""
        return _run(self._encode, lambda: self._ready(pixels))[: len(pixels)]

    def _ready(self, pixels: PixelArray) -> torch.Tensor:
        """The pixels on the device in its numbers; with empty rows below where sizes are fixed."""
        batch = _moved(pixels, self._placement.device)
        if batch.dtype == torch.uint8:
            batch = batch.float().div_(255).sub_(self._mean).div_(self._std)
        batch = batch.to(dtype=self._placement.dtype)
        if not self._round_up:
            return batch
        more = rounded_up(len(batch)) - len(batch)
        return torch.cat([batch, batch.new_zeros(more, *batch.shape[1:])]) if more else batch

    @property
    def graph(self) -> Graph:
        """The function it runs, for whoever exports it."""
        return _open(self._encode)

    def close(self) -> None:
        """Lets go of the weights."""
        self._encode = None


class TorchTextTower:
    """A text graph: a function of ids `(n, length)`, which finds the padding in them itself."""

    def __init__(self, encode: Graph, placement: Placement):
        # Never compiled: each length would be another graph.
        self._encode: Graph | None = encode
        self._placement = placement
        self.device = str(placement.device)

    def __call__(self, tokens: TokenBatch) -> FloatArray:
        """A batch of tokens to `(n, d) float32`."""
        device = self._placement.device
        return _run(self._encode, lambda: torch.tensor(tokens.ids, device=device))

    @property
    def graph(self) -> Graph:
        """The function it runs, for whoever exports it."""
        return _open(self._encode)

    def close(self) -> None:
        """Lets go of the weights."""
        self._encode = None


def _prepared(encode: Graph, placement: Placement) -> Graph:
    """The graph itself, or compiled: on a GPU with CUDA graphs, for the sizes it will meet."""
    if not placement.compiled:
        return encode
    on_gpu = placement.device.type == "cuda"
    # One graph serves all batch sizes on a CPU; CUDA graphs need one a size.
    compiled: Graph = torch.compile(
        encode, mode="reduce-overhead" if on_gpu else None, dynamic=not on_gpu
    )
    return compiled


def rounded_up(rows: int) -> int:
    """The next power of two: so few sizes of batch that each can have a graph of its own."""
    return 1 << (rows - 1).bit_length()


def _moved(pixels: PixelArray, device: torch.device) -> torch.Tensor:
    """Pixels on the device: from pinned memory, so that the copy does not hold up the host."""
    batch = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
    if device.type == "cuda":
        batch = batch.pin_memory().to(device, non_blocking=True)
    return batch


def _open(encode: Graph | None) -> Graph:
    if encode is None:
        raise EncoderError("模型已经关闭")
    return encode


def _run(encode: Graph | None, batch: Callable[[], torch.Tensor]) -> FloatArray:
    graph = _open(encode)
    try:
        with torch.inference_mode():
            return np.asarray(graph(batch()).float().cpu().numpy(), dtype=np.float32)
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise DeviceMemoryError(f"设备内存不足：{str(error).splitlines()[0]}") from error
    except RuntimeError as error:
        raise EncoderError(f"模型运行失败：{error}") from error
