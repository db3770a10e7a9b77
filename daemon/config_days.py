"""Days, hours and time zones as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from rules.spelling import did_you_mean

DAY = "2[01][0-9]{2}-[0-9]{2}-[0-9]{2}"
MOMENT = DAY + "([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?"
"""How a day and a time are written: in ISO 8601, of which Python reads more; of the years 2000 to 2199."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_HOLIDAYS = timedelta(days=366)


def _weekdays(value: object) -> frozenset[int]:
    """``mon-fri`` as ISO weekdays."""
    match = re.fullmatch(r"([a-z]{3})(?:-([a-z]{3}))?", value) if isinstance(value, str) else None
    first, last = (match[1], match[2] or match[1]) if match else ("", "")
    if first not in DAYS or last not in DAYS:
        raise ValueError("expected days such as mon, sat or mon-fri")
    begin, end = DAYS.index(first), DAYS.index(last)
    return frozenset(day % 7 + 1 for day in range(begin, end + 1 + (7 if end < begin else 0)))


def _clock(value: object) -> time:
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None or (match[1] == "24" and match[2] != "00"):
        raise ValueError('expected a time of the day in quotes, such as "22:00"')
    return time(int(match[1]) % 24, int(match[2]))


def no_zone(value: str) -> str | None:
    """Why that is the name of no time zone; None if it is."""
    known = available_timezones()
    near = did_you_mean(value, known) or "; expected one such as Asia/Shanghai"
    return None if value in known else f"unknown time zone{near}"


def _zone(value: object) -> tzinfo:
    fault = no_zone(value) if isinstance(value, str) else "expected a time zone such as Asia/Shanghai"
    if fault is not None:
        raise PydanticCustomError("fault", "{fault}", {"fault": fault})
    return UTC if value == "UTC" else ZoneInfo(str(value))


def _day(value: object) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) and re.fullmatch(DAY, value) else "")
    except ValueError:
        raise ValueError("expected a day such as 2026-02-17") from None


def _dates(value: object) -> frozenset[date]:
    first, _, last = value.partition("..") if isinstance(value, str) else (value, "", "")
    begin, end = _day(first), _day(last or first)
    if not timedelta(0) <= end - begin < LONGEST_HOLIDAYS:
        raise ValueError("expected the earlier day first, as in 2026-02-17..2026-02-23, and a year at most")
    return frozenset(begin + timedelta(days=number) for number in range((end - begin).days + 1))


def _moment(value: object) -> datetime:
    """A wall-clock time; which zone it is in is said beside it."""
    try:
        return datetime.fromisoformat(value if isinstance(value, str) and re.fullmatch(MOMENT, value) else "")
    except ValueError:
        raise ValueError("expected a time such as 2026-02-01T09:00, without a zone: `zone` says it") from None


def listed(value: object) -> object:
    """One word as a list of one."""
    return [value] if isinstance(value, str) else value


Weekdays = Annotated[frozenset[int], BeforeValidator(_weekdays)]
Days = Annotated[list[Weekdays], Field(min_length=1), BeforeValidator(listed)]
Clock = Annotated[time, BeforeValidator(_clock)]
Zone = Annotated[tzinfo, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]
Dates = Annotated[frozenset[date], BeforeValidator(_dates)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Names = Annotated[list[str], BeforeValidator(listed)]
