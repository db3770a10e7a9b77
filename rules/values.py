"""The nouns of the core: what is watched, what was seen, and what follows.

Everything here is a value. Times inside windows are seconds since the epoch (float), because formulas want numbers;
at every other place a time is an aware UTC ``datetime``.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name; ``()`` for a series that has none."""

NO_LABELS: Labels = ()


class Subject(StrEnum):
    """What a series, and so a rule, is about."""

    ACCOUNT = "account"
    VIDEO = "video"
    PROVIDER = "provider"


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


@dataclass(frozen=True, slots=True)
class Metric:
    """What the numbers of one name mean. Declared once, by the endpoint that yields them.

    ``labels`` are the names of the labels every series of this metric carries; a metric without them has one series a
    target. A ``Unit.STATE`` metric is 0 or 1. Of a metric without ``history`` only its changes are kept, so nothing can
    be said of its past. A ``total`` counts up from the beginning, so a fall is unusual.
    """

    name: str
    subject: Subject
    unit: Unit
    meaning: str
    labels: tuple[str, ...] = ()
    history: bool = True
    total: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One watched thing, with what a message needs to name it.

    ``key`` is stable and unique ("tiktok/account/7014352645545116698"); ``link`` may be empty. ``channels`` are those
    by which its owner is told. ``account`` is the key of the account that a video belongs to, of an account its own,
    else "".
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
    was asked and the number was not known. ``blind`` says that the newest attempt to see this series failed;
    ``fresh_for_s`` is how old the newest value may be and still count as known. ``memo`` is for what was worked out
    from the window and still holds (``rules.detectors``).
    """

    __slots__ = ("blind", "fresh_for_s", "memo", "times_s", "values")

    def __init__(self, points: Iterable[tuple[float, float]] = (), fresh_for_s: float = math.inf) -> None:
        self.times_s = array("d")
        self.values = array("d")
        self.blind = False
        self.fresh_for_s = fresh_for_s
        self.memo: dict[object, object] | None = None
        for time_s, value in points:
            self.add(time_s, value)

    def add(self, time_s: float, value: float) -> None:
        """Append one observation. A time that is not newer than the newest is ignored: a poll is counted once."""
        if not self.times_s or time_s > self.times_s[-1]:
            self.times_s.append(time_s)
            self.values.append(value)

    def forget(self, before_s: float) -> None:
        """Drop what lies before ``before_s``, but keep the newest of it: a window needs the value it starts from."""
        first = 0
        while first + 1 < len(self.times_s) and self.times_s[first + 1] <= before_s:
            first += 1
        del self.times_s[:first]
        del self.values[:first]


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

    ``polls`` counts the distinct observations that said so. ``blind`` marks that the last look saw nothing; the time
    spent blind is not counted (``since`` is moved by it).
    """

    level: int
    since: datetime
    seen: datetime
    polls: int = 1
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Firing:
    """The alert is on, at ``level`` (1 is the lowest of the rule's ladder).

    ``peak`` is the highest level reached since ``since``. ``rising`` is a higher level being confirmed, ``easing`` the
    time since when the clear condition has held (for ``keep_firing``).
    """

    level: int
    since: datetime
    seen: datetime
    peak: int
    rising: Rising | None = None
    easing: datetime | None = None


State = Ok | Rising | Firing


class Change(StrEnum):
    """The lettered transitions of docs/alert-states.md."""

    A_PENDING = "A"
    B_FIRED = "B"
    C_CONFIRMED = "C"
    D_DISMISSED = "D"
    E_CLIMBED = "E"
    F_DESCENDED = "F"
    G_RESOLVED = "G"
    X_GONE = "X"


class News(StrEnum):
    """What a channel is owed."""

    FIRED = "fired"
    CLIMBED = "climbed"
    DESCENDED = "descended"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one label set, in three values.

    The true level lies between ``at_least`` and ``at_most``; 0 is "none". Where both are equal it is known. ``clear``
    says whether the clear condition holds (None: unknown).
    """

    at_least: int
    at_most: int
    clear: bool | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One incident: a rule, a target, a label set, and where it stands.

    ``told`` maps each channel to the level it was last told (0: told that it is over; absent: never told anything).
    """

    rule: str
    target: str
    labels: Labels
    state: State
    told: Mapping[str, int] = field(default_factory=dict)
    id: int | None = None

    @property
    def level(self) -> int:
        """The level that counts now; 0 while it is not firing."""
        return self.state.level if isinstance(self.state, Firing) else 0

    @property
    def reach(self) -> int:
        """The highest level that its state, or what somebody was told of it, speaks of."""
        match self.state:
            case Firing(peak=peak):
                own = peak
            case Rising(level=level):
                own = level
            case Ok():
                own = 0
        return max(own, *self.told.values(), 0)


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in the life of an alert, with the reason and the numbers behind it."""

    change: Change
    at: datetime
    from_level: int
    to_level: int
    reason: str
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads. Plain text; ``body`` may have several lines."""

    title: str
    body: str
    severity: Severity
    news: News


@dataclass(frozen=True, slots=True)
class Owed:
    """A message that one channel has not been told yet."""

    channel: str
    level: int
    message: Message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows for one alert from one look: its new self, the steps it made, and what is owed to whom."""

    alert: Alert
    transitions: Sequence[Transition]
    owed: Sequence[Owed]
