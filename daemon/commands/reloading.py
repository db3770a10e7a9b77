"""Reload: let the daemon that is at work go by another file, or read its own again."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from daemon.commands.arguments import DEFAULT_FILE
from daemon.commands.exits import CANNOT_RUN, WRONG, able, complain, configured, reading
from daemon.commands.spending import forecast_of, refuse_to_overspend

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.lock import Holder

TAKEN_UP_S = 60
"""So long a daemon is waited for."""


def reload(
    new: Annotated[Path | None, typer.Argument(help="What is to take the place of the file in force.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Say what NEW would change, ask, and put it in the place of the file in force. Without NEW: read that again.

    Exit code 1 if no daemon is at work, nobody agrees, or the daemon refuses it (then the file before is put back) or
    says nothing for a minute (then it says where the file before is).
    """
    from daemon import lock
    from daemon.outside import database_of

    file = new or Path(os.environ.get("CREATORWATCH_RULES") or DEFAULT_FILE)
    config = configured(file)
    refuse_to_overspend(config)
    database = database_of(config, os.environ)
    holder = lock.holder(database)
    if dry_run:
        _say_preview(file, config, holder)
    elif holder is None:
        _leave("no daemon is at work on the database of this file; `creatorwatch run` starts one")
    elif holder.file.resolve() == file.resolve():
        _read_again(holder, database, config.digest)
    elif new is None:
        _leave(f"the daemon at work reads {holder.file}; `creatorwatch reload {file}` puts this in its place", WRONG)
    else:
        _replace(new, config, holder, database, yes)


def _leave(text: str, code: int = CANNOT_RUN) -> NoReturn:
    complain(text)
    raise typer.Exit(code)


def _say_preview(file: Path, config: Config, holder: Holder | None) -> None:
    """Say what ``config`` would change: its price against that of the file in force, if this still stands there."""
    from daemon.clock import SystemClock
    from daemon.preview import only_by_restart, preview, with_money, within_reach

    now = _in_force(holder)
    then, left = (config, []) if now is None else (within_reach(now, config), only_by_restart(now, config))
    with reading(config, sketch=True) as sketch:
        found = preview(then, sketch, SystemClock().now())
    typer.echo(f"{file}: {with_money(found, None if now is None else forecast_of(now), forecast_of(then))}")
    if left:
        typer.echo(f"note: only a restart takes up what changes in {', '.join(left)}")


def _in_force(holder: Holder | None) -> Config | None:
    """What a daemon runs by; None where its file was changed since, or there is none."""
    from daemon.config import load
    from daemon.providers import ENDPOINTS, METRICS

    if holder is None:
        return None
    config = load(holder.file, os.environ, METRICS, ENDPOINTS)
    return None if isinstance(config, list) or config.digest != holder.digest else config


def _read_again(holder: Holder, database: Path, digest: str) -> None:
    after = _taken_up(holder, database, digest)
    if after.problems:
        _leave(f"the daemon does not take it up, what was in force still is:\n{after.problems}")
    typer.echo(after.did)


def _replace(new: Path, config: Config, holder: Holder, database: Path, yes: bool) -> None:
    """Put a file in the place of the one in force, and see it taken up; else the one before is put back."""
    from daemon.replacing import put, put_back, settle

    if new.parent.resolve() != holder.file.parent.resolve():
        _leave(f"put it beside {holder.file}: the files that it names are looked for in its own folder", WRONG)
    _say_preview(new, config, holder)
    if not yes:
        _ask(holder.file)
    with able():
        _signal(holder, 0)  # whether it may be told, before anything is done
        kept = put(_unchanged(new, config, holder, database), holder.file)
        after = _taken_up(holder, database, config.digest, f"; the file before is {kept}")
        if after.problems:
            put_back(kept, holder.file)
            _leave(f"the daemon does not take it up, and the file before is back in its place:\n{after.problems}")
    typer.echo(f"{after.did}\nthe file before is {settle(kept, holder.file)}")


def _ask(place: Path) -> None:
    """Leave with an exit code unless somebody agrees."""
    if not sys.stdin.isatty():
        _leave("nothing was changed: there is no terminal to ask at; --yes does not ask")
    if not typer.confirm(f"Put it in the place of {place}?"):
        _leave("nothing was changed")


def _unchanged(new: Path, config: Config, holder: Holder, database: Path) -> bytes:
    """What the new file holds; leaves with an exit code where that, or what is in force, is not what was shown."""
    from daemon import lock
    from daemon.sources import stamps_of

    content, now = new.read_bytes(), lock.holder(database)
    if stamps_of(config.files) != config.stamps:
        _leave(f"nothing was changed: {new}, or a file that it names, was written meanwhile")
    if now is None or (now.pid, now.digest) != (holder.pid, holder.digest):
        _leave("nothing was changed: the daemon goes by another file since")
    return content


def _taken_up(holder: Holder, database: Path, digest: str, hint: str = "") -> Holder:
    """Let the daemon read its file, and wait for what comes of what has this digest; leaves where nothing does."""
    from daemon import lock

    before = lock.holder(database) or holder
    with able():
        _signal(holder, signal.SIGHUP)
    for _ in range(TAKEN_UP_S * 10):
        time.sleep(0.1)
        now = lock.holder(database)
        if now and now.at != before.at and now.read == digest:
            return now
    _leave(f"the daemon has not taken it up yet: its log says why{hint}")


def _signal(holder: Holder, number: int) -> None:
    """Send a signal to the daemon. Raises ``OSError`` in words."""
    try:
        os.kill(holder.pid, number)
    except PermissionError:
        raise OSError("only the daemon's own user, or root, may tell it") from None
