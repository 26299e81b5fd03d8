"""How far a run has come: every row it has made, on the disk before the next ones are begun."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from app.errors import CollectionError, RunMismatchError
from app.pipeline.rows import Row, from_json, to_json
from index.errors import StorageFullError

FILE = "progress.db"
NAMES_AT_ONCE = 10_000
ROWS_AT_ONCE = 1_000
# The facts of a run that must be the same when it goes on, and what they are called.
FACTS = {
    "source": "SOURCE",
    "model_key": "模型",
    "revision": "词表版本",
    "options": "选项",
}
TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS names (number INTEGER PRIMARY KEY, name BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, leader INTEGER, row TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS rows_leader ON rows (leader) WHERE leader IS NOT NULL;
"""


class Checkpoint:
    """A folder that one process at a time has. Rows are numbered as the images are, from 0.

    Safe to share between threads. A power cut may take the last rows, never leave half of them.
    """

    def __init__(self, folder: Path):
        """Opens or makes it. Raises `CollectionError` where another process has it."""
        self.folder = folder
        self._turn = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(
                folder / FILE, timeout=1, isolation_level=None, check_same_thread=False
            )
            # Held until the process ends, however it ends.
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._file.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
        except (OSError, sqlite3.DatabaseError) as error:
            raise CollectionError(
                f"进度目录 {folder} 不能用：{error}", field="RESULT", remedy=_remedy(error)
            ) from error

    @property
    def done(self) -> int:
        """How many rows there are, which is the number of the next."""
        return self._number("SELECT COALESCE(MAX(number) + 1, 0) FROM rows")

    def begin(self, facts: Mapping[str, object]) -> None:
        """Notes what the run is made with, or compares.

        Raises `RunMismatchError` where an interrupted run was made with something else.
        """
        now = {name: json.dumps(facts[name], sort_keys=True) for name in FACTS}
        before = dict(self._all("SELECT name, value FROM facts"))
        for name, called in FACTS.items():
            if before and before.get(name) != now[name]:
                raise RunMismatchError(
                    f"上次的进度用的{called}是 {before.get(name)}，现在是 {now[name]}",
                    field=name,
                    remedy="加上 --restart 从头开始，或恢复上次的条件。",
                )
        if not before:
            with self._writing():
                self._file.executemany("INSERT INTO facts VALUES (?, ?)", now.items())

    def plan(self, names: Iterator[str]) -> None:
        """Fixes the names of the images, unless that has been done, all or none."""
        if self._fact("planned"):
            return
        with self._writing():
            numbered = enumerate(name.encode("utf-8", "surrogateescape") for name in names)
            self._file.executemany("INSERT INTO names VALUES (?, ?)", numbered)
            self._file.execute("INSERT INTO facts VALUES ('planned', 'true')")

    def planned(self) -> int:
        """How many names are fixed."""
        return self._number("SELECT COALESCE(MAX(number) + 1, 0) FROM names")

    def names(self, start: int) -> Iterator[str]:
        """The fixed names from number `start` on, some thousands in memory at a time."""
        query = "SELECT name FROM names WHERE number >= ? ORDER BY number LIMIT ?"
        while found := self._all(query, start, NAMES_AT_ONCE):
            for (name,) in found:
                yield name.decode("utf-8", "surrogateescape")
            start += len(found)

    def add(self, rows: Sequence[Row]) -> None:
        """Keeps the next rows, all or none. Raises `StorageFullError`."""
        first = self.done
        with self._writing():
            self._file.executemany(
                "INSERT INTO rows VALUES (?, ?, ?)",
                [(first + at, row.leader, to_json(row)) for at, row in enumerate(rows)],
            )

    def rows(self) -> Iterator[tuple[Row, Row | None]]:
        """Every row in order, with the first of its group where that has others."""
        query = "SELECT number, row FROM rows WHERE number >= ? ORDER BY number LIMIT ?"
        start = 0
        while found := self._all(query, start, ROWS_AT_ONCE):
            for number, text in found:
                row = from_json(text)
                yield row, self._leader(number, row)
            start = found[-1][0] + 1

    def close(self) -> None:
        """Lets another process have it."""
        self._file.close()

    def _leader(self, number: int, row: Row) -> Row | None:
        if row.leader is None:
            return None
        if row.leader == number:
            others = "SELECT COUNT(*) FROM (SELECT 1 FROM rows WHERE leader = ? LIMIT 2)"
            return row if self._number(others, row.leader) > 1 else None
        ((text,),) = self._all("SELECT row FROM rows WHERE number = ?", row.leader)
        return from_json(text)

    def _fact(self, name: str) -> str:
        found = self._all("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else ""

    def _number(self, query: str, *given: Any) -> int:
        return int(self._all(query, *given)[0][0])

    def _all(self, query: str, *given: Any) -> list[Any]:
        with self._turn:
            return self._file.execute(query, given).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._turn:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._file.execute("COMMIT")
            except BaseException as error:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and "is full" in str(error):
                    raise StorageFullError(
                        "磁盘空间不足，已完成的部分没有丢",
                        remedy="清理磁盘后再次运行同一条命令，接着做。",
                    ) from error
                raise


def folder_of(result: Path) -> Path:
    """Where the progress of a run with that result lies."""
    return result.with_name(f"{result.name}.partial")


def open_checkpoint(folder: Path, *, fresh: bool) -> Checkpoint:
    """The progress, or a `fresh` one without anything done, whatever was there.

    Raises `CollectionError` where another process has it, or where the folder is none of ours.
    """
    if fresh and folder.exists():
        if not (folder / FILE).is_file() and any(folder.iterdir()):
            raise CollectionError(
                f"{folder} 不是进度目录，没有删除", field="RESULT", remedy="换一个 RESULT。"
            )
        if not _is_damaged(folder):
            Checkpoint(folder).close()  # raises where it is in use
        shutil.rmtree(folder)
    return Checkpoint(folder)


def forget(folder: Path) -> None:
    """Removes the progress of a run that is finished."""
    shutil.rmtree(folder)


def _is_damaged(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / FILE)) as file:
        try:
            file.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            return False  # in use
        except sqlite3.DatabaseError:
            return True
    return False


def _remedy(error: Exception) -> str:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "另一个 tuqian run 正在写同一个结果；等它结束，或换一个 RESULT。"
    return "检查磁盘与权限；进度已损坏时加上 --restart。"
