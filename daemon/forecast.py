"""What a configuration will ask and cost in a day, before anything is asked. Pure.

It is the steady state of a calm day: every line of the plan takes the turns that it will take, from its own phase on.
Alerts, scores near a threshold, late numbers and failures add calls. What a database knows besides the file counts too:
the videos that were discovered, and how many pages lists have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from daemon import plan
from daemon.budget import say_usd
from daemon.cadence import Cadence, Standing
from daemon.config import Config, Watched
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.schedule import FILL_AHEAD, FIRST_SPREAD, first_due, phase_of
from daemon.watchlist import Watchlist
from rules.book import Rule
from rules.values import Subject
from storage.records import Discovered, Identity

TIERS: Mapping[Provider, Sequence[int]] = {Provider.TIKHUB: (1_000, 5_000, 10_000, 20_000, 30_000)}
TIER_STEP = Decimal("0.1")
"""Each of a day's calls above one of these numbers costs another tenth of its list price less (TikHub's tiers of 2024;
single endpoints may have no discount)."""

_DAY = timedelta(days=1)
_LOOKED_UP = "0"
"""Stands for an id that is not known before it has been looked up."""
_MADE_UP = "made-up-"
"""Begins the id of a video that nobody knows yet."""


@dataclass(frozen=True, slots=True)
class Line:
    """An endpoint that is asked about a target. ``created``: of a video itself, of an account its newest video.

    ``account`` is the key of the account that the target is or belongs to, else the target's own.
    """

    target: str
    endpoint: Endpoint
    cadence: Cadence
    created: datetime | None
    tags: tuple[str, ...]
    account: str


@dataclass(frozen=True, slots=True)
class Cost:
    """Calls, and their list price in US dollars. A call about several targets is shared out evenly among them."""

    calls: Decimal = Decimal(0)
    usd: Decimal = Decimal(0)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.usd + other.usd)


@dataclass(frozen=True, slots=True)
class Load:
    """What one provider is asked in a day; ``tiered_usd`` is its price with the provider's volume discount.

    ``peak_per_s`` is the mean of the busiest minute as the plan has it; the provider's pace spreads what is above it.
    ``first`` is what it takes to look at every target for the first time, once, beside the day.
    """

    day: Cost
    tiered_usd: Decimal
    peak_per_s: float
    first: Cost

    @property
    def month_usd(self) -> Decimal:
        """The list price of 30 such days."""
        return self.day.usd * 30


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a day takes, seen from several sides.

    A call counts in each rule that reads one of its metrics, and in each tag of its target. Videos count for their
    account. ``peak_per_s`` is the mean of the busiest minute of all providers together.
    """

    providers: Mapping[Provider, Load]
    endpoints: Mapping[str, Cost]
    rules: Mapping[str, Cost]
    tags: Mapping[str, Cost]
    accounts: Mapping[str, Cost]
    peak_per_s: float


@dataclass(frozen=True, slots=True)
class Known:
    """What was learned so far. ``pages`` are those of a call of an endpoint, on average."""

    identities: Mapping[str, Identity] = field(default_factory=dict)
    discovered: Sequence[Discovered] = ()
    pages: Mapping[str, Decimal] = field(default_factory=dict)


NOTHING_KNOWN = Known()


class _Turn(NamedTuple):
    due_s: float
    wait_s: float


class _Asked(NamedTuple):
    """One endpoint's day: when its calls are made, how many turns each line has, and how many calls the start takes."""

    endpoint: Endpoint
    calls_s: Sequence[float]
    turns: Sequence[tuple[Line, int]]
    first_calls: int
    pages: Decimal

    def cost(self, calls: Decimal) -> Cost:
        """The cost of so many calls, each of several pages."""
        return Cost(calls * self.pages, self.endpoint.cost_usd * calls * self.pages)

    def day(self) -> Cost:
        return self.cost(Decimal(len(self.calls_s)))


def lines_of(
    config: Config, providers: Collection[Provider], at: datetime, known: Known = NOTHING_KNOWN
) -> Iterator[Line]:
    """The lines of the plan once all ids are known that will be looked up.

    Of an account whose videos are to be discovered, and of which fewer are known than one for each day that discovery
    looks back, the missing ones are made up.
    """
    watchlist = Watchlist(config, providers)
    watchlist.renew(known.identities, known.discovered, at)
    watchlist.renew(known.identities, [*known.discovered, *_made_up(config, watchlist, at)], at)
    for line in plan.lines(config, [_identified(watched) for watched in watchlist], providers):
        if not line.carried:
            target, account = line.watched.target, line.watched.account
            cadence, created = plan.cadence_of(line.endpoint, config), watchlist.created(target.key)
            yield Line(target.key, line.endpoint, cadence, created, target.tags, account or target.key)


def _made_up(config: Config, watchlist: Watchlist, at: datetime) -> Iterator[Discovered]:
    """The videos of accounts that publish one a day, as far as they are not known."""
    for account in config.targets:
        if account.discover is None:
            continue
        created = map(watchlist.created, watchlist.videos(account.target.key).values())
        young = sum(each is not None and at - each <= account.discover.newer_than for each in created)
        wanted = min(account.discover.at_most, account.discover.newer_than // _DAY)
        for days in range(wanted - young):
            published = at - days * _DAY
            yield Discovered(account.target.key, f"{_MADE_UP}{days}", "", published, published, at)


def forecast(
    lines: Iterable[Line], rules: Iterable[Rule], at: datetime, pages: Mapping[str, Decimal] = NOTHING_KNOWN.pages
) -> Forecast:
    """What the 24 hours after ``at`` take, where a call of an endpoint has so many ``pages``, or the fewest it can."""
    by_endpoint: dict[str, list[Line]] = {}
    for line in lines:
        by_endpoint.setdefault(line.endpoint.name, []).append(line)
    asked = [_asked(own, at, pages.get(name, Decimal(1))) for name, own in by_endpoint.items()]
    by_provider = {each: [own for own in asked if own.endpoint.provider is each] for each in Provider}
    return Forecast(
        providers={provider: _load(provider, own) for provider, own in by_provider.items() if own},
        endpoints={own.endpoint.name: own.day() for own in asked},
        rules={rule.name: _sum(own.day() for own in asked if _reads(rule, own.endpoint)) for rule in rules},
        tags=_shares(asked, lambda line: line.tags),
        accounts=_shares(asked, lambda line: () if line.endpoint.subject is Subject.PROVIDER else (line.account,)),
        peak_per_s=_peak_per_s(asked),
    )


def tiered_usd(provider: Provider, day: Cost) -> Decimal:
    """The price of a day's calls, which cost something each, with the provider's volume discount."""
    if not day.calls:
        return day.usd
    above = sum((max(Decimal(0), day.calls - tier) for tier in TIERS.get(provider, ())), Decimal(0))
    return day.usd * (1 - above * TIER_STEP / day.calls)


def refuse(config: Config, forecast: Forecast) -> str | None:
    """Why a daemon with this configuration must not start: it would pass a budget, at list price; None if it may."""
    for provider, load in forecast.providers.items():
        limits = config.budgets.get(provider)
        if limits is None:
            continue
        for usd, limit_usd, span in (
            (load.day.usd, limits.day_usd, "a day"),
            (load.month_usd, limits.month_usd, "in 30 days"),
        ):
            if limit_usd is not None and usd > limit_usd:
                return (
                    f"{provider} would cost {say_usd(usd)} USD {span}, above its budget of {limit_usd} USD: "
                    "watch less, ask less often, or raise `budget`; `creatorwatch plan` shows what costs most"
                )
    return None


def notes(config: Config, forecast: Forecast) -> Iterator[str]:
    """What the figures leave out, a sentence each."""
    yield "this is a calm day: alerts, scores near a threshold, late numbers and failures add calls"
    first = _sum(load.first for load in forecast.providers.values())
    if first.calls:
        yield f"the first start looks at every target at once: {first.calls} calls, {first.usd:.2f} USD, just once"
    if any(watched.discover for watched in config.targets):
        yield "until lists have named an account's videos, one a day is assumed, and the fewest pages a list can have"
    for provider, load in forecast.providers.items():
        pace = config.providers[provider].rate_per_s
        if load.peak_per_s > pace:
            yield f"{provider} is asked {pace:g} times a second at most: in its busiest minutes calls wait"


def _identified(watched: Watched) -> Watched:
    known = watched.uid or watched.sec_uid or watched.handle
    if not known or watched.target.subject is not Subject.ACCOUNT:
        return watched
    return replace(watched, uid=watched.uid or _LOOKED_UP, sec_uid=watched.sec_uid or _LOOKED_UP)


def _asked(lines: Sequence[Line], at: datetime, pages: Decimal) -> _Asked:
    endpoint = lines[0].endpoint
    turns = [(line, list(_turns(line, at))) for line in lines]
    together: dict[str, list[_Turn]] = {}
    for line, own in turns:
        together.setdefault(_caller(line), []).extend(own)
    first = Counter(_caller(line) for line in lines if _is_due_at_once(line, at))
    return _Asked(
        endpoint,
        [call_s for own in together.values() for call_s in _filled(sorted(own), endpoint.batch)],
        [(line, len(own)) for line, own in turns],
        sum(-(-each // endpoint.batch) for each in first.values()),
        max(pages, Decimal(endpoint.parts(at))),
    )


def _caller(line: Line) -> str:
    """Whose cookie a call takes, "" if none: only what has the same shares a call."""
    return line.account if Need.COOKIE in line.endpoint.needs else ""


def _turns(line: Line, at: datetime) -> Iterator[_Turn]:
    """The line's turns of the day. It is followed from two intervals before, so that each is where it will be.

    An account's newest video is as old all day as it is at ``at``: who publishes goes on doing so.
    """
    phase = phase_of(line.target, line.endpoint.name)
    age = None if line.created is None or line.endpoint.subject is Subject.VIDEO else at - line.created
    now, end = at - 2 * line.cadence.usual, at + _DAY
    if line.created is not None and age is None:
        now = max(now, line.created)
    while now < end:
        due = line.cadence.turn(Standing(now, line.created if age is None else now - age), phase)
        if due is None or due >= end:
            return
        if due >= at:
            yield _Turn(due.timestamp(), (due - now).total_seconds())
        now = due


def _filled(turns: Sequence[_Turn], batch: int) -> Iterator[float]:
    """When the calls are made that these turns take, if each is filled as the poller does it; all in seconds."""
    begin = 0
    while begin < len(turns):
        due_s, wait_s = turns[begin]
        yield due_s
        end = begin + 1
        while end < min(begin + batch, len(turns)) and turns[end].due_s <= due_s + wait_s * FILL_AHEAD:
            end += 1
        begin = end


def _is_due_at_once(line: Line, at: datetime) -> bool:
    due = first_due(line.target, line.endpoint.name, line.cadence, Standing(at, line.created))
    return due is not None and due - at <= FIRST_SPREAD


def _load(provider: Provider, asked: Sequence[_Asked]) -> Load:
    return Load(
        day=_sum(own.day() for own in asked),
        tiered_usd=tiered_usd(provider, _sum(own.day() for own in asked if own.endpoint.cost_usd)),
        peak_per_s=_peak_per_s(asked),
        first=_sum(own.cost(Decimal(own.first_calls)) for own in asked),
    )


def _peak_per_s(asked: Iterable[_Asked]) -> float:
    minutes = Counter(int(call_s // 60) for own in asked for call_s in own.calls_s)
    return max(minutes.values(), default=0) / 60


def _reads(rule: Rule, endpoint: Endpoint) -> bool:
    return any(metric.name in rule.needs for metric in endpoint.metrics)


def _shares(asked: Iterable[_Asked], names: Callable[[Line], Iterable[str]]) -> Mapping[str, Cost]:
    """The day's cost by the names of its lines."""
    costs: dict[str, Cost] = {}
    for own in asked:
        counts: Counter[str] = Counter()
        for line, turns in own.turns:
            for name in names(line):
                counts[name] += turns
        whole = max(1, sum(turns for _, turns in own.turns))
        for name, turns in counts.items():
            share = own.cost(Decimal(len(own.calls_s) * turns) / whole)
            costs[name] = costs.get(name, Cost()) + share
    return costs


def _sum(costs: Iterable[Cost]) -> Cost:
    return sum(costs, Cost())
