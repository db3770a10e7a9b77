"""From rules as they are written to a rule book, or to everything that is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules.book import OWNER, PLACEHOLDER, Level, Rule, RuleBook, deepest
from rules.definitions import NOTHING_DEFINED, Definitions
from rules.expression import Expression, Options, compile_condition
from rules.models import LevelModel, RuleModel
from rules.selectors import Selector, compile_selector
from rules.spelling import did_you_mean
from rules.trees import Names
from rules.values import Labels, Metric, Severity


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a rule: the path below ``rules``, the 0-based offset in an expression, and a sentence."""

    where: tuple[str | int, ...]
    offset: int | None
    text: str


MESSAGE_NAMES = frozenset({"name", "owner", "platform", "rule", "level"})


def build_book(
    models: Sequence[RuleModel],
    metrics: Mapping[str, Metric],
    channels: Collection[str],
    definitions: Definitions = NOTHING_DEFINED,
) -> RuleBook | list[Fault]:
    """The compiled rules, or everything that is wrong with them."""
    everything = list(enumerate(models))
    faults = list(_repeated(everything))
    rules, wrong = _compiled(everything, metrics, channels, definitions.names())
    faults += wrong
    if faults:
        return faults
    for effective in definitions.variants():
        faults += _compiled(everything, metrics, channels, definitions.names(effective))[1]
    return faults or RuleBook(
        rules,
        definitions,
        lambda effective: tuple(_compiled(everything, metrics, channels, definitions.names(effective))[0]),
    )


def _compiled(
    models: Sequence[tuple[int, RuleModel]], metrics: Mapping[str, Metric], channels: Collection[str], names: Names
) -> tuple[list[Rule], list[Fault]]:
    builders = [_Builder(index, model, metrics, channels, names) for index, model in models]
    rules = [rule for rule in (builder.rule() for builder in builders) if rule is not None]
    return rules, [fault for builder in builders for fault in builder.faults]


def _repeated(models: Iterable[tuple[int, RuleModel]]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, model in models:
        if first.setdefault(model.name, index) != index:
            yield Fault(
                (index, "name"), None, f"a rule named `{model.name}` exists already (rule {first[model.name] + 1})"
            )


class _Builder:
    """Compiles one rule and collects what is wrong with it."""

    def __init__(
        self,
        index: int,
        model: RuleModel,
        metrics: Mapping[str, Metric],
        channels: Collection[str],
        names: Names,
    ) -> None:
        self._index, self._model, self._metrics, self._channels = index, model, metrics, channels
        self._names = names
        stale_after_s = math.inf if model.stale_after is None else model.stale_after.total_seconds()
        self._options = Options(model.min_history.total_seconds(), stale_after_s)
        self.faults: list[Fault] = []

    def rule(self) -> Rule | None:
        model = self._model
        levels = self._levels()
        clear = None if model.clear is None else self._condition(model.clear, ("clear",))
        only = self._only()
        conditions = [level.when for level in levels] + ([clear] if clear else [])
        shown = self._shown(conditions)
        if not self.faults:
            self._check_labels(levels, clear)
            self._check_ladder(levels)
            self._check_polls([level.when for level in levels])
            self._check_summary(conditions[0].labels, shown)
        self._check_channels()
        if self.faults:
            return None
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
            needs=deepest((need.metric, need.depth_s) for condition in conditions for need in condition.needs),
            reads={need.metric: self._metrics[need.metric].unit for each in conditions for need in each.needs},
            single=frozenset(n.metric for each in conditions for n in each.needs if not self._metrics[n.metric].labels),
            timed=any(condition.timed for condition in conditions),
            only=only,
            shadow=model.shadow,
            shown=shown,
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

    def _only(self) -> Selector | None:
        found = compile_selector(self._model.only) if self._model.only else None
        if isinstance(found, list):
            for problem in found:
                self._fault(("only",), problem.text, problem.offset)
            return None
        return found

    def _shown(self, conditions: Iterable[Expression]) -> Mapping[str, Labels]:
        """The metrics that have one number for an alert: no labels, or all of them fixed, and everywhere alike."""
        found: dict[str, set[Labels]] = {}
        for series in (each for condition in conditions for each in condition.series):
            fixed = tuple(sorted((each.label, each.value) for each in series.selectors if each.equal))
            if len(fixed) == len(self._metrics[series.metric].labels):
                found.setdefault(series.metric, set()).add(fixed)
        return {metric: labels for metric, (labels, *others) in found.items() if not others}

    def _condition(self, text: str, where: tuple[str | int, ...]) -> Expression | None:
        compiled = compile_condition(text, self._metrics, self._names, self._options)
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
            text = "a rule with age(), until() or a clock is looked at between polls too"
            self._fault(("for_polls",), f"{text}: say how long with `for`, not `for_polls`")

    def _check_channels(self) -> None:
        for position, channel in enumerate(self._model.to or []):
            if channel not in self._channels and channel != OWNER:
                near = did_you_mean(channel, frozenset({*self._channels, OWNER}))
                self._fault(("to", position), f"unknown channel `{channel}`{near}")

    def _check_summary(self, labels: Collection[str], shown: Collection[str]) -> None:
        known = MESSAGE_NAMES.union(labels, shown)
        for match in PLACEHOLDER.finditer(self._model.summary):
            if match.group(1) not in known:
                near = did_you_mean(match.group(1), known) or f"; it may use {', '.join(sorted(known))}"
                self._fault(("summary",), f"unknown placeholder `{match.group()}`{near}", match.start())
