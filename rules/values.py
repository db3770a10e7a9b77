"""The nouns of the core: what is watched, what was seen, and what follows.

Everything here is a value. Times inside windows are seconds since the epoch (float), because formulas want numbers;
at every other place a time is an aware UTC ``datetime``.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

Labels = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name; ``()`` for a series that has none."""

NO_LABELS: Labels = ()


class Subject(StrEnum):
    """What a series, and so a rule, is about."""

    ACCOUNT = "account"
    VIDEO = "video"
    PROVIDER = "provider"
    COOKIE = "cookie"
    DAEMON = "daemon"


class Unit(StrEnum):
    """What a number counts. Ratios are fractions of 1, never percent."""

    COUNT = "count"
    POINTS = "points"
    SCORE = "score"
    RATIO = "ratio"
    SECONDS = "seconds"
    TIMESTAMP = "timestamp"
    STATE = "state"


class Severity(StrEnum):
    """How much it matters, from the least to the most."""

    INFO = "info"
    WARNING = "warning"
    HIGH = "high"
    CRITICAL = "critical"


class Unknown(StrEnum):
    """What it does to an alert that its condition is unknown: it holds, fires as if true, or clears as if false."""

    HOLD = "hold"
    FIRE = "fire"
    CLEAR = "clear"


class FirstSight(StrEnum):
    """What becomes of what is true already when it is seen for the first time: told, told in sum, or taken as usual."""

    TELL = "tell"
    BASELINE = "baseline"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Metric:
    """What the numbers of one name mean. Declared once, by the endpoint that yields them.

    ``labels`` are the names of the labels every series of this metric carries; a metric without them has one series a
    target. A ``Unit.STATE`` metric is 0 or 1. Of a metric without ``history`` only its changes are kept, so nothing can
    be said of its past; of one that is ``repeated``, each poll that says 0 again is noted too. A ``total`` counts up
    from the beginning, so a fall is unusual.
    """

    name: str
    subject: Subject
    unit: Unit
    meaning: str
    labels: tuple[str, ...] = ()
    history: bool = True
    total: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One watched thing, with what a message needs to name it.

    ``key`` is stable and unique ("tiktok/account/7014352645545116698"); ``link`` may be empty. ``channels`` are those
    by which its owner is told. ``account`` is the key of the account that a video or a cookie belongs to, of an account
    its own, else "".
    """

    key: str
    subject: Subject
    name: str
    platform: str
    owner: str = ""
    tags: tuple[str, ...] = ()
    link: str = ""
    channels: tuple[str, ...] = ()
    account: str = ""


class Window:
    """The recent past of one series, oldest first.

    ``times_s`` are seconds since the epoch, strictly rising; ``values`` has one number a time, NaN where the provider
    was asked and the number was not known. ``blind`` says that the newest attempt to see this series failed, or that it
    is ``doubted``: not to be believed. ``fresh_for_s`` is how old the newest value may be and still count as known,
    ``pause_for_s`` how long earlier pauses may have been, where that is longer. ``known_s`` is when a number was last
    known, also where that is forgotten; None if none ever was. ``memo`` is for what was worked out from the window and
    still holds (``rules.summaries``).
    """

    __slots__ = ("blind", "doubted", "fresh_for_s", "known_s", "memo", "pause_for_s", "times_s", "values")

    def __init__(self, points: Iterable[tuple[float, float]] = (), fresh_for_s: float = math.inf) -> None:
        self.times_s = array("d")
        self.values = array("d")
        self.blind = self.doubted = False
        self.fresh_for_s, self.pause_for_s = fresh_for_s, 0.0
        self.known_s: float | None = None
        self.memo: dict[object, object] | None = None
        for time_s, value in points:
            self.add(time_s, value)

    def add(self, time_s: float, value: float) -> None:
        """Append one observation. A time that is not newer than the newest is ignored: a poll is counted once."""
        if not self.times_s or time_s > self.times_s[-1]:
            self.times_s.append(time_s)
            self.values.append(value)
            if not math.isnan(value):
                self.known_s = time_s

    def forget(self, before_s: float) -> None:
        """Drop what lies before ``before_s``, but keep its newest look and newest number: a window starts from them."""
        first = 0
        while first + 1 < len(self.times_s) and self.times_s[first + 1] <= before_s:
            first += 1
        known = min(first, len(self.values) - 1)
        while known >= 0 and math.isnan(self.values[known]):
            known -= 1
        for column in (self.times_s, self.values):
            del column[known + 1 : first], column[: max(known, 0)]


View = Mapping[str, Mapping[Labels, Window]]
"""What is known of one target: metric name -> labels -> window."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number that a verdict rests on, as it is shown in a message."""

    metric: str
    labels: Labels
    value: float | None
    unit: Unit


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number known only to lie between two numbers: a count over labels of which some are unknown."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Record:
    """The words of one record (a violation, a suspicious feature), kept for messages."""

    kind: str
    id: str
    words: Mapping[str, str]


# --- the life of an alert: each state carries its own times, so none can disagree with another -------------------


@dataclass(frozen=True, slots=True)
class Ok:
    """Nothing is wrong, as far as was seen."""


@dataclass(frozen=True, slots=True)
class Rising:
    """A level that has been true since ``since`` and must stay so for a while before it counts.

    ``polls`` counts the distinct observations that said so, the newest polled at ``polled``. ``blind`` marks that the
    last look saw nothing, as none has since ``seen``; that time is not counted (``since`` is moved by it).
    """

    level: int
    since: datetime
    seen: datetime
    polled: datetime
    polls: int = 1
    blind: bool = False


class Farthest(NamedTuple):
    """The number of a metric that went the farthest beyond its threshold."""

    metric: str
    number: float


@dataclass(frozen=True, slots=True)
class Firing:
    """The alert is on, at ``level`` (1 is the lowest of the rule's ladder).

    ``peak`` is the highest level reached since ``since``, ``farthest`` how far its number went in all that
    time (None: there is none, or it was never known). ``rising`` is a higher level being confirmed, ``easing`` the
    time since when the clear condition has held (for ``keep_firing``).
    """

    level: int
    since: datetime
    seen: datetime
    peak: int
    rising: Rising | None = None
    easing: datetime | None = None
    farthest: Farthest | None = None


State = Ok | Rising | Firing


@dataclass(frozen=True, slots=True)
class Flaps:
    """That an alert comes and goes: it last reached or left a level at ``stirred``, and ``peak`` was the highest."""

    stirred: datetime
    peak: int


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered of an alert besides its state, also while it is over.

    ``begun`` are its latest beginnings, and climbs to levels that it had left, oldest first, as far as they matter for
    ``flaps``. ``first`` is the level that was true already when its target was judged by its rule for the first time
    (0: none, or that is over). ``held`` is why news of it waits, in words; "" if none does. It stands where it stands
    since ``stood`` (None: it is over), and somebody may know that since ``heard``; until ``reminded`` was looked for
    reminders. Those have been told of it, too, who are told after ``escalated``, or sooner (0: nobody has).
    """

    begun: tuple[datetime, ...] = ()
    flaps: Flaps | None = None
    first: int = 0
    held: str = ""
    stood: datetime | None = None
    heard: datetime | None = None
    reminded: datetime | None = None
    escalated: timedelta = timedelta(0)


NO_PAST = Past()


class Change(StrEnum):
    """The lettered transitions of docs/alert-states.md."""

    A_PENDING = "A"
    B_FIRED = "B"
    C_CONFIRMED = "C"
    D_DISMISSED = "D"
    E_CLIMBED = "E"
    F_DESCENDED = "F"
    G_RESOLVED = "G"
    H_FLAPPING = "H"
    I_SETTLED = "I"
    X_GONE = "X"


class News(StrEnum):
    """What a channel is owed."""

    FIRED = "fired"
    CLIMBED = "climbed"
    DESCENDED = "descended"
    FLAPPING = "flapping"
    SETTLED = "settled"
    RESOLVED = "resolved"
    REMINDED = "reminded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one label set, in three values.

    The true level lies between ``at_least`` and ``at_most``; 0 is "none". Where both are equal it is known. ``clear``
    says whether the rule's clear condition holds (None: unknown). ``kept`` are the levels with a clear condition of
    their own that is not known to hold. ``sure`` is the highest level that is true and needs no second look.
    ``guessed`` says that something is unknown, and the rule told what to make of it.
    """

    at_least: int
    at_most: int
    clear: bool | None
    kept: tuple[int, ...] = ()
    sure: int = 0
    guessed: bool = False

    @property
    def unknown(self) -> bool:
        """Whether it says nothing: no level is known to be true, and not all are known to be false."""
        return self.at_least == 0 < self.at_most

    def floor(self, level: int) -> int:
        """The lowest level to which an alert at ``level`` may descend; 0: it may end, as far as the levels go."""
        return max((self.at_most, *(kept for kept in self.kept if kept <= level)))


@dataclass(frozen=True, slots=True)
class Alert:
    """One incident: a rule, a target, a label set, and where it stands.

    ``told`` maps each channel to where it was last told that the alert stands: a level, 0 (it is over), or -k (it comes
    and goes, up to level k); absent: never told anything. ``meaning`` is that of its rule when this judged it last, ""
    while nothing is wrong.
    """

    rule: str
    target: str
    labels: Labels
    state: State
    told: Mapping[str, int] = field(default_factory=dict)
    id: int | None = None
    past: Past = NO_PAST
    meaning: str = ""

    @property
    def level(self) -> int:
        """The level that counts now; 0 while it is not firing."""
        return self.state.level if isinstance(self.state, Firing) else 0

    @property
    def stand(self) -> int:
        """Where it stands, as it is to be told: its level, or -k while it comes and goes, up to level k."""
        return self.level if self.past.flaps is None else -self.past.flaps.peak

    @property
    def over(self) -> bool:
        """Nothing is wrong, and nobody believes otherwise. Its ``past`` may still matter to what begins next."""
        return isinstance(self.state, Ok) and not any(self.told.values())

    @property
    def peak(self) -> int:
        """The highest level since it began, or since it comes and goes; 0 while it does neither."""
        own = self.state.peak if isinstance(self.state, Firing) else 0
        return own if self.past.flaps is None else max(own, self.past.flaps.peak)

    @property
    def reach(self) -> int:
        """The highest level that its state, or what somebody was told of it, speaks of."""
        match self.state:
            case Rising(level=level) | Firing(rising=Rising(level=level)):
                own = level
            case _:
                own = 0
        return max(own, self.peak, *(abs(level) for level in self.told.values()))
