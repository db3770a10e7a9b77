"""A file with tests of rules: from YAML to tests, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from daemon.blame import Blame
from daemon.config import Config
from daemon.marked import Mark, Problem, Tree, Where, parse, read
from daemon.providers import METRICS, RECORDS
from daemon.rule_test_models import (
    AlertModel,
    CaseModel,
    ExpectModel,
    RecordModel,
    SeriesModel,
    SuiteModel,
    ToldModel,
)
from daemon.rule_test_notation import FAILED, Slip, read_series, read_values
from daemon.rule_test_targets import ENDPOINT_OF, Targets
from rules.book import Rule
from rules.values import Record, Target
from rules.words import Language
from storage.records import SeriesKey


@dataclass(frozen=True, slots=True)
class Input:
    """The values of a series of a target, one each ``interval``. Without ``endpoint`` the daemon says them itself."""

    target: str
    endpoint: str
    key: SeriesKey
    interval: timedelta
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is true ``at`` this time since the beginning; None is not compared. ``marks`` say where it stands."""

    at: timedelta
    alerts: tuple[AlertModel, ...] | None
    messages: tuple[ToldModel, ...] | None
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. ``targets`` are those it involves; ``records`` stand by target (its key; "": everybody's) and kind."""

    name: str
    mark: Mark
    start: datetime
    about: frozenset[str]
    targets: Mapping[str, Target]
    inputs: tuple[Input, ...]
    records: Mapping[tuple[str, str], Sequence[Record]]
    expectations: tuple[Expectation, ...]
    language: Language = Language.EN


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of tests, and where the ``rules`` are that it tests."""

    path: Path
    rules: Path
    tree: Tree
    suite: SuiteModel


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of a file, and the configuration whose rules they test."""

    path: Path
    config: Config
    tests: tuple[RuleTest, ...]


def open_suite(path: Path) -> Opened | list[Problem]:
    """A file of tests, as far as it names the rules that it tests, or what is wrong with that."""
    text = read(path)
    tree = text if isinstance(text, Problem) else parse(text)
    if isinstance(tree, Problem):
        return [tree]
    blame = Blame(tree)
    suite = blame.model(SuiteModel, (), tree.value)
    if suite is None or blame.problems:
        return sorted(blame.problems)
    return Opened(path, path.parent / suite.rules, tree, suite)


def read_suite(opened: Opened, config: Config) -> Suite | list[Problem]:
    """The tests of a file, or all that is wrong with them; ``config`` is what its ``rules`` hold."""
    blame = Blame(opened.tree)
    tests = [
        _Test(blame, where, model, config).read()
        for where, model in blame.items(CaseModel, ("tests",), opened.suite.tests)
    ]
    if not opened.suite.tests:
        blame.add(("tests",), "there is no test: begin each with `- name: ...`")
    return sorted(blame.problems) or Suite(opened.path, config, tuple(tests))


class _Test:
    """One test being read."""

    def __init__(self, blame: Blame, where: Where, model: CaseModel, config: Config) -> None:
        self._blame, self._where, self._model, self._config = blame, where, model, config
        self._rules = {rule.name: rule for rule in config.book.rules}
        self._targets = Targets(blame, where, model, config)

    def read(self) -> RuleTest:
        inputs = tuple(self._inputs())
        self._check_polls(inputs)
        self._check_names((*self._where, "about"), "rule", self._model.about, self._rules)
        return RuleTest(
            name=self._model.name,
            mark=self._blame.mark((*self._where, "name")),
            start=self._model.start,
            about=frozenset(self._model.about or self._rules),
            targets=self._targets.involved({each.target for each in inputs}),
            inputs=inputs,
            records=self._records(),
            language=self._model.language,
            expectations=tuple(self._expectations()),
        )

    # --- what is seen -----------------------------------------------------------------------------------------------

    def _inputs(self) -> Iterator[Input]:
        for where, model in self._blame.items(SeriesModel, (*self._where, "input"), self._model.input):
            series = read_series(model.series, METRICS)
            if isinstance(series, Slip):
                self._blame.add((*where, "series"), series.text, series.offset)
                continue
            values = read_values(model.values, series.metric.unit, self._model.start.timestamp())
            target = self._targets.of((*where, "series"), series)
            if isinstance(values, Slip):
                self._blame.add((*where, "values"), values.text, values.offset)
            elif target is not None:
                key, endpoint = (series.metric.name, series.labels), ENDPOINT_OF.get(series.metric.name)
                asked = endpoint.name if endpoint else ""
                yield Input(target, asked, key, model.interval or self._model.interval, values)

    def _check_polls(self, inputs: Sequence[Input]) -> None:
        """Series of an endpoint are one answer about a target: they have one pace, and fail together."""
        for key in {(each.target, each.key) for each in inputs if _times(inputs, each) > 1}:
            self._blame_input(f"{key[1][0]} of {key[0]} stands there twice")
        for target, endpoint in dict.fromkeys((each.target, each.endpoint) for each in inputs):
            same = [each for each in inputs if (each.target, each.endpoint) == (target, endpoint)]
            names = f"{' and '.join(dict.fromkeys(each.key[0] for each in same))} of {target}"
            if not endpoint:
                if any(FAILED in each.values for each in same):
                    self._blame_input(f"the daemon says {names} itself, without a poll: write _ instead of stale")
            elif len({each.interval for each in same}) > 1:
                self._blame_input(f"{names} come by one poll, so they need the same interval")
            elif any(len({value is FAILED for value in poll}) > 1 for poll in _polls(same)):
                self._blame_input(f"{names} come by one poll: write stale for all of them, or for none")

    def _blame_input(self, text: str) -> None:
        self._blame.add((*self._where, "input"), text, at_key=True)

    def _records(self) -> Mapping[tuple[str, str], Sequence[Record]]:
        found: dict[tuple[str, str], list[Record]] = {}
        for where, model in self._blame.items(RecordModel, (*self._where, "records"), self._model.records):
            if model.kind not in RECORDS:
                self._blame.unknown((*where, "kind"), "kind of record", model.kind, RECORDS)
            keys = self._targets.matched((*where, "target"), model.target) if model.target else [""]
            for key in keys:
                found.setdefault((key, model.kind), []).append(Record(model.kind, model.id, model.words))
        return found

    # --- what is expected -------------------------------------------------------------------------------------------

    def _expectations(self) -> Iterator[Expectation]:
        before = timedelta(0)
        for where, model in self._blame.items(ExpectModel, (*self._where, "expect"), self._model.expect):
            if model.at < before:
                self._blame.add((*where, "at"), "this is earlier than the one above: write them in the order of time")
            before = model.at
            if model.alerts is None and model.messages is None:
                self._blame.add(where, "expected `alerts`, `messages` or both: without them nothing is compared")
            yield Expectation(
                at=model.at,
                alerts=None if model.alerts is None else tuple(self._alerts((*where, "alerts"), model.alerts)),
                messages=None if model.messages is None else tuple(self._told((*where, "messages"), model.messages)),
                marks={name: self._blame.key_mark((*where, name)) for name in ("alerts", "messages")},
            )
        if not self._model.expect:
            self._blame.add(self._where, "a test without `expect` proves nothing")

    def _alerts(self, where: Where, values: list[Any]) -> Iterator[AlertModel]:
        for place, model in self._blame.items(AlertModel, where, values):
            rule = self._rule((*place, "rule"), model.rule)
            if model.target:
                self._targets.matched((*place, "target"), model.target, None if rule is None else rule.subject)
            if rule is not None and model.level:
                self._check_names((*place, "level"), "level", [model.level], [level.name for level in rule.levels])
            yield model

    def _told(self, where: Where, values: list[Any]) -> Iterator[ToldModel]:
        for place, model in self._blame.items(ToldModel, where, values):
            if model.rule:
                self._rule((*place, "rule"), model.rule)
            if model.channel:
                self._check_names((*place, "channel"), "channel", [model.channel], self._config.channels)
            yield model

    def _rule(self, where: Where, name: str) -> Rule | None:
        """The rule of this name; one that the test is not about would never be compared."""
        self._check_names(where, "rule", [name], self._rules)
        if self._model.about and name in self._rules and name not in self._model.about:
            self._blame.add(where, f"this test is not `about` {name}")
        return self._rules.get(name)

    def _check_names(self, where: Where, what: str, names: Iterable[str], known: Collection[str]) -> None:
        for position, name in enumerate(names):
            if name not in known:
                self._blame.unknown((*where, position), what, name, known)


def _times(inputs: Sequence[Input], one: Input) -> int:
    return sum((each.target, each.key) == (one.target, one.key) for each in inputs)


def _polls(inputs: Sequence[Input]) -> Iterator[list[float | None]]:
    """The values of each poll; a series that has ended is in no answer any more."""
    for turn in range(max(len(each.values) for each in inputs)):
        yield [each.values[turn] for each in inputs if turn < len(each.values)]
