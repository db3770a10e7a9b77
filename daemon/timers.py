"""What strikes, and when: the ticks of the process, and crontab lines. The only user of apscheduler."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

Strikes = Callable[[datetime], datetime]
"""When it strikes next after an instant."""

NEVER = timedelta(days=366 * 5)
"""A crontab that does not strike for so long (30 February) never does."""

_MOMENT = timedelta(microseconds=1)
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Clockwork:
    """Does work again and again. It only ticks: due work is claimed from the database, never one job a target."""

    def __init__(self) -> None:
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def every(self, seconds: float, name: str, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Begin ``work`` so often; a turn that comes while the one before is under way is left out."""
        self._scheduler.add_job(work, "interval", seconds=seconds, name=name)

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def pause(self) -> None:
        """Begin no more work."""
        self._scheduler.pause()

    def stop(self) -> None:
        """Let go of it. Work under way goes on."""
        self._scheduler.shutdown(wait=False)


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
