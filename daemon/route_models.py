"""The shape of what says who hears what, and when: times, routes, quiet hours, maintenance, delegations."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rules.models import Duration
from rules.values import Severity

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_HOLIDAYS = timedelta(days=366)


def _days(value: object) -> frozenset[int]:
    """``[mon-fri, sun]`` as ISO weekdays."""
    written = [value] if isinstance(value, str) else value
    found: set[int] = set()
    for each in written if isinstance(written, list) else [None]:
        match = re.fullmatch(r"([a-z]{3})(?:-([a-z]{3}))?", each) if isinstance(each, str) else None
        first, last = (match[1], match[2] or match[1]) if match else ("", "")
        if first not in DAYS or last not in DAYS:
            raise ValueError("expected days such as mon, sat or mon-fri")
        begin, end = DAYS.index(first), DAYS.index(last)
        found |= {day % 7 + 1 for day in range(begin, end + 1 + (7 if end < begin else 0))}
    return frozenset(found)


def _clock(value: object) -> time:
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None or (match[1] == "24" and match[2] != "00"):
        raise ValueError('expected a time of the day in quotes, such as "22:00"')
    return time(int(match[1]) % 24, int(match[2]))


def _zone(value: object) -> tzinfo:
    if not isinstance(value, str) or value not in available_timezones():
        raise ValueError("expected a time zone such as Asia/Shanghai")
    return UTC if value == "UTC" else ZoneInfo(value)


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else date.fromisoformat("")
    except ValueError:
        raise ValueError("expected a day such as 2026-02-17") from None


def _dates(value: object) -> frozenset[date]:
    found: set[date] = set()
    for each in value if isinstance(value, list) else [value]:
        first, _, last = each.partition("..") if isinstance(each, str) else (each, "", "")
        begin, end = _day(first), _day(last or first)
        if not timedelta(0) <= end - begin < LONGEST_HOLIDAYS:
            raise ValueError("expected the earlier day first, as in 2026-02-17..2026-02-23, and a year at most")
        found |= {begin + timedelta(days=number) for number in range((end - begin).days + 1)}
    return frozenset(found)


def _moment(value: object) -> datetime:
    """A wall-clock time; which zone it is in is said beside it."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("expected a time such as 2026-02-01T09:00") from None
    if not isinstance(found, datetime) or found.tzinfo is not None:
        raise ValueError("expected a time such as 2026-02-01T09:00, without a zone: `zone` says it")
    return found


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Days = Annotated[frozenset[int], BeforeValidator(_days)]
Clock = Annotated[time, BeforeValidator(_clock)]
Zone = Annotated[tzinfo, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]
Dates = Annotated[frozenset[date], BeforeValidator(_dates)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Names = Annotated[list[str], BeforeValidator(_listed)]
GroupBy = Literal["account", "rule", "owner"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class SpanModel(_Model):
    """A part of some days of the week."""

    days: Days = Field(frozenset(range(1, 8)), description="mon, sat, mon-fri; all unless said.")
    begins: Clock = Field(time(0), alias="from", description='When it begins, such as "22:00".')
    ends: Clock = Field(time(0), alias="to", description="When it ends; on the next day, if that is not later.")


class TimesModel(_Model):
    """Times that come again."""

    zone: Zone | None = Field(None, description="Whose clock it is; what `zone` of the file says unless said.")
    days: Days | None = Field(None, description="mon, sat, mon-fri; all unless said.")
    begins: Clock | None = Field(None, alias="from", description='When it begins, such as "22:00".')
    ends: Clock | None = Field(None, alias="to", description="When it ends; on the next day, if that is not later.")
    spans: list[SpanModel] = Field([], description="More than one part of the week.")
    also: Names = Field([], description="Holidays that belong to it, all day.")
    but_not: Names = Field([], description="Holidays that do not.")


class HolidaysModel(_Model):
    """Days by a name."""

    dates: Dates = Field(description="Days such as 2026-05-01, and 2026-02-17..2026-02-23.")


class QuietModel(_Model):
    """When news waits."""

    times: str = Field(description="The name of times.")
    passes: Severity | None = Field(None, strict=False, description="News as grave as this is told all the same.")


class DigestModel(_Model):
    """When news is told in one message."""

    cron: str = Field(description='minute hour day month weekday, such as "0 9 * * mon-fri".')
    zone: Zone | None = Field(None, description="Whose clock it is; what `zone` of the file says unless said.")


class RouteModel(_Model):
    """A way for alerts."""

    name: str = Field("", description="How it is called in messages; its number unless said.")
    match: str = Field("", description='Which alerts: severity >= "high" and tag == "tier-a"; all unless said.')
    times: str = Field("", description="The name of the times at which it is open; always unless said.")
    to: Names = Field([], description="Channels to tell; `owner` is those of the target's owner.")
    goes_on: bool = Field(False, alias="continue", description="Whether later routes add theirs.")
    group_by: list[GroupBy] = Field([], description="What is alike in these is told in one message.")
    group_wait: Duration = Field(timedelta(seconds=30), description="How long is waited for more.")
    digest: DigestModel | str | None = Field(None, description="When news is told in one message: a crontab line.")
    quiet: QuietModel | str | None = Field(None, description="When news waits: the name of times.")
    remind: list[Duration] = Field([], description="When it is told again while nothing changes, then silence.")
    escalate_after: Duration | None = Field(None, description="When more are told, if nobody says that they know.")
    escalate_to: Names = Field([], description="Who these are.")

    @model_validator(mode="after")
    def _escalates_to_somebody(self) -> RouteModel:
        if bool(self.escalate_to) != (self.escalate_after is not None):
            raise ValueError("`escalate_after` and `escalate_to` go together")
        return self


class MaintenanceModel(_Model):
    """When news of some alerts waits: once, or again and again."""

    match: str = Field("", description='Which alerts: platform == "douyin"; all unless said.')
    times: str = Field("", description="The name of times, or ...")
    begins: Moment | None = Field(None, alias="from", description="... when it begins, 2026-02-01T09:00 ...")
    ends: Moment | None = Field(None, alias="until", description="... and when it is over.")
    zone: Zone | None = Field(None, description="Whose clock that is; what `zone` of the file says unless said.")
    passes: Severity | None = Field(None, strict=False, description="News as grave as this is told all the same.")
    why: str = Field("", max_length=200, description="What it is for, in words for the message.")

    @model_validator(mode="after")
    def _once_or_again(self) -> MaintenanceModel:
        once = self.begins is not None and self.ends is not None
        if once == bool(self.times) or (self.begins is None) != (self.ends is None):
            raise ValueError("maintenance has either `times`, or `from` and `until`")
        if self.begins is not None and self.ends is not None and self.ends <= self.begins:
            raise ValueError("`until` is not later than `from`")
        return self


class DelegationModel(_Model):
    """One person stands in for another, for whole days."""

    owner: str = Field(description="Who is away.")
    to: str = Field(description="Who is told instead.")
    begins: Day = Field(alias="from", description="The first day.")
    ends: Day = Field(alias="until", description="The last day.")
    zone: Zone | None = Field(None, description="Whose days these are; what `zone` of the file says unless said.")

    @model_validator(mode="after")
    def _in_order(self) -> DelegationModel:
        if self.ends < self.begins:
            raise ValueError("`until` is earlier than `from`")
        if self.owner == self.to:
            raise ValueError("nobody stands in for themselves")
        return self
