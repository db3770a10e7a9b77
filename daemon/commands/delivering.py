"""Delivering: what was sent to whom, and whether each channel works."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, FileOption, choose, moment
from daemon.commands.exits import CANNOT_RUN, configured, reading


def deliveries(
    file: File = DEFAULT_FILE,
    channel: Annotated[str, typer.Option(help="Only those of this channel.", show_default=False)] = "",
    since: Annotated[str, typer.Option(help="Tried since then: 1d, or 2026-11-01T08:00.")] = "1d",
    failed: Annotated[bool, typer.Option("--failed", help="Only those whose newest attempt failed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the latest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what the daemon of FILE sent: to whom, when, how often it was tried, and how that ended."""
    from daemon import show, show_deliveries
    from daemon.clock import SystemClock

    config, now = configured(file), SystemClock().now()
    begin = moment(since, now, "--since")
    with reading(config) as store:
        if channel and channel not in config.channels:
            choose(channel, {*config.channels, *store.working()}, "--channel")
        rows = store.delivered(begin, channel, failed, limit)
    if as_json:
        show.as_json([show_deliveries.facts(row) for row in rows])
    else:
        show_deliveries.deliveries(rows)


def notify_test(
    channels: Annotated[
        list[str] | None, typer.Argument(metavar="CHANNEL", help="Their names; all unless named.")
    ] = None,
    file: FileOption = DEFAULT_FILE,
    as_json: AsJson = False,
) -> None:
    """Send a message that says that it is a test by each CHANNEL, and say how that ended. It needs no database.

    Exits with 1 if one did not take it.
    """
    from daemon import show, show_deliveries
    from daemon.clock import SystemClock
    from daemon.notify_test import send_tests

    config = configured(file)
    for name in channels or ():
        choose(name, config.channels.keys(), "CHANNEL")
    names = list(dict.fromkeys(channels or config.channels))
    out = sys.stderr if as_json else sys.stdout
    trials = asyncio.run(send_tests(config, names, os.environ, out, SystemClock().now()))
    if as_json:
        show.as_json([show_deliveries.trial_facts(each) for each in trials])
    else:
        show_deliveries.trials(trials)
    if not all(each.arrived for each in trials):
        raise typer.Exit(CANNOT_RUN)
