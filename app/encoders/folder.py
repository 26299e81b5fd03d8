"""A model as a folder: `image.onnx`, `text.onnx`, and `model.json` that says what they expect.

The built-in model ships as one; `tuqian models optimize` makes others. No torch is needed to read
or run them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.encoders.base import ImageTower, TextTower, Tokenizer
from app.encoders.dual import DualEncoder
from app.encoders.identity import file_digest, model_key
from app.encoders.json_tokenizer import JsonTokenizer
from app.encoders.preprocessing import Preprocessing
from app.encoders.runtimes.onnx import OnnxImageTower, OnnxTextTower
from app.encoders.runtimes.providers import choose_providers
from app.encoders.wordpiece import WordPieceTokenizer
from app.errors import ModelFileError

IMAGE_FILE = "image.onnx"
TEXT_FILE = "text.onnx"
DESCRIPTION_FILE = "model.json"
TOKENIZER_FILE = "tokenizer.json"

FolderRuntime = Literal["onnx", "openvino"]


@dataclass(frozen=True)
class Description:
    """What `model.json` says; `files` holds the SHA-256 of each file by its name.

    `key` is the `model_key` of the weights that the graphs were exported from; empty where the
    graphs themselves are the weights. `precision` is that of the arithmetic, `images_per_s` what
    each runtime was measured at on the machine that made the folder.
    """

    name: str
    dim: int
    max_tokens: int
    preprocessing: Preprocessing
    files: dict[str, str]
    key: str = ""
    precision: str = "fp32"
    images_per_s: dict[str, float] = field(default_factory=dict)


def load_folder(
    folder: Path, *, device: str = "auto", threads: int = 0, runtime: FolderRuntime = "onnx"
) -> DualEncoder:
    """The encoder in a folder.

    Raises `ModelFileError` where a file is missing, unreadable, or not the one described.
    """
    description = read_description(folder / DESCRIPTION_FILE)
    check_files(folder, description)
    image_tower, text_tower = _towers(folder, description, device, threads, runtime)
    own_digests = [description.files[IMAGE_FILE], description.files[TEXT_FILE]]
    own_key = model_key(description.name, own_digests, description.preprocessing)
    return DualEncoder(
        name=description.name,
        model_key=description.key or own_key,
        dim=description.dim,
        preprocessing=description.preprocessing,
        tokenizer=_tokenizer(folder, description),
        image_tower=image_tower,
        text_tower=text_tower,
    )


def check_files(folder: Path, description: Description) -> None:
    """Raises `ModelFileError` for a file that is missing or not the one described."""
    for name, digest in description.files.items():
        if file_digest(folder / name) != digest:
            raise ModelFileError(
                f"模型文件 {folder / name} 的校验和与 {DESCRIPTION_FILE} 不符",
                remedy="内置模型请重新取得项目文件；优化过的模型请重新运行 tuqian models optimize",
            )


def _towers(
    folder: Path, description: Description, device: str, threads: int, runtime: FolderRuntime
) -> tuple[ImageTower, TextTower]:
    image, text = folder / IMAGE_FILE, folder / TEXT_FILE
    if runtime == "openvino":
        from app.encoders.runtimes.openvino import OpenVinoImageTower, OpenVinoTextTower

        precision = description.precision
        of_images = OpenVinoImageTower(image, threads, precision)
        if precision == "int8":
            # The scales of 8-bit texts are found as they come (app.optimize): of such a graph
            # OpenVINO reached a quarter of ONNX Runtime's speed, less than in fp32.
            return of_images, OnnxTextTower(text, threads)
        return of_images, OpenVinoTextTower(text, threads, precision)
    providers = choose_providers(device)
    return OnnxImageTower(image, threads, providers), OnnxTextTower(text, threads, providers)


def _tokenizer(folder: Path, description: Description) -> Tokenizer:
    if TOKENIZER_FILE in description.files:
        return JsonTokenizer(folder / TOKENIZER_FILE, description.max_tokens)
    return WordPieceTokenizer(max_tokens=description.max_tokens)


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
            key=str(stated.get("key", "")),
            precision=str(stated.get("precision", "fp32")),
            images_per_s=dict(stated.get("images_per_s", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"模型说明 {path} 不完整：{error!r}") from error
    missing = {IMAGE_FILE, TEXT_FILE} - set(description.files)
    if missing:
        raise ModelFileError(f"模型说明 {path} 的 files 缺少 {'、'.join(sorted(missing))}")
    return description
