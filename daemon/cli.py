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
    from daemon.forecast import Forecast
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

    config = _load(file)
    _refuse_to_overspend(config)
    logs.configure(log_level.upper(), sys.stderr.isatty(), REDACTOR.redact, sys.stderr)
    with _able():
        digest = sha256(file.read_bytes()).hexdigest()[:12]
        asyncio.run(run_daemon(config, metadata.version("creatorwatch"), digest, os.environ, sys.stdout))


@app.command()
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


@app.command()
def endpoints(
    name: Annotated[str, typer.Argument(help="Only those whose name contains this.", show_default=False)] = "",
    platform: Annotated[str, typer.Option(help="Only those of tiktok, or of douyin.", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """List what can be asked of the providers: cost, cadence, needs, and the series each answer yields."""
    from daemon import show
    from daemon.providers import ENDPOINTS
    from daemon.providers.endpoint import Platform

    if platform:
        _choose(platform, set(Platform), "--platform")
    chosen = [each for each in ENDPOINTS.values() if name in each.name and platform in ("", each.platform)]
    if not chosen:
        _choose(name, ENDPOINTS, "NAME")
    if as_json:
        show.as_json([show.endpoint_facts(endpoint) for endpoint in chosen])
        return
    for endpoint in chosen:
        show.endpoint(endpoint)
    show.line(f"endpoints: {len(chosen)}")


@app.command()
def fetch(
    endpoint: Annotated[str, typer.Argument(help="Its name: `creatorwatch endpoints` lists them.")],
    target: Annotated[str, typer.Argument(help="The key or id of a target, or the id of any video.")],
    file: Annotated[Path, typer.Option(help="The configuration.", envvar="CREATORWATCH_RULES")] = DEFAULT_FILE,
    raw: Annotated[bool, typer.Option("--raw", help="Print the answer itself too, without secrets.")] = False,
    over_budget: Annotated[bool, typer.Option("--over-budget", help="Even if the budget is used up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask ENDPOINT about TARGET once, now, and print the numbers. They are not stored; what they cost is.

    Without any API key: against the bundled simulator.
    """
    from daemon import show, show_answer
    from daemon.clock import SystemClock
    from daemon.once import Order, Refusal, Refused, fetch_once
    from daemon.providers.answer import Failure

    config, order = _load(file), Order(endpoint, target, over_budget)
    with _able():
        answered = asyncio.run(fetch_once(config, order, SystemClock(), os.environ))
    if isinstance(answered, Refusal):
        _complain(answered.text)
        raise typer.Exit(WRONG if answered.reason is Refused.WRONG else CANNOT_RUN)
    if answered.simulated:
        _complain("no API key is set: this answer is SIMULATED")
    if as_json:
        show.as_json(show_answer.answer_facts(answered, raw))
    else:
        show_answer.answer(answered, raw)
    if isinstance(answered.answer, Failure):
        _complain(f"{answered.answer.reason}: {answered.answer.detail}")
        raise typer.Exit(CANNOT_RUN)


@app.command()
def plan(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say what FILE will ask and cost in a day, before anything is asked; exit code 1 if that is above its budget."""
    from daemon import forecast, show, show_money

    config = _load(file)
    planned = _forecast(config)
    notes, refused = list(forecast.notes(config, planned)), forecast.refuse(config, planned)
    if as_json:
        show.as_json(show_money.plan_facts(planned, config.budgets, notes, refused))
    else:
        show_money.plan(planned, config.budgets, notes)
    if refused:
        _complain(refused)
        raise typer.Exit(CANNOT_RUN)


@app.command()
def spending(
    file: File = DEFAULT_FILE,
    days: Annotated[int, typer.Option(min=1, max=10_000, help="So many days of UTC, today the last.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Say what the daemon of FILE has asked and spent, by endpoint. What may have been billed counts."""
    from datetime import timedelta

    from daemon import show, show_money
    from daemon.budget import day_start
    from daemon.clock import SystemClock

    since = day_start(SystemClock().now()) - timedelta(days=days - 1)
    with _reading(_load(file)) as store:
        spent = store.spending(since)
    if as_json:
        show.as_json(show_money.spending_facts(spent, since))
    else:
        show_money.spending(spent, since)


@app.command()
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
        scenarios=_assignments(scenario, "--scenario", SCENARIOS),
        faults=_assignments(fault, "--fault", FAULTS),
        handles=_assignments(handle, "--handle"),
    )
    try:
        asyncio.run(until_stopped(Simulator(world, clock.now, port=port), sys.stdout))
    except OSError as error:
        _complain(f"cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno)}" if error.errno else str(error))
        raise typer.Exit(CANNOT_RUN) from None


@app.command()
def status(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say how the daemon of FILE is doing: what it sees, what it cannot see, what waits to be told."""
    from daemon import show, show_status
    from daemon.clock import SystemClock

    config = _load(file)
    with _reading(config) as store:
        seen = show_status.look(store, config.budgets, SystemClock().now())
    if as_json:
        show.as_json(show_status.status_facts(seen, config.budgets))
    else:
        show_status.status(seen, config.budgets)


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


@app.command()
def trust(
    metric: Annotated[str, typer.Argument(help="Its name: `creatorwatch status` lists what is not believed.")],
    file: File = DEFAULT_FILE,
) -> None:
    """Let the daemon of FILE believe METRIC again, which it does not since its numbers have changed their nature."""
    from daemon.outside import database_of
    from storage.store import Store

    config = _load(file)
    with _reading(config) as store:
        doubted = [each for each in store.quarantines() if each.metric == metric]
        if not doubted:
            _choose(metric, {each.metric for each in store.quarantines()}, "METRIC")
    with contextlib.closing(Store.open(database_of(config, os.environ))) as store:
        for each in doubted:
            store.release(each.endpoint, each.metric)
    typer.echo(f"{metric} is believed again, by a running daemon within half a minute")


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


def _forecast(config: Config) -> Forecast:
    from daemon import forecast
    from daemon.clock import SystemClock

    at = SystemClock().now()
    return forecast.forecast(forecast.lines_of(config, config.providers, at), config.book.rules, at)


def _refuse_to_overspend(config: Config) -> None:
    """Leave with exit code 2 if a day of ``config`` would cost more than its budget. A simulation costs nothing."""
    from daemon import forecast
    from daemon.outside import has_keys

    refused = forecast.refuse(config, _forecast(config)) if has_keys(config, os.environ) else None
    if refused:
        _complain(refused)
        raise typer.Exit(WRONG)


@contextlib.contextmanager
def _able() -> Iterator[None]:
    """Leave with exit code 1, and a sentence, where the database, an address or a file cannot be worked with."""
    from daemon.secrets import REDACTOR
    from storage.records import StoreUnusableError

    try:
        yield
    except (OSError, StoreUnusableError) as error:
        _complain(REDACTOR.redact(_in_words(error)))
        raise typer.Exit(CANNOT_RUN) from None


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


def _assignments(given: Sequence[str] | None, option: str, known: Collection[str] | None = None) -> dict[str, str]:
    """The pairs A=B of a repeatable option; without ``known`` any B will do that is not empty."""
    pairs = [text.rpartition("=") for text in given or ()]
    for identity, _, name in pairs:
        if known is not None:
            _choose(name, known, option)
        if not identity or not name:
            raise typer.BadParameter("expected two names with = between them", param_hint=option)
    return {identity: name for identity, _, name in pairs}


def _choose(name: str, known: Collection[str], place: str) -> None:
    """Leave with exit code 2 unless ``name`` is known."""
    from rules.expression import did_you_mean

    if name not in known:
        near = did_you_mean(name, frozenset(known)) or f"; known are {', '.join(sorted(known)) or 'none'}"
        raise typer.BadParameter(f"unknown name `{name}`{near}", param_hint=place)


def _in_words(error: Exception) -> str:
    return re.sub(r"^\[Errno \d+\] ", "", str(error))


def _complain(text: str) -> None:
    colour = None if os.environ.get("NO_COLOR") else "red"
    typer.secho(f"creatorwatch: {text}", fg=colour, err=True)
