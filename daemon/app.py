"""The daemon put together: a configuration in, the three verbs at work."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from daemon.channels import Channel, open_channel
from daemon.clock import Clock
from daemon.config import Config
from daemon.deliver import Deliverer
from daemon.desk import Desk, known
from daemon.easel import Easel
from daemon.forecast import Known
from daemon.illustrator import Illustrator
from daemon.link_pages import Clerk, LinkPages
from daemon.links import Links
from daemon.lock import hold
from daemon.metrics import Metrics, SeriesNow, Totals
from daemon.outside import Outside
from daemon.pace import Pace
from daemon.poll import Poller
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Endpoint, Provider
from daemon.scribe import Scribe
from daemon.secrets import Secret, Unresolved, resolve
from daemon.watch import Watch, Writer
from daemon.watchlist import Watchlist
from rules.outcomes import Outcome
from rules.silences import Silence, stale
from storage.records import Counts, Delivery
from storage.store import Store

DEFAULT_ENDPOINT_RATE_PER_S = 2.0
"""What the providers are known to bear on one endpoint (official: 5 to 10 calls a second in all)."""

log = structlog.get_logger("creatorwatch.app")


class _Open(NamedTuple):
    url: Secret
    channel: Channel


class App:
    """One daemon on one database. ``open`` before anything else, ``close`` at the end."""

    def __init__(self, config: Config, outside: Outside, version: str) -> None:
        self._config, self._outside = config, outside
        self._writer = Writer()
        self._paces = {each: Pace(rate) for each, rate in _rates(config, outside.providers).items()}
        self._channels: Mapping[str, _Open] = {}
        self._owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._counts: Counts | None = None
        self._counted_at: datetime | None = None
        self.metrics = Metrics(lambda: list(self._latest()), self._totals, version, config.digest)

    async def open(self, at: datetime) -> None:
        """Open the database and the channels, and pick up where the last process stopped.

        Raises ``StoreUnusableError`` where the database cannot be worked with, ``OSError`` in words where another
        process works with it.
        """
        self.lock = hold(self._config.database)
        self._desk = desk = await self._writer.run(lambda: self._open_desk(at))
        self._store, self._recent, self._standings, self._judge = desk.store, desk.recent, desk.standings, desk.judge
        await self._writer.run(lambda: desk.remember(at))
        self._channels = await self._opened(self._config)
        self._poller = self._make_poller()
        channels = _of(self._channels)
        links = self._links(self._config)
        self._scribe = Scribe(self._config.voices, self._config.letterheads, links=links, forgotten=self._forgotten)
        clerk = Clerk(self._store, lambda: self._judge.docket)
        self.link_pages = LinkPages(lambda: self._scribe, clerk, self._writer.run, self.metrics.followed)
        docket = lambda: self._judge.docket  # noqa: E731 - of the rules in force
        self._illustrator = Illustrator(Easel(), self._store, self._recent, docket, self._writer.run)
        self._deliverer = Deliverer(
            self._store,
            self._writer.run,
            channels,
            self._owner,
            self._delivered,
            self._scribe,
            self._config.terms,
            self._illustrator,
        )
        self.watch = Watch(
            writer=self._writer,
            poller=self._poller,
            judge=self._judge,
            deliverer=self._deliverer,
            metrics=self.metrics,
            owner=self._owner,
            in_flight={each: self._config.providers[each].in_flight for each in self._outside.providers},
            renew=desk.renew,
        )
        await self.watch.resume(at)
        await self.count(at)

    async def adopt(self, config: Config, clock: Clock) -> Sequence[Outcome]:
        """Go on by another configuration, of the same database and providers; what follows from looking at everything.

        Calls and messages under way end as they would have. Where it raises nothing has changed: ``OSError`` in words
        if a channel cannot be opened. ``clock`` is read when the work begins: what was polled until then counts.
        """
        channels = await self._opened(config)
        outcomes = await self._writer.run(lambda: self._adopt(config, clock.now()))
        self._config, self._channels = config, channels
        self._scribe = self._scribe.then(config.voices, config.letterheads, self._links(config))
        self._deliverer.adopt(_of(channels), self._scribe, config.terms)
        self.watch.count(outcomes)
        return outcomes

    def _adopt(self, config: Config, at: datetime) -> Sequence[Outcome]:
        outcomes = self._desk.adopt(config, at)
        for each, rate in _rates(config, self._outside.providers).items():
            self._paces[each].adopt(rate)
        return outcomes

    async def say_config(self, problems: str) -> None:
        """Let rules on the daemon know what is wrong with the newest configuration, until one is in force."""
        await self._writer.run(lambda: self._desk.states.itself.config(problems))

    async def known(self, at: datetime) -> Known:
        """What a forecast may take from what was learned."""
        return await self._writer.run(lambda: known(self._store, at))

    async def close(self, drain_s: float) -> None:
        """Give what is under way ``drain_s`` seconds to finish, then let go of everything.

        Calls that take longer are given up. Their answers are lost, though they may be paid for: after the next start
        their lines wait for the next turn.
        """
        await self.watch.drain(drain_s)
        await self._illustrator.close()
        for each in self._channels.values():
            each.channel.close()
        await self._outside.fetcher.close()
        await self._writer.run(self._store.close)
        self._writer.close()
        self.lock.close()

    async def count(self, at: datetime) -> Counts:
        """Read the totals that ``/metrics`` and ``/readyz`` show, and what was spent."""
        self._counts, self._counted_at = await self._writer.run(lambda: self._count(at)), at
        return self._counts

    def _count(self, at: datetime) -> Counts:
        self._standings.purse.renew(self._store, at)
        return self._store.counts()

    def _open_desk(self, at: datetime) -> Desk:
        store = Store.open(self._config.database)
        desk = Desk(self._config, store, self._outside.providers, self._outside.cookies)
        desk.plan(at)
        taken = store.take_over(self._config.channels.keys(), at)
        if any(taken):
            log.warning("a daemon ended in the middle", asked_again=taken.unsent, paid_and_lost=taken.maybe_sent)
        return desk

    def _make_poller(self) -> Poller:
        return Poller(
            store=self._store,
            recent=self._recent,
            fetcher=self._outside.fetcher,
            paces=self._paces,
            standings=self._standings,
            cookies=self._outside.cookies,
            owner=self._owner,
            run=self._writer.run,
        )

    async def _opened(self, config: Config) -> Mapping[str, _Open]:
        """The channels of ``config``; one that is open already, with the same address, is the very same."""
        opening = (asyncio.to_thread(self._open_channel, config, *each) for each in config.channels.items())
        return dict(zip(config.channels, await asyncio.gather(*opening), strict=True))

    def _open_channel(self, config: Config, name: str, reference: str) -> _Open:
        url = resolve(reference, self._outside.env, config.base)
        if isinstance(url, Unresolved):
            raise OSError(f"channel {name}: {url.text} in the environment in force: a changed env_file needs a restart")
        before = self._channels.get(name)
        if before is not None and before.url.reveal() == url.reveal():
            return before
        return _Open(url, open_channel(name, url.reveal(), self._outside.out))

    def _links(self, config: Config) -> Links | None:
        """What makes links by a configuration; None where it has none, or no key for them."""
        if config.links is None:
            return None
        key = resolve(config.links.key, self._outside.env, config.base)
        return None if isinstance(key, Unresolved) else Links(config.links.url, key, config.telling.routes.clients)

    def _forgotten(self, channel: str, at: datetime) -> Sequence[Silence]:
        """What may be forgotten of what our own people silenced, for themselves."""
        if channel in self._config.telling.routes.clients:
            return ()
        return stale(self._judge.docket.said.silences, at)

    def _delivered(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self.metrics.delivered(delivery.channel, delivery.outcome, delivery.latency_ms / 1000)
        dead = {delivery.alert_id for delivery in deliveries if delivery.dead}
        if dead:
            self._judge.owe_again(dead)

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def _watchlist(self) -> Watchlist:
        return self._desk.watchlist

    def _latest(self) -> Iterator[SeriesNow]:
        watchlist = self._watchlist
        for key, (metric, labels), value in self._recent.latest():
            if key in watchlist:
                yield SeriesNow(watchlist[key].target, METRICS[metric], labels, value)

    def _totals(self) -> Totals:
        counts = self._counts
        assert counts is not None and self._counted_at is not None  # noqa: S101, PT018 - open() counts first
        oldest = counts.outbox_oldest or self._counted_at
        age_s = max((self._counted_at - oldest).total_seconds(), 0.0)
        return Totals(
            outbox_waiting=counts.outbox_waiting,
            outbox_oldest_age_s=age_s,
            outbox_dead=counts.outbox_dead,
            alerts=self._by_severity(counts),
            database_bytes=counts.database_bytes,
            rule_failures=dict(self._judge.docket.failures),
            template_failures=dict(self._scribe.failures),
        )

    def _by_severity(self, counts: Counts) -> Mapping[tuple[str, str], int]:
        rules = {rule.name: rule for rule in self._config.book.rules}
        found: dict[tuple[str, str], int] = {}
        for (name, level), number in counts.alerts.items():
            if name in rules and 0 < level <= len(rules[name].levels):
                key = (name, rules[name].severity(level).value)
                found[key] = found.get(key, 0) + number
        return found


def _of(channels: Mapping[str, _Open]) -> Mapping[str, Channel]:
    return {name: each.channel for name, each in channels.items()}


def _rates(config: Config, providers: Collection[Provider]) -> Mapping[Endpoint | Provider, float]:
    """How fast each endpoint and provider is asked."""
    own = {name: override.rate_per_s for name, override in config.overrides.items()}
    rates: dict[Endpoint | Provider, float] = {
        endpoint: own.get(name) or DEFAULT_ENDPOINT_RATE_PER_S
        for name, endpoint in ENDPOINTS.items()
        if endpoint.provider in providers
    }
    return rates | {provider: config.providers[provider].rate_per_s for provider in providers}
