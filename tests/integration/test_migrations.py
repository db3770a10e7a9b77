"""How a database file comes to be, and which files are refused."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from rules.values import Subject, Target
from storage import database
from storage.records import StoreUnusableError, Unusable
from storage.store import Store
from storage.tables import metadata

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "100% of it?.db"


@pytest.fixture
def engine(path):
    engine = database.open_writer(path)
    yield engine
    engine.dispose()


def execute(path, sql):
    with sqlite3.connect(path) as connection:
        rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


def test_the_migrations_make_the_tables_that_the_code_declares(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_indexes_and_clustering_are_as_declared(engine, tmp_path):
    """What alembic does not compare: WITHOUT ROWID, AUTOINCREMENT and the conditions of partial indexes."""
    declared = database._engine(tmp_path / "declared.db", "rwc")
    metadata.create_all(declared)

    def schema(of):
        with of.connect() as connection:
            rows = connection.exec_driver_sql("select name, sql from sqlite_master where sql is not null")
            return {name: _bare(sql) for name, sql in rows if name != "alembic_version"}

    assert schema(engine) == schema(declared)
    declared.dispose()


def _bare(sql):
    """The parts of a definition, sorted: constraints may come in any order."""
    return sorted(part.strip(" )") for part in " ".join(sql.split()).split(","))


def test_migrating_again_changes_nothing(engine, path):
    before = execute(path, "select name, sql from sqlite_master")
    database.migrate(engine)
    assert execute(path, "select name, sql from sqlite_master") == before


def test_opening_an_existing_database_keeps_what_is_in_it(path):
    for _ in range(2):
        store = Store.open(path)
        store.sync_targets([Target("k", Subject.ACCOUNT, "n", "tiktok")], T0)
        store.close()
    assert execute(path, "select key, first_seen_ms from target") == [("k", 1_767_225_600_000)]


def test_a_migration_that_fails_leaves_nothing_behind(path):
    engine = database._engine(path, "rwc")

    def fail_half_way(connection, cursor, statement, *rest):
        if "CREATE TABLE outbox" in statement:
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", fail_half_way)
    with pytest.raises(KeyboardInterrupt):
        database.migrate(engine)
    engine.dispose()
    assert execute(path, "select name from sqlite_master") == []


def test_every_connection_keeps_its_promises(engine):
    pragmas = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}
    with engine.connect() as connection:
        kept = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas}
    assert kept == pragmas


def test_a_reader_cannot_write(path):
    Store.open(path).close()
    reader = Store.open(path, readonly=True)
    with pytest.raises(OperationalError, match="readonly"):
        reader.sync_targets([], T0)
    reader.close()


def test_a_reader_sees_what_the_writer_commits(path):
    writer, reader = Store.open(path), Store.open(path, readonly=True)
    writer.sync_targets([Target("k", Subject.ACCOUNT, "n", "tiktok")], T0)
    assert reader.counts().database_bytes > 0
    assert reader.facts("k", "violation", 1) == []
    reader.close()
    writer.close()


def refused(path, *, readonly):
    with pytest.raises(StoreUnusableError) as caught:
        Store.open(path, readonly=readonly)
    return caught.value.reason


def test_a_missing_file_is_refused_to_a_reader_and_not_made(path):
    assert refused(path, readonly=True) is Unusable.MISSING
    assert not path.exists()


def test_a_missing_folder_is_refused(tmp_path):
    assert refused(tmp_path / "nowhere" / "watch.db", readonly=False) is Unusable.MISSING


@pytest.mark.parametrize("readonly", [True, False])
def test_a_database_of_a_newer_version_is_refused(path, readonly):
    Store.open(path).close()
    execute(path, "update alembic_version set version_num = '9999'")
    assert refused(path, readonly=readonly) is Unusable.NEWER


@pytest.mark.parametrize("readonly", [True, False])
def test_a_database_of_another_program_is_refused(path, readonly):
    execute(path, "create table theirs (id integer)")
    assert refused(path, readonly=readonly) is Unusable.FOREIGN


@pytest.mark.parametrize("readonly", [True, False])
def test_a_file_that_is_no_database_is_refused(path, readonly):
    path.write_text("these are words, and there are enough of them to fill the header of a database file, or nearly")
    assert refused(path, readonly=readonly) is Unusable.FOREIGN
