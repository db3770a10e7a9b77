"""When a crontab strikes. The only user of apscheduler besides the scheduler itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.cron import CronTrigger

Strikes = Callable[[datetime], datetime]
"""When it strikes next after an instant."""

NEVER = timedelta(days=366 * 5)
"""A crontab that does not strike for so long (30 February) never does."""

_MOMENT = timedelta(microseconds=1)


def crontab(text: str, zone: tzinfo) -> Strikes | None:
    """When a crontab line (minute, hour, day, month, weekday) strikes next after an instant, on the clock of ``zone``.

    Weekdays are best written as mon to sun. The answer is aware UTC. None if the line is none, or never strikes.
    """
    try:
        trigger = CronTrigger.from_crontab(text, timezone=zone)
    except ValueError:
        return None

    def strikes(after: datetime) -> datetime:
        found = trigger.get_next_fire_time(None, after + _MOMENT)
        return after + NEVER if found is None else found.astimezone(UTC)

    return strikes if strikes(_SOME_DAY) < _SOME_DAY + NEVER else None


_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
