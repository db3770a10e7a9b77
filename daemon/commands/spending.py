"""Spend: what will be asked and paid, and what was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File
from daemon.commands.exits import CANNOT_RUN, WRONG, complain, configured, reading

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.forecast import Forecast, Known
    from daemon.providers.endpoint import Provider


def plan(file: File = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """Say what FILE will ask and cost in a day, before anything is asked; exit code 1 if that is above its budget."""
    from daemon import forecast, show, show_money

    config = configured(file)
    planned = forecast_of(config)
    notes, refused = list(forecast.notes(config, planned)), forecast.refuse(config, planned)
    if as_json:
        show.as_json(show_money.plan_facts(planned, config.budgets, notes, refused))
    else:
        show_money.plan(planned, config.budgets, notes)
    if refused:
        complain(refused)
        raise typer.Exit(CANNOT_RUN)


def spending(
    file: File = DEFAULT_FILE,
    days: Annotated[int, typer.Option(min=1, max=10_000, help="So many days of UTC, today the last.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Say what the daemon of FILE has asked and spent, by endpoint. What may have been billed counts."""
    from daemon import show, show_money
    from daemon.budget import day_start
    from daemon.clock import SystemClock

    since = day_start(SystemClock().now()) - timedelta(days=days - 1)
    with reading(configured(file)) as store:
        spent = store.spending(since)
    if as_json:
        show.as_json(show_money.spending_facts(spent, since))
    else:
        show_money.spending(spent, since)


def refuse_to_overspend(config: Config) -> None:
    """Leave with exit code 2 if a day of ``config`` would cost more than its budget. A simulation costs nothing."""
    from daemon import forecast
    from daemon.outside import with_keys

    asked = with_keys(config, os.environ)
    refused = forecast.refuse(config, forecast_of(config, asked)) if asked else None
    if refused:
        complain(refused)
        raise typer.Exit(WRONG)


def forecast_of(config: Config, providers: Collection[Provider] | None = None) -> Forecast:
    """What a day of ``config`` will take, from now on, of all ``providers`` or of these."""
    from daemon import forecast
    from daemon.clock import SystemClock

    at = SystemClock().now()
    known = _known(config, at)
    lines = forecast.lines_of(config, config.providers if providers is None else providers, at, known)
    return forecast.forecast(lines, config.book.rules, at, known.pages)


def _known(config: Config, at: datetime) -> Known:
    """What the daemon of ``config`` has learned, if it has run."""
    from daemon.desk import known
    from daemon.forecast import NOTHING_KNOWN
    from storage.records import StoreUnusableError
    from storage.store import Store

    try:
        store = Store.open(config.database, readonly=True)
    except StoreUnusableError:
        return NOTHING_KNOWN  # there is none yet, or it is another version's: `run` says so
    with contextlib.closing(store):
        return known(store, at)
