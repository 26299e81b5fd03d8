"""The built-in model: a folder that ships with the project, and what tells its copies apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.encoders.copy_space import CopySpace
from app.encoders.dual import DualEncoder
from app.encoders.folder import IMAGE_FILE, FolderRuntime, load_folder
from app.encoders.runtimes.onnx import OnnxImageTower
from app.encoders.runtimes.onnx_parts import OnnxPartTower
from app.encoders.runtimes.providers import choose_providers

BUILTIN_DIR = Path(__file__).parent / "builtin"
COPY_FILE = "copy.npz"
PARTS_FILE = "parts.onnx"


def load_builtin(
    folder: Path = BUILTIN_DIR,
    *,
    device: str = "auto",
    threads: int = 0,
    runtime: FolderRuntime = "onnx",
) -> DualEncoder:
    """The encoder in a folder of `image.onnx`, `text.onnx` and `model.json`.

    Raises `ModelFileError` where a file is missing, unreadable, or not the one described.
    """
    encoder = load_folder(folder, device=device, threads=threads, runtime=runtime)
    if (folder / PARTS_FILE).is_file() and isinstance(encoder.image_tower, OnnxImageTower):
        # Of both runtimes ONNX's only: OpenVINO's towers may compute in other numbers.
        image, parts, providers = folder / IMAGE_FILE, folder / PARTS_FILE, choose_providers(device)
        encoder = replace(encoder, part_tower=OnnxPartTower(image, parts, threads, providers))
    copies, tower = folder / COPY_FILE, encoder.image_tower
    if not (isinstance(tower, OnnxImageTower) and tower.has_features and copies.is_file()):
        return encoder
    return replace(encoder, copy_tower=tower, copy_space=CopySpace.load(copies))
