"""The progress of a run: whole rows or none, one process at a time, the same run or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import CollectionError, RunMismatchError
from app.pipeline.checkpoint import FILE, Checkpoint, folder_of, open_checkpoint
from app.pipeline.rows import Row, RowProblem, RowTag
from index.errors import StorageFullError

FACTS = {"source": {"folder": "a"}, "model_key": "m", "revision": 7, "options": {"precision": 0.9}}
GOOD = Row("猫.jpg", "ab", 3, 2, (RowTag("t1", "猫", 0.5),), leader=0, tie="first")
BAD = Row("坏.jpg", problem=RowProblem("image_corrupt", "图片已损坏"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "result.parquet")


def test_rows_come_back_as_they_were_and_in_their_order(folder: Path) -> None:
    first = Checkpoint(folder)
    first.add([GOOD])
    first.add([BAD, Row("又.jpg", "cd", 3, 2, leader=0, tie="near")])
    first.close()
    again = Checkpoint(folder)
    assert again.done == 3
    rows = list(again.rows())
    assert [row for row, _ in rows][:2] == [GOOD, BAD]
    assert [leader for _, leader in rows] == [GOOD, None, GOOD]
    again.close()


def test_an_image_alone_has_no_group(folder: Path) -> None:
    progress = Checkpoint(folder)
    progress.add([GOOD])
    assert [leader for _, leader in progress.rows()] == [None]
    progress.close()


def test_names_are_fixed_once(folder: Path) -> None:
    progress = Checkpoint(folder)
    progress.plan(iter(["a", "b", "c"]))
    progress.plan(iter(["x"]))
    assert progress.planned() == 3
    assert list(progress.names(1)) == ["b", "c"]
    progress.close()


def test_a_listing_that_fails_fixes_nothing(folder: Path) -> None:
    def names() -> Iterator[str]:
        yield "a"
        raise CollectionError("列不出")

    progress = Checkpoint(folder)
    with pytest.raises(CollectionError):
        progress.plan(names())
    progress.plan(iter(["b"]))
    assert list(progress.names(0)) == ["b"]
    progress.close()


@pytest.mark.parametrize(
    "change",
    [
        {"model_key": "other"},
        {"revision": 8},
        {"source": {"folder": "b"}},
        {"options": {"precision": None}},
    ],
)
def test_a_run_goes_on_with_what_it_began_with_or_not_at_all(
    folder: Path, change: dict[str, object]
) -> None:
    progress = Checkpoint(folder)
    progress.begin(FACTS)
    progress.begin(FACTS)
    with pytest.raises(RunMismatchError) as refused:
        progress.begin(FACTS | change)
    assert "--restart" in str(refused.value.remedy)
    progress.begin(FACTS)
    progress.close()


def test_a_full_disk_costs_the_rows_of_one_chunk_and_no_others(folder: Path) -> None:
    progress = Checkpoint(folder)
    progress.add([GOOD])
    (pages,) = progress._file.execute("PRAGMA page_count").fetchone()
    progress._file.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFullError) as full:
        progress.add([Row("x" * 1000)] * 100)
    assert "接着做" in str(full.value.remedy)
    assert progress.done == 1
    progress._file.execute("PRAGMA max_page_count = 1000000")
    progress.add([BAD])
    assert [row for row, _ in progress.rows()] == [GOOD, BAD]
    progress.close()


def test_two_processes_do_not_write_one_result(folder: Path) -> None:
    first = Checkpoint(folder)
    for fresh in (False, True):
        with pytest.raises(CollectionError) as refused:
            open_checkpoint(folder, fresh=fresh)
        assert "另一个" in str(refused.value.remedy)
    first.add([GOOD])
    first.close()
    again = open_checkpoint(folder, fresh=False)
    assert again.done == 1
    again.close()


def test_a_fresh_start_forgets_everything_even_what_is_damaged(folder: Path) -> None:
    progress = Checkpoint(folder)
    progress.add([GOOD])
    progress.close()
    for damage in (b"", b"this is no database" * 100):
        if damage:
            (folder / FILE).write_bytes(damage)
        again = open_checkpoint(folder, fresh=True)
        assert again.done == 0
        again.close()


def test_damage_is_said_and_not_taken_for_a_new_run(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(CollectionError) as refused:
        Checkpoint(folder)
    assert "--restart" in str(refused.value.remedy)


def test_a_folder_of_somebody_else_is_never_removed(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("years")
    with pytest.raises(CollectionError):
        open_checkpoint(folder, fresh=True)
    assert (folder / "thesis.tex").exists()
