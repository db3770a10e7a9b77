"""From rules as they are written to a rule book, or to everything that is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise

from rules.book import EVERY_RULE, OWNER, PLACEHOLDER, Flapping, Level, Promotion, Rule, RuleBook, deepest
from rules.definitions import NOTHING_DEFINED, Definitions, Effective, Misdefined, is_about
from rules.expression import Expression, Options, compile_condition
from rules.models import FlappingModel, LevelModel, RuleModel
from rules.promotion import with_promoted
from rules.selectors import TARGETS, Selector, compile_selector
from rules.spelling import did_you_mean, quoted
from rules.values import Labels, Metric, Severity, Subject, Target


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a rule: the path below ``rules``, the 0-based offset in an expression, and a sentence."""

    where: tuple[str | int, ...]
    offset: int | None
    text: str


MESSAGE_NAMES = frozenset({"name", "owner", "platform", "rule", "level"})
_ONLY_TOLD = {"summary", "to", "records", "passes_quiet", "template"}
"""The keys of a rule that change nothing but what is told of it, and to whom."""


def build_book(
    models: Sequence[RuleModel],
    metrics: Mapping[str, Metric],
    channels: Collection[str],
    definitions: Definitions = NOTHING_DEFINED,
) -> RuleBook | Sequence[Fault | Misdefined]:
    """The compiled rules, or everything that is wrong with them, or with the overrides of numbers that they use.

    A rule that promotes is followed by the one it makes. One that uses a definition that ``failed`` is left out: of
    that it is told elsewhere.
    """
    everything = list(with_promoted(models))
    compiled = partial(_compiled, everything, metrics, channels, definitions)
    rules, wrong = compiled()
    faults = [*_repeated(everything), *_strange_names(everything), *wrong]
    if faults:
        return faults
    is_right = not any(compiled(effective)[1] for effective in definitions.variants())
    misfits = () if is_right else tuple(_misfits(models, definitions, compiled))
    return misfits or RuleBook(rules, definitions, lambda effective: compiled(effective)[0])


_Compiled = Callable[[Effective], tuple[tuple[Rule, ...], Sequence[Fault]]]
"""The rules, and what is wrong with them, where these numbers are other than defined."""


def _compiled(
    models: Sequence[tuple[int, RuleModel]],
    metrics: Mapping[str, Metric],
    channels: Collection[str],
    definitions: Definitions,
    effective: Effective = (),
) -> tuple[tuple[Rule, ...], Sequence[Fault]]:
    builders = [_Builder(index, model, metrics, channels, definitions, effective) for index, model in models]
    rules = tuple(rule for rule in (builder.rule() for builder in builders) if rule is not None)
    return rules, [fault for builder in builders for fault in builder.faults]


def _misfits(models: Sequence[RuleModel], definitions: Definitions, compiled: _Compiled) -> Iterator[Misdefined]:
    """The overrides that a rule cannot work with. What a number must be does not depend on other numbers."""
    for where, number in definitions.overrides():
        told = [f"rule `{models[int(fault.where[0])].name}`: {fault.text}" for fault in compiled(number)[1]]
        yield from (Misdefined(where, None, text) for text in dict.fromkeys(told))


def _repeated(models: Iterable[tuple[int, RuleModel]]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, model in models:
        if first.setdefault(model.name, index) != index:
            yield Fault(
                (index, "name"), None, f"a rule named `{model.name}` exists already (rule {first[model.name] + 1})"
            )


def _strange_names(models: Sequence[tuple[int, RuleModel]]) -> Iterator[Fault]:
    """What is to be muted and is no rule."""
    known = frozenset(model.name for _, model in models)
    for index, model in models:
        for position, name in enumerate(model.inhibits):
            if name == model.name:
                yield Fault((index, "inhibits", position), None, "a rule does not mute itself")
            elif name not in known and name != EVERY_RULE:
                near = did_you_mean(name, known)
                yield Fault((index, "inhibits", position), None, f"there is no rule `{name}`{near}")


class _Builder:
    """Compiles one rule and collects what is wrong with it."""

    def __init__(
        self,
        index: int,
        model: RuleModel,
        metrics: Mapping[str, Metric],
        channels: Collection[str],
        definitions: Definitions,
        effective: Effective,
    ) -> None:
        self._index, self._model, self._metrics, self._channels = index, model, metrics, channels
        self._names, self._failed = definitions.names(effective), definitions.failed
        self._is_left_out = False
        stale_after_s = math.inf if model.stale_after is None else model.stale_after.total_seconds()
        self._options = Options(model.min_history.total_seconds(), stale_after_s)
        self.faults: list[Fault] = []

    def rule(self) -> Rule | None:
        model = self._model
        levels = self._levels()
        clear = None if model.clear is None else self._condition(model.clear, ("clear",))
        only = self._only()
        conditions = [level.when for level in levels] + ([clear] if clear else [])
        conditions += [level.clear for level in levels if level.clear]
        shown = self._shown(conditions)
        if not self.faults and not self._is_left_out:
            self._check_needs(conditions)
            self._check_labels(levels, clear)
            self._check_ladder(levels)
            self._check_polls([level.when for level in levels])
            self._check_summary(conditions[0].labels, shown)
        self._check_channels()
        self._check_promotion()
        if self.faults or self._is_left_out:
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
            routed=model.to is None,
            passes_quiet=model.passes_quiet,
            needs=deepest((need.metric, need.depth_s) for condition in conditions for need in condition.needs),
            reads={need.metric: self._metrics[need.metric].unit for each in conditions for need in each.needs},
            single=frozenset(n.metric for each in conditions for n in each.needs if not self._metrics[n.metric].labels),
            timed=any(condition.timed for condition in conditions),
            lasting=not any(self._metrics[n.metric].history for each in conditions for n in each.needs),
            only=only,
            confirm=model.confirm,
            unknown=model.unknown,
            on_first_sight=model.on_first_sight,
            flapping=_flapping(model.flapping),
            inhibits=frozenset(model.inhibits),
            promote=None if model.promote is None else Promotion(model.promote.at_least, model.promote.share),
            shadow=model.shadow,
            shown=shown,
            stale_after=model.stale_after,
            min_history=model.min_history,
            template=model.template,
            meaning=_digest(model.model_dump(exclude=_ONLY_TOLD), [condition.shown for condition in conditions]),
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
        clear = None if step.clear is None else self._condition(step.clear, ("levels", name, "clear"))
        named = Severity(name) if name in set(Severity) else self._model.severity
        if condition is None:
            return None
        return Level(name, step.severity or named, condition, step.effect, clear, step.lasts)

    def _only(self) -> Selector[Target] | None:
        found = compile_selector(self._model.only, TARGETS) if self._model.only else None
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
                if is_about(self._failed, text, problem.offset):
                    self._is_left_out = True
                else:
                    self._fault(where, problem.text, problem.offset)
            return None
        abouts = {self._metrics[series.metric].subject for series in compiled.series}
        hint = f": write `on: {next(iter(abouts))}`" if len(abouts) == 1 else ""
        for series in compiled.series:
            about = self._metrics[series.metric].subject
            if about is not self._model.on:
                text = f"`{series.metric}` is about the {about}, this rule is on the {self._model.on}{hint}"
                self._fault(where, text, series.at)
        return compiled

    def _check_needs(self, conditions: Sequence[Expression]) -> None:
        """Nobody is polled for a rule that reads nothing, so it would apply to nobody."""
        if not any(condition.needs for condition in conditions):
            self._fault(("when",) if self._model.levels is None else ("levels",), "a rule needs a number to look at")

    def _check_labels(self, levels: Sequence[Level], clear: Expression | None) -> None:
        labels = levels[0].when.labels
        for level in levels[1:]:
            if level.when.labels != labels:
                self._fault(
                    ("levels", level.name), "its labels are not those of the first level: one alert climbs them all"
                )
        ends = [(("clear",), clear), *((("levels", level.name, "clear"), level.clear) for level in levels)]
        for where, condition in ends:
            if condition is not None and condition.labels and condition.labels != labels:
                self._fault(where, "its labels are not those of the condition")

    def _check_ladder(self, levels: Sequence[Level]) -> None:
        order = list(Severity)
        for below, above in pairwise(levels):
            if order.index(above.severity) < order.index(below.severity):
                text = f"`{above.name}` ({above.severity}) stands above `{below.name}` ({below.severity}): lowest first"
                self._fault(("levels", above.name), text)

    def _check_polls(self, conditions: Sequence[Expression]) -> None:
        read = [self._metrics[need.metric] for condition in conditions for need in condition.needs]
        text = ""
        if any(condition.timed for condition in conditions):
            text = "a rule with age(), until() or a clock is looked at between polls too"
        elif read and not any(metric.history or metric.repeated for metric in read):
            text = f"only the changes of `{read[0].name}` are noted, not each poll"
        if self._model.for_polls > 1 and text:
            self._fault(("for_polls",), f"{text}: say how long with `for`, not `for_polls`")

    def _check_channels(self) -> None:
        for position, channel in enumerate(self._model.to or []):
            if channel not in self._channels and channel != OWNER:
                near = did_you_mean(channel, frozenset({*self._channels, OWNER}))
                self._fault(("to", position), f"unknown channel{quoted(channel)}{near}")

    def _check_promotion(self) -> None:
        if self._model.promote is not None and self._model.on is not Subject.VIDEO:
            self._fault(("promote",), "only the videos of an account can make one alert of it: `on: video`")

    def _check_summary(self, labels: Collection[str], shown: Collection[str]) -> None:
        known = MESSAGE_NAMES.union(labels, shown)
        for match in PLACEHOLDER.finditer(self._model.summary):
            if match.group(1) not in known:
                near = did_you_mean(match.group(1), known) or f"; it may use {', '.join(sorted(known))}"
                self._fault(("summary",), f"unknown placeholder `{match.group()}`{near}", match.start())


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:16]


def _flapping(written: FlappingModel | bool) -> Flapping | None:
    model = FlappingModel() if written is True else written or None
    return None if model is None else Flapping(model.times, model.within)
