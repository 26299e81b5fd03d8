"""The images of a folder and everything below it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import CollectionError
from app.intake.sources import PathSource
from app.pipeline.items import Item, Skipped, offers_image

# (device, inode): what a folder is, whatever path led to it.
Inode = tuple[int, int]


@dataclass(frozen=True)
class Folder:
    """Images by their path below the folder; each real folder is entered once.

    Links to folders are followed, so that a collection put together of links is complete; one
    that leads back to where it came from ends there.
    """

    path: Path
    skipped: Skipped = field(default_factory=Skipped)

    @property
    def identity(self) -> Mapping[str, object]:
        """The folder itself: what is in it was listed when the run began."""
        return {"folder": str(self.path.resolve())}

    def names(self) -> Iterator[str]:
        """Paths with `/`, a folder's files before its subfolders, each sorted.

        A subfolder that cannot be read is named like an image, so that its failure is recorded.
        """
        return self._below("", self._entered(self.path, set()))

    def item(self, name: str) -> Item:
        """The file of that name."""
        return Item(name, PathSource(self.path / name))

    def _entered(self, path: Path, before: set[Inode]) -> set[Inode]:
        try:
            facts = path.stat()
        except OSError as error:
            raise CollectionError(
                f"读不到目录 {path}：{error.strerror}", field="SOURCE", remedy="检查路径与权限。"
            ) from error
        before.add((facts.st_dev, facts.st_ino))
        return before

    def _below(self, name: str, seen: set[Inode]) -> Iterator[str]:
        """The names below one folder; `seen` are the folders entered already."""
        try:
            with os.scandir(self.path / name) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield name
            return
        for entry in found:
            path = f"{name}/{entry.name}" if name else entry.name
            if _is_folder(entry):
                continue
            # A link to nowhere is named too, and fails when it is read.
            if offers_image(path):
                yield path
            else:
                self.skipped.files += 1
        for entry in found:
            if _is_folder(entry) and not entry.name.startswith(".") and _is_new(entry, seen):
                yield from self._below(f"{name}/{entry.name}" if name else entry.name, seen)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_new(entry: os.DirEntry[str], seen: set[Inode]) -> bool:
    """Whether a folder has not been entered yet; from now on it has."""
    facts = entry.stat()
    inode = (facts.st_dev, facts.st_ino)
    new = inode not in seen
    seen.add(inode)
    return new
