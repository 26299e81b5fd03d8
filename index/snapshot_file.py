"""A FAISS index in a file that is only a cache: written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import faiss

log = logging.getLogger(__name__)

MAGIC = b"TUQIANv1"
TRAILER_BYTES = 512
PIECE = 1 << 20


def cache_file(folder: Path, model_key: str, kind: str) -> Path:
    """Where the index of one kind of a model's vectors lies, or would lie."""
    safe = "".join(c if c.isalnum() or c in "-." else "_" for c in model_key)
    return folder / f"{safe}.{kind}.faiss"


def write_snapshot(index: Any, path: Path, facts: dict[str, Any]) -> bool:
    """Saves the index with facts about it; False, and nothing left behind, where it cannot.

    FAISS ignores what follows its data, so the facts and the checksum stand at the end.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        faiss.write_index(index, str(temporary))
        trailer = MAGIC + json.dumps(facts | {"sha256": _digest(temporary)}).encode()
        with temporary.open("ab") as file:
            file.write(trailer.ljust(TRAILER_BYTES))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        log.warning("the index snapshot %s was not written: %s", path, error)
        with suppress(OSError):
            temporary.unlink()
        return False
    return True


def read_snapshot(path: Path, facts: dict[str, Any]) -> Any | None:
    """The index saved there; None where it is missing, damaged, or of other facts."""
    if not path.is_file():
        return None
    try:
        trailer = _trailer(path)
        stated = json.loads(trailer.removeprefix(MAGIC)) if trailer.startswith(MAGIC) else None
        whole = isinstance(stated, dict) and stated.pop("sha256", "") == _digest(
            path, but_last=TRAILER_BYTES
        )
        if not whole:
            log.warning("the index snapshot %s is damaged and will be made again", path)
            return None
        return faiss.read_index(str(path)) if stated == facts else None
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("the index snapshot %s cannot be read: %s", path, error)
        return None


def _trailer(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TRAILER_BYTES))
        return file.read().rstrip()


def _digest(path: Path, but_last: int = 0) -> str:
    left = path.stat().st_size - but_last
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(PIECE, left))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()
