"""The SQLite file: how it is opened, what every connection promises, and how its tables come to be.

A write transaction begins with BEGIN IMMEDIATE, so it waits for the one before it instead of failing half way; a
read sees one moment of the database for as long as it lasts, and keeps nobody waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    ClauseElement,
    Connection,
    Engine,
    Executable,
    Pool,
    QueuePool,
    Select,
    StaticPool,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.sql.compiler import SQLCompiler

from storage import codec
from storage.records import StoreUnusableError, Unusable

BUSY_TIMEOUT_MS, PATIENT_MS = 5_000, 60_000
"""So long a writing waits for that of another process; who has nothing else to do is patient."""

CHECKPOINT_PAGES = 8_000
"""Pages of 4 KiB that the write-ahead log gathers: polls touch the same pages again and again, a checkpoint once."""

Parameters = dict[str, object]
"""The columns of one row, by name."""

READING = "reading"
"""The execution option of a connection that only reads."""


class Lease(NamedTuple):
    """What a claim takes: up to ``most`` rows due at ``now_ms``, which are ``holder``'s until ``until_ms``."""

    now_ms: int
    until_ms: int
    holder: str
    most: int


_BROKEN = {sqlite3.SQLITE_NOTADB: Unusable.FOREIGN, sqlite3.SQLITE_CANTOPEN: Unusable.MISSING}


def open_writer(path: Path, patient: bool = False) -> Engine:
    """An engine that reads and writes ``path``, made where there is none, with its tables up to date.

    Raises ``StoreUnusableError`` for a file that is no database of ours or was written by a newer version, and, as any
    writing does, where another process writes for too long.
    """
    wait = f"PRAGMA busy_timeout = {PATIENT_MS if patient else BUSY_TIMEOUT_MS}"
    return _checked(_engine(path, "rwc", wait, "PRAGMA journal_mode = WAL"), path, migrate)


def open_reader(path: Path) -> Engine:
    """An engine that can only read ``path``.

    Raises ``StoreUnusableError`` where it is missing, foreign or of another version.
    """
    return _checked(_engine(path, "ro"), path, _require_head)


def open_sketch(path: Path) -> Engine:
    """An engine whose one connection reads ``path`` and writes to copies of its smaller tables, which end with it.

    SQLite looks among the temporary tables first. Raises ``StoreUnusableError`` as ``open_reader`` does.
    """
    engine = _checked(_engine(path, "ro", "PRAGMA temp_store = MEMORY", pool=StaticPool), path, _require_head)
    engine = engine.execution_options(**{READING: True})
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # what is copied and what is not name each other
        connection.rollback()
        schema = connection.exec_driver_sql(_SCHEMA).all()
        for kind, name, table, statement in schema:
            if table in _NOT_SKETCHED:
                continue
            if kind == "table":
                connection.exec_driver_sql(statement.replace("CREATE TABLE ", "CREATE TEMP TABLE ", 1))
                connection.exec_driver_sql(f'INSERT INTO temp."{name}" SELECT * FROM main."{name}"')  # noqa: S608 - ours
            else:
                connection.exec_driver_sql(statement.replace("INDEX ", "INDEX temp.", 1))
        connection.commit()
    return engine


_SCHEMA = """
    SELECT type, name, tbl_name, sql FROM main.sqlite_schema
    WHERE sql IS NOT NULL AND type IN ('table', 'index') AND name NOT LIKE 'sqlite%' ORDER BY type DESC
"""
_NOT_SKETCHED = frozenset({"alembic_version", "sample", "snapshot", "fact", "series", "ledger", "receipt"})


class Transactions:
    """Begins them. One thread calls it at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self._reader = engine, engine.execution_options(**{READING: True})
        self._together: ExitStack | None = None
        self._whole: Connection | None = None

    def writing(self) -> AbstractContextManager[Connection]:
        """One that writes: all of it or nothing."""
        if self._together is not None and self._whole is None:
            self._whole = self._together.enter_context(self.engine.begin())
        return self.engine.begin() if self._whole is None else nullcontext(self._whole)

    def reading(self) -> AbstractContextManager[Connection]:
        """One that sees a single moment of the database."""
        return self._reader.begin() if self._whole is None else nullcontext(self._whole)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one of all that are begun within, from the first that writes: until then nobody is kept waiting."""
        with ExitStack() as together:
            self._together = together
            try:
                yield
            finally:
                self._together = self._whole = None

    def close(self) -> None:
        """Let the file go."""
        self.engine.dispose()


def migrate(engine: Engine) -> None:
    """Bring the tables up to date, in one transaction. Does nothing where they are."""
    with engine.begin() as connection:
        if _revision(connection) is None and inspect(connection).get_table_names():
            raise StoreUnusableError(Unusable.FOREIGN, "the database was made by another program")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def among(values: Iterable[int | str]) -> Select[Any]:
    """The values as a subquery for IN: one parameter, however many they are."""
    listed = func.json_each(codec.to_json(list(values))).table_valued("value")
    return select(listed.c.value)


def write(connection: Connection, statement: Executable, rows: list[Parameters]) -> None:
    """One statement for many rows; none for none."""
    if rows:
        connection.execute(statement, rows)


class Hot:
    """A Core statement compiled once and given tuples, in the order of ``names``: a third of the cost of dicts."""

    def __init__(self, statement: ClauseElement, *names: str) -> None:
        compiled = statement.compile(dialect=sqlite.dialect(), column_keys=list(names))
        order = compiled.positiontup if isinstance(compiled, SQLCompiler) and compiled.positiontup else names
        self._sql = str(compiled)
        self._pick = itemgetter(*(names.index(name) for name in order))

    def write(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """The statement for each row; nothing for none."""
        if rows:
            connection.exec_driver_sql(self._sql, [self._pick(row) for row in rows])


def _engine(path: Path, mode: str, *pragmas: str, pool: type[Pool] = QueuePool) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
            *pragmas,
            "PRAGMA synchronous = NORMAL",
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
            "PRAGMA foreign_keys = ON",
        ):
            connection.execute(statement)
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=pool)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READING, False)
    try:
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK) != sqlite3.SQLITE_BUSY:
            raise
        text = "another process has been writing to the database all the time; try again later"
        raise StoreUnusableError(Unusable.BUSY, text) from None


def _checked(engine: Engine, path: Path, check: Callable[[Engine], None]) -> Engine:
    try:
        check(engine)
    except StoreUnusableError as error:
        engine.dispose()
        raise StoreUnusableError(error.reason, f"{path}: {error}") from None
    except DatabaseError as error:
        engine.dispose()
        reason = _BROKEN.get(getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK))
        if reason is None:
            raise
        raise StoreUnusableError(reason, f"{path}: {error.orig}") from None
    return engine


def _require_head(engine: Engine) -> None:
    with engine.execution_options(**{READING: True}).begin() as connection:
        revision = _revision(connection)
    if revision is None:
        raise StoreUnusableError(Unusable.FOREIGN, "the database was made by another program")
    if revision != ScriptDirectory.from_config(_config()).get_current_head():
        raise StoreUnusableError(Unusable.OLDER, "the database waits for the daemon to bring it up to date")


def _revision(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreUnusableError(Unusable.NEWER, "the database was written by a newer version")
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    config.set_main_option("path_separator", "os")
    return config
