"""What the doctor finds in a data directory that was, or was not, damaged."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app import cli
from app.doctor_database import examine_database
from app.doctor_state import examine_disk, examine_settings
from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "tests" / "data" / "cat.jpg"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two stored images, whose service was stopped."""
    folder = tmp_path_factory.mktemp("doctor") / "data"
    with TestClient(create_app(Settings(data_dir=folder))) as client:
        for name in ("cat", "tiger"):
            sent = {"files": (PHOTO.parent / f"{name}.jpg").read_bytes()}
            assert client.post("/v1/images", files=sent).status_code == 200
    return folder


@pytest.fixture
def data_dir(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "data"))


def doctor(data_dir: Path, **environment: str) -> tuple[int, str]:
    """The exit status and the words of the command, as one line."""
    given = {"TUQIAN_DATA_DIR": str(data_dir)} | environment
    result = CliRunner().invoke(cli.app, ["doctor"], env=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, " ".join(result.output.split())


def test_a_whole_data_directory_has_nothing_wrong(data_dir: Path) -> None:
    status, said = doctor(data_dir)
    assert status == 0, said
    assert "完好，表结构" in said
    assert "与数据库一致：2 张" in said
    assert "2000 张图片" in said


def _damage_index(folder: Path) -> None:
    (path,) = (folder / "index").glob("*.vectors.faiss")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


def _damage_database(folder: Path) -> None:
    path = folder / "tuqian.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 8] = bytes(range(256)) * (4096 * 5 // 256)
    path.write_bytes(data)


def _of_another_version(folder: Path) -> None:
    with sqlite3.connect(folder / "tuqian.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _damage_bank(folder: Path) -> None:
    (path,) = (folder / "index").glob("*.vectors.faiss")
    key = path.name.removesuffix(".vectors.faiss").replace("_", "@", 1)
    (folder / "background").mkdir(exist_ok=True)
    (folder / "background" / f"{key}.npz").write_bytes(b"nothing")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_damage_index, ("缓存文件损坏", "删除")),
        (_damage_database, ("数据库", "restore")),
        (_of_another_version, ("9999", "更新的")),
        (_damage_bank, ("背景库",)),
    ],
)
def test_damage_is_found_and_the_doctor_says_what_to_do(
    damage: Callable[[Path], None], words: tuple[str, ...], data_dir: Path
) -> None:
    damage(data_dir)
    status, said = doctor(data_dir)
    assert status == 1, said
    assert "✗" in said
    for word in words:
        assert word in said


def test_an_index_that_fell_behind_is_no_fault(data_dir: Path) -> None:
    for path in (data_dir / "index").iterdir():
        path.unlink()
    status, said = doctor(data_dir)
    assert status == 0, said
    assert "由 2 张入库图片建立" in said


def test_looking_changes_nothing(data_dir: Path) -> None:
    before = {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
    doctor(data_dir)
    after = {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
    changed = {path.name for path in before if after.get(path) != before[path]}
    assert changed <= {"tuqian.db-shm", "tuqian.db-wal"}


def test_a_model_or_a_device_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    for wrong in ({"TUQIAN_MODEL": "buildin"}, {"TUQIAN_DEVICE": "cuda"}):
        if wrong.get("TUQIAN_DEVICE") and Path("/dev/nvidia0").exists():
            continue
        status, said = doctor(tmp_path, **wrong)
        assert status == 1, said
        assert "✗ │ 模型" in said


def test_a_variable_that_is_no_setting_is_named(tmp_path: Path) -> None:
    known = {"TUQIAN_PORT"}
    assert not examine_settings(["PATH", "TUQIAN_PORT"], known).remedy
    found = examine_settings(["TUQIAN_PROT", "TUQIAN_PORT"], known)
    assert "TUQIAN_PROT" in found.value
    assert found.remedy


def test_a_database_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    assert not examine_database(f"sqlite:///{tmp_path / 'none.db'}").remedy
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_does_not_answer_is_a_fault() -> None:
    pytest.importorskip("psycopg", reason="no psycopg")
    found = examine_database("postgresql://nobody:hidden@127.0.0.1:1/none")
    assert found.remedy
    assert "hidden" not in found.value


@pytest.mark.postgres
def test_a_postgresql_database_with_its_tables_is_fine(
    new_postgres_url: Callable[..., str],
) -> None:
    assert not examine_database(new_postgres_url()).remedy


def test_a_disk_is_looked_at_though_the_directory_is_not_there_yet(tmp_path: Path) -> None:
    assert "GB" in examine_disk(tmp_path / "a" / "b").value
