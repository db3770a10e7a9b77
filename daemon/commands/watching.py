"""Watch: run the daemon, or a simulation of the providers; check the configuration, and say what may stand in it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import StrEnum
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, assignments
from daemon.commands.exits import CANNOT_RUN, WRONG, able, complain, configured, reading
from daemon.commands.spending import forecast_of

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config import Config
    from daemon.lock import Holder
    from daemon.preview import Preview


TAKEN_UP_S = 60
"""So long a daemon is waited for."""


class LogLevel(StrEnum):
    """What is logged: this and what is worse."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def run(
    file: File = DEFAULT_FILE,
    log_level: Annotated[LogLevel, typer.Option(help="How much to say of its own work, on standard error.")] = (
        LogLevel.WARNING
    ),
) -> None:
    """Watch the accounts of FILE until Ctrl-C. Without any API key: against the bundled simulator."""
    from daemon import logs
    from daemon.run import run as run_daemon
    from daemon.secrets import REDACTOR

    config = configured(file)
    _refuse_to_overspend(config)
    logs.configure(log_level.upper(), sys.stderr.isatty(), REDACTOR.redact, sys.stderr)
    with able():
        asyncio.run(run_daemon(config, metadata.version("creatorwatch"), os.environ, sys.stdout))


def reload(
    file: File = DEFAULT_FILE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Say what FILE would change, ask, and let the daemon take it up; exit code 1 if none is at work or it does not."""
    from daemon import lock
    from daemon.outside import database_of

    config = configured(file)
    _refuse_to_overspend(config)
    database = database_of(config, os.environ)
    if not dry_run:
        _reader_of(file, database)
    typer.echo(f"{file}: {_preview(config, lock.holder(database))}")
    if dry_run:
        return
    if not yes and not (sys.stdin.isatty() and typer.confirm("Take it up?")):
        complain("nothing was changed; --yes does not ask")
        raise typer.Exit(CANNOT_RUN)
    with able():
        _tell(_reader_of(file, database), database)
    typer.echo("it is in force")


def _reader_of(file: Path, database: Path) -> Holder:
    """The daemon at work that reads this file; leaves with an exit code where there is none, or it reads another."""
    from daemon import lock

    holder = lock.holder(database)
    if holder is None:
        complain("no daemon is at work on the database of this file; `creatorwatch run` starts one")
        raise typer.Exit(CANNOT_RUN)
    if holder.file.resolve() != file.resolve():
        complain(f"the daemon at work reads {holder.file}; try another file with --dry-run, then put it there")
        raise typer.Exit(WRONG)
    return holder


def _preview(config: Config, holder: Holder | None) -> Preview:
    """What ``config`` would change: its price against the one in force, if that still stands in its file."""
    from daemon.clock import SystemClock
    from daemon.preview import preview, with_money

    with reading(config, sketch=True) as sketch:
        found = preview(config, sketch, SystemClock().now())
    now = _in_force(holder)
    return with_money(found, None if now is None else forecast_of(now), forecast_of(config))


def _in_force(holder: Holder | None) -> Config | None:
    """What a daemon runs by; None where its file was changed since, or there is none."""
    from daemon.config import load
    from daemon.preview import digest
    from daemon.providers import ENDPOINTS, METRICS

    if holder is None:
        return None
    config = load(holder.file, os.environ, METRICS, ENDPOINTS)
    return None if isinstance(config, list) or digest(config.files) != holder.digest else config


def _tell(holder: Holder, database: Path) -> None:
    """Let the daemon read its file, and wait until that is in force."""
    import time

    from daemon import lock

    os.kill(holder.pid, signal.SIGHUP)
    for _ in range(TAKEN_UP_S * 10):
        time.sleep(0.1)
        now = lock.holder(database)
        if now and now != holder:
            return
    complain("the daemon has not taken it up yet; its log says why")
    raise typer.Exit(CANNOT_RUN)


def check(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say what is wrong with FILE, by line and column; exit code 2 if anything is. `run` reads it the same way."""
    from daemon import show
    from daemon.config import load
    from daemon.providers import ENDPOINTS, METRICS

    loaded = load(file, os.environ, METRICS, ENDPOINTS)
    problems = loaded if isinstance(loaded, list) else []
    if as_json:
        show.as_json([show.problem_facts(file, each) for each in problems])
    else:
        show.problems(file, problems)
    if isinstance(loaded, list):
        raise typer.Exit(WRONG)
    if not as_json:
        typer.echo(f"{file}: {len(loaded.targets)} targets, {len(loaded.book.rules)} rules, nothing wrong")
        for note in loaded.notes:
            typer.echo(f"note: {note}")


def schema() -> None:
    """Print the JSON Schema of configurations: with it an editor completes, explains and checks keys."""
    from daemon import show
    from daemon.providers import ENDPOINTS, METRICS
    from daemon.schema import schema_of

    show.as_json(schema_of(METRICS, ENDPOINTS))


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="On 127.0.0.1; 0 takes a free one.")] = 8099,
    seed: Annotated[int, typer.Option(help="The same seed tells the same stories.")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds a second.")] = 1.0,
    scenario: Annotated[list[str] | None, typer.Option(help="IDENTITY=SCENARIO; * is everybody. Repeatable.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="IDENTITY=FAULT; * is everybody. Repeatable.")] = None,
    handle: Annotated[list[str] | None, typer.Option(help="NAME=UID: another name of an account. Repeatable.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the scenarios and faults, and serve nothing.")] = False,
) -> None:
    """Serve a simulation of the providers' API on this machine, to be used as their `base_url`."""
    from daemon import show
    from daemon.clock import SystemClock
    from daemon.run import until_stopped
    from daemon.simulator.server import Simulator
    from daemon.simulator.world import FAULTS, SCENARIOS, World

    if listing:
        show.table(("scenario", "what happens"), [(name, each.meaning) for name, each in SCENARIOS.items()])
        show.table(("fault", "what a client sees"), list(FAULTS.items()))
        return
    clock = SystemClock()
    world = World(
        started=clock.now(),
        seed=seed,
        speed=speed,
        scenarios=assignments(scenario, "--scenario", SCENARIOS),
        faults=assignments(fault, "--fault", FAULTS),
        handles=assignments(handle, "--handle"),
    )
    try:
        asyncio.run(until_stopped(Simulator(world, clock.now, port=port), sys.stdout))
    except OSError as error:
        complain(f"cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno)}" if error.errno else str(error))
        raise typer.Exit(CANNOT_RUN) from None


def _refuse_to_overspend(config: Config) -> None:
    """Leave with exit code 2 if a day of ``config`` would cost more than its budget. A simulation costs nothing."""
    from daemon import forecast
    from daemon.outside import with_keys

    asked = with_keys(config, os.environ)
    refused = forecast.refuse(config, forecast_of(config, asked)) if asked else None
    if refused:
        complain(refused)
        raise typer.Exit(WRONG)
