"""Which endpoint is asked about which target. Derived from what rules read; nothing else is paid for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from daemon.cadence import Cadence, Every, Standing
from daemon.config import Config, Watched
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.schedule import first_due
from daemon.watchlist import Watchlist, provider_key
from rules.values import Subject
from storage.records import CARRIED, Planned

FOLLOWS_FROM = {"balance_ends_at": "balance_usd"}
"""What the daemon itself works out, and the metric of an endpoint that it needs for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """An endpoint and a target. A ``carried`` line is not asked by itself: the call about the video's account tells."""

    watched: Watched
    endpoint: Endpoint
    carried: bool = False


def plan(
    config: Config,
    watchlist: Watchlist,
    providers: Collection[Provider],
    at: datetime,
    accounts: Collection[str] | None = None,
) -> Iterator[Planned]:
    """Every line of the plan of these accounts (None: of all), for the ``providers`` that can be asked."""
    cadences = {name: cadence_of(each, config) for name, each in ENDPOINTS.items()}
    words = {name: str(cadence) for name, cadence in cadences.items()}  # once: it takes as long as all the rest
    for line in lines(config, watchlist.of(accounts), providers):
        target, name = line.watched.target.key, line.endpoint.name
        cadence = cadences[name]
        standing = Standing(at, watchlist.created(target))
        due = None if line.carried else first_due(target, name, cadence, standing)
        yield Planned(target, name, cadence.usual, due, CARRIED if line.carried else words[name])


def lines(config: Config, watchlist: Iterable[Watched], providers: Collection[Provider]) -> Iterator[Line]:
    """Which endpoint is asked about which target."""
    watched = list(watchlist)
    read = reads(config)
    wanted = [endpoint for endpoint in ENDPOINTS.values() if endpoint.provider in providers and is_read(endpoint, read)]
    asked = list(_asked(wanted, watched))
    yield from asked
    yield from _carried(asked, watched, read)
    already = {(line.watched.target.key, line.endpoint.name) for line in asked}
    for line in (*_listing(watched, providers), *_resolving(wanted, watched, providers)):
        if (line.watched.target.key, line.endpoint.name) not in already:
            yield line


def reads(config: Config) -> frozenset[str]:
    """The metrics that rules read and the configuration collects, with those that others follow from."""
    named = config.book.needs().keys() | config.collect
    return frozenset(named | {FOLLOWS_FROM[name] for name in FOLLOWS_FROM.keys() & named})


def is_read(endpoint: Endpoint, read: Collection[str]) -> bool:
    """Whether it yields one of the metrics that are read, or is named itself."""
    return endpoint.name in read or any(metric.name in read for metric in endpoint.metrics)


def cadence_of(endpoint: Endpoint, config: Config) -> Cadence:
    """How often it is asked: as configured, else its own."""
    override = config.overrides.get(endpoint.name)
    return Every(override.interval) if override and override.interval else endpoint.cadence


def fits(endpoint: Endpoint, watched: Watched) -> bool:
    """Whether the endpoint can be asked about the target: its platform, its kind, and all that the call needs."""
    return _is_about(endpoint, watched) and not _lacking(endpoint, watched)


def _is_about(endpoint: Endpoint, watched: Watched) -> bool:
    if endpoint.subject is not watched.target.subject:
        return False
    if endpoint.subject is Subject.PROVIDER:
        return watched.target.key == provider_key(endpoint.provider)
    return endpoint.platform == watched.target.platform


def _lacking(endpoint: Endpoint, watched: Watched) -> set[Need]:
    """What the call needs and the target has not; of those of which one is enough, all if there is none."""
    has = {
        Need.COOKIE: watched.cookie,
        Need.UID: watched.uid,
        Need.SEC_UID: watched.sec_uid,
        Need.HANDLE: watched.handle,
        Need.VIDEO_ID: watched.video_id,
        Need.PRODUCT: watched.options.get("product_id"),
        Need.VERTICALS: watched.options.get("verticals"),
        Need.CANARY: watched.options.get("canary"),
    }
    lacking = {need for need in endpoint.needs if not has[need]}
    any_of = endpoint.any_of
    return lacking | (set(any_of) if any_of and not any(has[need] for need in any_of) else set())


def _asked(wanted: Iterable[Endpoint], watched: Iterable[Watched]) -> Iterator[Line]:
    for endpoint in wanted:
        yield from (Line(each, endpoint) for each in watched if fits(endpoint, each))


def _carried(asked: Iterable[Line], watched: Iterable[Watched], read: Collection[str]) -> Iterator[Line]:
    """The videos whose numbers a call about their account brings."""
    lists = {
        line.endpoint.name: line.endpoint
        for line in asked
        if line.endpoint.subject is Subject.ACCOUNT
        and any(
            metric.subject is Subject.VIDEO and (metric.name in read or line.endpoint.name in read)
            for metric in line.endpoint.metrics
        )
    }
    callers = {(line.endpoint.name, line.watched.target.key) for line in asked if line.endpoint.name in lists}
    for each in watched:
        if each.target.subject is Subject.VIDEO:
            yield from (Line(each, lists[name], True) for name in lists if (name, each.account) in callers)


def _listing(watched: Iterable[Watched], providers: Collection[Provider]) -> Iterator[Line]:
    """The lists by which the videos of an account are discovered: of those that it can be asked, the cheapest."""
    lists = [each for each in ENDPOINTS.values() if each.lists_videos and each.provider in providers]
    for each in watched:
        fitting = [endpoint for endpoint in lists if each.discover is not None and fits(endpoint, each)]
        if fitting:
            yield Line(each, min(fitting, key=lambda endpoint: (endpoint.cost_usd, endpoint.name)))


def _resolving(
    wanted: Iterable[Endpoint], watched: Iterable[Watched], providers: Collection[Provider]
) -> Iterator[Line]:
    """The profiles that tell an account's ids, where something that is wanted needs an id that is not known yet."""
    profiles = [each for each in ENDPOINTS.values() if each.tells_ids and each.provider in providers]
    for each in watched:
        lacking = {
            need
            for endpoint in wanted
            if _is_about(endpoint, each)
            for need in _lacking(endpoint, each) & {Need.UID, Need.SEC_UID}
        }
        fitting = [endpoint for endpoint in profiles if lacking and fits(endpoint, each)]
        if fitting:
            yield Line(each, min(fitting, key=lambda endpoint: (endpoint.cost_usd, endpoint.name)))
