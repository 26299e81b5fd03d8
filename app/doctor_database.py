"""Whether the database is whole, and of this version; nothing is changed by looking."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from app import migrations
from app.doctor import Finding

NAME = "数据库"
POSTGRES_DRIVER = "postgresql+psycopg"
RESTORE = "停止服务，用 tuqian restore 恢复最近的备份；损坏的文件请先另存。"


def head() -> str:
    """The newest revision of the tables that this version knows."""
    return str(_scripts().get_current_head())


def examine_database(url: str) -> Finding:
    """The database at an address: reachable, whole, and with tables of this version."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _server(parsed.set(drivername=POSTGRES_DRIVER).render_as_string(False))
    path = Path(parsed.database or "")
    if not path.is_file():
        return Finding(NAME, f"{path} 还没有建立，首次启动时建立")
    try:
        looking = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            faults = [str(row[0]) for row in looking.execute("PRAGMA quick_check(3)")]
            orphans = looking.execute("PRAGMA foreign_key_check").fetchmany(3)
            row = looking.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            looking.close()
    except sqlite3.Error as error:
        return Finding(NAME, f"{path} 无法读取：{error}", RESTORE)
    if faults != ["ok"]:
        return Finding(NAME, f"{path} 已损坏：{faults[0]}", RESTORE)
    if orphans:
        return Finding(NAME, f"{path} 的表 {orphans[0][0]} 里有无主的行", RESTORE)
    return _versioned(str(path), str(row[0]) if row else "")


def _server(url: str) -> Finding:
    shown = make_url(url).render_as_string(hide_password=True)
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        reason = str(error).splitlines()[0]
        return Finding(
            NAME,
            f"{shown} 无法读取：{reason}",
            "检查 TUQIAN_DATABASE_URL、网络与账号；从未启动过的空数据库请先启动一次服务。",
        )
    return _versioned(shown, str(found or ""))


def _versioned(where: str, found: str) -> Finding:
    newest = head()
    if found == newest:
        return Finding(NAME, f"{where}（完好，表结构 {found}）")
    try:
        _scripts().get_revision(found)
    except (CommandError, ResolutionError):
        return Finding(
            NAME,
            f"{where} 的表结构 {found} 不是本版本所知的（本版本是 {newest}）",
            "请使用创建它的（更新的）图签版本。",
        )
    return Finding(NAME, f"{where}（完好，表结构 {found}，下次启动时升级到 {newest}）")


def _scripts() -> ScriptDirectory:
    config = Config()
    folder = str(Path(migrations.__file__ or "").parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)
