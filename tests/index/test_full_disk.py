"""A disk that is full: said plainly, nothing half-written, and well again once there is room."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.database import Database
from index.collection import ImageCollection
from index.errors import StorageFullError
from tests.fixtures.images import new_image, open_collection, vector

MIB = 1 << 20


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limits the size of any file this process writes, as a quota does.

    For no longer than the call that is tried: the file a test run reports to is one of them.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(collection: ImageCollection) -> None:
    for seed in range(5_000):
        collection.add(new_image(seed, metadata={"a": "x" * 4000}))


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(
    small_disk: Path, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{small_disk / 'tuqian.db'}")
    database.migrate()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(MIB))
    collection = open_collection(database, tmp_path / "index")
    with pytest.raises(StorageFullError) as caught:
        fill(collection)
    assert caught.value.remedy is not None
    added = len(collection)
    assert added > 0
    kept = {found.image.id for found in collection.search(vector(0), 10_000)}
    assert kept == {f"image-{seed}" for seed in range(added)}
    again = open_collection(database, tmp_path / "new")
    assert collection.search(vector(0), 10_000) == again.search(vector(0), 10_000)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    filler.unlink()
    assert collection.add(new_image(9_999)).state == "added"
    collection.delete("image-0")
    database.close()


def test_a_snapshot_that_finds_no_room_leaves_nothing_and_the_old_one_whole(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    collection = open_collection(database, folder)
    for seed in range(20):
        collection.add(new_image(seed))
    collection.save()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for seed in range(20, 120):
        collection.add(new_image(seed))
    with largest_file(4096):
        collection.save()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    again = open_collection(database, folder)
    assert collection.search(vector(3), 200) == again.search(vector(3), 200)
