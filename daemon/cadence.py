"""How often an endpoint is asked about a target: as often as its numbers can be new, and matter. Pure.

A cadence names the next regular turn from what is known when the last one is over. Turns are spread: ``phase``, a
number of [0, 1) that belongs to the target, moves each target's turns away from those of the others. An alert and more
urgency make no turn later, more stretch makes none earlier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from rules.durations import say_duration
from rules.values import Labels

Values = Mapping[tuple[str, Labels], float | None]

LONGEST_STRETCHED = timedelta(days=7)
"""No turn is put off further than this to spare money."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a target at ``at``, when its next turn is fixed.

    ``created`` is when the video was published, of an account when its newest known video was (None: unknown).
    ``values`` is what the answer held, empty after a failure; ``repeated`` says that it held nothing new. ``suspect``
    says that an alert on the target is on. ``stretch`` (1 or more) is how many times longer than usual an interval is,
    to spare money, until ``renewal``, when there is money again (None: nobody knows when).
    """

    at: datetime
    created: datetime | None = None
    values: Values = field(default_factory=dict)
    repeated: bool = False
    suspect: bool = False
    stretch: float = 1.0
    renewal: datetime | None = None


class Cadence(Protocol):
    """When to ask again."""

    @property
    def usual(self) -> timedelta:
        """The usual time between two turns."""
        ...

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The next turn, later than ``standing.at``; None if there is none any more."""
        ...

    def __str__(self) -> str:
        """The cadence in words; two that differ have different words."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed interval; ``alerted``, of which it is a multiple, under an alert."""

    usual: timedelta
    alerted: timedelta | None = None

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The target's own turn of the interval, half an interval away at least and one and a half at most."""
        interval = self.alerted if standing.suspect and self.alerted is not None else self.usual
        return _stretched(standing, grid(standing.at, interval, self.usual * phase))

    def __str__(self) -> str:
        return f"every {_say(self.usual)}" + (f", under an alert {_say(self.alerted)}" if self.alerted else "")


@dataclass(frozen=True, slots=True)
class Near:
    """The oftener the nearer to harm. ``urgency`` reads that off an answer: 0 is calm, then 1, 2 ... of ``closer``.

    Each interval is a whole multiple of the next: so the turns of one are among those of the next.
    """

    usual: timedelta
    closer: tuple[timedelta, ...]
    urgency: Callable[[Values], int]

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The target's own turn of the interval that the answer's urgency asks for; the closest under an alert."""
        interval = self.closer[-1] if standing.suspect else self.interval(standing)
        return _stretched(standing, grid(standing.at, interval, self.usual * phase))

    def interval(self, standing: Standing) -> timedelta:
        """The interval that the answer's urgency asks for, without stretch and without an alert."""
        return (self.usual, *self.closer)[self.urgency(standing.values)]

    def __str__(self) -> str:
        return f"every {_say(self.usual)}, near a threshold {' or '.join(map(_say, self.closer))}"


@dataclass(frozen=True, slots=True)
class ByAge:
    """For the counters of a video: they matter less and change less the older it is.

    The interval is one hour times age in hours to the power 0.6, ``least`` to ``most``, half of it under an alert. (The
    rate of views falls about like age to the power -1.2, and for the least delay per call the rate of asking follows
    its square root: Kolobov et al., NeurIPS 2019, in our own words and numbers.)
    """

    least: timedelta = timedelta(hours=1)
    most: timedelta = timedelta(hours=48)

    @property
    def usual(self) -> timedelta:
        """The interval at the age of one week."""
        return timedelta(hours=168**0.6)

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The target's own turn of the interval that its age asks for; unknown age counts as the longest interval."""
        own = self.interval(standing)
        return _stretched(standing, grid(standing.at, own / 2 if standing.suspect else own, own * phase))

    def interval(self, standing: Standing) -> timedelta:
        """The interval at the video's age in whole seconds, without stretch and without an alert."""
        if standing.created is None:
            return self.most
        age_h = max(0.0, (standing.at - standing.created) / timedelta(hours=1))
        return min(max(timedelta(seconds=round(3600 * age_h**0.6)), self.least), self.most)

    def __str__(self) -> str:
        return f"by age, every {_say(self.least)} to {_say(self.most)}"


@dataclass(frozen=True, slots=True)
class ByNewest:
    """For lists: ``steps`` are (age of the newest video, interval), the youngest first; ``usual`` beyond the last.

    ``usual`` is a whole multiple of each interval: so a target's turns spread evenly, whichever holds.
    """

    usual: timedelta
    steps: tuple[tuple[timedelta, timedelta], ...]

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The target's own turn of the interval that the newest video asks for."""
        return _stretched(standing, grid(standing.at, self.interval(standing), self.usual * phase))

    def interval(self, standing: Standing) -> timedelta:
        """The interval that the newest video asks for, without stretch."""
        if standing.created is None:
            return self.usual
        age = standing.at - standing.created
        return next((every for below, every in self.steps if age < below), self.usual)

    def __str__(self) -> str:
        steps = ", ".join(f"{_say(every)} below {_say(below)}" for below, every in self.steps)
        return f"every {_say(self.usual)}; by age of the newest video {steps}"


@dataclass(frozen=True, slots=True)
class AtAges:
    """At given ages of a video, the youngest first, and not else; every ``again`` under an alert."""

    ages: tuple[timedelta, ...]
    again: timedelta | None = None
    spread: timedelta = timedelta(hours=1)

    @property
    def usual(self) -> timedelta:
        """The longest time between two turns."""
        return max(later - earlier for earlier, later in zip((timedelta(0), *self.ages), self.ages, strict=False))

    def first(self, standing: Standing, phase: float) -> datetime | None:
        """When a video that was never asked about is: at the first age if that lies ahead, else at once.

        So of the ages that have passed one look makes up for all; and none is spent on a video that is past the last,
        for of those an account has thousands.
        """
        if standing.created is None:
            return standing.at
        if standing.at - standing.created > self.ages[-1] + self.spread:
            return None
        return max(standing.at, standing.created + self.ages[0] + self.spread * phase)

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The next age that lies ahead; none if the age is unknown, so that such a video is asked about once."""
        mark = None if standing.created is None else self._mark(standing.at, standing.created + self.spread * phase)
        soon = standing.at + self.again if standing.suspect and self.again is not None else None
        return min((_stretched(standing, due) for due in (mark, soon) if due is not None), default=None)

    def _mark(self, at: datetime, born: datetime) -> datetime | None:
        return next((born + age for age in self.ages if born + age > at), None)

    def __str__(self) -> str:
        again = f", under an alert every {_say(self.again)}" if self.again else ""
        return f"at the ages {', '.join(map(_say, self.ages))}{again}"


@dataclass(frozen=True, slots=True)
class Daily:
    """For numbers that are new once a day: at ``first`` of the zone's day, and at ``again`` while nothing is new."""

    zone: str
    first: time
    again: tuple[time, ...] = ()
    spread: timedelta = timedelta(minutes=20)
    usual: timedelta = timedelta(days=1)

    def turn(self, standing: Standing, phase: float) -> datetime | None:
        """The next of the day's times; only the first of the next day if the answer brought the day's numbers.

        Stretched by 2 it leaves out one day, by 3 two, and never asks again on the same day.
        """
        zone = ZoneInfo(self.zone)
        days = min(int(standing.stretch), _longest(standing, self.usual) // self.usual)
        times = (self.first, *self.again) if standing.repeated and days == 1 else (self.first,)
        local = standing.at.astimezone(zone) + timedelta(days=days - 1)
        at = local.astimezone(UTC)
        return min(due for due in _moments(local.date(), times, zone, self.spread * phase) if due > at)

    def __str__(self) -> str:
        again = f", again at {', '.join(f'{each:%H:%M}' for each in self.again)} if late" if self.again else ""
        return f"daily at {self.first:%H:%M} {self.zone}{again}"


def _moments(today: date, times: Iterable[time], zone: ZoneInfo, delay: timedelta) -> Iterator[datetime]:
    """These times of the day before, of the day, and of the next two, as the clocks of the zone show them."""
    for clock in times:
        for days in range(-1, 3):
            yield datetime.combine(today + timedelta(days=days), clock, zone).astimezone(UTC) + delay


def slowest(cadence: Cadence, standing: Standing) -> timedelta:
    """The longest interval that it has as things are: no alert, and no money spared."""
    return cadence.interval(standing) if isinstance(cadence, ByAge | ByNewest | Near) else cadence.usual


def longest(cadence: Cadence, standing: Standing) -> timedelta:
    """The longest interval that it may have had until ``standing.at``, besides those that spared money."""
    return cadence.interval(standing) if isinstance(cadence, ByAge) else cadence.usual


def grid(at: datetime, interval: timedelta, offset: timedelta) -> datetime:
    """The first turn of a fixed grid that is half an interval away at least, and so one and a half at most.

    The grid has a turn each ``interval``, one of them ``offset`` after the beginning of 1970. It is the same for every
    process, so a restart changes no turn.
    """
    period_s, offset_s = interval.total_seconds(), offset.total_seconds()
    turns = math.ceil((at.timestamp() + period_s / 2 - offset_s) / period_s)
    return datetime.fromtimestamp(turns * period_s + offset_s, UTC)


def _stretched(standing: Standing, due: datetime) -> datetime:
    wait = due - standing.at
    return standing.at + max(wait, min(wait * standing.stretch, _longest(standing, wait)))


def _longest(standing: Standing, wait: timedelta) -> timedelta:
    """How far a turn is put off at most; each has its usual wait after the renewal, so that they do not line up."""
    if standing.renewal is None:
        return LONGEST_STRETCHED
    return min(LONGEST_STRETCHED, max(timedelta(0), standing.renewal - standing.at) + wait)


def _say(span: timedelta) -> str:
    return say_duration(span.total_seconds())
