"""Times that come again: nights, office hours, weekends, holidays; on the clock of a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)
LOOKED_AHEAD = timedelta(days=60)
"""So far ahead the end of a stretch is looked for; what goes on longer is taken to end then."""

MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of some days of the week (ISO: Monday 1), from ``begins`` until ``ends`` on the clock.

    One that does not end later than it begins ends on the next day; from midnight to midnight is a whole day.
    """

    days: frozenset[int]
    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Once:
    """The time from ``begins`` until ``ends``, both aware."""

    begins: datetime
    ends: datetime

    def until(self, at: datetime) -> datetime | None:
        """When it is over; None outside of it."""
        return self.ends if self.begins <= at < self.ends else None


@dataclass(frozen=True, slots=True)
class Times:
    """The times of ``spans`` in a time zone, and all of the days ``also``; none that begin on the days ``never``."""

    zone: tzinfo
    spans: tuple[Span, ...]
    also: frozenset[date] = frozenset()
    never: frozenset[date] = frozenset()

    def hold(self, at: datetime) -> bool:
        """Whether ``at`` is one of them."""
        return any(begin <= at < end for begin, end in self._near(at))

    def until(self, at: datetime) -> datetime | None:
        """When the stretch that ``at`` is in is over (aware UTC), at most LOOKED_AHEAD away; None outside of them.

        Spans that touch are one stretch: a Saturday and a Sunday end on Monday.
        """
        end = self._ends(at)
        if end is None:
            return None
        last = at + LOOKED_AHEAD
        while end < last and (later := self._ends(end)) is not None:
            end = later
        return min(end, last)

    def _ends(self, at: datetime) -> datetime | None:
        return max((end for begin, end in self._near(at) if begin <= at < end), default=None)

    def _near(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches that begin on the day of ``at`` or on the day before, as instants in UTC."""
        today = at.astimezone(self.zone).date()
        for day in (today - DAY, today):
            if day in self.also:
                yield self._instant(day, MIDNIGHT), self._instant(day + DAY, MIDNIGHT)
            if day not in self.never:
                for span in self.spans:
                    if day.isoweekday() in span.days:
                        over = DAY if span.ends <= span.begins else timedelta(0)
                        yield self._instant(day, span.begins), self._instant(day + over, span.ends)

    def _instant(self, day: date, clock: time) -> datetime:
        """An hour that summer time leaves out is the one after it."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)
