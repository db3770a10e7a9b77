"""Ask: what can be asked of the providers, and one call now."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, choose
from daemon.commands.exits import CANNOT_RUN, WRONG, able, complain, configured


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
        choose(platform, set(Platform), "--platform")
    chosen = [each for each in ENDPOINTS.values() if name in each.name and platform in ("", each.platform)]
    if not chosen:
        choose(name, ENDPOINTS, "NAME")
    if as_json:
        show.as_json([show.endpoint_facts(endpoint) for endpoint in chosen])
        return
    for endpoint in chosen:
        show.endpoint(endpoint)
    show.line(f"endpoints: {len(chosen)}")


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

    config, order = configured(file), Order(endpoint, target, over_budget)
    with able():
        answered = asyncio.run(fetch_once(config, order, SystemClock(), os.environ))
    if isinstance(answered, Refusal):
        complain(answered.text)
        raise typer.Exit(WRONG if answered.reason is Refused.WRONG else CANNOT_RUN)
    if answered.simulated:
        complain("no API key is set: this answer is SIMULATED")
    if not answered.written:
        complain(f"what it cost, {answered.cost_usd} USD, could not be written down: the ledger may say less")
    if as_json:
        show.as_json(show_answer.answer_facts(answered, raw))
    else:
        show_answer.answer(answered, raw)
    if isinstance(answered.answer, Failure):
        complain(f"{answered.answer.reason}: {answered.answer.detail}")
        raise typer.Exit(CANNOT_RUN)
