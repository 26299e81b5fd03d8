"""What a model's scores are measured with: its background bank and its logistic."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from pathlib import Path

from PIL import Image
from pydantic import TypeAdapter

import vocab
from app.encoders.base import Encoder, FloatArray
from app.encoders.builtin import BUILTIN_DIR
from app.errors import ModelFileError
from vocab.background import BackgroundBank
from vocab.score_model import ScoreModel

log = logging.getLogger(__name__)

SEED_PHOTOS = Path(vocab.__file__).parent / "data" / "seed_images"


def own_bank_path(encoder: Encoder, data_dir: Path) -> Path:
    """Where the operator's own bank for this model lies, or would lie."""
    return data_dir / "background" / f"{encoder.model_key}.npz"


def background_of(encoder: Encoder, data_dir: Path) -> BackgroundBank:
    """The operator's own bank for this model, else the one shipped with it, else the seed photos'.

    The seed photos are embedded once for each model and their vectors kept beside the operator's.
    """
    own = own_bank_path(encoder, data_dir)
    seed = own.with_suffix(".seed.npz")
    shipped = BUILTIN_DIR / "background.npz"
    if own.is_file():
        return BackgroundBank.load(own, encoder.model_key, encoder.dim)
    if encoder.name == "builtin" and shipped.is_file():
        return BackgroundBank.load(shipped, encoder.model_key, encoder.dim)
    if not seed.is_file():
        log.info("embedding the seed photos for %s", encoder.model_key)
        BackgroundBank(encoder.model_key, _seed_vectors(encoder)).save(seed)
    return BackgroundBank.load(seed, encoder.model_key, encoder.dim)


def _seed_vectors(encoder: Encoder) -> FloatArray:
    """`(n, dim)` unit rows of the photos shipped for models without a bank."""
    photos = []
    for path in sorted(SEED_PHOTOS.glob("*.jpg")):
        with Image.open(path) as opened:
            photos.append(opened.convert("RGB"))
    return encoder.encode_images(photos)


def score_model_of(encoder: Encoder) -> ScoreModel:
    """The numbers fitted for the built-in model (calibration.json), else the defaults.

    Raises `ModelFileError` for a file that says what we do not know or cannot read.
    """
    path = BUILTIN_DIR / "calibration.json"
    if encoder.name != "builtin" or not path.is_file():
        return ScoreModel()
    try:
        stated = json.loads(path.read_bytes())
        unknown = set(stated) - {field.name for field in fields(ScoreModel)}
        if unknown:
            raise ModelFileError(f"{path} 有未知的项：{'、'.join(sorted(unknown))}")
        return TypeAdapter(ScoreModel).validate_python(stated)
    except ValueError as error:  # pydantic's too
        raise ModelFileError(f"{path} 无法使用：{error}") from error
