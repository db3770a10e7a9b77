"""The shape a rule has in YAML."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rules.durations import parse_duration
from rules.values import FirstSight, Severity, Subject, Unknown


def _duration(value: object) -> timedelta:
    duration = parse_duration(value) if isinstance(value, str) else None
    if duration is None:
        raise ValueError("expected a duration such as 30s, 15m, 24h, 3d or 2w")
    return duration


def _share(value: object) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", value) if isinstance(value, str) else None
    share = float(match.group(1)) / 100 if match else value
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ValueError("expected a share such as 80% or 0.8")
    return float(share)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Share = Annotated[float, BeforeValidator(_share)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LevelModel(_Model):
    """One step of a ladder."""

    when: str = Field(description="The condition of this level.")
    severity: Severity | None = Field(None, strict=False, description="Defaults to the level's name, if it is one.")
    clear: str | None = Field(None, description="The alert leaves this level only when this holds.")
    effect: str = Field("", description="What this level means for the creator, in words for the message.")
    lasts: Duration | None = Field(None, description="How long that lasts, for an estimate of its end: 24h.")


class FlappingModel(_Model):
    """When an alert comes and goes so often that it is told once, and then held until it settles."""

    times: int = Field(4, ge=2, le=100, description="So many beginnings ...")
    within: Duration = Field(timedelta(hours=6), description="... in this time; it settles by as long a calm.")


class PromoteModel(_Model):
    """When so many videos of an account have the same alert that it becomes one alert of the account."""

    at_least: int = Field(3, ge=2, le=100_000, description="So many videos of an account, at least ...")
    share: Share = Field(0.3, description="... and this share of those that the rule applies to.")


class RuleModel(_Model):
    """One rule as it is written in YAML."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Small letters, digits and hyphens; unique.")
    on: Subject = Field(strict=False, description="What the rule is about: account, video, provider, cookie or daemon.")
    only: str = Field("", description='Which of them, by tag, owner, platform, account, name: tag == "tier-a".')
    when: str | None = Field(None, description="The condition. Either this or `levels`.")
    levels: dict[str, str | LevelModel] | None = Field(
        None, min_length=1, description="A ladder, lowest level first; the alert climbs and descends it."
    )
    clear: str | None = Field(None, description="The alert ends only when this holds (default: no level does).")
    hold_for: Duration = Field(timedelta(0), alias="for", description="How long a condition must hold first.")
    for_polls: int = Field(1, ge=1, le=1000, description="In how many polls in a row a condition must hold first.")
    keep_firing: Duration = Field(timedelta(0), description="How long the end must last before it is told.")
    confirm: bool = Field(False, description="One more look, bought at once, before an alert becomes critical.")
    unknown: Unknown = Field(Unknown.HOLD, strict=False, description="What not knowing does: hold, fire or clear.")
    stale_after: Duration | None = Field(None, description="Numbers that are older count as unknown for this rule.")
    min_history: Duration = Field(timedelta(0), description="Unknown until the past reaches back so far.")
    on_first_sight: FirstSight = Field(
        FirstSight.SUMMARY,
        strict=False,
        description="What is true when a target or a rule is new: tell each, sum up, or take it as the baseline.",
    )
    flapping: FlappingModel | bool = Field(True, description="When coming and going is told as such; false: never.")
    inhibits: list[str] = Field(
        [], description="Rules whose alerts are muted while this one is on, for what depends on its target; `*`: all."
    )
    promote: PromoteModel | None = Field(None, description="Many videos of an account become one alert of the account.")
    passes_quiet: Severity | None = Field(
        None, strict=False, description="News as grave as this is told in quiet hours and maintenance too."
    )
    shadow: bool = Field(False, description="Evaluated and recorded, but told to nobody.")
    severity: Severity = Field(Severity.WARNING, strict=False, description="How much it matters (for `when`).")
    effect: str = Field("", description="What it means for the creator, in words for the message (for `when`).")
    summary: str = Field("", description="The message's first line; {name}, {owner} and {metric} are filled in.")
    records: str = Field("", description="Add the words of the records of this kind to the message.")
    template: str = Field("", description="How its messages are put: a name of `templates`.")
    to: list[str] | None = Field(
        None, min_length=1, description="Channels to tell (default: all); `owner` is those of the target's owner."
    )

    @model_validator(mode="after")
    def _one_condition(self) -> RuleModel:
        if (self.when is None) == (self.levels is None):
            raise ValueError("a rule has either `when` or `levels`")
        return self
