"""Every pair of image and tag that a report was made from, so that two reports can be compared."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vocab.errors import ReportError
from vocab.quality_report import Measured

VERSION = 1
FLAGS = ("passed", "served", "truth", "counted")


@dataclass(frozen=True)
class Pairs:
    """The images of an evaluation by what they are called, and everything measured on them."""

    files: tuple[str, ...]
    measured: Measured


def save_pairs(path: Path, pairs: Pairs) -> None:
    """Writes an `.npz`; the same pairs give the same bytes."""
    measured = pairs.measured
    np.savez_compressed(
        path,
        version=np.int64(VERSION),
        files=np.asarray(pairs.files, dtype=np.str_),
        ids=np.asarray(measured.ids, dtype=np.str_),
        names=np.asarray(measured.names, dtype=np.str_),
        scores=measured.scores,
        confidences=measured.confidences,
        tags_per_image=measured.tags_per_image,
        passed=_packed(measured.passed),
        served=_packed(measured.served),
        truth=_packed(measured.truth),
        counted=_packed(measured.counted),
    )


def load_pairs(path: Path) -> Pairs:
    """The pairs of a file. Raises `ReportError` where it is none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if int(arrays["version"]) != VERSION:
                raise ValueError(f"version {int(arrays['version'])}")
            ids, scores = tuple(arrays["ids"].tolist()), arrays["scores"]
            flags = {name: _unpacked(arrays[name], len(ids)) for name in FLAGS}
            return Pairs(
                files=tuple(arrays["files"].tolist()),
                measured=Measured(
                    ids=ids,
                    names=tuple(arrays["names"].tolist()),
                    scores=scores,
                    confidences=arrays["confidences"],
                    tags_per_image=arrays["tags_per_image"],
                    **flags,
                ),
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ReportError(
            f"评测的明细 {path} 无法读取：{error}",
            field="--compare",
            remedy="请给出 tuqian evaluate --report 写出的目录，其中要有 pairs.npz。",
        ) from error


def _packed(flags: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(flags, axis=1)


def _unpacked(bits: NDArray[np.uint8], columns: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.unpackbits(bits, axis=1, count=columns).astype(bool)
    return found
