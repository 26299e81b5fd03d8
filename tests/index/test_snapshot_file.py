"""The cache file of an index: damage is noticed, said and repaired, whatever it is."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.database import Database
from tests.fixtures.images import new_image, open_collection, vector


def damage(data: bytes, kind: str) -> bytes:
    middle = len(data) // 2
    return {
        "cut off": data[:-100],
        "cut in half": data[:middle],
        "empty": b"",
        "one bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "longer": data + b"\0",
        "another file": b"not an index at all" * 100,
    }[kind]


@pytest.mark.parametrize(
    "kind", ["cut off", "cut in half", "empty", "one bit", "longer", "another file"]
)
def test_a_damaged_file_is_noticed_said_and_made_again(
    database: Database, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "index"
    collection = open_collection(database, folder)
    for seed in range(30):
        collection.add(new_image(seed))
    collection.save()
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes(), kind))
    with caplog.at_level(logging.INFO):
        again = open_collection(database, folder)
    assert "is damaged and will be made again" in caplog.text
    assert "bringing 30 of 30 images into the index" in caplog.text
    assert again.search(vector(4), 50) == collection.search(vector(4), 50)
    again.save()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        open_collection(database, folder)
    assert not caplog.text


def test_a_file_of_another_model_is_not_taken_for_ours(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    collection = open_collection(database, folder)
    collection.add(new_image(1))
    collection.save()
    (path,) = folder.iterdir()
    other = open_collection(database, tmp_path / "other", copy_dim=0)
    assert not other._index.restore(tmp_path / "none.faiss")
    other._index.model_key = "model-b"
    assert not other._index.restore(path)
