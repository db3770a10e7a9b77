"""The shape of a file with tests of rules (docs/testing-rules.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from daemon.config_models import Interval, Items, Line
from rules.models import Duration
from rules.values import News
from rules.words import Language

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
"""When a test begins that does not say when: midnight, and the week begins too."""

LONGEST = timedelta(days=400)
"""So long a test may last: all that has a year in it."""


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not 2000 <= instant.year < 2100:
        raise ValueError("expected an instant such as 2026-03-02T09:00:00Z")
    return instant.astimezone(UTC)


def _within_reach(value: timedelta) -> timedelta:
    if value > LONGEST:
        raise ValueError(f"expected at most {LONGEST.days}d")
    return value


def _written(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SuiteModel(_Model):
    """The whole file."""

    rules: str = Field(min_length=1, description="The configuration whose rules are tested; relative to this file.")
    tests: Items = Field([], description="The tests, each with a beginning of its own.")


class SeriesModel(_Model):
    """The numbers of one series."""

    series: str = Field(description='A metric and its labels: author_rank{dimension="Fans", account="mei"}.')
    values: Annotated[str, BeforeValidator(_written)] = Field(description="One value a poll: 8 9x3 12+1x4 _x2 stale.")
    interval: Interval | None = Field(None, description="The time between two of its polls; default: the test's.")


class RecordModel(_Model):
    """The words of a record, known all the time."""

    kind: Line = Field(description="What `records` of a rule names.")
    id: Line = Field(description="Its id; for a rule with a label, the value of that.")
    target: Line = Field("", description="Whose it is; default: everybody's.")
    words: dict[str, str] = Field({}, description="Name and text.")


class AlertModel(_Model):
    """An alert that is on. What is left out is not compared."""

    rule: Line = Field(description="The rule's name.")
    target: Line = Field("", description="The id or key of what it is about.")
    level: Line = Field("", description="The name of the level; of a rule with `when`, its severity.")
    labels: dict[str, str] | None = Field(None, description="All labels.")


class ToldModel(_Model):
    """A message that was told. What is left out is not compared."""

    channel: Line = Field("", description="The channel's name.")
    rule: Line = Field("", description="The rule that it is about; of a summary, one of them.")
    news: News | None = Field(None, strict=False, description="What was told: fired, climbed, resolved ...")
    title: str = Field("", description="The whole title.")
    contains: Annotated[list[str], BeforeValidator(_as_list)] = Field([], description="Texts in the title or the body.")


class ExpectModel(_Model):
    """What is true at a time."""

    at: Annotated[Duration, AfterValidator(_within_reach)] = Field(description="The time since the beginning.")
    alerts: Items | None = Field(None, description="All alerts that are on then; default: not compared.")
    messages: Items | None = Field(None, description="All that was told since the last time messages were compared.")


class CaseModel(_Model):
    """One test."""

    name: str = Field(min_length=1, max_length=200, description="What is tested, in words.")
    start: Annotated[datetime, BeforeValidator(_instant)] = Field(MONDAY, description="When it begins.")
    interval: Interval = Field(timedelta(hours=1), description="The time between two polls.")
    language: Language = Field(Language.EN, strict=False, description="The language of messages: en or zh.")
    about: list[str] = Field([], description="The rules whose alerts and messages are compared; default: all.")
    accounts: Items = Field([], description="Accounts that only this test knows; as in the configuration.")
    videos: Items = Field([], description="Videos, likewise.")
    input: Items = Field([], description="What is polled.")
    records: Items = Field([], description="What is known in words.")
    expect: Items = Field([], description="What is true when.")
