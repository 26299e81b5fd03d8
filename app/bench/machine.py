"""What a measurement was made on: without it a number says nothing."""

from __future__ import annotations

import os
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "tuqian",
    "numpy",
    "pillow",
    "faiss-cpu",
    "onnxruntime",
    "openvino",
    "torch",
    "cn_clip",
    "transformers",
    "fastapi",
    "uvicorn",
)
# Instructions that decide how fast 8-bit and half-precision products are.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """The processor, its useful instructions, cores this process may use, memory and system."""
    name, flags = _processor()
    return {
        "processor": name,
        "instructions": [one for one in INSTRUCTIONS if one in flags],
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_start": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Python's version and those of the packages that matter, where they are installed."""
    found = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> tuple[str, set[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor(), set()
    facts = {key.strip(): value for key, _, value in (line.partition(": ") for line in lines)}
    return facts.get("model name", platform.processor()), set(facts.get("flags", "").split())


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1)
