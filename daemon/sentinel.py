"""The schema sentinel: a field that disappears, changes its type or jumps in scale is not believed any more.

Pure and small: of each endpoint's metrics, how often they are known and of which size they are, and what the newest
looks said that is unlike it. It begins empty with the process; its quarantines are stored.

The readers of the providers' files turn what has the wrong type into unknown, so that shows as GONE; ``describe`` names
it then.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from statistics import median

from daemon.guard import Comparison, Pair
from daemon.kept import keep
from daemon.providers.endpoint import Endpoint
from rules.values import Metric, Unit
from storage.records import Quarantine

IN_A_ROW, FEW_IN_A_ROW = 5, 3
"""Looks at distinct targets that must say the same in a row; of fewer targets, all of them, in three looks."""

BASELINE, LEAST_BASELINE = 10, 3
"""Looks that make a baseline; of fewer targets than that, as many as there are, but three at least."""

FORGETS = 200
"""A baseline of so many looks is halved, so that what was long ago counts less and less."""

ONE_IN = 1e9
"""A metric that is unknown now and then must be unknown so many times that chance does it once in so many looks."""

JUMP = 50.0
"""A scale jumps by a hundred or a thousand; the number itself may have moved the other way meanwhile (own choice)."""

NEAR = math.sqrt(JUMP)
"""Less than this away from a size is nearer to it than to one that is a jump away."""

MOST_RATIO = 1.5
"""A fraction above this is a percentage. Some go a little beyond 1: videos that are watched twice (own choice)."""

MOST_POINTS = 48.0
"""No scheme of points goes higher (DOMAIN 1.5), so a higher number is one of the 0-1000 rating."""

_SIZE_LOOKS = 100
_MOST = {Unit.POINTS: MOST_POINTS, Unit.RATIO: MOST_RATIO}
_SCALED = frozenset({Unit.RATIO, Unit.SCORE, Unit.SECONDS})
"""What has a scale, besides points. A count has none: a video may get a hundred times its views in an hour."""


class Sign(StrEnum):
    """What a look says of a metric, beside what was usual; the last three are odd, and their names are stored."""

    FINE = "fine"
    UNKNOWN = "unknown"
    GONE = "gone"
    LARGER = "larger"
    SMALLER = "smaller"


@dataclass(frozen=True, slots=True)
class Change:
    """A quarantine that begins, or is ``over``. Its reason is a ``Sign``; typical is the size of usual numbers."""

    quarantine: Quarantine
    over: bool = False


@dataclass(slots=True)
class _Run:
    """Looks in a row that say the same: of how many calls, about whom, and of each target its number before them.

    ``zeros`` counts the looks since the last of them that did not end it.
    """

    sign: Sign = Sign.FINE
    looks: int = 0
    zeros: int = 0
    asked: dict[str, float] = field(default_factory=dict)
    before: dict[str, float | None] = field(default_factory=dict)

    def add(self, sign: Sign, found: Comparison, before: float | None) -> None:
        """Take in one more; what one list says of many videos is one look."""
        if sign is not self.sign:
            self.sign, self.looks, self.asked, self.before = sign, 0, {}, {}
        self.looks += self.asked.get(found.asked) != found.at_s
        self.zeros = 0
        self.asked[found.asked] = found.at_s
        self.before.setdefault(found.target, before)

    def outlasts(self, metric: Metric, now: float | None) -> bool:
        """Whether a look that is not odd leaves it as it is: 0 points are 0 on every scale, so a few do not end it."""
        if not self.looks or metric.unit is not Unit.POINTS or now != 0:
            return False
        self.zeros += 1
        return self.zeros < IN_A_ROW


@dataclass(slots=True)
class _Usual:
    """What is usual for one metric of one endpoint, and the looks since that say otherwise.

    ``log_size`` is the mean logarithm of its size, None where it was never other than 0.
    """

    looks: int = 0
    known: int = 0
    log_size: float | None = None
    run: _Run = field(default_factory=_Run)

    def learn(self, now: float | None) -> None:
        """Take in a look that is not odd, or comes before there is a baseline.

        One that knows a number ends the run, and what the run missed was usual then. Until that is known, what lacked
        the number anyway does not count.
        """
        if now is not None:
            self.looks += 1 + (self.run.looks if self.run.sign is Sign.GONE else 0)
            self.known += 1
            self.run = _Run()
        elif self.run.sign is not Sign.GONE:
            self.looks += 1
        if now:
            last = math.log(now) if self.log_size is None else self.log_size
            self.log_size = last + (math.log(now) - last) / min(self.known, _SIZE_LOOKS)
        if self.looks >= FORGETS:
            self.looks, self.known = self.looks // 2, self.known // 2

    def is_settled(self, targets: int) -> bool:
        """Whether there is a baseline that a look can be unlike."""
        return self.looks >= min(BASELINE, max(LEAST_BASELINE, targets))

    def is_enough(self, targets: int) -> bool:
        """Whether the run is so long that it is no chance."""
        if self.run.sign is Sign.GONE and self.run.looks < patience(self.known / self.looks):
            return False
        enough = IN_A_ROW if targets >= IN_A_ROW else FEW_IN_A_ROW
        return self.run.looks >= enough and len(self.run.asked) >= min(IN_A_ROW, targets)


def patience(share: float) -> float:
    """How many looks in a row must miss a metric that is known in this share of them (0 to 1), beside other needs."""
    if share <= 0:
        return math.inf
    return 0.0 if share >= 1 else math.log(ONE_IN) / -math.log1p(-share)


class Sentinel:
    """Watches the metrics of every endpoint that are ``read`` by somebody (None: all of them).

    ``quarantines`` are those that were not over when the daemon ended.
    """

    def __init__(self, quarantines: Iterable[Quarantine] = (), read: Collection[str] | None = None) -> None:
        self._read = read
        self._quarantines = {(each.endpoint, each.metric): each for each in quarantines}
        self._usual: defaultdict[tuple[str, str], _Usual] = defaultdict(_Usual)
        self._sizes: dict[str, int] = {}
        self._metrics: dict[str, Sequence[Metric]] = {}

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make what is believed what it is now. No numbers must be looked at meanwhile."""
        keep(undo, self, "_read", "_quarantines", "_usual", "_sizes", "_metrics")

    def adopt(self, read: Collection[str]) -> None:
        """Other metrics are read from now on."""
        self._read = read
        self._metrics.clear()

    def targets(self, endpoint: str, n: int) -> None:
        """Tell about how many targets an endpoint is asked (1 or more); until then, about many."""
        self._sizes[endpoint] = n

    def quarantines(self) -> list[Quarantine]:
        """What is not believed now."""
        return list(self._quarantines.values())

    def trust(self, endpoint: str, metric: str) -> None:
        """Somebody says that it is right as it is now: the quarantine is over, and what is usual is learned anew."""
        self._quarantines.pop((endpoint, metric), None)
        self._usual.pop((endpoint, metric), None)

    def look(self, found: Comparison) -> list[Change]:
        """Take in the numbers of a look; the quarantines that begin or end with it. A failure says nothing here."""
        if found.after is None:
            return []
        pairs, read = found.pairs(self._read), self._those_read(found.endpoint)
        metrics = [each for each in read if each.name in pairs or self._is_missed(found, each)]
        changes = (self._look(found, metric, pairs.get(metric.name, ())) for metric in metrics)
        return [change for change in changes if change is not None]

    def _those_read(self, endpoint: Endpoint) -> Sequence[Metric]:
        if endpoint.name not in self._metrics:
            read = [each for each in endpoint.metrics if self._read is None or each.name in self._read]
            self._metrics[endpoint.name] = read
        return self._metrics[endpoint.name]

    def _is_missed(self, found: Comparison, metric: Metric) -> bool:
        """Whether a metric that is left out was there before the run that the target is part of."""
        usual = self._usual.get((found.endpoint.name, metric.name))
        if usual is None or metric.labels:
            return False
        return usual.run.sign is Sign.GONE and found.target in usual.run.before

    def _look(self, found: Comparison, metric: Metric, pairs: Sequence[Pair]) -> Change | None:
        place = (found.endpoint.name, metric.name)
        usual = self._usual[place]
        targets = self._sizes.get(found.endpoint.name, BASELINE)
        before, now = _sizes(pairs)
        quarantine = self._quarantines.get(place)
        if quarantine is not None:
            if not _recovers(usual, found, metric, quarantine, now) or not usual.is_enough(targets):
                return None
            usual.run = _Run()
            return Change(self._quarantines.pop(place), over=True)
        before = usual.run.before.get(found.target, before)
        sign, settled = _sign(metric, usual, before, now), usual.is_settled(targets)
        if sign in (Sign.FINE, Sign.UNKNOWN) or not settled:
            if not usual.run.outlasts(metric, now) and (settled or self._is_calm(found.endpoint.name)):
                usual.learn(now)
            return None
        usual.run.add(sign, found, before)
        if not _is_certain(metric, before, now) and not usual.is_enough(targets):
            return None
        return self._begin(found, metric, usual)

    def _is_calm(self, endpoint: str) -> bool:
        """Whether nothing of an endpoint is odd: what is first seen beside something odd may go with it."""
        runs = (usual.run for (name, _), usual in self._usual.items() if name == endpoint)
        return not any(name == endpoint for name, _ in self._quarantines) and all(run.sign is Sign.FINE for run in runs)

    def _begin(self, found: Comparison, metric: Metric, usual: _Usual) -> Change:
        since = datetime.fromtimestamp(found.at_s, UTC)
        typical = None if usual.log_size is None else math.exp(usual.log_size)
        quarantine = Quarantine(found.endpoint.name, metric.name, since, usual.run.sign.value, typical)
        self._quarantines[quarantine.endpoint, quarantine.metric] = quarantine
        return Change(quarantine)


def _sizes(pairs: Sequence[Pair]) -> Pair:
    """The size of a metric before and now (None: unknown): the median of its series that are known, without signs.

    Where some are known at both times, of these alone.
    """
    known = [pair for pair in pairs if None not in pair] or pairs
    return _median([before for before, _ in known]), _median([now for _, now in known])


def _median(numbers: Sequence[float | None]) -> float | None:
    known = [abs(number) for number in numbers if number is not None]
    return median(known) if known else None


def _sign(metric: Metric, usual: _Usual, before: float | None, now: float | None) -> Sign:
    if now is None:
        return Sign.UNKNOWN if before is None else Sign.GONE
    if before is None or _returns(usual, before, now):
        return Sign.FINE
    most = _MOST.get(metric.unit, math.inf)
    if before <= most < now:
        return Sign.LARGER
    if metric.unit not in _SCALED or usual.log_size is None or not before or not now:
        return Sign.FINE
    if now >= JUMP * before:
        return Sign.LARGER
    return Sign.SMALLER if before >= JUMP * now else Sign.FINE


def _returns(usual: _Usual, before: float, now: float) -> bool:
    """Whether a number comes nearer to the usual size than it was; from 0, near to it."""
    if usual.log_size is None or not now:
        return False
    far = abs(math.log(before) - usual.log_size) if before else math.log(NEAR)
    return abs(math.log(now) - usual.log_size) < far


def _is_certain(metric: Metric, before: float | None, now: float | None) -> bool:
    """Whether one look is enough: a fraction that becomes a hundred times as large and is none any more."""
    if metric.unit is not Unit.RATIO or before is None or now is None:
        return False
    return before <= MOST_RATIO < now and now >= JUMP * before


def _recovers(usual: _Usual, found: Comparison, metric: Metric, quarantine: Quarantine, now: float | None) -> bool:
    """Whether a look at a metric in quarantine is like the ones before; it is added to the run of these, or ends it."""
    like = _is_like_before(metric, quarantine, now)
    if like is False:
        usual.run = _Run()
    elif like:
        usual.run.add(Sign.FINE, found, None)
    return bool(like)


def _is_like_before(metric: Metric, quarantine: Quarantine, now: float | None) -> bool | None:
    """Whether a number is like those before the quarantine; None where that cannot be told of it."""
    if quarantine.reason == Sign.GONE:
        return now is not None
    if now is None:
        return None
    if metric.unit is Unit.POINTS:
        return now <= MOST_POINTS
    if not now:
        return None
    if quarantine.typical is None:
        return now <= MOST_RATIO
    larger = quarantine.reason == Sign.LARGER
    return now < quarantine.typical * NEAR if larger else now > quarantine.typical / NEAR


# --- what a payload looks like ------------------------------------------------------------------------------------

MOST_SENTENCES = 5
_ITEMS_SEEN = 50
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}", re.ASCII)
_KINDS = {bool: "true or false", int: "number", float: "number", str: "text", dict: "object", list: "list"}


def describe(before: object, now: object, max_paths: int = 2_000) -> tuple[str, ...]:
    """In what fields two JSON payloads of one endpoint differ: at most ``MOST_SENTENCES`` sentences, in their order.

    They name fields and kinds, never values; a member whose name is no plain word (an id) is "*". A field that is null
    is not there. Of each payload ``max_paths`` different fields are looked at, and 50 items of a list.
    """
    old, new = _fields(before, max_paths), _fields(now, max_paths)
    return tuple(islice(_differences(old, new, len(new) < max_paths), MOST_SENTENCES))


def _differences(old: Mapping[str, set[str]], new: Mapping[str, set[str]], whole: bool) -> Iterator[str]:
    """Of fields that are inside one another only the outermost. Where ``new`` is not the ``whole``, none is missed."""
    told: set[str] = set()
    for path, kinds in old.items():
        kinds_now = new.get(path, set())
        if _around(path) in told:
            told.add(path)
        elif not kinds_now and whole:
            told.add(path)
            if not path.endswith("[]"):  # a list without items is still a list
                yield f"field {path or 'data'} is no more"
        elif kinds_now and not kinds & kinds_now:
            told.add(path)
            yield f"field {path or 'data'} was {' or '.join(sorted(kinds))}, is {' or '.join(sorted(kinds_now))}"


def _around(path: str) -> str | None:
    """The field that a field is inside of; None for the payload itself."""
    if path.endswith("[]"):
        return path[:-2]
    return path.rpartition(".")[0] if path else None


def _fields(payload: object, max_paths: int) -> Mapping[str, set[str]]:
    """The kinds of value that each field has, from the outside in; ``a[].b`` is a member of an item of a list."""
    found: dict[str, set[str]] = {}
    left: deque[tuple[str, object]] = deque([("", payload)])
    while left:
        path, value = left.popleft()
        kind = _KINDS.get(type(value))
        if kind is None or (path not in found and len(found) == max_paths):
            continue
        found.setdefault(path, set()).add(kind)
        left.extend(_inside(path, value))
    return found


def _inside(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield f"{path}.{name if _NAME.fullmatch(name) else '*'}".lstrip("."), member
    elif isinstance(value, list):
        yield from ((f"{path}[]", item) for item in value[:_ITEMS_SEEN])
