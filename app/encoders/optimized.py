"""The faster forms of a model that `tuqian models optimize` made, and which of them runs."""

from __future__ import annotations

import importlib.util
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.encoders.base import FloatArray
from app.encoders.dual import DualEncoder
from app.encoders.folder import (
    DESCRIPTION_FILE,
    Description,
    FolderRuntime,
    load_folder,
    read_description,
)
from app.encoders.identity import file_digest
from app.encoders.preprocessing import Preprocessing
from app.errors import ModelError, ModelFileError, SettingsError

log = logging.getLogger(__name__)

PROBE_FILE = "probe.npy"
# The same graph on another processor may round otherwise, and no more than that: 8-bit products
# that overflow where the instructions for them are missing fall far below.
PROBE_COSINE = 0.995
RUNTIMES: tuple[FolderRuntime, ...] = ("openvino", "onnx")


@dataclass(frozen=True)
class Choice:
    """A form of a model and the runtime to run it with."""

    folder: Path
    description: Description
    runtime: FolderRuntime

    @property
    def images_per_s(self) -> float:
        """What it was measured at when it was made."""
        return self.description.images_per_s[self.runtime]


def optimized_dir(models_dir: Path, name: str) -> Path:
    """Where the forms of a model lie, each in a folder named after its precision."""
    return models_dir / "optimized" / re.sub(r"[^A-Za-z0-9._-]+", "-", name)


def choices_of(
    models_dir: Path,
    name: str,
    *,
    weights: Path | None,
    runtime: str = "auto",
    precision: str = "auto",
) -> list[Choice]:
    """The installed forms of a model that this machine can run, fastest as measured first.

    `weights`: the file they must have been made from, where it is there; a form of other weights
    is passed over with a warning.
    """
    found: list[Choice] = []
    digest = ""
    for path in sorted(optimized_dir(models_dir, name).glob(f"*/{DESCRIPTION_FILE}")):
        description = read_description(path)
        if precision not in ("auto", description.precision):
            continue
        if weights is not None and weights.is_file():
            digest = digest or file_digest(weights)
            if f"@{digest[:12]}-" not in description.key:
                log.warning("%s was made from other weights than %s", path.parent, weights)
                continue
        found += [
            Choice(path.parent, description, one)
            for one in RUNTIMES
            if one in description.images_per_s and runtime in ("auto", one) and _has(one)
        ]
    return sorted(found, key=lambda choice: -choice.images_per_s)


def open_optimized(
    name: str,
    choices: list[Choice],
    *,
    device: str,
    threads: int,
    explicit: bool,
) -> DualEncoder | None:
    """The first of the choices that gives here what it gave when it was made; `None` if none does.

    Raises the reason where the operator named the runtime.
    """
    for choice in choices:
        try:
            encoder = load_folder(
                choice.folder, device=device, threads=threads, runtime=choice.runtime
            )
            check_probe(choice, encoder)
        except SettingsError:
            raise
        except ModelError as error:
            if explicit:
                raise
            log.warning("%s of %s does not work here: %s", choice.folder.name, name, error)
            continue
        log.info("%s runs as %s on %s", name, choice.folder.name, choice.runtime)
        return encoder
    return None


def probe_of(preprocessing: Preprocessing) -> FloatArray:
    """`(2, 3, size, size)` pixels that are the same on every machine."""
    size = preprocessing.size
    return np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)


def check_probe(choice: Choice, encoder: DualEncoder) -> None:
    """Raises `ModelFileError` where the graph does not give what it gave when it was made."""
    with (choice.folder / PROBE_FILE).open("rb") as file:
        expected = np.load(file)
    given = encoder.encode_pixels(probe_of(encoder.preprocessing))
    cosine = float((given * expected).sum(axis=1).min())
    if not cosine >= PROBE_COSINE:
        raise ModelFileError(
            f"{choice.folder} 用 {choice.runtime} 运行的结果与制作时不符（余弦 {cosine:.3f}）",
            remedy="请在这台机器上重新运行 tuqian models optimize",
        )


def _has(runtime: FolderRuntime) -> bool:
    return runtime != "openvino" or importlib.util.find_spec("openvino") is not None
