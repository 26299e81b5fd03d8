"""`tuqian run`, over the tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import app
from app.database import Database
from app.errors import CollectionError, RunMismatchError
from app.settings import Settings
from tests.fixtures.collection_files import jpeg, write_folder, write_zip
from tests.fixtures.commands import command_runner
from vocab.store import VocabularyStore
from vocab.tags import TagDraft


class Runs:
    """Runs commands below one folder."""

    def __init__(self, runner: CliRunner, folder: Path):
        self._runner = runner
        self.folder = folder

    def __call__(self, *arguments: object, fails_with: type[Exception] | None = None) -> Result:
        done = self._runner.invoke(app, ["run", *map(str, arguments)])
        if fails_with is None:
            assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        else:
            assert isinstance(done.exception, fails_with), done.output
        return done

    def rows(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        if path.suffix == ".parquet":
            return list(pq.read_table(path).to_pylist())
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    tags = [TagDraft("一切", "动物", threshold=-1.0), TagDraft("没有", "动物", threshold=1.0)]
    return Runs(command_runner(tmp_path, monkeypatch, tags), tmp_path)


def edit_vocabulary() -> None:
    database = Database(Settings().database)
    with VocabularyStore(database).editing("测试", "又一个") as edit:
        edit.create_all([TagDraft("又一个", "动物")])
    database.close()


def test_a_folder_becomes_a_parquet_with_a_row_for_every_image(run: Runs) -> None:
    photos = write_folder(run.folder / "photos", 9)
    (photos / "bad.jpg").write_bytes(b"no image")
    (photos / "copy.jpg").write_bytes(jpeg(4))
    (photos / "empty.png").write_bytes(b"")
    done = run(photos, "--out", run.folder / "r.parquet", "--batch", 4)
    assert done.exit_code == 0, done.output
    rows = {row["source"]: row for row in run.rows("r.parquet")}
    assert list(rows) == [f"{n:03}.jpg" for n in range(9)] + ["bad.jpg", "copy.jpg", "empty.png"]
    one = rows["000.jpg"]
    assert [(tag["name"], 0 <= tag["confidence"] <= 1) for tag in one["tags"]] == [("一切", True)]
    assert (one["width"], one["height"], one["revision"], one["model"]) == (96, 64, 1, "tiny")
    assert one["problem"] is None
    assert one["duplicate_group"] is None
    first, copy = rows["004.jpg"], rows["copy.jpg"]
    assert first["duplicate_group"] == copy["duplicate_group"] == first["sha256"]
    assert (first["duplicate_tie"], copy["duplicate_tie"]) == ("first", "exact")
    assert rows["bad.jpg"]["problem"]["code"] == "image_unsupported"
    assert rows["bad.jpg"]["sha256"] is None
    assert rows["empty.png"]["problem"] == {
        "code": "image_empty",
        "detail": "图片文件是空的（0 字节）",
    }
    key = pq.read_schema(run.folder / "r.parquet").metadata[b"tuqian.model_key"]
    assert key.startswith(b"tiny")
    assert {path.name for path in run.folder.glob("r.*")} == {"r.parquet"}


def test_the_summary_counts_images_tags_copies_and_failures_by_reason(run: Runs) -> None:
    photos = write_folder(run.folder / "photos", 3)
    (photos / "bad.jpg").write_bytes(b"no image")
    (photos / "worse.jpg").write_bytes(b"no image either")
    (photos / "copy.jpg").write_bytes(jpeg(1))
    (photos / "notes.txt").write_bytes(b"text")
    said = run(photos, "--out", run.folder / "r.jsonl").output
    assert "6（失败 2）" in said
    assert "1 组，多余的 1 张" in said
    assert "一切 4" in said
    assert "image_unsupported │ 2" in said
    assert "bad.jpg：文件内容不是支持的图片格式" in said
    assert "1 个文件名不像图片的文件" in said
    assert "张/秒" in said or "每秒" in said


def test_both_formats_say_the_same(run: Runs) -> None:
    photos = write_zip(run.folder / "p", {"猫.jpg": jpeg(1), "b.jpg": b"x", "c.jpg": jpeg(1)})
    run(photos, "--out", run.folder / "r.jsonl")
    run(photos, "--out", run.folder / "r.parquet")
    run(photos, "--out", run.folder / "other", "--format", "jsonl")
    lines, table = run.rows("r.jsonl"), run.rows("r.parquet")
    assert run.rows("other") == lines
    for line, row in zip(lines, table, strict=True):
        for tag in [*line["tags"], *row["tags"]]:
            tag["confidence"] = round(tag["confidence"], 3)
        assert line == row


def test_when_nothing_could_be_read_the_command_fails_and_the_reasons_are_kept(run: Runs) -> None:
    photos = run.folder / "photos"
    photos.mkdir()
    (photos / "bad.jpg").write_bytes(b"no image")
    assert run(photos, "--out", run.folder / "r.jsonl").exit_code == 1
    assert run.rows("r.jsonl")[0]["problem"]["code"] == "image_unsupported"
    (run.folder / "none").mkdir()
    assert run(run.folder / "none", "--out", run.folder / "none.jsonl").exit_code == 1
    assert run.rows("none.jsonl") == []


def test_a_finished_result_is_not_overwritten_unasked(run: Runs) -> None:
    photos = write_folder(run.folder / "photos", 2)
    run(photos, "--out", run.folder / "r.jsonl", "--limit", 1)
    assert len(run.rows("r.jsonl")) == 1
    run(photos, "--out", run.folder / "r.jsonl", fails_with=CollectionError)
    assert len(run.rows("r.jsonl")) == 1
    run(photos, "--out", run.folder / "r.jsonl", "--restart")
    assert len(run.rows("r.jsonl")) == 2


def test_a_result_that_cannot_be_written_keeps_the_progress(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_folder(run.folder / "photos", 3)
    out = run.folder / "r.jsonl"
    out.mkdir()
    (out / "in the way").touch()
    run(photos, "--out", out, "--restart", fails_with=CollectionError)
    (out / "in the way").unlink()
    out.rmdir()
    for photo in photos.iterdir():
        photo.unlink()  # nothing is read again
    assert run(photos, "--out", out).exit_code == 0
    assert [row["problem"] for row in run.rows("r.jsonl")] == [None] * 3


def test_a_run_of_another_revision_is_refused_until_it_is_begun_anew(run: Runs) -> None:
    photos = write_folder(run.folder / "photos", 3)
    out = run.folder / "r.jsonl"
    out.mkdir()
    (out / "in the way").touch()
    run(photos, "--out", out, fails_with=CollectionError, *["--restart"])  # noqa: B026
    (out / "in the way").unlink()
    out.rmdir()
    edit_vocabulary()
    refused = run(photos, "--out", out, fails_with=RunMismatchError)
    assert "词表版本" in str(refused.exception)
    run(photos, "--out", out, "--restart")
    assert {row["revision"] for row in run.rows("r.jsonl")} == {2}


def test_images_are_stored_only_when_asked(run: Runs) -> None:
    photos = write_folder(run.folder / "photos", 3)

    def stored() -> int:
        database = Database(Settings().database)
        with database.read() as connection:
            count = connection.exec_driver_sql("SELECT COUNT(*) FROM images").scalar_one()
        database.close()
        return int(count)

    run(photos, "--out", run.folder / "a.jsonl")
    assert stored() == 0
    run(photos, "--out", run.folder / "b.jsonl", "--index", "--no-duplicates")
    assert stored() == 3
    assert {row["duplicate_group"] for row in run.rows("b.jsonl")} == {None}


def test_addresses_of_a_list_keep_to_the_rules(run: Runs) -> None:
    (run.folder / "list.txt").write_text("http://127.0.0.1/a.jpg\nhttp://169.254.169.254/b.jpg\n")
    run(run.folder / "list.txt", "--out", run.folder / "a.jsonl")
    codes = {row["problem"]["code"] for row in run.rows("a.jsonl")}
    assert codes == {"image_source"}
    run(run.folder / "list.txt", "--out", run.folder / "b.jsonl", "--fetch-urls")
    codes = {row["problem"]["code"] for row in run.rows("b.jsonl")}
    assert codes == {"fetch_failed"}


def test_a_result_of_no_known_format_is_refused_before_anything_is_done(run: Runs) -> None:
    photos = write_folder(run.folder / "photos", 1)
    run(photos, "--out", run.folder / "r.xlsx", fails_with=CollectionError)
    assert list(run.folder.glob("r.*")) == []
