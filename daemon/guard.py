"""The population guard: when so many targets do the same at once that the source is doubted, not the targets.

Pure and small: what the newest looks of at most ``SEEN_AT_ONCE`` targets of each endpoint said. It is rebuilt by
replaying looks in the order of their times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from math import inf
from typing import NamedTuple

from daemon.policy import POLICY
from daemon.providers.answer import Blames, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint
from rules.values import Metric, Subject, Unit

Pair = tuple[float | None, float | None]
"""A number before and now; None: unknown."""

SEEN_AT_ONCE = 50
"""Looks that are weighed together, each of another target: with 30 % of them, chance has no say (own choice)."""

ENOUGH = 10
"""Fewer looks say nothing of a population that has so many targets; a smaller one must be looked at whole."""

CREATORS = 3
"""What happens to the videos of fewer creators than this is their own story: a purge, a ban, a viral week."""

WITNESSES, LONGEST_WAIT_S = 4, 3_600.0
"""Others that are looked at before a move counts as a target's own; and for how long it waits for them (own choice)."""

ONE_CYCLE = 1.5
"""For so many of its intervals a look counts: each target has its turn in that time (``daemon.cadence.grid``)."""

LOST_SHARE, LOST_LEAST = 0.005, 10.0
"""A total falls only if it loses more than both: 0.5 % is a purge (DOMAIN 2.3, D0), a handful is a small account."""

WON_SHARE, WON_LEAST = 0.1, 100.0
"""No account's total grows by a tenth between two looks, but for small ones (own choice, above DOMAIN 2.3, D1)."""

VIDEO_FACTOR, VIDEO_LEAST = 10.0, 1_000.0
"""A video's total multiplies in its first hours, and many may be published together: tenfold, from 1,000 on."""

FACTORS = {Unit.POINTS: 2.0, Unit.SCORE: 2.0, Unit.COUNT: 4.0}
"""By so much a number that is no total moves (own choice). Counts of a day swing by weekday and by chance."""

LEAST = 10.0
"""Below this on both sides such a number moves by chance."""


class Kind(StrEnum):
    """What targets do together: their numbers fall, rise or all become the same, or they fail."""

    FELL = "fell"
    ROSE = "rose"
    FLIPPED = "flipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Guard:
    """When the source is doubted: this share of the targets, and no fewer than ``at_least``, do the same.

    It is doubted until ``hold`` after the last look that said so.
    """

    share: float = 0.3
    at_least: int = 5
    hold: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one poll said, beside what was known before it.

    ``account`` is the key of the account that the target belongs to, or is. ``before`` holds the newest known numbers,
    ``after`` those of the answer, None if there is none for ``reason``. ``interval_s`` is the time to the next turn, in
    seconds.
    """

    endpoint: Endpoint
    target: str
    account: str
    at_s: float
    interval_s: float
    before: Mapping[SeriesKey, float]
    after: Mapping[SeriesKey, float | None] | None
    reason: Reason | None = None

    def pairs(self) -> dict[str, list[Pair]]:
        """Of each metric the numbers before and now, series by series; none for series that have ended.

        A metric without labels that the answer leaves out is unknown: it has but one series, and that cannot end.
        """
        found: dict[str, list[Pair]] = {}
        after = self.after or {}
        for key, number in after.items():
            found.setdefault(key[0], []).append((self.before.get(key), number))
        for key, number in self.before.items():
            if not key[1] and key not in after:
                found.setdefault(key[0], []).append((number, None))
        return found


@dataclass(frozen=True, slots=True)
class Odd:
    """A doubt about a metric ("": about all of the endpoint).

    ``targets`` of the ``of`` that were looked at last did the same, at the newest look that said so.
    """

    endpoint: str
    metric: str
    kind: Kind
    targets: int
    of: int
    since: datetime


class Said(NamedTuple):
    """What a look says that is not calm; two that are equal say the same. ``value`` is what a number flipped to."""

    metric: str
    kind: Kind
    value: float | None = None


class _Look(NamedTuple):
    """``since_s``: when the target began to say this, look by look; ``ends_s``: until when it counts."""

    account: str
    at_s: float
    since_s: float
    ends_s: float
    said: tuple[Said, ...]


@dataclass(slots=True)
class _Crowd:
    """Of one endpoint: the newest looks, the oldest first; and since when targets fail (None: they do not)."""

    looks: dict[str, _Look] = field(default_factory=dict)
    failing_s: dict[str, float | None] = field(default_factory=dict)


class Population:
    """Watches all targets of every endpoint at once, and says which of its metrics are in doubt."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._sizes: dict[str, int] = {}
        self._crowds: dict[str, _Crowd] = {}
        self._doubts: dict[tuple[str, str], tuple[Odd, float]] = {}

    def targets(self, endpoint: str, n: int) -> None:
        """Tell how many targets an endpoint has; until then, it has many."""
        self._sizes[endpoint] = n

    def forget(self, endpoint: str, target: str) -> None:
        """A target is no more asked about."""
        crowd = self._crowds.get(endpoint, _Crowd())
        crowd.looks.pop(target, None)
        crowd.failing_s.pop(target, None)

    def restore(self, odd: Odd) -> None:
        """A doubt that was there before the process began: it lasts as if nothing had said so again since."""
        self._doubts[odd.endpoint, odd.metric] = (odd, odd.since.timestamp())

    def look(self, found: Comparison) -> list[Odd]:
        """Take in a look; the doubts that begin with it.

        Failures that are the provider's own say nothing here: those are told as such.
        """
        if found.after is None and not _is_the_targets(found):
            return []
        crowd = self._crowds.setdefault(found.endpoint.name, _Crowd())
        said = self._failure(crowd, found) if found.after is None else sayings(found)
        if found.after is not None:
            crowd.failing_s[found.target] = None
        _remember(crowd, found, said)
        weighed = (self._weigh(crowd, found, each) for each in said)
        return [odd for odd in weighed if odd is not None]

    def waits(self, endpoint: str, target: str, at_s: float) -> bool:
        """Whether it is open yet if what a target said last is its own story, or begins everybody's.

        It is until ``WITNESSES`` others were looked at and too few of them say the same, but for an hour at most. Where
        there are too few targets for a doubt, and where there is one, it is not.
        """
        looks = self._crowds.get(endpoint, _Crowd()).looks
        look = looks.get(target)
        if look is None or at_s > look.since_s + LONGEST_WAIT_S or not self._may_agree(endpoint, looks):
            return False
        if all(self.held(endpoint, said.metric, at_s) for said in look.said):
            return False
        others = [each.said for name, each in looks.items() if name != target and each.at_s >= look.since_s]
        agreeing = sum(not set(look.said).isdisjoint(said) for said in others)
        most = min(WITNESSES, self._sizes.get(endpoint, ENOUGH) - 1)
        return len(others) < most or agreeing >= self._guard.share * len(others)

    def witnesses(self, endpoint: str, target: str) -> list[str]:
        """Whom to look at to learn that soon: those whose turn is the next. Nobody, if that was asked for before."""
        looks = self._crowds[endpoint].looks
        if looks[target].since_s < looks[target].at_s:
            return []
        return [name for name, look in looks.items() if not look.said][:WITNESSES]

    def _may_agree(self, endpoint: str, looks: Mapping[str, _Look]) -> bool:
        """Whether there are targets enough for a doubt at all."""
        creators = {look.account for look in looks.values()}
        enough = self._sizes.get(endpoint, ENOUGH) >= self._guard.at_least
        return enough and len(creators) >= min(CREATORS, self._guard.at_least)

    def held(self, endpoint: str, metric: str, at_s: float) -> bool:
        """Whether what an endpoint says of a metric is in doubt at this time (seconds since the epoch)."""
        return any(self._open((endpoint, name), at_s) for name in (metric, ""))

    def incidents(self, at_s: float) -> list[Odd]:
        """All doubts of this time, in the order in which they began."""
        return [odd for place, (odd, _) in self._doubts.items() if self._open(place, at_s)]

    def _open(self, place: tuple[str, str], at_s: float) -> Odd | None:
        odd, last_s = self._doubts.get(place, (None, -inf))
        return odd if at_s < last_s + self._guard.hold.total_seconds() else None

    def _failure(self, crowd: _Crowd, found: Comparison) -> tuple[Said, ...]:
        """A failure is news for one cycle after an answer, and in a doubt that it was part of.

        One that nothing came before is an old story.
        """
        since_s = crowd.failing_s.setdefault(found.target, -inf)
        if since_s is None:
            since_s = crowd.failing_s[found.target] = found.at_s
        doubt = self._open((found.endpoint.name, ""), found.at_s)
        story_s = found.at_s if doubt is None else doubt.since.timestamp()
        new = story_s - since_s <= ONE_CYCLE * found.interval_s
        return (Said("", Kind.FAILED),) if new else ()

    def _weigh(self, crowd: _Crowd, found: Comparison, said: Said) -> Odd | None:
        """Begin or renew a doubt, if enough say the same; the doubt if it begins."""
        name, of = found.endpoint.name, len(crowd.looks)
        accounts = [look.account for look in crowd.looks.values() if said in look.said]
        if of < min(ENOUGH, self._sizes.get(name, ENOUGH)) or not self._agree(accounts, of):
            return None
        place = (name, said.metric)
        known = self._open(place, found.at_s)
        if known is not None:
            self._doubts[place] = (replace(known, targets=len(accounts), of=of), found.at_s)
            return None
        odd = Odd(name, said.metric, said.kind, len(accounts), of, datetime.fromtimestamp(found.at_s, UTC))
        self._doubts.pop(place, None)
        self._doubts[place] = (odd, found.at_s)
        return odd

    def _agree(self, accounts: Sequence[str], of: int) -> bool:
        enough = max(self._guard.at_least, self._guard.share * of)
        return len(accounts) >= enough and len(set(accounts)) >= min(CREATORS, self._guard.at_least)


def _is_the_targets(found: Comparison) -> bool:
    if found.reason is None or POLICY[found.reason].blames is Blames.PROVIDER:
        return False
    return found.reason is not Reason.EMPTY or found.endpoint.tells_absence


def _remember(crowd: _Crowd, found: Comparison, said: tuple[Said, ...]) -> None:
    before = crowd.looks.pop(found.target, None)
    since_s = before.since_s if before is not None and before.said == said else found.at_s
    ends_s = found.at_s + ONE_CYCLE * found.interval_s
    crowd.looks[found.target] = _Look(found.account, found.at_s, since_s, ends_s, said)
    current = [(target, look) for target, look in crowd.looks.items() if look.ends_s >= found.at_s]
    crowd.looks = dict(current[-SEEN_AT_ONCE:])


def sayings(found: Comparison) -> tuple[Said, ...]:
    """What an answer says of its metrics, where more than half of the series of a metric say the same."""
    pairs = found.pairs()
    return tuple(
        said
        for metric in found.endpoint.metrics
        if metric.name in pairs
        for said in _majority(_votes(metric, found.endpoint.vital, pairs[metric.name]))
    )


def _majority(votes: Collection[tuple[Said, ...]]) -> list[Said]:
    counts = Counter(chain.from_iterable(votes))
    return [said for said, times in counts.items() if 2 * times > len(votes)]


def _votes(metric: Metric, vital: bool, pairs: Iterable[Pair]) -> list[tuple[Said, ...]]:
    """What each series says that is known before and now."""
    flips = not metric.labels and not metric.total and (vital or metric.unit is Unit.STATE)
    known = [(before, after) for before, after in pairs if before is not None and after is not None]
    return [tuple(_vote(metric, flips, before, after)) for before, after in known]


def _vote(metric: Metric, flips: bool, before: float, after: float) -> Iterator[Said]:
    """Of a state every change counts, and of a number that somebody's standing hangs on: those rarely move."""
    kind = move(metric, before, after)
    if kind is not None:
        yield Said(metric.name, kind)
    if flips and before != after:
        yield Said(metric.name, Kind.FLIPPED, after)


def move(metric: Metric, before: float, after: float) -> Kind | None:
    """Whether a number moved so far that of a few targets it is news, and of a third of all it is not believed.

    A change of sign counts as a move from nothing.
    """
    if metric.total:
        return _move_of_total(metric, before, after)
    factor = FACTORS.get(metric.unit)
    small, large = sorted((abs(before), abs(after)))
    if factor is None or large < LEAST or (before * after > 0 and large < factor * small):
        return None
    return Kind.ROSE if after > before else Kind.FELL


def _move_of_total(metric: Metric, before: float, after: float) -> Kind | None:
    if before - after > max(LOST_LEAST, LOST_SHARE * before):
        return Kind.FELL
    if metric.subject is Subject.VIDEO:
        return Kind.ROSE if before >= VIDEO_LEAST and after >= VIDEO_FACTOR * before else None
    return Kind.ROSE if after - before > max(WON_LEAST, WON_SHARE * before) else None
