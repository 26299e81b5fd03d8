"""Which of ONNX Runtime's providers run a graph, and whether those asked for really do."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from app.errors import SettingsError

log = logging.getLogger(__name__)

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
NVIDIA_DEVICE = Path("/dev/nvidia0")
GPU_INSTALL = "要用 GPU 请安装 gpu 附加包"


@dataclass(frozen=True)
class Providers:
    """What is asked of ONNX Runtime: the first of `names` that works runs the graph.

    `explicit`: the operator named the device, so that a slower one is an error.
    """

    names: tuple[str, ...]
    card: int = 0
    explicit: bool = False

    def as_options(self) -> list[str | tuple[str, dict[str, object]]]:
        """The form that `onnxruntime.InferenceSession` takes."""
        return [n if n == CPU else (n, {"device_id": self.card}) for n in self.names]


def choose_providers(device: str) -> Providers:
    """For `auto`, `cpu`, `cuda`, `cuda:1`, `tensorrt` or `tensorrt:1`.

    Raises `SettingsError` for any other, or one this ONNX Runtime lacks.
    """
    available = onnxruntime.get_available_providers()
    kind, _, number = device.partition(":")
    if kind == "cpu" and not number:
        return Providers((CPU,), explicit=True)
    if kind == "auto" and not number:
        if CUDA in available:
            return Providers((CUDA, CPU))
        if NVIDIA_DEVICE.exists():
            log.warning("this machine has a GPU that this ONNX Runtime cannot use; %s", GPU_INSTALL)
        return Providers((CPU,))
    wanted = {"cuda": (CUDA, CPU), "tensorrt": (TENSORRT, CUDA, CPU)}.get(kind)
    if wanted is None or wanted[0] not in available or not (number or "0").isdigit():
        raise SettingsError(
            f"设备 {device!r} 不能用：这里的 ONNX Runtime 没有它",
            field="device",
            remedy=f"请用 auto 或 cpu；{GPU_INSTALL}",
        )
    return Providers(wanted, int(number or 0), explicit=True)


def check_providers(asked: Providers, running: list[str], what: str) -> str:
    """The device a session really runs on, such as `cpu`, `cuda:0` or `tensorrt:0`.

    ONNX Runtime falls back without a word. Here a slower provider than the first one asked for is
    a warning, and a `SettingsError` where the operator named the device.
    """
    first = running[0] if running else CPU
    device = {CUDA: f"cuda:{asked.card}", TENSORRT: f"tensorrt:{asked.card}"}.get(first, "cpu")
    if first == asked.names[0]:
        return device
    if asked.explicit:
        raise SettingsError(
            f"{what} 要求用 {asked.names[0]} 运行，ONNX Runtime 却退回了 {first}",
            field="device",
            remedy="请检查显卡驱动与 CUDA 版本；确实要用较慢的设备时把 device 设为 auto 或 cpu",
        )
    log.warning(
        "SLOW: %s should run on %s and fell back to %s",
        what,
        asked.names[0],
        first,
        extra={"asked": asked.names[0], "running": first},
    )
    return device
