"""What strikes, and when: the ticks of the process, and crontab lines. The only user of apscheduler."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

Strikes = Callable[[datetime], datetime]
"""When it strikes next after an instant."""

NEVER = timedelta(days=366 * 5)
"""A crontab that does not strike for so long (30 February) never does."""

_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAYS = {name: number for number, name in enumerate(_WEEK)} | {str(number): number for number in range(8)}
"""The numbers that crontab has for the days of the week; apscheduler has others, from Monday on."""

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

    A weekday is a name or a number, Sunday 0 or 7. As in every crontab, a line with days of the month and of the week
    strikes on either. The answer is aware UTC. None if the line is none, or never strikes.
    """
    try:
        triggers = [CronTrigger.from_crontab(line, timezone=zone) for line in _lines(text)]
    except (ValueError, KeyError):
        return None

    @lru_cache(maxsize=8)  # all that is looked at in a round asks for the same instant
    def strikes(after: datetime) -> datetime:
        found = [trigger.get_next_fire_time(None, after + _MOMENT) for trigger in triggers]
        return min((each.astimezone(UTC) for each in found if each is not None), default=after + NEVER)

    return strikes if strikes(_SOME_DAY) < _SOME_DAY + NEVER else None


def _lines(text: str) -> Iterator[str]:
    """The same as apscheduler reads it, which wants both kinds of days to be; raises as ``_weekdays`` does."""
    minute, hour, day, month, weekday = text.split()
    is_either = not (day.startswith("*") or weekday.startswith("*"))
    for of_month, of_week in [(day, "*"), ("*", weekday)] if is_either else [(day, weekday)]:
        yield " ".join((minute, hour, of_month, month, _weekdays(of_week)))


def _weekdays(field: str) -> str:
    """The days of the week of a crontab line, each by its name; raises ValueError or KeyError if it has others."""
    return "*" if field == "*" else ",".join(name for part in field.lower().split(",") for name in _span(part))


def _span(part: str) -> Sequence[str]:
    """The days of ``mon``, ``1-5``, ``fri-mon`` or ``*/2``."""
    days, _, step = part.partition("/")
    first, to, last = days.replace("*", "0-6").partition("-")
    begin, end = _WEEKDAYS[first], _WEEKDAYS[last if to else first]
    return [_WEEK[day % 7] for day in range(begin, end + (7 if end < begin else 0) + 1, int(step or 1))]
