"""Photos named on the command line."""

from pathlib import Path

import pytest

from app.errors import InvalidRequestError
from app.photos import find_photos


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_is_every_image_below_it_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a/z.webp", "a/notes.txt", ".hidden/x.jpg", "c.heic")
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos([tmp_path])]
    assert found == ["a/z.webp", "b.JPG", "c.heic"]


def test_a_named_file_is_taken_whatever_it_is_called_and_only_once(tmp_path: Path) -> None:
    make(tmp_path, "photo", "a.jpg")
    named = [tmp_path / "photo", tmp_path / "a.jpg", tmp_path]
    assert find_photos(named) == [tmp_path / "photo", tmp_path / "a.jpg"]


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="nowhere"):
        find_photos([tmp_path / "nowhere"])
