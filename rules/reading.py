"""What reads series: metrics, and the functions that are applied to one, to closures.

What is wrong is raised, as an ExpressionError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rules import cohorts, functions, windows
from rules.closures import (
    Kind,
    Node,
    OfWindow,
    mapped,
    match_labels,
    not_older,
    paired,
    reader,
    strict,
    strict2,
    with_history,
)
from rules.detectors import Finding
from rules.functions import Kinds, Third
from rules.grammar import Call, ExpressionError, Named, Number, Series, Text, Tree
from rules.notes import Detection, Notes, Options
from rules.spelling import did_you_mean
from rules.trees import behind
from rules.values import Metric, Subject, Unit, View, Window

UNIT_KINDS = {Unit.SECONDS: Kind.DURATION, Unit.TIMESTAMP: Kind.INSTANT}
"""The kinds of numbers that are more than numbers."""


class Reading:
    """Compiles series and functions of them, and notes what they need.

    ``names`` are what a misspelt metric may have meant, besides ``metrics``.
    """

    def __init__(self, metrics: Mapping[str, Metric], names: Collection[str], options: Options, notes: Notes) -> None:
        self._metrics, self._names, self._options, self._notes = metrics, names, options, notes

    def newest(self, tree: Series) -> Node:
        """The newest number of a series."""
        metric = self._metric(tree)
        return self._node(tree, metric, self._fresh(windows.newest), _kind(metric))

    def point(self, tree: Call) -> Node:
        """``last``, ``age`` or ``until`` of a series."""
        series = behind(tree.arguments[0])
        if not isinstance(series, Series):
            raise ExpressionError(series.at, f"`{tree.function}` needs a metric, not {_shape(tree.arguments[0])}")
        if tree.function == "last":
            return self.newest(series)
        metric = self._metric(series, past=tree.function == "age")
        if tree.function == "age":
            self._notes.aged.add(metric.name)
        if tree.function == "until" and metric.unit is not Unit.TIMESTAMP:
            text = f"`until` needs a metric that is an instant; `{metric.name}` is {metric.unit}"
            raise ExpressionError(series.at, text)
        self._notes.timed = True
        return self._node(series, metric, functions.OF_SERIES[tree.function], Kind.DURATION)

    def window(self, tree: Call) -> Node:
        """A function of a series and a span, and perhaps of a number."""
        function = functions.OF_WINDOW[tree.function]
        series, span_s = self._past(tree, 0, function.kinds), _span_s(tree)
        kind = _kind(self._metrics[series.metric])
        of = function.of
        if function.third is not None and len(tree.arguments) > 2:
            of = _with(of, _third(tree, function.third, kind))
        return self._looking_back(series, lambda window, at_s: of(window, span_s, at_s), function.kinds[kind], span_s)

    def detector(self, tree: Call) -> Node:
        """The score that a detector gives a series over a span."""
        series, span_s, of = self._past(tree, 0, functions.SHARES), _span_s(tree), functions.OF_DETECTOR[tree.function]
        depth_s = functions.depth_s(tree.function, span_s)
        found = self._looking_back(series, lambda window, at_s: of(window, span_s, at_s), Kind.NUMBER, depth_s)
        return self._score(series.metric, found)

    def pair(self, tree: Call) -> Node:
        """The score that a detector gives two series over a span, by equal labels."""
        sides = [self._past(tree, place, functions.SHARES) for place in (0, 1)]
        span_s, of = _span_s(tree), functions.OF_PAIR[tree.function]
        depth_s = functions.depth_s(tree.function, span_s)
        one, other = [self._looking_back(side, _with_moment, Kind.NUMBER, depth_s) for side in sides]
        match_labels(tree.at, one, other)

        def find(a: tuple[Window, float], b: tuple[Window, float]) -> Finding | None:
            return of(a[0], b[0], span_s, a[1])

        return self._score(sides[0].metric, paired(strict2(find), one, other, Kind.NUMBER))

    def cohort(self, tree: Call) -> Node:
        """The score of a video among others of the same age, by a number that it has one of."""
        series = self._past(tree, 0, functions.SHARES)
        name, metric = series.metric, self._metrics[series.metric]
        if metric.subject is not Subject.VIDEO or metric.labels:
            text = f"`cohort` compares videos by a number without labels, such as views; not by `{name}`"
            raise ExpressionError(series.at, text)
        born = Series(tree.at, cohorts.PUBLISHED_AT)
        self._node(born, self._metric(born), windows.newest, Kind.INSTANT)
        seen = self._looking_back(series, _with_moment, Kind.NUMBER, cohorts.PASSING_S).run

        def find(view: View, at_s: float) -> Finding | None:
            now = seen(view, at_s)
            return None if now is None else cohorts.among_peers(name, now[0], view, at_s)

        return self._score(name, Node(Kind.NUMBER, frozenset(), find))

    def _score(self, metric: str, findings: Node) -> Node:
        self._notes.detections.append(Detection(metric, findings))
        return Node(Kind.NUMBER, findings.labels, mapped(strict(lambda finding: finding.score), findings))

    # --- arguments --------------------------------------------------------------------------------------------

    def _past(self, tree: Call, place: int, kinds: Kinds) -> Series:
        """The series whose past a function looks at."""
        series = behind(tree.arguments[place])
        if not isinstance(series, Series):
            shown = _shape(tree.arguments[place])
            raise ExpressionError(series.at, f"`{tree.function}` looks back over a metric, not over {shown}")
        kind = _kind(self._metric(series, past=True))
        if kind not in kinds:
            raise ExpressionError(series.at, f"`{tree.function}` cannot be applied to {kind}")
        return series

    def _metric(self, tree: Series, *, past: bool = False) -> Metric:
        metric = self._metrics.get(tree.metric)
        if metric is None:
            raise ExpressionError(tree.at, self._stranger(tree))
        if past and not metric.history:
            text = f"`{metric.name}` has no past to look at; hold it with `for` or `for_polls`"
            raise ExpressionError(tree.at, text)
        for selector in tree.selectors:
            if selector.label not in metric.labels:
                known = ", ".join(metric.labels) or "none"
                near = did_you_mean(selector.label, metric.labels)
                text = f"`{metric.name}` has no label `{selector.label}` (its labels: {known}){near}"
                raise ExpressionError(selector.at, text)
        return metric

    def _stranger(self, tree: Series) -> str:
        if tree.metric in self._names:
            return f"`{tree.metric}` is a definition, and has no labels to choose from"
        if tree.metric in functions.NAMES:
            return f"`{tree.metric}` is a function; write {functions.usage(tree.metric)}"
        return f"unknown metric `{tree.metric}`{did_you_mean(tree.metric, [*self._metrics, *self._names])}"

    # --- windows ----------------------------------------------------------------------------------------------

    def _looking_back(self, tree: Series, of: OfWindow, kind: Kind, depth_s: float) -> Node:
        """What is read off the past of a series that was checked."""
        least_s = self._options.min_history_s
        past = with_history(of, least_s) if least_s else of
        return self._node(tree, self._metrics[tree.metric], self._fresh(past), kind, max(depth_s, least_s))

    def _fresh(self, of: OfWindow) -> OfWindow:
        most_s = self._options.stale_after_s
        return not_older(of, most_s) if most_s < math.inf else of

    def _node(self, tree: Series, metric: Metric, of: OfWindow, kind: Kind, depth_s: float = 0.0) -> Node:
        self._notes.needs[metric.name] = max(depth_s, self._notes.needs.get(metric.name, 0.0))
        self._notes.series.append(tree)
        fixed = frozenset(selector.label for selector in tree.selectors if selector.equal)
        labels = frozenset(metric.labels) - fixed
        return Node(kind, labels, reader(tree, of, fixed, bool(labels)))


def _with(of: Callable[..., Any], third: float) -> Callable[[Window, float, float], Any]:
    return lambda window, span_s, at_s: of(window, span_s, at_s, third)


def _with_moment(window: Window, at_s: float) -> tuple[Window, float]:
    return window, at_s


def _kind(metric: Metric) -> Kind:
    return UNIT_KINDS.get(metric.unit, Kind.NUMBER)


def _span_s(tree: Call) -> float:
    """The span of a window function: its second argument, of a detector of two series the third."""
    span = behind(tree.arguments[2 if tree.function in functions.OF_PAIR else 1])
    if isinstance(span, Number) and span.unit_s and span.value > 0:
        return span.value
    raise ExpressionError(span.at, f"the window of `{tree.function}` must be a duration such as 24h or 14d")


def _third(tree: Call, wanted: Third, kind: Kind) -> float:
    number = behind(tree.arguments[2])
    if isinstance(number, Number) and wanted.fits(number, kind):
        return number.value
    raise ExpressionError(number.at, f"`{tree.function}` needs {wanted.wanted}")


def _shape(tree: Tree) -> str:
    match tree:
        case Number():
            return tree.text
        case Text():
            return "a text"
        case Series(metric=name) | Named(name=name):
            return f"`{name}`"
        case Call():
            return f"`{tree.function}(...)`"
    return "an expression"
