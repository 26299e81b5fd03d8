"""The built-in model: two ONNX files that ship with the project, and what they expect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.encoders.copy_space import CopySpace
from app.encoders.dual import DualEncoder
from app.encoders.identity import file_digest, model_key
from app.encoders.preprocessing import Preprocessing
from app.encoders.runtimes.onnx import OnnxImageTower, OnnxTextTower
from app.encoders.runtimes.providers import choose_providers
from app.encoders.wordpiece import WordPieceTokenizer
from app.errors import ModelFileError

BUILTIN_DIR = Path(__file__).parent / "builtin"
IMAGE_FILE = "image.onnx"
TEXT_FILE = "text.onnx"
COPY_FILE = "copy.npz"


@dataclass(frozen=True)
class Description:
    """What `model.json` says; `files` holds the SHA-256 of each ONNX file by its name."""

    name: str
    dim: int
    max_tokens: int
    preprocessing: Preprocessing
    files: dict[str, str]


def load_builtin(
    folder: Path = BUILTIN_DIR, *, device: str = "auto", threads: int = 0
) -> DualEncoder:
    """The encoder in a folder of `image.onnx`, `text.onnx` and `model.json`.

    Raises `ModelFileError` where a file is missing, unreadable, or not the one described.
    """
    description = read_description(folder / "model.json")
    for name, digest in description.files.items():
        if file_digest(folder / name) != digest:
            raise ModelFileError(
                f"模型文件 {folder / name} 的校验和与 model.json 不符",
                remedy="请重新取得项目文件（git checkout 或重新安装）",
            )
    providers = choose_providers(device)
    image_tower = OnnxImageTower(folder / IMAGE_FILE, threads, providers)
    copies = folder / COPY_FILE
    has_copies = image_tower.has_features and copies.is_file()
    return DualEncoder(
        name=description.name,
        model_key=model_key(
            description.name,
            [description.files[IMAGE_FILE], description.files[TEXT_FILE]],
            description.preprocessing,
        ),
        dim=description.dim,
        preprocessing=description.preprocessing,
        tokenizer=WordPieceTokenizer(max_tokens=description.max_tokens),
        image_tower=image_tower,
        text_tower=OnnxTextTower(folder / TEXT_FILE, threads, providers),
        copy_tower=image_tower if has_copies else None,
        copy_space=CopySpace.load(copies) if has_copies else None,
    )


def read_description(path: Path) -> Description:
    """Raises `ModelFileError` where the file is missing, is no JSON, or lacks a field."""
    try:
        stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFileError(f"模型说明 {path} 无法读取：{error}") from error
    try:
        pixels = stated["preprocessing"]
        description = Description(
            name=stated["name"],
            dim=int(stated["dim"]),
            max_tokens=int(stated["max_tokens"]),
            preprocessing=Preprocessing(
                size=int(pixels["size"]),
                mean=tuple(pixels["mean"]),
                std=tuple(pixels["std"]),
                fit=pixels["fit"],
                interpolation=pixels["interpolation"],
            ),
            files=dict(stated["files"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"模型说明 {path} 不完整：{error!r}") from error
    missing = {IMAGE_FILE, TEXT_FILE} - set(description.files)
    if missing:
        raise ModelFileError(f"模型说明 {path} 的 files 缺少 {'、'.join(sorted(missing))}")
    return description
