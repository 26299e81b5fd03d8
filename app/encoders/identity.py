"""What tells one model's vectors from another's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from app.encoders.preprocessing import Preprocessing
from app.errors import ModelFileError

CHUNK_BYTES = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `ModelFileError` where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelFileError(f"模型文件 {path} 无法读取：{error}") from error
    return digest.hexdigest()


def model_key(name: str, digests: Sequence[str], preprocessing: Preprocessing) -> str:
    """Name, twelve digits of the weights' digest and eight of the preprocessing's.

    The characters are safe in a file name. Precision is not part of it: the same weights in fp32
    and bf16 give vectors that may be compared.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")
    weights = digests[0] if len(digests) == 1 else _joined(digests)
    return f"{safe}@{weights[:12]}-{preprocessing.digest()}"


def _joined(digests: Sequence[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
