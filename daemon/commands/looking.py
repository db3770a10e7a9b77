"""Look: how a daemon is doing, from the database that it writes."""

from __future__ import annotations

import contextlib
import os
from typing import Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, FileOption, choose, moment
from daemon.commands.exits import CANNOT_RUN, able, complain, configured, reading


def status(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say how the daemon of FILE is doing: what it sees, what it cannot see, what waits to be told."""
    from daemon import show, show_status
    from daemon.clock import SystemClock

    config = configured(file)
    with reading(config) as store:
        seen = show_status.look(store, config.budgets, SystemClock().now())
    if as_json:
        show.as_json(show_status.status_facts(seen, config.budgets))
    else:
        show_status.status(seen, config.budgets)


def alerts(
    file: File = DEFAULT_FILE,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the alerts of the daemon of FILE."""
    from daemon import show
    from daemon.clock import SystemClock

    config = configured(file)
    with reading(config) as store:
        rows = store.alerts(limit, open_only=not everything)
    if as_json:
        show.as_json([show.alert_facts(row, config.book) for row in rows])
    else:
        show.alerts(rows, config.book, SystemClock().now())


def explain(
    target: Annotated[str, typer.Argument(help="Its key, id or name.")],
    rule: Annotated[str, typer.Option(help="Only this rule.")] = "",
    at: Annotated[str, typer.Option(help="A time in the past: 2h, or 2026-11-01T08:00. Default: now.")] = "",
    file: FileOption = DEFAULT_FILE,
    as_json: AsJson = False,
) -> None:
    """Say why TARGET has the alerts that it has, and no others: numbers, conditions, what holds them, who was told."""
    from daemon import explain as explaining
    from daemon import show, show_explain
    from daemon.clock import SystemClock
    from rules.spelling import did_you_mean

    config, now = configured(file), SystemClock().now()
    when = moment(at, now, "--at") if at else now
    if rule:
        choose(rule, {each.name for each in config.book.rules}, "--rule")
    with reading(config, sketch=True) as store:
        names = explaining.names(config, store, now)
        if target not in names:
            near = did_you_mean(target, names)
            raise typer.BadParameter(f"nothing that is watched is called `{target}`{near}", param_hint="TARGET")
        meant = names[target]
        known = explaining.known_then(config, store, meant, when) if at else explaining.known_now(config, store, when)
        if meant.key not in known.docket.targets:
            complain(f"{meant.key} is not watched now; `--at` tells of a time when it was")
            raise typer.Exit(CANNOT_RUN)
        found = list(explaining.explained(meant, config, known, store, rule))
    if as_json:
        show.as_json(show_explain.facts(meant, when, found))
    else:
        show_explain.explanation(meant, when, found)


def trust(
    metric: Annotated[str, typer.Argument(help="Its name: `creatorwatch status` lists what is not believed.")],
    file: File = DEFAULT_FILE,
) -> None:
    """Let the daemon of FILE believe METRIC again, which it does not since its numbers have changed their nature."""
    from daemon.outside import database_of
    from storage.store import Store

    config = configured(file)
    with reading(config) as store:
        doubted = [each for each in store.quarantines() if each.metric == metric]
        if not doubted:
            choose(metric, {each.metric for each in store.quarantines()}, "METRIC")
    with able(), contextlib.closing(Store.open(database_of(config, os.environ), patient=True)) as store:
        for each in doubted:
            store.release(each.endpoint, each.metric)
    typer.echo(f"{metric} is believed again, by a running daemon within half a minute")
