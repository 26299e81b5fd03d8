from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.access.tables import metadata as access_metadata
from app.database import Database
from app.errors import OverloadedError, SettingsError
from app.jobs.tables import metadata as job_metadata
from index.tables import metadata as image_metadata
from vocab.store import now_utc
from vocab.tables import metadata, revisions


def a_revision(number: int) -> dict[str, object]:
    return {
        "number": number,
        "created_at": now_utc(),
        "author": "a",
        "reason": "r",
        "changed_tags": 0,
    }


def numbers(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(select(revisions.c.number).order_by(revisions.c.number)))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    url = database_url
    if request.param == "postgres":
        url = request.getfixturevalue("new_postgres_url")(empty=True)
    made = Database(url, wait_s=5)
    made.migrate()
    yield made
    made.close()


def test_the_migrated_tables_are_the_declared_ones(any_database: Database) -> None:
    with any_database.read() as connection:
        context = MigrationContext.configure(connection)
        found = compare_metadata(context, [metadata, image_metadata, job_metadata, access_metadata])
        # Tables that other rooms declare are theirs to compare.
        ours = [change for change in found if change[0] != "remove_table"]
        assert ours == []
        assert set(inspect(connection).get_table_names()) >= set(metadata.tables)


def test_migrating_again_changes_nothing(any_database: Database) -> None:
    with any_database.write() as connection:
        connection.execute(insert(revisions), [a_revision(1)])
    any_database.migrate()
    assert numbers(any_database) == [1]


def test_a_database_of_a_newer_version_is_refused_with_the_remedy(any_database: Database) -> None:
    with any_database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError) as refused:
        any_database.migrate()
    assert "更新的" in (refused.value.remedy or "")


def test_a_migration_that_fails_leaves_no_half_of_it(database_url: str) -> None:
    path = database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE idempotency_keys (x)")  # in the way of the last table
    database = Database(database_url)
    with pytest.raises(OperationalError):
        database.migrate()
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["idempotency_keys"]
    database.close()


def test_two_processes_may_migrate_at_the_same_time(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        for done in [pool.submit(database.migrate) for database in databases]:
            done.result()
    assert numbers(databases[0]) == []
    for database in databases:
        database.close()


def test_an_exception_rolls_everything_back(any_database: Database) -> None:
    def write_and_fail() -> None:
        with any_database.write() as connection:
            connection.execute(insert(revisions), [a_revision(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert numbers(any_database) == []


def test_what_is_written_is_kept(any_database: Database) -> None:
    with any_database.write() as connection:
        connection.execute(insert(revisions), [a_revision(1)])
    assert numbers(any_database) == [1]


def test_a_reading_transaction_cannot_write(any_database: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only|readonly"), any_database.read() as now:
        now.execute(insert(revisions), [a_revision(1)])
    with any_database.write() as connection:  # the same pooled connection may write again
        connection.execute(insert(revisions), [a_revision(1)])


def test_a_reader_sees_one_state_and_does_not_wait_for_the_writer(any_database: Database) -> None:
    with any_database.read() as reader:
        assert reader.execute(select(revisions)).all() == []
        with any_database.write() as writer:
            writer.execute(insert(revisions), [a_revision(1)])
            assert numbers(any_database) == []
        assert numbers(any_database) == [1]
        assert reader.execute(select(revisions)).all() == []


def test_a_writer_sees_what_the_one_before_it_committed(any_database: Database) -> None:
    """Every thread adds one to the highest number: a lost update would repeat one."""

    def add() -> None:
        for _ in range(5):
            with any_database.write() as connection:
                head = connection.scalar(text("SELECT COALESCE(MAX(number), 0) FROM revisions"))
                connection.execute(insert(revisions), [a_revision(int(head or 0) + 1)])

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(add) for _ in range(8)]:
            done.result()
    assert numbers(any_database) == list(range(1, 41))


def test_foreign_keys_hold(any_database: Database) -> None:
    orphan = text("INSERT INTO tag_names (tag_id, key, active) VALUES ('t1', 'k', true)")
    with pytest.raises(IntegrityError), any_database.write() as connection:
        connection.execute(orphan)


def test_a_write_inside_a_write_is_a_mistake_not_a_wait(database: Database) -> None:
    with database.write(), pytest.raises(RuntimeError), database.write():
        pass


def test_a_writer_who_waits_too_long_is_told_to_come_back(database_url: str) -> None:
    first, second = Database(database_url), Database(database_url, wait_s=0.1)
    first.migrate()
    with first.write(), pytest.raises(OverloadedError), second.write():
        pass
    with second.write():
        pass
    first.close()
    second.close()


@pytest.mark.postgres
def test_a_waiting_writer_on_postgresql_gives_up_too(
    new_postgres_url: Callable[..., str],
) -> None:
    url = new_postgres_url()
    first, second = Database(url), Database(url, wait_s=0.1)
    with first.write(), pytest.raises(OverloadedError), second.write():
        pass
    with second.write():
        pass
    first.close()
    second.close()


def test_the_data_version_changes_when_another_process_commits(any_database: Database) -> None:
    other = Database(any_database._url.render_as_string(hide_password=False))
    before = any_database.data_version()
    assert any_database.data_version() == before
    with other.write() as connection:
        connection.execute(insert(revisions), [a_revision(1)])
    assert any_database.data_version() != before
    other.close()


def test_sqlite_writes_ahead_and_waits_for_the_disk(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_an_address_that_cannot_be_used_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Database(url)
    assert refused.value.remedy


def test_the_name_for_the_log_hides_the_password() -> None:
    database = Database("postgresql://me:secret@host/db")
    assert "secret" not in database.name
    database.close()
