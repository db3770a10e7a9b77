"""Bytes on disk: what a table of the database takes, told by dropping it from a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.benchmarks.bodies import CREATOR_INFO, FAKE_VIEWS
from tests.benchmarks.measure import Figure

TABLES = ("sample", "snapshot")


def figures(database: Path) -> list[Figure]:
    """Bytes a number and a poll of each endpoint in a database that nobody has open."""
    return [figure for endpoint in (FAKE_VIEWS, CREATOR_INFO) for figure in _of(database, endpoint)]


def _of(database: Path, endpoint: str) -> list[Figure]:
    with _only(database, endpoint) as copy:
        polls, numbers = copy.execute("SELECT count(*), sum(length(numbers)) / 8 FROM sample").fetchone()
        sample, snapshot = (table_bytes(copy, table) for table in TABLES)
    return [
        Figure(f"disk, {endpoint}", sample / numbers, "B a number"),
        Figure(f"  {numbers / polls:g} numbers a poll, without snapshots", sample / polls, "B a poll"),
        Figure("  with snapshots, all answers different", (sample + snapshot) / polls, "B a poll"),
    ]


@contextmanager
def _only(database: Path, endpoint: str) -> Iterator[sqlite3.Connection]:
    """A copy in memory without the rows of other endpoints; pages are as full as they were."""
    with closing(sqlite3.connect(database)) as original, closing(sqlite3.connect(":memory:")) as copy:
        original.backup(copy)
        others = "schedule_id IN (SELECT id FROM schedule WHERE endpoint <> ?)"
        for table in TABLES:
            copy.execute(f"DELETE FROM {table} WHERE {others}", [endpoint])
        copy.commit()
        yield copy


def table_bytes(copy: sqlite3.Connection, table: str) -> int:
    """What a table took; it is dropped."""
    free = copy.execute("PRAGMA freelist_count").fetchone()[0]
    copy.execute(f"DROP TABLE {table}")
    pages = copy.execute("PRAGMA freelist_count").fetchone()[0] - free
    return pages * copy.execute("PRAGMA page_size").fetchone()[0]
