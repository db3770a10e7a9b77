"""The daemon put together: a configuration in, the three verbs at work."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import structlog

from daemon.channels import Channel, open_channel
from daemon.config import Config
from daemon.deliver import Deliverer
from daemon.doubt import Doubt
from daemon.fetch import Pace
from daemon.judge import Judge
from daemon.learning import recalled
from daemon.lock import hold
from daemon.metrics import Metrics, SeriesNow, Totals
from daemon.outside import Outside
from daemon.plan import lines, plan, reads
from daemon.poll import Poller
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Endpoint, Provider
from daemon.purse import Purse
from daemon.recent import Recent
from daemon.secrets import Unresolved, resolve
from daemon.standings import Standings
from daemon.states import States
from daemon.watch import Watch, Writer
from daemon.watchlist import Watchlist
from rules.values import Outcome
from storage.records import Counts, Delivery
from storage.store import Store

DEFAULT_ENDPOINT_RATE_PER_S = 2.0
"""What the providers are known to bear on one endpoint (official: 5 to 10 calls a second in all)."""

log = structlog.get_logger("creatorwatch.app")


class App:
    """One daemon on one database. ``open`` before anything else, ``close`` at the end."""

    def __init__(self, config: Config, outside: Outside, version: str, config_hash: str) -> None:
        self._config, self._outside = config, outside
        self._writer = Writer()
        self._recent = Recent(config.book.needs())
        self._watchlist = Watchlist(config, outside.providers)
        self._owner = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._counts: Counts | None = None
        self._counted_at: datetime | None = None
        self.metrics = Metrics(lambda: list(self._latest()), self._totals, version, config_hash)

    async def open(self, at: datetime) -> None:
        """Open the database and the channels, and pick up where the last process stopped.

        Raises ``StoreUnusableError`` where the database cannot be worked with, ``OSError`` in words where another
        process works with it.
        """
        self._lock = hold(self._config.database)
        self._standings = Standings(self._config, self._watchlist, Purse(self._config.budgets))
        self._store = await self._writer.run(lambda: self._open_store(at))
        self._judge = Judge(
            store=self._store,
            recent=self._recent,
            states=self._states(),
            book=self._config.book,
            watchlist=self._watchlist,
            channels=self._config.channels,
        )
        await self._writer.run(lambda: self._remember(at))
        self.watch = Watch(
            writer=self._writer,
            poller=self._poller(),
            judge=self._judge,
            deliverer=Deliverer(self._store, self._writer.run, await self._channels(), self._owner, self._delivered),
            metrics=self.metrics,
            owner=self._owner,
            in_flight={each: self._config.providers[each].in_flight for each in self._outside.providers},
            renew=self._renew,
        )
        await self.watch.resume(at)
        await self.count(at)

    async def close(self, drain_s: float) -> None:
        """Give what is under way ``drain_s`` seconds to finish, then let go of everything.

        Calls that take longer are given up. Their answers are lost, though they may be paid for: after the next start
        their lines wait for the next turn.
        """
        await self.watch.drain(drain_s)
        await self._outside.fetcher.close()
        await self._writer.run(self._store.close)
        self._writer.close()
        self._lock.close()

    async def count(self, at: datetime) -> Counts:
        """Read the totals that ``/metrics`` and ``/readyz`` show, and what was spent."""
        self._counts, self._counted_at = await self._writer.run(lambda: self._count(at)), at
        return self._counts

    def _count(self, at: datetime) -> Counts:
        self._standings.purse.renew(self._store, at)
        return self._store.counts()

    def _open_store(self, at: datetime) -> Store:
        store = Store.open(self._config.database)
        self._plan(store, at)
        taken = store.take_over(self._config.channels.keys(), at)
        if any(taken):
            log.warning("a daemon ended in the middle", asked_again=taken.unsent, paid_and_lost=taken.maybe_sent)
        return store

    def _plan(self, store: Store, at: datetime, accounts: Collection[str] | None = None) -> Collection[str] | None:
        """Make the plan what follows from the configuration and from what was learned since, of these accounts.

        None is all accounts. The keys of the targets that it was made for.
        """
        before = self._watchlist.of(accounts)
        self._watchlist.renew(store.identities(), store.discovered(accounts), at, accounts)
        watched = self._watchlist.of(accounts)
        keys = None if accounts is None else {each.target.key for each in (*before, *watched)}
        store.sync_targets([each.target for each in watched], at, keys)
        store.plan(list(plan(self._config, self._watchlist, self._outside.providers, at, accounts)), at, keys)
        return keys

    def _remember(self, at: datetime) -> None:
        self._standings.sights = recalled(self._store.sights())
        self._standings.purse.renew(self._store, at)
        self._judge.remember(self._held(), at)

    def _renew(self, at: datetime) -> list[Outcome]:
        """Follow what was learned: new ids, new videos, videos that are too old by now."""
        accounts = self._judge.learned(at)
        keys = self._plan(self._store, at, accounts)
        self._judge.follow(self._held(accounts), at, keys)
        return self._judge.retire(at)

    def _held(self, accounts: Collection[str] | None = None) -> Mapping[str, set[str]]:
        """The endpoints of each target of these accounts, were every configured provider there to be asked."""
        held: dict[str, set[str]] = {}
        for line in lines(self._config, self._watchlist.of(accounts), self._config.providers):
            held.setdefault(line.watched.target.key, set()).add(line.endpoint.name)
        return held

    def _states(self) -> States:
        doubt = Doubt(self._config.guard, reads(self._config), self._recent, self._watchlist, self._store)
        return States(self._store, self._recent, self._standings, doubt, self._outside.cookies)

    def _poller(self) -> Poller:
        access, overrides = self._config.providers, self._config.overrides
        rates = {name: override.rate_per_s for name, override in overrides.items()}
        paces: dict[Endpoint | Provider, Pace] = {
            endpoint: Pace(rates.get(name) or DEFAULT_ENDPOINT_RATE_PER_S)
            for name, endpoint in ENDPOINTS.items()
            if endpoint.provider in self._outside.providers
        }
        return Poller(
            store=self._store,
            recent=self._recent,
            fetcher=self._outside.fetcher,
            paces=paces | {provider: Pace(access[provider].rate_per_s) for provider in self._outside.providers},
            standings=self._standings,
            cookies=self._outside.cookies,
            owner=self._owner,
            run=self._writer.run,
        )

    async def _channels(self) -> Mapping[str, Channel]:
        return dict(
            await asyncio.gather(*(asyncio.to_thread(self._channel, *each) for each in self._config.channels.items()))
        )

    def _channel(self, name: str, reference: str) -> tuple[str, Channel]:
        url = resolve(reference, self._outside.env, self._config.base)
        if isinstance(url, Unresolved):
            raise OSError(f"channel {name}: {url.text}, though it was there when the configuration was read")
        return name, open_channel(name, url.reveal(), self._outside.out)

    def _delivered(self, delivery: Delivery) -> None:
        self.metrics.delivered(delivery.channel, delivery.outcome, delivery.latency_ms / 1000)
        if delivery.dead:
            self._judge.reload_alerts()

    # --- what is shown ------------------------------------------------------------------------------------------

    def _latest(self) -> Iterator[SeriesNow]:
        for key, (metric, labels), value in self._recent.latest():
            if key in self._watchlist:
                yield SeriesNow(self._watchlist[key].target, METRICS[metric], labels, value)

    def _totals(self) -> Totals:
        counts = self._counts
        assert counts is not None and self._counted_at is not None  # noqa: S101, PT018 - open() counts first
        oldest = counts.outbox_oldest
        age_s = (self._counted_at - oldest).total_seconds() if oldest else 0.0
        return Totals(
            counts.outbox_waiting, age_s, counts.outbox_dead, self._by_severity(counts), counts.database_bytes
        )

    def _by_severity(self, counts: Counts) -> Mapping[tuple[str, str], int]:
        rules = {rule.name: rule for rule in self._config.book.rules}
        found: dict[tuple[str, str], int] = {}
        for (name, level), number in counts.alerts.items():
            if name in rules and 0 < level <= len(rules[name].levels):
                key = (name, rules[name].severity(level).value)
                found[key] = found.get(key, 0) + number
        return found
