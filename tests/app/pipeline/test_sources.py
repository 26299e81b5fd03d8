"""Every kind of SOURCE gives its images, in an order that does not change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import CollectionError, FetchError, ImageError, ImageSourceError
from app.pipeline.sources import open_source
from tests.app.pipeline.conftest import LIMITS, Reader
from tests.fixtures.collection_files import jpeg, write_folder, write_tar, write_zip

ONE, TWO = jpeg(1), jpeg(2)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    yield files
    files.rm("/tuqian", recursive=True)


def test_a_folder_gives_its_images_sorted_and_leaves_out_the_rest(
    read: Reader, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "photos", 3)
    (folder / "below" / "deeper").mkdir(parents=True)
    (folder / "below" / "deeper" / "Z.PNG").write_bytes(ONE)
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "a.jpg").write_bytes(ONE)
    (folder / "._a.jpg").write_bytes(ONE)
    (folder / "notes.txt").write_bytes(b"text")
    source = open_source(str(folder), LIMITS)
    found = read.read(source)
    assert list(found) == ["000.jpg", "001.jpg", "002.jpg", "below/deeper/Z.PNG"]
    assert found["001.jpg"] == ONE
    assert source.skipped.files == 2


def test_links_are_followed_and_a_loop_of_them_ends(read: Reader, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos", 1)
    elsewhere = write_folder(tmp_path / "elsewhere", 2)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere)
    (folder / "self").symlink_to(folder)
    (elsewhere / "back").symlink_to(folder)
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (folder / "round.jpg").symlink_to(folder / "round.jpg")
    found = read(folder)
    assert list(found) == ["000.jpg", "gone.jpg", "round.jpg", "again/000.jpg", "again/001.jpg"]
    assert isinstance(found["gone.jpg"], ImageSourceError)
    assert isinstance(found["round.jpg"], ImageSourceError)


def test_a_pipe_named_like_an_image_fails_instead_of_waiting(read: Reader, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos", 1)
    os.mkfifo(folder / "pipe.jpg")
    assert isinstance(read(folder)["pipe.jpg"], ImageSourceError)


def test_a_file_name_that_is_no_text_is_read_all_the_same(read: Reader, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos", 0)
    name = os.fsdecode(b"\xff\xfe.jpg")
    (folder / name).write_bytes(ONE)
    assert read(folder) == {name: ONE}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_gives_its_images_however_it_is_packed_and_named(
    read: Reader, tmp_path: Path, mode: str
) -> None:
    files = {"a.jpg": ONE, "read.me": b"text", "dir/b.jpg": TWO, "__MACOSX/dir/b.jpg": b"junk"}
    path = write_tar(tmp_path / "photos.data", files, mode)
    source = open_source(str(path), LIMITS)
    assert read.read(source) == {"a.jpg": ONE, "dir/b.jpg": TWO}
    assert source.skipped.files == 2
    assert read(path, 1) == {"dir/b.jpg": TWO}
    assert source.count() == (2 if mode == "w" else None)  # type: ignore[union-attr]


def test_a_zip_gives_its_images_in_its_own_order(read: Reader, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "photos", {"b.jpg": TWO, "x.md": b"text", "dir/a.jpg": ONE})
    source = open_source(str(path), LIMITS)
    assert source.count() == 2  # type: ignore[union-attr]
    assert list(read.read(source)) == ["b.jpg", "dir/a.jpg"]
    assert source.skipped.files == 1
    assert read(path, 1) == {"dir/a.jpg": ONE}


def test_a_list_names_paths_beside_it_and_addresses_that_are_not_fetched_unasked(
    read: Reader, tmp_path: Path
) -> None:
    write_folder(tmp_path / "photos", 2)
    lines = ["\ufeffphotos/000.jpg", "# a remark", "", str(tmp_path / "photos" / "001.jpg")]
    (tmp_path / "list").write_text("\r\n".join([*lines, "https://a.example/b.jpg"]), "utf-8")
    found = list(read(tmp_path / "list").values())
    assert found[:2] == [jpeg(0), jpeg(1)]
    assert isinstance(found[2], ImageSourceError)
    assert "--fetch-urls" in str(found[2].remedy)


def test_addresses_are_fetched_when_asked_and_fail_one_by_one(read: Reader, tmp_path: Path) -> None:
    def fetch(url: str) -> bytes:
        if "bad" in url:
            raise FetchError("连不上")
        return url.encode() * (100_000 if "large" in url else 1)

    names = ["http://a/good", "https://a/bad", "http://a/large", "ftp://a/b.jpg", "file:///etc/x"]
    (tmp_path / "list").write_text("\n".join(names), "utf-8")
    found = read(tmp_path / "list", fetch=fetch)
    assert found["http://a/good"] == b"http://a/good"
    assert [name for name in names if isinstance(found[name], ImageError)] == names[1:]


def test_a_parquet_of_bytes_of_paths_and_of_both_is_read_from_any_row(
    read: Reader, tmp_path: Path
) -> None:
    write_folder(tmp_path / "photos", 2)
    data = [jpeg(seed) for seed in range(40)]
    both = [{"bytes": one, "path": f"{at}.jpg"} for at, one in enumerate(data)]
    columns = {
        "picture": data,
        "where": ["photos/001.jpg", None] * 20,
        "both": both,
        "number": list(range(40)),
    }
    path = tmp_path / "table"
    pq.write_table(pa.table(columns), path, row_group_size=7)
    found = read(path, 16, column="picture")
    assert list(found.values()) == data[16:]
    assert next(iter(found)) == "table#16"
    assert list(read(path, 39, column="both").items()) == [("39.jpg", data[39])]
    rows = list(open_source(str(path), LIMITS, column="where").items(37))  # type: ignore[union-attr]
    assert [row.name for row in rows] == ["table#37", "photos/001.jpg", "table#39"]
    assert rows[1].source.read(LIMITS) == jpeg(1)
    with pytest.raises(ImageSourceError):
        rows[0].source.read(LIMITS)


def test_the_column_is_found_or_asked_for(tmp_path: Path) -> None:
    def column(columns: dict[str, list[object]], asked: str | None = None) -> str:
        pq.write_table(pa.table(columns), tmp_path / "table")
        source = open_source(str(tmp_path / "table"), LIMITS, column=asked)
        return str(source.identity["column"])

    assert column({"id": [1], "image": [b"x"], "caption": ["x"]}) == "image"
    assert column({"id": [1], "photo": ["x"]}) == "photo"
    with pytest.raises(CollectionError) as two:
        column({"a": ["x"], "b": ["x"]})
    assert "a、b" in str(two.value.remedy)
    with pytest.raises(CollectionError):
        column({"id": [1], "image": [b"x"]}, "id")


def test_only_some_rows_of_a_parquet_are_in_memory(tmp_path: Path) -> None:
    table = pa.table({"image": [bytes([at % 256]) * 100_000 for at in range(400)]})
    # One row group of 40 MB. A page is read whole, and is as large as its writer wished.
    pq.write_table(table, tmp_path / "table", row_group_size=400, write_batch_size=10)
    del table
    before = pa.total_allocated_bytes()
    source = open_source(str(tmp_path / "table"), LIMITS)
    most = 0
    for item in source.items(0):  # type: ignore[union-attr]
        most = max(most, pa.total_allocated_bytes() - before)
        assert item.held_bytes == 100_000
    assert most < 10_000_000


def test_a_glob_on_any_file_system_gives_the_files_it_names(
    read: Reader, memory: fsspec.AbstractFileSystem
) -> None:
    memory.pipe({"/tuqian/b.jpg": TWO, "/tuqian/deep/a.jpg": ONE, "/tuqian/x.txt": b"text"})
    found = read("memory://tuqian/**")
    assert [name.removeprefix("memory:///tuqian/") for name in found] == [
        "b.jpg",
        "deep/a.jpg",
        "x.txt",
    ]
    assert list(read("memory://tuqian/*.jpg").values()) == [TWO]
    source = open_source("memory://tuqian", LIMITS)
    assert list(read.read(source).values()) == [TWO, ONE]
    assert source.skipped.files == 1


def test_a_file_that_vanished_from_its_file_system_is_one_failure(
    read: Reader, memory: fsspec.AbstractFileSystem
) -> None:
    memory.pipe({"/tuqian/a.jpg": ONE, "/tuqian/b.jpg": TWO, "/tuqian/c.jpg": b"x" * 2_000_000})
    source = open_source("memory://tuqian/*", LIMITS)
    names = list(source.names())  # type: ignore[union-attr]
    memory.rm("/tuqian/a.jpg")
    with pytest.raises(ImageSourceError):
        source.item(names[0]).source.read(LIMITS)  # type: ignore[union-attr]
    with pytest.raises(ImageError):
        source.item(names[2]).source.read(LIMITS)  # type: ignore[union-attr]
    assert source.item(names[1]).source.read(LIMITS) == TWO  # type: ignore[union-attr]


def test_a_local_glob_is_understood_too(read: Reader, tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 3)
    found = read(tmp_path / "photos" / "00[12].jpg")
    assert list(found.values()) == [ONE, TWO]


@pytest.mark.parametrize(
    "given", ["nowhere", "nothing://bucket/*.jpg", "https://a.example/list.txt", "binary", "long"]
)
def test_what_is_no_collection_is_refused_with_a_remedy(
    read: Reader, tmp_path: Path, given: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\xff\xfe")
    (tmp_path / "long").write_bytes(b"a" * 100_000)
    with pytest.raises(CollectionError) as refused:
        read(given if ":" in given else tmp_path / given)
    assert refused.value.remedy


@pytest.mark.parametrize("magic", [b"PAR1", b"PK\x03\x04"])
def test_a_file_that_only_begins_well_is_refused(
    read: Reader, tmp_path: Path, magic: bytes
) -> None:
    (tmp_path / "file").write_bytes(magic + b"rubbish" * 100)
    with pytest.raises(CollectionError):
        read(tmp_path / "file")
