"""The population guard: when so many targets do the same at once that the source is doubted, not the targets.

Pure and small: what the newest looks at the targets of at most ``SEEN_AT_ONCE`` accounts said, endpoint by endpoint.
It begins empty with the process; doubts are stored.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain, islice
from math import inf
from typing import NamedTuple

from daemon.kept import keep
from daemon.policy import POLICY
from daemon.providers.answer import Blames, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint
from rules.values import Metric, Subject, Unit

Pair = tuple[float | None, float | None]
"""A number before and now; None: unknown."""

SEEN_AT_ONCE, OF_ONE = 50, 5
"""Accounts whose newest looks are weighed together, and looks at each: one long list is no population (own choice)."""

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

    @property
    def asked(self) -> str:
        """Whom the call was about: of what a list of an account carries, the account."""
        return self.account if self.endpoint.subject is Subject.ACCOUNT else self.target

    def pairs(self, metrics: Container[str] | None = None) -> dict[str, list[Pair]]:
        """Of each of these metrics (None: of all) the numbers before and now, series by series; none that have ended.

        A metric without labels that the answer leaves out is unknown: it has but one series, and that cannot end.
        """
        found: dict[str, list[Pair]] = {}
        after = self.after or {}
        for key, number in after.items():
            if metrics is None or key[0] in metrics:
                found.setdefault(key[0], []).append((self.before.get(key), number))
        for key, number in self.before.items():
            if not key[1] and (metrics is None or key[0] in metrics) and key not in after:
                found.setdefault(key[0], []).append((number, None))
        return found

    def changes(self) -> dict[str, list[tuple[float, float]]]:
        """As ``pairs``, of the series that are known before and now and differ: few, and none of most metrics."""
        found: dict[str, list[tuple[float, float]]] = {}
        for key, number in (self.after or {}).items():
            before = self.before.get(key)
            if before != number and before is not None and number is not None:
                found.setdefault(key[0], []).append((before, number))
        return found

    def known(self, metric: str) -> int:
        """How many series of a metric are known before and now."""
        return sum(None not in pair for pair in self.pairs((metric,))[metric])


@dataclass(frozen=True, slots=True)
class Odd:
    """A doubt about a metric ("": about all of the endpoint).

    ``targets`` of the ``of`` that were looked at last did the same, at the newest look that said so: at ``last``.
    """

    endpoint: str
    metric: str
    kind: Kind
    targets: int
    of: int
    since: datetime
    last: datetime


class Said(NamedTuple):
    """What a look says that is not calm; two that are equal say the same. ``value`` is what a number flipped to."""

    metric: str
    kind: Kind
    value: float | None = None


class _Look(NamedTuple):
    """``since_s``: when the target began to say this, look by look; ``ends_s``: until when it counts.

    ``asked`` is whom the call was about: of what a list of an account carries, the account.
    """

    account: str
    at_s: float
    since_s: float
    ends_s: float
    said: tuple[Said, ...]
    asked: str


@dataclass(slots=True)
class _Crowd:
    """Of one endpoint: the newest look at each target of the accounts that were looked at last, oldest first.

    ``accounts`` has the same targets by account. ``failing_s`` is since when targets fail (None: they do not). All
    looks count until ``current_s`` at least.
    """

    looks: dict[str, _Look] = field(default_factory=dict)
    accounts: dict[str, dict[str, None]] = field(default_factory=dict)
    failing_s: dict[str, float | None] = field(default_factory=dict)
    current_s: float = inf

    def add(self, target: str, look: _Look) -> None:
        """Take in a look in the place of the target's last, and forget what counts no more."""
        self.drop(target)
        self.looks[target] = look
        self.accounts[look.account] = {**self.accounts.pop(look.account, {}), target: None}
        self.current_s = min(self.current_s, look.ends_s)
        if self.current_s < look.at_s:
            for ended in [key for key, each in self.looks.items() if each.ends_s < look.at_s]:
                self.drop(ended)
            self.current_s = min(each.ends_s for each in self.looks.values())
        if len(self.accounts) > SEEN_AT_ONCE:
            for oldest in list(next(iter(self.accounts.values()))):
                self.drop(oldest)

    def drop(self, target: str) -> None:
        """Forget a target, if it is known."""
        look = self.looks.pop(target, None)
        if look is not None:
            own = self.accounts[look.account]
            del own[target]
            if not own:
                del self.accounts[look.account]

    def copied(self) -> _Crowd:
        """Another one that knows the same."""
        accounts = {account: dict(targets) for account, targets in self.accounts.items()}
        return _Crowd(dict(self.looks), accounts, dict(self.failing_s), self.current_s)

    def weighed(self) -> dict[str, _Look]:
        """The newest few looks at each account: all accounts weigh the same, however many videos they have."""
        newest = (islice(reversed(targets), OF_ONE) for targets in self.accounts.values())
        return {target: self.looks[target] for target in chain.from_iterable(newest)}


class Population:
    """Watches all targets of every endpoint at once, and says which of its metrics are in doubt."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._sizes: dict[str, int] = {}
        self._crowds: defaultdict[str, _Crowd] = defaultdict(_Crowd)
        self._doubts: dict[tuple[str, str], Odd] = {}
        self._restored: set[str] = set()

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make all that was seen what it is now."""
        keep(undo, self, "_sizes", "_crowds", "_doubts", "_restored")
        self._crowds = defaultdict(_Crowd, {endpoint: crowd.copied() for endpoint, crowd in self._crowds.items()})

    def targets(self, endpoint: str, n: int) -> None:
        """Tell how many targets an endpoint has; until then, it has many."""
        self._sizes[endpoint] = n

    def forget(self, endpoint: str, target: str) -> None:
        """A target is no more asked about."""
        crowd = self._crowds[endpoint]
        crowd.drop(target)
        crowd.failing_s.pop(target, None)

    def restore(self, odd: Odd) -> None:
        """A doubt that was there before the process began. Who fails from the start is taken to be part of it."""
        self._doubts[odd.endpoint, odd.metric] = odd
        self._restored.add(odd.endpoint)

    def look(self, found: Comparison) -> list[Odd]:
        """Take in a look; the doubts that begin with it.

        Failures that are the provider's own say nothing here: those are told as such.
        """
        if found.after is None and not _is_the_targets(found):
            return []
        crowd = self._crowds[found.endpoint.name]
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
        crowd = self._crowds[endpoint]
        look = crowd.looks.get(target)
        if look is None or not look.said or at_s > look.since_s + LONGEST_WAIT_S:
            return False
        if not self._may_agree(endpoint, crowd):
            return False
        if all(self.held(endpoint, said.metric, at_s) for said in look.said):
            return False
        weighed = crowd.weighed().items()
        others = [each.said for name, each in weighed if name != target and each.at_s >= look.since_s]
        agreeing = sum(not set(look.said).isdisjoint(said) for said in others)
        most = min(WITNESSES, self._sizes.get(endpoint, ENOUGH) - 1)
        return len(others) < most or agreeing >= self._guard.share * len(others)

    def witnesses(self, endpoint: str, target: str) -> list[str]:
        """Whom to ask about to learn that soon: those whose turn is the next. Nobody, if that was told before."""
        crowd = self._crowds[endpoint]
        own = crowd.looks[target]
        if own.since_s < own.at_s:
            return []
        looks = sorted(crowd.weighed().values(), key=lambda look: look.at_s)
        calm = [look.asked for look in looks if not look.said and look.asked != own.asked]
        return list(dict.fromkeys(calm))[:WITNESSES]

    def _may_agree(self, endpoint: str, crowd: _Crowd) -> bool:
        """Whether there are targets enough for a doubt at all."""
        enough = self._sizes.get(endpoint, ENOUGH) >= self._guard.at_least
        return enough and len(crowd.accounts) >= min(CREATORS, self._guard.at_least)

    def held(self, endpoint: str, metric: str, at_s: float) -> bool:
        """Whether what an endpoint says of a metric is in doubt at this time (seconds since the epoch)."""
        return any(self._open((endpoint, name), at_s) for name in (metric, ""))

    def incidents(self, at_s: float) -> list[Odd]:
        """All doubts of this time, in the order in which they began."""
        return [odd for place, odd in self._doubts.items() if self._open(place, at_s)]

    def _open(self, place: tuple[str, str], at_s: float) -> Odd | None:
        odd = self._doubts.get(place)
        return odd if odd and at_s < (odd.last + self._guard.hold).timestamp() else None

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
        untold = doubt is not None and since_s == -inf and found.endpoint.name in self._restored
        return (Said("", Kind.FAILED),) if new or untold else ()

    def _weigh(self, crowd: _Crowd, found: Comparison, said: Said) -> Odd | None:
        """Begin or renew a doubt, if enough say the same; the doubt if it begins."""
        weighed = crowd.weighed().values()
        name, of = found.endpoint.name, len(weighed)
        accounts = [look.account for look in weighed if said in look.said]
        if of < min(ENOUGH, self._sizes.get(name, ENOUGH)) or not self._agree(accounts, of):
            return None
        place, at = (name, said.metric), datetime.fromtimestamp(found.at_s, UTC)
        known = self._open(place, found.at_s)
        if known is not None:
            self._doubts[place] = replace(known, targets=len(accounts), of=of, last=at)
            return None
        odd = Odd(name, said.metric, said.kind, len(accounts), of, since=at, last=at)
        self._doubts.pop(place, None)
        self._doubts[place] = odd
        return odd

    def _agree(self, accounts: Sequence[str], of: int) -> bool:
        enough = max(self._guard.at_least, self._guard.share * of)
        return len(accounts) >= enough and len(set(accounts)) >= min(CREATORS, self._guard.at_least)


def _is_the_targets(found: Comparison) -> bool:
    if found.reason is None or POLICY[found.reason].blames is Blames.PROVIDER:
        return False
    return found.reason is not Reason.EMPTY or found.endpoint.tells_absence


def _remember(crowd: _Crowd, found: Comparison, said: tuple[Said, ...]) -> None:
    before = crowd.looks.get(found.target)
    since_s = before.since_s if before is not None and before.said == said else found.at_s
    ends_s = found.at_s + ONE_CYCLE * found.interval_s
    crowd.add(found.target, _Look(found.account, found.at_s, since_s, ends_s, said, found.asked))


def sayings(found: Comparison) -> tuple[Said, ...]:
    """What an answer says of its metrics, where more than half of the series of a metric say the same."""
    changes = found.changes()
    changed = [metric for metric in found.endpoint.metrics if metric.name in changes]
    votes = [said for metric in changed for said in _votes(metric, found.endpoint.vital, changes[metric.name])]
    if not votes:
        return ()  # as nearly always: counting nothing would take most of the time
    return tuple(said for said, times in Counter(votes).items() if 2 * times > found.known(said.metric))


def _votes(metric: Metric, vital: bool, changes: Iterable[tuple[float, float]]) -> Iterator[Said]:
    """Of a state every change counts, and of a number that somebody's standing hangs on: those rarely move."""
    flips = not metric.labels and not metric.total and (vital or metric.unit is Unit.STATE)
    for before, after in changes:
        kind = move(metric, before, after)
        if kind is not None:
            yield Said(metric.name, kind)
        if flips:
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
