"""Photos on disk, as the commands are given them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.errors import InvalidRequestError

# fmt: off
SUFFIXES = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff",
    ".webp",
})
# fmt: on


def find_photos(paths: Iterable[Path]) -> list[Path]:
    """The files named, and of each folder every image below it, sorted; hidden ones are left out.

    A file that was named is taken whatever its suffix. Raises `InvalidRequestError` for a path
    that does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(p for p in path.rglob("*") if _is_photo(p, path))))
        elif path.exists():
            found[path] = None
        else:
            raise InvalidRequestError(f"{path} 不存在", field="PHOTO", remedy="检查路径是否写对。")
    return list(found)


def _is_photo(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in SUFFIXES and path.is_file()
