"""What rules would have done with the numbers that are stored: each account's history through a replay, from no alerts.

Only reads. Accounts do not touch each other, so each is replayed by itself, with its videos, in the order of time; what
is in memory at once is the history of one. What the daemon says itself (``daemon.recent.STATES``) is not stored, and
rules on it are not replayed. A failed poll is not stored either: numbers become unknown as they grow old.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from daemon import logs
from daemon.cohorts import GATHERED, compared
from daemon.config import Config, Discover, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.recent import STATES
from daemon.replay import Replay
from daemon.secrets import REDACTOR
from daemon.tally import Journal
from daemon.watchlist import Watchlist
from rules.book import Rule, RuleBook, judgeable
from rules.cohorts import PUBLISHED_AT
from rules.promotion import COUNTS
from rules.values import Outcome, Target
from storage.records import Remembered
from storage.samples import SampleRow
from storage.store import Store

STEP = timedelta(hours=1)
"""So often, on the hour, time alone is looked at; the daemon does it every 30 seconds."""

CHUNK = 4
"""Accounts that a process takes at a time."""

EVER = Discover(newer_than=timedelta.max, at_most=10**9)
"""Every video that was ever found: most of a year's were watched while they were young."""


class Period(NamedTuple):
    """From a time on, to another."""

    since: datetime
    until: datetime


@dataclass(slots=True)
class Group:
    """An account with its videos, or a target that stands alone, and the lines of which numbers may be stored.

    ``births`` are when its videos were published, as far as that is known.
    """

    targets: dict[str, Target] = field(default_factory=dict)
    births: dict[str, datetime] = field(default_factory=dict)
    lines: list[Remembered] = field(default_factory=list)


class Replayed(NamedTuple):
    """What came of an account under each rule book, and how many polls that took."""

    journals: Sequence[Journal]
    polls: int


class History:
    """The stored past, to be replayed under the books of ``configs``."""

    def __init__(self, configs: Sequence[Config], store: Store, period: Period) -> None:
        self._configs, self._store, self.period = configs, store, period
        self._begins = period.since - max(warm_up(config.book) for config in configs)
        self._groups = [groups(config, store, period.until) for config in configs]

    def keys(self) -> Sequence[str]:
        """What each group is of: the key of its account, or its own."""
        return list(dict.fromkeys(key for found in self._groups for key in found))

    def unjudged(self) -> Sequence[Sequence[str]]:
        """Of each book the rules that could be replayed, and read what is polled of no target."""
        return [list(_unjudged(*each)) for each in zip(self._configs, self._groups, strict=True)]

    def replayed(self, key: str) -> Replayed:
        """What comes of one group."""
        found = [own.get(key, Group()) for own in self._groups]
        ids = {line.schedule_id for group in found for line in group.lines}
        rows = list(self._store.history(list(ids), self._begins, self.period.until))
        return Replayed([self._journal(*each, rows) for each in zip(self._configs, found, strict=True)], len(rows))

    def _journal(self, config: Config, group: Group, rows: Iterable[SampleRow]) -> Journal:
        journal = Journal(group.targets, self.period.since)
        replay = Replay(config.book, group.targets, config.channels, births=group.births)
        for at, outcomes in relive(replay, group.lines, rows, Period(self._begins, self.period.until)):
            journal.enter(outcomes, at)
        journal.close(replay.docket.failures)
        return journal


def relive(
    replay: Replay, lines: Iterable[Remembered], rows: Iterable[SampleRow], period: Period
) -> Iterator[tuple[datetime, Sequence[Outcome]]]:
    """Let ``replay`` see, of these rows in the order of time, those of ``lines``; when something follows, and what."""
    own = {line.schedule_id: line for line in lines}
    for line in own.values():
        replay.watch(line.target, line.endpoint, line.interval.total_seconds())
    for at, seen in _steps((row for row in rows if row[0] in own), *period):
        for schedule_id, _, keys, numbers in seen:
            line = own[schedule_id]
            replay.see(line.target, line.endpoint, at, dict(zip(keys, numbers, strict=True)))
        outcomes = replay.look(at) if seen else replay.tick(at)
        if outcomes:
            yield at, outcomes


def ever_watched(config: Config, store: Store, at: datetime) -> Watchlist:
    """All that is watched now or ever was of what ``config`` names."""
    watchlist = Watchlist(_unlimited(config), config.providers)
    watchlist.renew(store.identities(), store.discovered(), at)
    return watchlist


def groups(config: Config, store: Store, at: datetime) -> dict[str, Group]:
    """What was ever watched, by account, as far as rules read its lines."""
    watchlist = ever_watched(config, store, at)
    found: dict[str, Group] = {}
    for key, target in watchlist.targets().items():
        found.setdefault(target.account or key, Group()).targets[key] = target
    for group in found.values():
        group.births.update(watchlist.births(group.targets))
    wanted = {name for name, each in ENDPOINTS.items() if {m.name for m in each.metrics} & config.book.needs().keys()}
    for line in store.every_line():
        if line.endpoint in wanted and line.target in watchlist:
            found[watchlist[line.target].target.account or line.target].lines.append(line)
    return {key: group for key, group in found.items() if group.lines}


def warm_up(book: RuleBook) -> timedelta:
    """How long before the time that counts a replay begins, so that windows are full and alerts are what they were."""
    depths = [timedelta(seconds=depth_s) for depth_s in book.needs().values()]
    depths += [rule.flapping.within for rule in book.rules if rule.flapping]
    depths += [GATHERED] if compared(book) else []
    return max((*depths, *(rule.hold_for + rule.keep_firing for rule in book.rules)), default=timedelta(0))


def not_replayed(book: RuleBook) -> Sequence[Rule]:
    """The rules that read what the daemon says itself, of which there is no history."""
    return [rule for rule in book.rules if rule.needs.keys() & (STATES - COUNTS - {PUBLISHED_AT})]


def _unjudged(config: Config, found: Mapping[str, Group]) -> Iterator[str]:
    told: dict[Target, set[str]] = {}
    for group in found.values():
        for line in group.lines:
            metrics = {metric.name for metric in ENDPOINTS[line.endpoint].metrics}
            told.setdefault(group.targets[line.target], set()).update(metrics)
    kinds = {(target.subject, frozenset(metrics) | STATES) for target, metrics in told.items()}
    silent = set(not_replayed(config.book))
    for rule in config.book.rules:
        judged = any(rule.subject is subject and judgeable([rule], metrics) for subject, metrics in kinds)
        if rule not in silent and not judged:
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
