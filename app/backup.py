"""A copy of everything that cannot be made again, in one file, taken while the service runs."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from app.database import Database
from app.errors import BackupError

DATABASE = "tuqian.db"
MANIFEST = "manifest.json"
SETTINGS = "settings.json"
FORMAT = 1
# The banks: sampled and operator's own. Weights are downloaded, indexes made again.
FOLDER = "background"
PIECE = 1 << 20


def write_backup(
    out: Path, url: str, data_dir: Path, settings: Mapping[str, Any], *, replace: bool = False
) -> dict[str, Any]:
    """Writes the archive and returns its manifest; the service may go on writing meanwhile.

    The database is copied as one transaction sees it. Whole or not at all: the archive gets its
    name when it is complete. Raises `BackupError`.
    """
    source = _database_file(url)
    if out.exists() and not replace:
        raise BackupError(f"{out} 已经存在", field="OUT", remedy="换一个文件名，或先移走它。")
    temporary = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".tuqian-backup-") as scratch:
            _copy_database(source, Path(scratch) / DATABASE)
            _copy_banks(data_dir / FOLDER, Path(scratch) / FOLDER)
            manifest = _pack(temporary, Path(scratch), settings)
        temporary.replace(out)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            f"备份没有完成：{error}", remedy="检查磁盘空间与目录权限；tuqian doctor 会检查数据库。"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def restore_backup(archive: Path, data_dir: Path) -> dict[str, Any]:
    """Unpacks an archive into an empty folder and brings its tables up to date.

    Every file is compared with its digest before any is put in place. Returns the manifest.
    Raises `BackupError`.
    """
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise BackupError(
            f"{data_dir} 不是空的", field="--data-dir", remedy="恢复只写入空目录：换一个新目录。"
        )
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data_dir, prefix=".restoring-") as scratch:
            manifest = _unpack(archive, Path(scratch))
            with closing(Database(f"sqlite:///{Path(scratch) / DATABASE}")) as database:
                database.migrate()
            for path in sorted(Path(scratch).iterdir()):
                if path.name not in (MANIFEST, SETTINGS):
                    path.rename(data_dir / path.name)
    except (OSError, tarfile.TarError, sqlite3.Error) as error:
        raise BackupError(
            f"{archive} 无法恢复：{error}", field="ARCHIVE", remedy="换一份备份重试。"
        ) from error
    return manifest


def _database_file(url: str) -> Path:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise BackupError(
            "PostgreSQL 的备份请用 pg_dump",
            field="TUQIAN_DATABASE_URL",
            remedy=f"运行 pg_dump -Fc -f tuqian.dump '{parsed.render_as_string()}'，"
            f"并另外复制数据目录里的 {FOLDER}；恢复用 pg_restore。",
        )
    path = Path(parsed.database or "")
    if not path.is_file():
        raise BackupError(
            f"没有数据库 {path}", field="TUQIAN_DATA_DIR", remedy="检查数据目录是否正确。"
        )
    return path


def _copy_database(source: Path, copy: Path) -> None:
    """One transaction's view of the database, as a file of its own without a write-ahead log.

    All pages in one step are one read transaction: writers neither wait nor make it begin again.
    """
    with (
        closing(sqlite3.connect(source, timeout=60)) as reading,
        closing(sqlite3.connect(copy)) as made,
    ):
        reading.backup(made, pages=-1)
        made.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = made.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise BackupError(f"数据库已损坏：{verdict}", remedy="运行 tuqian doctor；恢复更早的备份。")


def _copy_banks(source: Path, copy: Path) -> None:
    """The banks as they are now: the service may replace each of them at any time."""
    copy.mkdir()
    for path in source.glob("*.npz"):
        shutil.copyfile(path, copy / path.name)


def _pack(out: Path, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    files: dict[str, dict[str, Any]] = {}
    with tarfile.open(out, "w") as tar:
        said = json.dumps(settings, ensure_ascii=False, indent=2, default=str).encode()
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            name = path.relative_to(folder).as_posix()
            files[name] = {"bytes": path.stat().st_size, "sha256": _digest(path)}
            tar.add(path, name, recursive=False)
        files[SETTINGS] = {"bytes": len(said), "sha256": hashlib.sha256(said).hexdigest()}
        _add(tar, SETTINGS, said)
        manifest = {
            "format": FORMAT,
            "tuqian": version("tuqian"),
            "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "files": files,
        }
        _add(tar, MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2).encode())
    return manifest


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))


def _unpack(archive: Path, folder: Path) -> dict[str, Any]:
    with tarfile.open(archive, "r:") as tar:
        manifest = _manifest(tar)
        for name, facts in manifest["files"].items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise BackupError(f"备份里的路径 {name!r} 不可信", field="ARCHIVE")
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                source = tar.extractfile(name)
            except KeyError:
                source = None
            if source is None:
                raise _damaged(f"缺少 {name}")
            with path.open("wb") as out:
                while piece := source.read(PIECE):
                    out.write(piece)
            if _digest(path) != facts["sha256"]:
                raise _damaged(f"{name} 与清单不符")
        if DATABASE not in manifest["files"]:
            raise _damaged("没有数据库")
    return manifest


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    try:
        source = tar.extractfile(MANIFEST)
        manifest = json.loads(source.read()) if source else None
        if not isinstance(manifest, dict) or not isinstance(manifest["files"], dict):
            raise ValueError("no list of files")
        newer = int(manifest["format"]) > FORMAT
    except (KeyError, ValueError) as error:
        raise _damaged("没有可读的清单") from error
    if newer:
        raise BackupError("备份由更新的图签版本写成", remedy="用那个版本恢复。")
    return manifest


def _damaged(what: str) -> BackupError:
    return BackupError(
        f"备份不完整：{what}", field="ARCHIVE", remedy="换一份备份；什么也没有恢复。"
    )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
