"""One call now: what it brings is shown and not stored, what it costs is in the ledger, where the daemon sees it."""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from daemon.budget import affordable
from daemon.clock import Clock
from daemon.config import Config, Watched
from daemon.outside import Outside, has_keys, real_outside, simulated_outside, simulation
from daemon.plan import fits
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Failure, Reading, SeriesKey
from daemon.providers.endpoint import Endpoint, Need
from daemon.purse import Purse, settled, so_far
from daemon.secrets import Secret, Unresolved
from daemon.watchlist import Watchlist, asked_about
from rules.spelling import did_you_mean
from rules.values import Subject, Target
from storage.records import Attempt, Settled
from storage.store import Store

_OF_THE_ACCOUNT = frozenset({Need.COOKIE, Need.UID, Need.SEC_UID, Need.HANDLE})
"""What a video has from its account."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be asked: the name of an endpoint, and a target's key, its configured id, or the id of any video."""

    endpoint: str
    target: str
    over_budget: bool = False


class Refused(StrEnum):
    """Why no call was made: the order cannot be carried out as it is, or the money for it is used up."""

    WRONG = "wrong"
    OVER_BUDGET = "over_budget"


@dataclass(frozen=True, slots=True)
class Refusal:
    """No call was made, and nothing was spent."""

    reason: Refused
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call came to. ``calls`` counts its requests, a page each; ``cost_usd`` is the most they may have cost.

    ``written`` says whether the ledger says so: where it could not be written, it may say less.
    """

    endpoint: Endpoint
    target: Target
    at: datetime
    answer: Reading | Failure
    calls: int
    cost_usd: Decimal
    seconds: float
    simulated: bool
    written: bool = True


class _Call(NamedTuple):
    endpoint: Endpoint
    watched: Watched
    cookie: Secret | None


async def fetch_once(config: Config, order: Order, clock: Clock, env: Mapping[str, str]) -> Answered | Refusal:
    """Carry out ``order``: at the providers, or without any key at the simulator, in a database that is thrown away.

    A daemon may be at work on the database. Raises ``StoreUnusableError`` where that is unusable or of another version.
    """
    endpoint = ENDPOINTS.get(order.endpoint)
    if endpoint is None:
        return _wrong(f"there is no endpoint `{order.endpoint}`{did_you_mean(order.endpoint, ENDPOINTS)}")
    async with _world(config, clock, env) as (database, outside):
        call = _prepare(config, outside, database, endpoint, order.target, clock.now())
        if isinstance(call, Refusal):
            return call
        with contextlib.closing(Store.open(database, patient=True)) as store:
            spared = order.over_budget or outside.simulated
            refusal = None if spared else _over_budget(config, store, endpoint, clock.now())
            return refusal or await _ask(store, outside, call, clock.now())


@contextlib.asynccontextmanager
async def _world(config: Config, clock: Clock, env: Mapping[str, str]) -> AsyncIterator[tuple[Path, Outside]]:
    """Where the ledger is, and whom to ask."""
    async with contextlib.AsyncExitStack() as stack:
        if has_keys(config, env):
            outside = real_outside(config, sys.stdout, env)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            apart = replace(config, database=Path(folder) / config.database.name)
            config = (await stack.enter_async_context(simulation(apart, clock)))(apart)
            outside = simulated_outside(config, sys.stdout, env)
        stack.push_async_callback(outside.fetcher.close)
        yield config.database, outside


def _prepare(
    config: Config, outside: Outside, database: Path, endpoint: Endpoint, target: str, at: datetime
) -> _Call | Refusal:
    watchlist = Watchlist(config, config.providers)
    if database.exists():
        # As a reader first: a database of another version is another daemon's to bring up to date.
        with contextlib.closing(Store.open(database, readonly=True)) as store:
            watchlist.renew(store.identities(), store.discovered(), at)
    watched = _find(watchlist, endpoint, target)
    if isinstance(watched, Refusal):
        return watched
    cookie = _lacking(endpoint, watched) or _cookie(outside, endpoint, watched)
    return cookie if isinstance(cookie, Refusal) else _Call(endpoint, watched, cookie)


def _find(watchlist: Watchlist, endpoint: Endpoint, name: str) -> Watched | Refusal:
    bare = replace(endpoint, needs=frozenset(), any_of=frozenset())
    known = {each.target.key: each for each in watchlist if fits(bare, each)}
    by_id = {_id_of(key): each for key, each in known.items()}
    kind = " ".join(filter(None, (endpoint.platform, endpoint.subject)))
    if name in known or name in by_id:
        return known.get(name) or by_id[name]
    video_id = name.removeprefix(f"{endpoint.platform}/{Subject.VIDEO}/")
    if endpoint.subject is Subject.VIDEO and video_id.isascii() and video_id.isdecimal():
        return _stranger(endpoint, video_id)
    near = did_you_mean(name, frozenset({*known, *by_id}))
    return _wrong(f"{endpoint.name} is about a {kind}, and none that is watched is called `{name}`{near}")


def _stranger(endpoint: Endpoint, video_id: str) -> Watched:
    """A video that is not watched."""
    target = Target(f"{endpoint.platform}/{Subject.VIDEO}/{video_id}", Subject.VIDEO, video_id, str(endpoint.platform))
    return Watched(target, uid="", handle="", video_id=video_id, cookie="", options={"content_category": "default"})


def _lacking(endpoint: Endpoint, watched: Watched) -> Refusal | None:
    ways = [frozenset({need}) for need in sorted(endpoint.needs)] + [endpoint.any_of]
    missing = next((way for way in ways if not fits(replace(endpoint, needs=frozenset(), any_of=way), watched)), None)
    if missing is None:
        return None
    words = " or ".join(sorted(missing))
    return _wrong(f"{endpoint.name} needs a {words}: {_remedy(watched, missing, words)}")


def _remedy(watched: Watched, missing: frozenset[Need], words: str) -> str:
    own = _id_of(watched.target.key)
    if watched.target.subject is not Subject.VIDEO or not missing <= _OF_THE_ACCOUNT:
        return f"set {words} for {own}"
    return (
        f"set {words} for {_id_of(watched.account)}" if watched.account else f"name {own} in the file, with its account"
    )


def _cookie(outside: Outside, endpoint: Endpoint, watched: Watched) -> Secret | Refusal | None:
    if endpoint.provider not in outside.providers:
        return _wrong(f"{endpoint.provider} is off: it has no API key")
    cookie = outside.cookies(watched) if Need.COOKIE in endpoint.needs else None
    return _wrong(f"{watched.target.key} has no cookie: {cookie.text}") if isinstance(cookie, Unresolved) else cookie


def _last(store: Store, endpoint: Endpoint, watched: Watched) -> Mapping[SeriesKey, float]:
    """The newest numbers that the endpoint recalls of the target, as the daemon stored them."""
    line = watched.target.key, endpoint.name
    lines = [each for each in store.remembered() if (each.target, each.endpoint) == line] if endpoint.recalls else []
    return {
        key: number
        for _, _, keys, numbers in store.samples([each.schedule_id for each in lines], {})
        for key, number in zip(keys, numbers, strict=True)
        if key[0] in endpoint.recalls and not math.isnan(number)
    }


def _over_budget(config: Config, store: Store, endpoint: Endpoint, at: datetime) -> Refusal | None:
    purse, provider = Purse(config.budgets), endpoint.provider
    purse.renew(store, at)
    spent = purse.spent(provider)
    if affordable(purse.limits(provider), spent, endpoint.cost_usd):
        return None
    words = f"{spent.day_usd:.4f} USD today, {spent.month_usd:.4f} this month"
    text = f"the budget of {provider} is used up ({words}); --over-budget asks all the same"
    return Refusal(Refused.OVER_BUDGET, text)


async def _ask(store: Store, outside: Outside, call: _Call, at: datetime) -> Answered:
    endpoint, watched, cookie = call.endpoint, call.watched, call.cookie.reveal() if call.cookie else ""
    asked = asked_about(watched, at, _last(store, endpoint, watched))
    [ledger_id] = store.open_calls([Attempt(endpoint.provider.value, endpoint.name, 1, endpoint.cost_usd)], at)

    async def write_page_down(page: int) -> None:
        _write_down(store, so_far(ledger_id, endpoint, page))

    fetched = await outside.fetcher.fetch(endpoint, [asked], cookie, at, write_page_down)
    bill = settled(ledger_id, endpoint, fetched)
    written = _write_down(store, bill)
    return Answered(
        endpoint=endpoint,
        target=watched.target,
        at=at,
        answer=fetched.answers[watched.target.key],
        calls=fetched.calls,
        cost_usd=bill.cost_usd,
        seconds=fetched.seconds,
        simulated=outside.simulated,
        written=written,
    )


def _write_down(store: Store, bill: Settled) -> bool:
    """Write into the ledger what a call came to; whether it could be. What is paid for is told in any case."""
    try:
        store.settle_calls([bill])
    except Exception:  # noqa: BLE001 - a full disk, or somebody who holds the database
        return False
    return True


def _id_of(key: str) -> str:
    return key.rpartition("/")[2]


def _wrong(text: str) -> Refusal:
    return Refusal(Refused.WRONG, text)
