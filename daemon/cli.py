"""The command line. Exit codes: 0 all is well; 1 it could not run; 2 the configuration or the command is wrong.

Nothing of ours is imported before ``main`` has made sure that it is ours; each command imports what it needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from hashlib import sha256
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daemon.config import Config
    from storage.store import Store

app = typer.Typer(
    name="creatorwatch",
    help="Watches TikTok and Douyin creators, judges what it sees by YAML rules, and tells the right person.",
    epilog="Exit codes: 0 all is well, 1 it could not run, 2 the configuration or the command is wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

File = Annotated[Path, typer.Argument(help="The configuration.", envvar="CREATORWATCH_RULES")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DEFAULT_FILE = Path("rules.yaml")

CANNOT_RUN, WRONG = 1, 2


class LogLevel(StrEnum):
    """What is logged: this and what is worse."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def main() -> None:
    """Run the command line; never with modules that only share the names of ours."""
    _refuse_strangers()
    app()


def _refuse_strangers() -> None:
    """Three of our packages have names that others on PyPI have too: whoever was installed last would be imported."""
    home = Path(__file__).resolve().parent.parent
    for name in ("daemon", "rules", "storage"):
        spec = util.find_spec(name)
        place = Path(spec.origin).resolve() if spec and spec.origin else None
        if place is None or place.parent.parent != home:
            _complain(f"`{name}` is another project's package here: install creatorwatch in an environment of its own")
            raise SystemExit(CANNOT_RUN)


@app.command()
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
    from storage.records import StoreUnusableError

    config = _load(file)
    logs.configure(log_level.upper(), sys.stderr.isatty(), REDACTOR.redact, sys.stderr)
    try:
        digest = sha256(file.read_bytes()).hexdigest()[:12]
        asyncio.run(run_daemon(config, metadata.version("creatorwatch"), digest, os.environ, sys.stdout))
    except (OSError, StoreUnusableError) as error:
        _complain(REDACTOR.redact(_in_words(error)))
        raise typer.Exit(CANNOT_RUN) from None


@app.command()
def check(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say what is wrong with FILE, by line and column; exit code 2 if anything is. `run` reads it the same way."""
    from daemon import show
    from daemon.config import load
    from daemon.providers import ENDPOINTS, METRICS

    loaded = load(file, os.environ, METRICS, ENDPOINTS)
    problems = loaded if isinstance(loaded, list) else []
    if as_json:
        show.as_json([{"line": each.line, "column": each.column, "text": each.text} for each in problems])
    else:
        show.problems(file, problems)
    if isinstance(loaded, list):
        raise typer.Exit(WRONG)
    if not as_json:
        typer.echo(f"{file}: {len(loaded.targets)} targets, {len(loaded.book.rules)} rules, nothing wrong")
        for note in loaded.notes:
            typer.echo(f"note: {note}")


@app.command()
def endpoints(as_json: AsJson = False) -> None:
    """List what can be asked of the providers: cost, cadence, needs, and the series each answer yields."""
    from daemon import show
    from daemon.providers import ENDPOINTS

    if as_json:
        show.as_json([show.endpoint_facts(endpoint) for endpoint in ENDPOINTS.values()])
    else:
        for endpoint in ENDPOINTS.values():
            show.endpoint(endpoint)


@app.command()
def simulate(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="On 127.0.0.1; 0 takes a free one.")] = 8099,
    seed: Annotated[int, typer.Option(help="The same seed tells the same stories.")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, help="Simulated seconds a second.")] = 1.0,
    scenario: Annotated[list[str] | None, typer.Option(help="IDENTITY=SCENARIO; * is everybody. Repeatable.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="IDENTITY=FAULT; * is everybody. Repeatable.")] = None,
) -> None:
    """Serve a simulation of the providers' API on this machine, to be used as their `base_url`."""
    from daemon.clock import SystemClock
    from daemon.run import until_stopped
    from daemon.simulator.server import Simulator
    from daemon.simulator.world import FAULTS, SCENARIOS, World

    scenarios = _assignments(scenario, SCENARIOS, "--scenario")
    faults = _assignments(fault, FAULTS, "--fault")
    clock = SystemClock()
    world = World(started=clock.now(), seed=seed, speed=speed, scenarios=scenarios, faults=faults)
    try:
        asyncio.run(until_stopped(Simulator(world, clock.now, port=port), sys.stdout))
    except OSError as error:
        _complain(f"cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno)}" if error.errno else str(error))
        raise typer.Exit(CANNOT_RUN) from None


@app.command()
def status(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say how the daemon of FILE is doing: what it sees, what it cannot see, what waits to be told."""
    from daemon import show

    with _reading(_load(file)) as store:
        remembered, counts = store.remembered(), store.counts()
    if as_json:
        show.as_json(show.status_facts(remembered, counts))
    else:
        show.status(remembered, counts)


@app.command()
def alerts(
    file: File = DEFAULT_FILE,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the alerts of the daemon of FILE."""
    from daemon import show
    from daemon.clock import SystemClock

    config = _load(file)
    with _reading(config) as store:
        rows = store.alerts(limit, open_only=not everything)
    if as_json:
        show.as_json([show.alert_facts(row, config.book) for row in rows])
    else:
        show.alerts(rows, config.book, SystemClock().now())


def _load(file: Path) -> Config:
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
def _reading(config: Config) -> Iterator[Store]:
    """The database that a daemon with this configuration writes, for reading."""
    from daemon.outside import database_of
    from storage.records import StoreUnusableError, Unusable
    from storage.store import Store

    database = database_of(config, os.environ)
    try:
        store = Store.open(database, readonly=True)
    except StoreUnusableError as error:
        missing = error.reason is Unusable.MISSING
        _complain(f"{database}: there is no database yet; `creatorwatch run` makes it" if missing else str(error))
        raise typer.Exit(CANNOT_RUN) from None
    try:
        yield store
    finally:
        store.close()


def _assignments(given: Sequence[str] | None, known: Collection[str], option: str) -> dict[str, str]:
    from rules.expression import did_you_mean

    pairs = [text.rpartition("=") for text in given or ()]
    for identity, _, name in pairs:
        if not identity or name not in known:
            near = did_you_mean(name, frozenset(known)) or f"; known are {', '.join(sorted(known))}"
            raise typer.BadParameter(f"expected IDENTITY=NAME; unknown name `{name}`{near}", param_hint=option)
    return {identity: name for identity, _, name in pairs}


def _in_words(error: Exception) -> str:
    return re.sub(r"^\[Errno \d+\] ", "", str(error))


def _complain(text: str) -> None:
    colour = None if os.environ.get("NO_COLOR") else "red"
    typer.secho(f"creatorwatch: {text}", fg=colour, err=True)
