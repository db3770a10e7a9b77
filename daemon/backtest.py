"""What rules would have done with the numbers that are stored: each account's history through a replay, from no alerts.

Only reads. Accounts do not touch each other, so each is replayed by itself, with its videos, in the order of time; what
is in memory at once is the history of one. What the daemon says itself (``daemon.recent.STATES``) is not stored, and
rules on it are not replayed. A failed poll is not stored either: numbers become unknown as they grow old.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from heapq import heappop, heappush
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from daemon import logs
from daemon.cadence import Cadence, Standing, longest
from daemon.cohorts import GATHERED, compared
from daemon.config import Access, Config, Discover, load
from daemon.departures import NEVER, left_at, retired_at
from daemon.judge import LOOKED_THROUGH
from daemon.paces import Paces
from daemon.plan import cadence_of
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.recent import STATES
from daemon.replay import Replay
from daemon.schedule import UNPLANNED
from daemon.secrets import REDACTOR
from daemon.tally import Journal
from daemon.watchlist import Watchlist, provider_key
from rules.book import Rule, RuleBook, judgeable
from rules.cohorts import PUBLISHED_AT
from rules.outcomes import Outcome
from rules.promotion import COUNTS, is_counted
from rules.values import Subject, Target
from storage.records import Remembered
from storage.samples import SampleRow
from storage.store import Store

STEP = timedelta(hours=1)
"""So often, on the hour, time alone is looked at; the daemon does it every 30 seconds."""

SLACK = timedelta(days=1)
"""So much earlier than rules look back a replay begins at least: polls were late, or further apart than now."""

CHUNK = 4
"""Accounts that a process takes at a time."""

UNSTORED = STATES - COUNTS - {PUBLISHED_AT}
"""What the daemon says itself and no replay can say again."""

EVER = Discover(newer_than=timedelta.max, at_most=10**9)
"""Every video that was ever found: most of a year's were watched while they were young."""


class Period(NamedTuple):
    """From a time on, to another."""

    since: datetime
    until: datetime


@dataclass(slots=True)
class Group:
    """An account with its videos, or a target that stands alone, and the lines of which numbers may be stored.

    ``births`` are when its videos were published, as far as that is known, and ``until`` is when its lines (their ids)
    left the plan. ``seldom_s`` are the intervals of lines (seconds) that are asked less often than their ``cadences``
    say, to spare money or by other rules. ``beside`` are targets that may mute its own, and are groups of their own.
    """

    targets: dict[str, Target] = field(default_factory=dict)
    cadences: Mapping[str, Cadence] = field(default_factory=lambda: {e.name: e.cadence for e in ENDPOINTS.values()})
    births: dict[str, datetime] = field(default_factory=dict)
    lines: list[Remembered] = field(default_factory=list)
    until: dict[int, datetime] = field(default_factory=dict)
    seldom_s: dict[int, float] = field(default_factory=dict)
    beside: Collection[str] = ()

    def add(self, line: Remembered, until: datetime, usual: timedelta = timedelta(0)) -> None:
        """Add a line that left the plan at that time; by its cadence its interval was ``usual`` at most."""
        if line.interval > usual:
            self.seldom_s[line.schedule_id] = line.interval.total_seconds()
        self.lines.append(replace(line, interval=max(line.interval, usual)))  # an alert may have made it closer since
        self.until[line.schedule_id] = until

    def asked(self, since: datetime) -> set[int]:
        """The ids of the lines that were in the plan at that time, or later."""
        return {each for each, until in self.until.items() if until > since}

    def published(self, key: str) -> Iterable[datetime]:
        """When a video was published, as far as that is known; of an account when its videos were."""
        born = self.births.get(key)
        return self.births.values() if born is None else (born,)

    @property
    def slowest(self) -> timedelta:
        """The longest interval of its lines."""
        return max((line.interval for line in self.lines), default=timedelta(0))


class Replayed(NamedTuple):
    """What came of an account under each rule book, how many polls that took, and when the first of them was."""

    journals: Sequence[Journal]
    polls: int
    first: datetime | None


class History:
    """The stored past, to be replayed under the books of ``configs``."""

    def __init__(self, configs: Sequence[Config], store: Store, period: Period) -> None:
        self._configs = [replayable(config, store) for config in configs]
        self._store, self.period = store, period
        self._groups = [groups(config, store, period.until) for config in self._configs]

    def keys(self) -> Sequence[str]:
        """What each group is of: the key of its account, or its own."""
        return list(dict.fromkeys(key for found in self._groups for key in found))

    def accounts(self) -> int:
        """How many of the groups are of accounts."""
        found = {key: group for own in self._groups for key, group in own.items()}
        return sum(any(each.subject is Subject.ACCOUNT for each in own.targets.values()) for own in found.values())

    def unjudged(self) -> Sequence[Sequence[str]]:
        """Of each book the rules that could be replayed, and read what is polled of no target."""
        return [list(_unjudged(*each)) for each in zip(self._configs, self._groups, strict=True)]

    def replayed(self, key: str) -> Replayed:
        """What comes of one group."""
        found = [own.get(key, Group()) for own in self._groups]
        own = list(zip(self._configs, found, strict=True))
        begins = self.period.since - max(warm_up(config.book, group.slowest) for config, group in own)
        period = Period(begins, self.period.until)
        ids = {schedule_id for group in found for schedule_id in group.asked(begins)}
        rows = list(self._store.history(list(ids), *period))
        beside = {line.schedule_id for group in found for line in group.lines if line.target in group.beside}
        times_s = [row[1] for row in rows if row[0] not in beside]
        first = datetime.fromtimestamp(times_s[0], UTC) if times_s else None
        return Replayed([self._journal(*each, rows, period) for each in own], len(times_s), first)

    def _journal(self, config: Config, group: Group, rows: Iterable[SampleRow], period: Period) -> Journal:
        journal = Journal(group.targets, self.period.since)
        replay = Replay(config.book, {}, config.channels, births=group.births, telling=config.telling)
        for at, outcomes in relive(replay, group, rows, period, self._store):
            journal.enter([each for each in outcomes if each.alert.target not in group.beside], at)
        journal.close(replay.docket.failures)
        return journal


def relive(
    replay: Replay, group: Group, rows: Iterable[SampleRow], period: Period, store: Store
) -> Iterator[tuple[datetime, Sequence[Outcome]]]:
    """Let ``replay`` see, of these rows in the order of time, those of a group; when something follows, and what.

    Where a rule asks for the age of a number that is not known at the first look, ``store`` says when it was known, as
    it does when the daemon starts.
    """
    lines = {line.schedule_id: line for line in group.lines}
    plan, paces, unseen = _Plan(replay, group), Paces(group.cadences, group.published), set(lines)
    plan.follow(plan.standing, period.since)
    ends_s = {each: at.timestamp() for each, at in group.until.items()}
    for at, seen in _steps((row for row in rows if row[1] < ends_s.get(row[0], 0.0)), *period):
        ended = plan.follow({lines[row[0]].target for row in seen}, at)
        for row in seen:
            schedule_id, _, keys, numbers = row
            line = lines[schedule_id]
            interval_s = paces.interval(group.targets[line.target], line.endpoint, row).total_seconds()
            interval_s = max(interval_s, group.seldom_s.get(schedule_id, 0.0))
            replay.see(line.target, line.endpoint, at, dict(zip(keys, numbers, strict=True)), interval_s)
            if schedule_id in unseen:
                unseen.discard(schedule_id)
                replay.recollect(line.target, line.endpoint, store.backwards(schedule_id, at, LOOKED_THROUGH))
        outcomes = ended + (replay.look(at) if seen else replay.tick(at))
        if outcomes:
            yield at, outcomes


class _Plan:
    """What of a group a replay watches: videos since numbers of theirs are stored, lines until they left the plan.

    ``standing`` are the targets that are no videos: they are watched from the beginning.
    """

    def __init__(self, replay: Replay, group: Group) -> None:
        self._replay, self._group = replay, group
        self.standing = {key for key, target in group.targets.items() if target.subject is not Subject.VIDEO}
        self._lines: dict[str, list[Remembered]] = {}
        for line in group.lines:
            self._lines.setdefault(line.target, []).append(line)
        self._watched: dict[str, Target] = {}
        self._came: set[str] = set()
        self._ends: list[tuple[datetime, str]] = []  # a heap: the next line that leaves, and what it is about

    def follow(self, seen: Collection[str], at: datetime) -> list[Outcome]:
        """Let in the targets that are ``seen``, and lines out that have left by now; the alerts that end by it."""
        changed = {key for key in seen if key not in self._came}
        for line in [line for key in changed for line in self._lines.get(key, ())]:
            heappush(self._ends, (self._group.until[line.schedule_id], line.target))
        self._came |= changed
        while self._ends and self._ends[0][0] <= at:
            changed.add(heappop(self._ends)[1])
        if not changed:
            return []
        asked = {key: list(self._asked(key, at)) for key in sorted(changed)}
        for key, lines in asked.items():
            if lines or key in self.standing:
                self._watched[key] = self._group.targets[key]
            else:
                self._watched.pop(key, None)
        intervals_s = {(e.target, e.endpoint): e.interval.total_seconds() for own in asked.values() for e in own}
        return self._replay.follow(self._watched, intervals_s, at, changed)

    def _asked(self, key: str, at: datetime) -> Iterator[Remembered]:
        return (line for line in self._lines.get(key, ()) if self._group.until[line.schedule_id] > at)


def asking(config: Config, store: Store) -> Config:
    """``config`` as it is where all providers are asked of which something may be stored: in a simulation all are."""
    asked = {ENDPOINTS[line.endpoint].provider for line in store.every_line()}
    unnamed = {provider: Access("", "", 1.0, 1.0, 1) for provider in asked}
    return replace(config, providers={**unnamed, **config.providers})


def replayable(config: Config, store: Store) -> Config:
    """``asking``, without the rules that cannot be replayed."""
    book = config.book.without({rule.name for rule in not_replayed(config.book)})
    return replace(asking(config, store), book=book)


def ever_watched(config: Config, store: Store, at: datetime) -> Watchlist:
    """All that is watched now or ever was of what ``config`` names."""
    watchlist = Watchlist(_unlimited(config), config.providers)
    watchlist.renew(store.identities(), store.discovered(), at)
    return watchlist


def groups(config: Config, store: Store, at: datetime) -> dict[str, Group]:
    """What was ever watched, by account, as far as rules read its lines."""
    watchlist = ever_watched(config, store, at)
    cadences = {name: cadence_of(endpoint, config) for name, endpoint in ENDPOINTS.items()}
    found: dict[str, Group] = {}
    for key, target in watchlist.targets().items():
        found.setdefault(target.account or key, Group()).targets[key] = target
    for group in found.values():
        group.births.update(watchlist.births(group.targets))
        group.cadences = cadences
    wanted, planned = _telling(config.book.needs()), {line.schedule_id for line in store.remembered()}
    retired = retired_at(config, store.discovered(), watchlist)
    for line in store.every_line():
        if line.endpoint in wanted and line.target in watchlist:
            usual = longest(cadences[line.endpoint], Standing(at, watchlist.created(line.target)))
            own = replace(line, interval=usual) if line.interval == UNPLANNED else line
            until = min(left_at(own, planned), retired.get(line.target, NEVER))
            found[watchlist[line.target].target.account or line.target].add(own, until, usual)
    asked = {key: group for key, group in found.items() if group.lines}
    _see_providers(asked, config.book)
    return asked


def _telling(metrics: Collection[str]) -> set[str]:
    """The endpoints that tell of metrics."""
    return {name for name, each in ENDPOINTS.items() if any(metric.name in metrics for metric in each.metrics)}


def _see_providers(found: Mapping[str, Group], book: RuleBook) -> None:
    """Put the providers into every other group, with what is read by those of their rules that mute others."""
    muting = [rule for rule in book.rules if rule.subject is Subject.PROVIDER and rule.inhibits and not rule.shadow]
    wanted = _telling({metric for rule in muting for metric in rule.needs})
    providers = {key: found[key] for key in map(provider_key, Provider) if key in found and muting}
    for group in (found[key] for key in found.keys() - providers.keys()):
        group.beside = providers.keys()
        for each in providers.values():
            group.targets.update(each.targets)
            for line in each.lines:
                if line.endpoint in wanted:
                    group.add(line, each.until[line.schedule_id])


def warm_up(book: RuleBook, interval: timedelta) -> timedelta:
    """How long before the time that counts a replay begins, so that windows are full and alerts are what they were.

    ``interval`` is the longest between two polls: a window is full only with a look from before it, and an alert needs
    looks to begin.
    """
    gathered = GATHERED if compared(book) else timedelta(0)
    return max((_reach(rule, gathered) + _looks(rule, interval) for rule in book.variants()), default=timedelta(0))


def _reach(rule: Rule, least: timedelta) -> timedelta:
    """How far back lies what decides what an alert is: its windows, and before they are full its life cannot begin."""
    window = timedelta(seconds=max(rule.needs.values(), default=0.0))
    remembered = rule.flapping.within if rule.flapping else timedelta(0)
    return max(window, least) + rule.hold_for + max(rule.keep_firing, remembered)


def _looks(rule: Rule, interval: timedelta) -> timedelta:
    return max(SLACK, interval * (1 + rule.for_polls + rule.confirm))


def not_replayed(book: RuleBook) -> Sequence[Rule]:
    """The rules that read what the daemon says itself, of which there is no history, and those that count their alerts.

    What they are promoted to is such a rule.
    """
    silent = {rule.name for rule in book.rules if rule.needs.keys() & UNSTORED}
    promoting = {rule.name for rule in book.rules if rule.promote and rule.name in silent}
    silent |= {rule.name for rule in book.rules if any(is_counted(name, rule) for name in promoting)}
    return [rule for rule in book.rules if rule.name in silent]


def _unjudged(config: Config, found: Mapping[str, Group]) -> Iterator[str]:
    told: dict[Target, set[str]] = {}
    for group in found.values():
        for line in group.lines:
            metrics = {metric.name for metric in ENDPOINTS[line.endpoint].metrics}
            told.setdefault(group.targets[line.target], set()).update(metrics)
    kinds = {(target.subject, frozenset(metrics) | STATES) for target, metrics in told.items()}
    for rule in config.book.rules:
        if not any(rule.subject is subject and judgeable([rule], metrics) for subject, metrics in kinds):
            yield rule.name


def run(history: History, files: Sequence[Path], database: Path, processes: int) -> Iterator[Replayed]:
    """What comes of each group in turn, on so many processes; ``files`` have the configurations of ``history``."""
    keys = history.keys()
    if processes < 2:
        yield from map(history.replayed, keys)
        return
    chunks = [keys[first : first + CHUNK] for first in range(0, len(keys), CHUNK)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for found in pool.map(partial(_replayed, tuple(files), database, history.period), chunks):
            yield from found


def _replayed(files: tuple[Path, ...], database: Path, period: Period, keys: Sequence[str]) -> list[Replayed]:
    history = _history(files, database, period)
    return [history.replayed(key) for key in keys]


@cache
def _history(files: tuple[Path, ...], database: Path, period: Period) -> History:
    """A process's own: a compiled rule cannot be handed to another."""
    logs.configure("ERROR", False, REDACTOR.redact, sys.stderr)
    configs = [load(file, os.environ, METRICS, ENDPOINTS) for file in files]
    return History([each for each in configs if isinstance(each, Config)], Store.open(database, readonly=True), period)


def _unlimited(config: Config) -> Config:
    return replace(
        config, targets=tuple(replace(each, discover=EVER) if each.discover else each for each in config.targets)
    )


def _steps(
    rows: Iterable[SampleRow], begins: datetime, until: datetime
) -> Iterator[tuple[datetime, Sequence[SampleRow]]]:
    """Each moment at which something was seen, with what; and without, each full hour since the first, and the end."""
    tick = None
    for at_s, seen in groupby(rows, key=itemgetter(1)):
        at = datetime.fromtimestamp(at_s, UTC)
        while tick is not None and tick < at:
            yield tick, ()
            tick += STEP
        tick = tick or max(at, begins).replace(minute=0, second=0, microsecond=0) + STEP
        yield at, list(seen)
    while tick is not None and tick < until:
        yield tick, ()
        tick += STEP
    if tick is not None:
        yield until, ()
