"""The shape of what says who hears what, and when: times, routes, quiet hours, maintenance, delegations."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon.config_days import Clock, Day, Days, Moment, Names, Zone
from daemon.config_models import Hold, Line, Wait
from rules.values import Severity

GroupBy = Literal["account", "rule", "owner"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class SpanModel(_Model):
    """A part of some days of the week."""

    days: Days | None = Field(None, description="mon, sat, mon-fri; all unless said.")
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

    name: Line = Field("", description="How it is called in messages; its number unless said.")
    match: str = Field("", description='Which alerts: severity >= "high" and tag == "tier-a"; all unless said.')
    times: str = Field("", description="The name of the times at which it is open; always unless said.")
    to: Names = Field([], description="Channels to tell; `owner` is those of the target's owner.")
    goes_on: bool = Field(False, alias="continue", description="Whether later routes add theirs.")
    group_by: list[GroupBy] = Field([], description="What is alike in these is told in one message.")
    group_wait: Wait = Field(timedelta(seconds=30), description="How long is waited for more; 1d at most.")
    digest: DigestModel | str | None = Field(None, description="When news is told in one message: a crontab line.")
    quiet: QuietModel | str | None = Field(None, description="When news waits: the name of times.")
    remind: list[Hold] = Field([], description="When it is told again while nothing changes; each 1m to 30d.")
    escalate_after: Hold | None = Field(
        None, description="When more are told, if nobody says that they know; 1m to 30d."
    )
    escalate_to: Names = Field([], description="Who these are.")

    @model_validator(mode="after")
    def _escalates_to_somebody(self) -> RouteModel:
        if bool(self.escalate_to) != (self.escalate_after is not None):
            raise ValueError("`escalate_after` and `escalate_to` go together")
        return self


class MaintenanceModel(_Model):
    """When news of some alerts waits: once, or again and again."""

    match: str = Field("", description='Which alerts: platform == "douyin"; all unless said.')
    times: str | None = Field(None, description="The name of times, or ...")
    begins: Moment | None = Field(None, alias="from", description="... when it begins, 2026-02-01T09:00 ...")
    ends: Moment | None = Field(None, alias="until", description="... and when it is over.")
    zone: Zone | None = Field(None, description="Whose clock that is; what `zone` of the file says unless said.")
    passes: Severity | None = Field(None, strict=False, description="News as grave as this is told all the same.")
    why: Line = Field("", description="What it is for, in words for the message.")

    @model_validator(mode="after")
    def _once_or_again(self) -> MaintenanceModel:
        once = self.begins is not None and self.ends is not None
        if once == (self.times is not None) or (self.begins is None) != (self.ends is None):
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
