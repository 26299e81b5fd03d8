"""The database: connections, one writer at a time, tables brought up to date."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from app.errors import OverloadedError, SettingsError

# Any number that no other program takes a lock on in this database: "tuqian" as six bytes.
WRITER_LOCK = 0x74757169616E

JOURNAL_WAIT_S = 30.0

_WRITES = "tuqian_writes"


class Database:
    """SQLite or PostgreSQL behind two kinds of transaction. Safe to share between threads.

    Many may `read` at a time, each of one consistent state and never held up by the writer; one
    may `write`, and the others wait up to `wait_s` seconds for their turn.
    """

    def __init__(self, url: str, *, wait_s: float = 30.0):
        self._url = _parse(url)
        self._wait_s = wait_s
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = self._connect_to_sqlite() if self._is_sqlite else self._connect_to_server()
        # SQLite's own waiting is a lottery among threads; this one is a queue.
        self._turn = threading.Lock()
        self._writer: int | None = None
        self._watch_lock = threading.Lock()
        self._watch: Any = None

    @property
    def name(self) -> str:
        """The address without its password, for logs."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database throughout and cannot write."""
        with self._engine.connect() as connection:
            if not self._is_sqlite:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The one writing transaction: committed at the end, rolled back on an exception.

        Raises `OverloadedError` where the other writers take longer than `wait_s`.
        """
        if self._writer == threading.get_ident():
            raise RuntimeError("a write() inside a write() would wait for itself")
        if not self._turn.acquire(timeout=self._wait_s):
            raise self._busy()
        try:
            self._writer = threading.get_ident()
            with self._engine.connect() as connection:
                self._begin_writing(connection)
                yield connection
                connection.commit()
        finally:
            self._writer = None
            self._turn.release()

    def migrate(self) -> None:
        """Creates the tables or brings them up to date, all or nothing.

        Raises `SettingsError` where the database is of a newer version of Tuqian.
        """
        config = Config()
        with resources.as_file(resources.files("app.migrations")) as scripts, self.write() as now:
            config.set_main_option("script_location", str(scripts).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = now
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise SettingsError(
                    f"数据库 {self.name} 的表结构不是本版本所知的：{error}",
                    field="database_url",
                    remedy="请使用创建它的（更新的）图签版本，或换一个数据库。",
                ) from error

    def data_version(self) -> int:
        """A cheap number that changes when another process, or this one, has committed.

        On SQLite any commit changes it; on PostgreSQL a new revision of the vocabulary.
        """
        if not self._is_sqlite:
            with self.read() as connection:
                number = "SELECT COALESCE(MAX(number), 0) FROM revisions"
                return int(connection.exec_driver_sql(number).scalar_one())
        # SQLite counts the commits of others as seen by one connection, so it is always the same.
        with self._watch_lock:
            if self._watch is None:
                self._watch = self._engine.raw_connection()
            return int(self._watch.cursor().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Gives back every connection."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._engine.dispose()

    def _begin_writing(self, connection: Connection) -> None:
        try:
            connection.execution_options(**{_WRITES: True})
            connection.begin()
            if not self._is_sqlite:
                # The isolation stays READ COMMITTED: what is read after the lock is what the
                # writer before us committed, not what there was when we began to wait.
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._wait_s * 1000)}")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        except OperationalError as error:
            if _is_lock_timeout(error):
                raise self._busy() from error
            raise

    def _busy(self) -> OverloadedError:
        return OverloadedError(
            f"等待写入数据库超过 {self._wait_s:g} 秒", remedy="其他修改正在进行，请稍后重试。"
        )

    def _connect_to_server(self) -> Engine:
        try:
            return create_engine(self._url, pool_pre_ping=True, pool_size=8, max_overflow=24)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise SettingsError(
                f"缺少数据库驱动：{error}",
                field="database_url",
                remedy='请运行 pip install "tuqian[postgres]"，或改用 sqlite:/// 地址。',
            ) from error

    def _connect_to_sqlite(self) -> Engine:
        path = self._url.database
        if not path or path == ":memory:" or path.startswith("file:"):
            raise SettingsError(
                "SQLite 需要一个文件路径，不支持内存数据库",
                field="database_url",
                remedy="例如 sqlite:////var/lib/tuqian/tuqian.db。",
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            self._url,
            pool_size=8,
            max_overflow=24,
            connect_args={"timeout": self._wait_s, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError as error:
        raise SettingsError(
            "数据库地址无法识别", field="database_url", remedy="例如 sqlite:////data/tuqian.db。"
        ) from error
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise SettingsError(
            f"不支持数据库 {backend}",
            field="database_url",
            remedy="请使用 sqlite:/// 或 postgresql:// 地址。",
        )
    return parsed


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions itself: it begins them late, and never IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor)
    # FULL: an edit that was answered survives a power cut, not only a killed process.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    # For this one lock, which two processes want when they meet on a new file, SQLite does not
    # wait by itself.
    deadline = time.monotonic() + JOURNAL_WAIT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # Said at every beginning, because connections go back to the pool and come out for either.
    connection.exec_driver_sql(f"PRAGMA query_only = {0 if writes else 1}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_lock_timeout(error: OperationalError) -> bool:
    return "locked" in str(error.orig) or "lock timeout" in str(error.orig)
