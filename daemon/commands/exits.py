"""How a command ends: its exit codes, and the errors that end it.

Nothing else of ours is imported before ``daemon.cli.main`` has made sure that it is ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from daemon.config import Config
    from storage.store import Store

CANNOT_RUN, WRONG = 1, 2


def configured(file: Path) -> Config:
    """The configuration in ``file``; leaves with exit code 2 after saying all that is wrong with it."""
    from daemon import show
    from daemon.config import load
    from daemon.providers import ENDPOINTS, METRICS

    loaded = load(file, os.environ, METRICS, ENDPOINTS)
    if isinstance(loaded, list):
        show.problems(file, loaded)
        raise typer.Exit(WRONG)
    return loaded


@contextlib.contextmanager
def able() -> Iterator[None]:
    """Leave with exit code 1, and a sentence, where the database, an address or a file cannot be worked with."""
    from daemon.secrets import REDACTOR
    from storage.records import StoreUnusableError

    try:
        yield
    except (OSError, StoreUnusableError) as error:
        complain(REDACTOR.redact(_in_words(error)))
        raise typer.Exit(CANNOT_RUN) from None


@contextlib.contextmanager
def reading(config: Config, sketch: bool = False) -> Iterator[Store]:
    """The database that a daemon with this configuration writes, for reading; as a ``sketch``: to try something out."""
    from daemon import logs
    from daemon.outside import database_of
    from daemon.secrets import REDACTOR
    from storage.records import StoreUnusableError, Unusable
    from storage.store import Store

    logs.configure("ERROR", sys.stderr.isatty(), REDACTOR.redact, sys.stderr)  # of parts that the daemon has too
    database = database_of(config, os.environ)
    try:
        store = Store.sketch(database) if sketch else Store.open(database, readonly=True)
    except StoreUnusableError as error:
        missing = error.reason is Unusable.MISSING
        complain(f"{database}: there is no database yet; `creatorwatch run` makes it" if missing else str(error))
        raise typer.Exit(CANNOT_RUN) from None
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def writing(config: Config) -> Iterator[Store]:
    """The same database, to write what people say; a running daemon hears of it. It must be there already.

    Waits a minute for other processes that write: a daemon that takes up another file is one.
    """
    from daemon.outside import database_of
    from storage.store import Store

    with reading(config):
        pass
    with able(), contextlib.closing(Store.open(database_of(config, os.environ), patient=True)) as store:
        yield store


def _in_words(error: Exception) -> str:
    return re.sub(r"^\[Errno \d+\] ", "", str(error))


def complain(text: str) -> None:
    """Say it on standard error."""
    colour = None if os.environ.get("NO_COLOR") else "red"
    typer.secho(f"creatorwatch: {text}", fg=colour, err=True)
