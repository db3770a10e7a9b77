"""The one place that reads the wall clock. Everything else is given the time as ``at``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time as an aware UTC datetime."""

    def now(self) -> datetime:
        """The present instant."""


class SystemClock:
    """The machine's clock, cut to whole milliseconds: what is stored compares equal to what was passed on."""

    def now(self) -> datetime:
        """The present instant, rounded down to a millisecond."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class ManualClock:
    """A clock that stands still until it is moved, so that a story of weeks can be told in a second."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The instant it was set or last moved to."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move it forward; a negative ``by`` moves it back."""
        self._at += by
