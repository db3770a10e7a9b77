"""How a database file comes to be, and which files are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from daemon.scribe import plain
from rules.values import News, Severity, Subject, Target
from storage import codec, database
from storage.records import Planned, StoreUnusableError, Unusable
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


def fail_half_way(path, table):
    """Migrate, and break before a table is made."""
    engine = database._engine(path, "rwc")

    def fail(connection, cursor, statement, *rest):
        if f"CREATE TABLE {table}" in statement:
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(KeyboardInterrupt):
        database.migrate(engine)
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(path):
    fail_half_way(path, "outbox")
    assert execute(path, "select name from sqlite_master") == []


FIRST_ROWS = {
    "target": (1, "tiktok/account/1", "account", "tiktok", "mei", "ana", '["vip"]', "https://t", 1_000, None),
    "series": (1, "user", '[["fans",[]]]'),
    "schedule": (1, 1, "user", 1_900_000, 900_000, None, 1_000_000, "ok", 0, 7, b"digest"),
    "sample": (1, 1_000_000, 1, b"numbers."),
    "snapshot": (1, 1, 1_000_000, b"payload"),
    "fact": (1, "user", "violation", "7", '{"status":"open"}', 1_000_000, 1_000_000, None),
    "alert": (5, "points", 1, "[]", 1, 2, '{"is":"ok"}', '{"chat":1}', 1_000_000, None),
    "transition": (1, 5, 1_000_000, "b_fired", 0, 1, "why", "[]"),
    "outbox": (1, 5, "chat", 1, "fired", "high", "title", "body", 1_000_000, 1_000_000, None, 1, "sent"),
    "receipt": (1, 1, "chat", 1_000_000, "sent", 12),
}
"""A row for each table of version 0001, but for ``progress``, which it makes itself."""


@pytest.fixture
def first(path):
    """A database of version 0001, with something in each table."""
    engine = database._engine(path, "rwc")
    with engine.begin() as connection:
        config = database._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, row in FIRST_ROWS.items():
            connection.exec_driver_sql(f"insert into {table} values ({','.join('?' * len(row))})", row)
        connection.exec_driver_sql("update progress set committed = 7, judged = 6")
    engine.dispose()
    return path


def test_a_database_of_the_first_version_keeps_everything(first):
    Store.open(first).close()
    for table, row in FIRST_ROWS.items():
        [kept] = execute(first, f"select * from {table}")
        kept = kept[: len(row)] if table != "outbox" else (*kept[:7], "body", *kept[7 : len(row) - 1])
        assert kept == row
    assert execute(first, "select * from progress") == [(1, 7, 6)]
    assert execute(first, "pragma foreign_key_check") == []


def test_a_plan_of_the_first_version_goes_on_with_the_cadences_of_this_one(first):
    store = Store.open(first)
    [line] = store.unjudged()
    store.plan([Planned(line.target, "user", timedelta(minutes=1), T0, "every 1m")], codec.from_ms(1_000_000))
    [claim] = store.claim("user", codec.from_ms(1_060_000), T0, "me", 9)
    assert line.interval == claim.interval == timedelta(minutes=15), "what was seen last was to last so long"
    assert (store.spending(codec.EPOCH), store.identities(), store.discovered()) == ([], {}, [])
    store.close()


def test_the_second_migration_that_fails_leaves_the_first_version(first):
    before = execute(first, "select name, sql from sqlite_master")
    fail_half_way(first, "sight")
    assert execute(first, "select name, sql from sqlite_master") == before
    assert execute(first, "select version_num from alembic_version") == [("0001",)]


def test_alerts_and_letters_of_the_first_version_remember_nothing_and_go_alone(first):
    store = Store.open(first)
    store.close()
    assert execute(first, "select past from alert") == execute(first, "select bundle from outbox") == [("",)]
    assert execute(first, "select * from memory") == []


def test_of_alerts_of_the_first_version_nobody_knows_by_what_they_were_judged(first):
    store = Store.open(first)
    assert [(alert.rule, alert.meaning) for alert in store.live_alerts()] == [("points", "")]
    store.close()


def test_the_last_migration_that_fails_leaves_the_version_before(first):
    fail_half_way(first, "memory")
    assert execute(first, "select version_num from alembic_version") == [("0001",)]


def test_a_letter_that_waits_is_still_told_in_its_words(first):
    row = (2, 5, "chat", 1, "fired", "high", "▲ HIGH: Mei: points", "Level: a → b\n  reason: x", 2_000, 2_000)
    with sqlite3.connect(first) as connection:
        connection.execute(f"insert into outbox values ({'?,' * 10} null, 0, 'waiting')", row)
    connection.close()
    store = Store.open(first)
    [letter] = store.claim_letters("chat", T0, T0 + timedelta(minutes=1), "me", 10)
    store.close()
    told = plain(letter.story)
    assert (told.title, told.body, told.severity, told.news) == (*row[6:8], Severity.HIGH, News.FIRED)
    assert letter.story.at == codec.from_ms(2_000)


def test_what_was_told_before_letters_had_facts_is_not_known_and_breaks_nothing(first):
    with closing(Store.open(first)) as store:
        assert (store.told_last([5]), store.standing("chat"), store.waiting(["quiet", "digest"])) == ({}, [], [])


def test_a_reader_waits_for_the_daemon_to_migrate(first):
    assert refused(first, readonly=True) is Unusable.OLDER


def test_every_connection_keeps_its_promises(engine):
    pragmas = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}
    with engine.connect() as connection:
        kept = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas}
    assert kept == pragmas


def test_a_reader_cannot_write(path):
    Store.open(path).close()
    reader = Store.open(path, readonly=True)
    with pytest.raises(OperationalError, match="readonly"):
        reader.sync_targets([Target("k", Subject.ACCOUNT, "n", "tiktok")], T0)
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
