"""Backups: whole, secret-free, and refused where they would do harm."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.backup import restore_backup, write_backup
from app.database import Database
from app.errors import BackupError
from vocab.store import VocabularyStore
from vocab.tags import TagDraft


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with one tag and one bank."""
    folder = tmp_path / "data"
    database = Database(f"sqlite:///{folder / 'tuqian.db'}")
    database.migrate()
    with VocabularyStore(database).editing("测试", "起点") as edit:
        edit.create_all([TagDraft("猫", "动物")])
    database.close()
    (folder / "background").mkdir()
    (folder / "background" / "model.npz").write_bytes(b"bank")
    return folder


@pytest.fixture
def archive(data_dir: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out.tar"
    write_backup(out, url_of(data_dir), data_dir, {"port": 8000})
    return out


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'tuqian.db'}"


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other contents."""
    with tarfile.open(archive) as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    change(files)
    out = archive.with_name("changed.tar")
    with tarfile.open(out, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out


def test_what_was_backed_up_is_what_is_restored(archive: Path, tmp_path: Path) -> None:
    manifest = restore_backup(archive, tmp_path / "new")
    assert set(manifest["files"]) == {"tuqian.db", "background/model.npz", "settings.json"}
    assert (tmp_path / "new" / "background" / "model.npz").read_bytes() == b"bank"
    database = Database(url_of(tmp_path / "new"))
    assert [tag.name for tag in VocabularyStore(database).load().tags] == ["猫"]
    database.close()
    there = {path.name for path in (tmp_path / "new").iterdir()}
    assert there <= {"tuqian.db", "tuqian.db-shm", "tuqian.db-wal", "background"}


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(
    archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(BackupError, match="不是空的"):
        restore_backup(archive, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files.update({"background/model.npz": b"other"}), "与清单不符"),
        (lambda files: files.update({"tuqian.db": files["tuqian.db"][:-1]}), "与清单不符"),
        (lambda files: files.pop("tuqian.db"), "缺少"),
        (lambda files: files.pop("manifest.json"), "清单"),
        (lambda files: files.update({"manifest.json": b"{}"}), "清单"),
        (lambda files: files.update({"manifest.json": b'{"format": 9, "files": {}}'}), "更新的"),
        (
            lambda files: files.update(
                {"manifest.json": b'{"format": 1, "files": {"../evil": {"sha256": ""}}}'}
            ),
            "不可信",
        ),
    ],
)
def test_a_damaged_backup_restores_nothing(
    change: Callable[[dict[str, bytes]], None], words: str, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match=words):
        restore_backup(rewritten(archive, change), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_cut_off_or_missing_file_is_said_in_words(archive: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    for wrong in (cut, tmp_path / "none.tar"):
        with pytest.raises(BackupError):
            restore_backup(wrong, tmp_path / "new")


def test_a_file_that_exists_is_not_overwritten_unasked(archive: Path, data_dir: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupError, match="已经存在"):
        write_backup(archive, url_of(data_dir), data_dir, {})
    assert archive.read_bytes() == before
    write_backup(archive, url_of(data_dir), data_dir, {}, replace=True)
    assert archive.read_bytes() != before


def test_a_writer_in_the_middle_of_a_change_is_not_in_the_backup_and_not_disturbed(
    data_dir: Path, tmp_path: Path
) -> None:
    database = Database(url_of(data_dir))
    with VocabularyStore(database).editing("测试", "更多") as edit:
        edit.create_all([TagDraft("狗", "动物")])
        write_backup(tmp_path / "during.tar", url_of(data_dir), data_dir, {})
    assert len(VocabularyStore(database).load().tags) == 2
    database.close()
    restore_backup(tmp_path / "during.tar", tmp_path / "new")
    with sqlite3.connect(tmp_path / "new" / "tuqian.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM tags").fetchone() == (1,)


def test_the_command_writes_no_secret(data_dir: Path, tmp_path: Path) -> None:
    secret = "do-not-tell"  # noqa: S105 - of this test
    given = {
        "TUQIAN_DATA_DIR": str(data_dir),
        "TUQIAN_WEBHOOK_SECRET": secret,
        "TUQIAN_REDIS_URL": f"redis://:{secret}@127.0.0.1/0",
        "TUQIAN_MAX_BATCH": "7",
    }
    out = tmp_path / "out.tar"
    result = CliRunner().invoke(cli.app, ["backup", str(out)], env=given)
    assert result.exit_code == 0, result.output
    assert secret.encode() not in out.read_bytes()
    with tarfile.open(out) as tar:
        told = json.loads(tar.extractfile("settings.json").read())  # type: ignore[union-attr]
    assert told["max_batch"] == 7


def test_postgresql_is_referred_to_its_own_tool_without_telling_the_password(
    tmp_path: Path,
) -> None:
    url = "postgresql://user:hidden@127.0.0.1/tuqian"
    with pytest.raises(BackupError, match="pg_dump") as raised:
        write_backup(tmp_path / "out.tar", url, tmp_path, {})
    assert "pg_dump" in str(raised.value.remedy)
    assert "hidden" not in str(raised.value.remedy)
