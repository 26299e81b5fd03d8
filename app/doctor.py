"""What of the machine and the installation matters to the service, and what is wrong with it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FAISS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12")
ONNX = ("onnxruntime", "onnxruntime-gpu")
CLIP = ("torch", "torchvision", "cn_clip", "open_clip_torch")

Version = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Finding:
    """One fact; `remedy` is empty where nothing is wrong."""

    name: str
    value: str
    remedy: str = ""


def installed_version(package: str) -> str | None:
    """The version of a distribution, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def examine(data_dir: Path, version_of: Version = installed_version) -> tuple[Finding, ...]:
    """Every fact worth knowing, in the order a person would ask."""
    return (
        Finding("Python", f"{platform.python_version()}（{sys.executable}）"),
        Finding("系统", platform.platform()),
        _one_of("向量检索", FAISS, version_of),
        _one_of("ONNX 运行时", ONNX, version_of),
        _clip(version_of),
        _data_dir(data_dir),
    )


def summary(version_of: Version = installed_version) -> str:
    """One line for the start: which of the interchangeable packages are there."""
    known = [*FAISS, *ONNX, "torch"]
    return " · ".join(f"{p} {v}" for p in known if (v := version_of(p)))


def _one_of(name: str, packages: tuple[str, ...], version_of: Version) -> Finding:
    """Packages that install the same module: one is right, two overwrite each other."""
    there = [f"{package} {v}" for package in packages if (v := version_of(package))]
    if not there:
        return Finding(name, "未安装", f"运行 make install，或 pip install {packages[0]}。")
    if len(there) == 1:
        return Finding(name, there[0])
    doubles = " ".join(text.split()[0] for text in there)
    keep = there[-1].split()[0]
    return Finding(
        name,
        " 与 ".join(there),
        f"它们会互相覆盖。运行 pip uninstall -y {doubles} && pip install {keep}。",
    )


def _clip(version_of: Version) -> Finding:
    there = {package: version_of(package) for package in CLIP}
    text = " ".join(f"{package} {v}" for package, v in there.items() if v)
    missing = [package for package, v in there.items() if not v]
    if not text:
        return Finding("clip 附加包", "未安装（仅 Chinese-CLIP 等模型需要）")
    if missing:
        return Finding(
            "clip 附加包", f"{text}，缺少 {' '.join(missing)}", "运行 make install-clip。"
        )
    return Finding("clip 附加包", text)


def _data_dir(data_dir: Path) -> Finding:
    """Whether the state can be written, tried where it would be."""
    probe = data_dir / ".write-test"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding(
            "数据目录",
            f"{data_dir} 不可写（{error.strerror}）",
            "修改目录权限，或用 TUQIAN_DATA_DIR 换一个目录。",
        )
    return Finding("数据目录", str(data_dir.resolve()))
