"""Watch: run the daemon, or a simulation of the providers; check the configuration, and say what may stand in it."""

from __future__ import annotations

import asyncio
import os
import sys
from enum import StrEnum
from importlib import metadata
from typing import Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, assignments
from daemon.commands.exits import CANNOT_RUN, WRONG, able, complain, configured
from daemon.commands.spending import refuse_to_overspend


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
    refuse_to_overspend(config)
    logs.configure(log_level.upper(), sys.stderr.isatty(), REDACTOR.redact, sys.stderr)
    with able():
        asyncio.run(run_daemon(config, metadata.version("creatorwatch"), os.environ, sys.stdout))


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
