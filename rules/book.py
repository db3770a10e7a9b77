"""The rule book: the shape a rule has in YAML, and what it becomes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rules.durations import parse_duration
from rules.expression import Expression, compile_condition, did_you_mean
from rules.values import Metric, Severity, Subject, Unit


def _duration(value: object) -> timedelta:
    duration = parse_duration(value) if isinstance(value, str) else None
    if duration is None:
        raise ValueError("expected a duration such as 30s, 15m, 24h, 3d or 2w")
    return duration


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class LevelModel(_Model):
    """One step of a ladder."""

    when: str = Field(description="The condition of this level.")
    severity: Severity | None = Field(None, strict=False, description="Defaults to the level's name, if it is one.")
    effect: str = Field("", description="What this level means for the creator, in words for the message.")


class RuleModel(_Model):
    """One rule as it is written in YAML."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Small letters, digits and hyphens; unique.")
    on: Subject = Field(strict=False, description="What the rule is about: account, video or provider.")
    when: str | None = Field(None, description="The condition. Either this or `levels`.")
    levels: dict[str, str | LevelModel] | None = Field(
        None, min_length=1, description="A ladder, lowest level first; the alert climbs and descends it."
    )
    clear: str | None = Field(None, description="The alert ends only when this holds (default: no level does).")
    hold_for: Duration = Field(timedelta(0), alias="for", description="How long a condition must hold first.")
    for_polls: int = Field(1, ge=1, le=1000, description="In how many polls in a row a condition must hold first.")
    keep_firing: Duration = Field(timedelta(0), description="How long the end must last before it is told.")
    severity: Severity = Field(Severity.WARNING, strict=False, description="How much it matters (for `when`).")
    effect: str = Field("", description="What it means for the creator, in words for the message (for `when`).")
    summary: str = Field("", description="The message's first line; {name}, {owner} and {metric} are filled in.")
    records: str = Field("", description="Add the words of the records of this kind to the message.")
    to: list[str] | None = Field(
        None, min_length=1, description="Channels to tell (default: all); `owner` is those of the target's owner."
    )

    @model_validator(mode="after")
    def _one_condition(self) -> RuleModel:
        if (self.when is None) == (self.levels is None):
            raise ValueError("a rule has either `when` or `levels`")
        return self


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a rule's ladder, compiled."""

    name: str
    severity: Severity
    when: Expression
    effect: str


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A compiled rule. ``levels[0]`` is the lowest; level numbers elsewhere count from 1, 0 being none.

    ``needs`` are the metrics it reads (it applies to a target that is polled for all of them) and how many seconds
    back, ``reads`` their units, ``single`` those without labels; ``timed`` says whether time alone can change its
    answer.
    """

    name: str
    subject: Subject
    levels: tuple[Level, ...]
    clear: Expression | None
    hold_for: timedelta
    for_polls: int
    keep_firing: timedelta
    summary: str
    records: str
    to: tuple[str, ...]
    needs: Mapping[str, float]
    reads: Mapping[str, Unit]
    single: frozenset[str]
    timed: bool

    def severity(self, level: int) -> Severity:
        """The severity of a level (counted from 1)."""
        return self.levels[level - 1].severity


def retired(name: str, subject: Subject, levels: int) -> Rule:
    """A stand-in for a rule that is no more (or is shorter now), so that its alerts can still be told to be over."""
    never = Expression("", frozenset(), (), (), False, None, lambda _view, _at_s: None)
    ladder = tuple(Level(f"level {number}", Severity.WARNING, never, "") for number in range(1, levels + 1))
    return Rule(
        name, subject, ladder, None, timedelta(0), 1, timedelta(0), "", "", (), {}, {}, frozenset(), timed=False
    )


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules. Immutable: a reload swaps the whole book."""

    rules: tuple[Rule, ...]

    def needs(self) -> Mapping[str, float]:
        """Each metric that a rule reads, and how many seconds back."""
        return _deepest(need for rule in self.rules for need in rule.needs.items())

    def applying(self, subject: Subject, polled: Collection[str]) -> tuple[Rule, ...]:
        """The rules for a target of this kind that is polled for these metrics."""
        return tuple(rule for rule in self.rules if rule.subject is subject and rule.needs.keys() <= set(polled))


def _deepest(needs: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    depths: dict[str, float] = {}
    for metric, depth_s in needs:
        depths[metric] = max(depth_s, depths.get(metric, 0.0))
    return depths


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a rule: the path below ``rules``, the 0-based offset in an expression, and a sentence."""

    where: tuple[str | int, ...]
    offset: int | None
    text: str


PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
OWNER = "owner"
"""In ``to``: the channels of whoever looks after the target."""
MESSAGE_NAMES = frozenset({"name", "owner", "platform", "rule", "level"})


def build_book(
    models: Sequence[RuleModel], metrics: Mapping[str, Metric], channels: Collection[str]
) -> RuleBook | list[Fault]:
    """The compiled rules, or everything that is wrong with them."""
    faults = list(_repeated(models))
    rules = []
    for index, model in enumerate(models):
        built = _Builder(index, model, metrics, channels)
        rule = built.rule()
        faults += built.faults
        if rule is not None:
            rules.append(rule)
    return faults or RuleBook(tuple(rules))


def _repeated(models: Sequence[RuleModel]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, model in enumerate(models):
        if first.setdefault(model.name, index) != index:
            yield Fault(
                (index, "name"), None, f"a rule named `{model.name}` exists already (rule {first[model.name] + 1})"
            )


class _Builder:
    """Compiles one rule and collects what is wrong with it."""

    def __init__(self, index: int, model: RuleModel, metrics: Mapping[str, Metric], channels: Collection[str]) -> None:
        self._index, self._model, self._metrics, self._channels = index, model, metrics, channels
        self.faults: list[Fault] = []

    def rule(self) -> Rule | None:
        model = self._model
        levels = self._levels()
        clear = None if model.clear is None else self._condition(model.clear, ("clear",))
        if not self.faults:
            self._check_labels(levels, clear)
            self._check_ladder(levels)
            self._check_polls([level.when for level in levels])
            self._check_summary([*(level.when for level in levels), *([clear] if clear else [])])
        self._check_channels()
        if self.faults:
            return None
        conditions = [level.when for level in levels] + ([clear] if clear else [])
        return Rule(
            name=model.name,
            subject=model.on,
            levels=tuple(levels),
            clear=clear,
            hold_for=model.hold_for,
            for_polls=model.for_polls,
            keep_firing=model.keep_firing,
            summary=model.summary,
            records=model.records,
            to=tuple(model.to or self._channels),
            needs=_deepest((need.metric, need.depth_s) for condition in conditions for need in condition.needs),
            reads={need.metric: self._metrics[need.metric].unit for each in conditions for need in each.needs},
            single=frozenset(n.metric for each in conditions for n in each.needs if not self._metrics[n.metric].labels),
            timed=any(condition.timed for condition in conditions),
        )

    def _fault(self, where: tuple[str | int, ...], text: str, offset: int | None = None) -> None:
        self.faults.append(Fault((self._index, *where), offset, text))

    def _levels(self) -> list[Level]:
        model = self._model
        if model.levels is None:
            condition = self._condition(model.when or "", ("when",))
            return [] if condition is None else [Level(model.severity, model.severity, condition, model.effect)]
        levels = [self._level(name, written) for name, written in model.levels.items()]
        return [level for level in levels if level is not None]

    def _level(self, name: str, written: str | LevelModel) -> Level | None:
        short = isinstance(written, str)
        step = LevelModel(when=written) if isinstance(written, str) else written
        condition = self._condition(step.when, ("levels", name) if short else ("levels", name, "when"))
        named = Severity(name) if name in set(Severity) else self._model.severity
        return None if condition is None else Level(name, step.severity or named, condition, step.effect)

    def _condition(self, text: str, where: tuple[str | int, ...]) -> Expression | None:
        compiled = compile_condition(text, self._metrics)
        if not isinstance(compiled, Expression):
            for problem in compiled:
                self._fault(where, problem.text, problem.offset)
            return None
        for series in compiled.series:
            about = self._metrics[series.metric].subject
            if about is not self._model.on:
                self._fault(
                    where, f"`{series.metric}` is about the {about}, this rule is on the {self._model.on}", series.at
                )
        return compiled

    def _check_labels(self, levels: Sequence[Level], clear: Expression | None) -> None:
        labels = levels[0].when.labels
        for level in levels[1:]:
            if level.when.labels != labels:
                self._fault(
                    ("levels", level.name), "its labels are not those of the first level: one alert climbs them all"
                )
        if clear is not None and clear.labels and clear.labels != labels:
            self._fault(("clear",), "its labels are not those of the condition")

    def _check_ladder(self, levels: Sequence[Level]) -> None:
        order = list(Severity)
        for below, above in pairwise(levels):
            if order.index(above.severity) < order.index(below.severity):
                text = f"`{above.name}` ({above.severity}) stands above `{below.name}` ({below.severity}): lowest first"
                self._fault(("levels", above.name), text)

    def _check_polls(self, conditions: Sequence[Expression]) -> None:
        if self._model.for_polls > 1 and any(condition.timed for condition in conditions):
            text = (
                "a rule with age() or until() is looked at between polls too: say how long with `for`, not `for_polls`"
            )
            self._fault(("for_polls",), text)

    def _check_channels(self) -> None:
        for position, channel in enumerate(self._model.to or []):
            if channel not in self._channels and channel != OWNER:
                near = did_you_mean(channel, frozenset({*self._channels, OWNER}))
                self._fault(("to", position), f"unknown channel `{channel}`{near}")

    def _check_summary(self, conditions: Sequence[Expression]) -> None:
        read = {need.metric for condition in conditions for need in condition.needs}
        known = MESSAGE_NAMES | conditions[0].labels | {name for name in read if not self._metrics[name].labels}
        for match in PLACEHOLDER.finditer(self._model.summary):
            if match.group(1) not in known:
                near = did_you_mean(match.group(1), known) or f"; it may use {', '.join(sorted(known))}"
                self._fault(("summary",), f"unknown placeholder `{match.group()}`{near}", match.start())
