"""An expression, checked once and compiled to closures.

Truth has three values: True, False and None (unknown). Arithmetic and comparison with an unknown are unknown; `and`,
`or` and `not` follow Kleene (``False and unknown`` is False). Series are matched as PromQL users expect: two labelled
sides pair up equal labels (a label only one side has is unknown on the other), anything unlabelled is applied to each.
A label that a selector fixes with ``=`` no longer tells series apart and is dropped.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from rules import functions
from rules.closures import (
    Kind,
    Node,
    Run,
    both,
    constant,
    either,
    joined,
    mapped,
    over_labels,
    paired,
    reader,
    strict,
    strict2,
    within,
)
from rules.durations import say_duration
from rules.grammar import Binary, Call, ExpressionError, Number, Selector, Series, Tree, Unary, parse
from rules.values import NO_LABELS, Labels, Metric, Unit, View, Window


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an expression: the 0-based offset of the character, and a sentence."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Need:
    """A metric and how far back its past is read, in seconds (0: the newest value is enough)."""

    metric: str
    depth_s: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition of the plain form ``metric operator number``."""

    metric: str
    operator: str
    value: float


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled condition.

    ``labels`` are the names of the labels its answers carry; ``timed`` says that time alone can change its answer.
    """

    text: str
    labels: frozenset[str]
    needs: tuple[Need, ...]
    series: tuple[Series, ...]
    timed: bool
    threshold: Threshold | None
    run: Run

    def truths(self, view: View, at_s: float) -> Mapping[Labels, bool | None]:
        """The truth for each label set that exists; for an expression without labels one truth, under ``()``."""
        value = self.run(view, at_s)
        return (value or {}) if self.labels else {NO_LABELS: value}


def compile_condition(text: str, metrics: Mapping[str, Metric]) -> Expression | list[Problem]:
    """The compiled condition, or everything that is wrong with it. ``metrics`` are the names it may use."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        return [Problem(error.offset, error.text)]
    compiler = _Compiler(metrics)
    node = compiler.node(tree)
    if node is not None and node.kind is not Kind.TRUTH:
        compiler.refuse(tree.at, f"a rule needs a condition; this is {node.kind}. Compare it: ... > 0")
    if node is None or compiler.problems:
        return compiler.problems
    return Expression(
        text=text,
        labels=node.labels,
        needs=tuple(Need(metric, depth_s) for metric, depth_s in compiler.needs.items()),
        series=tuple(compiler.series),
        timed=compiler.timed,
        threshold=_threshold(tree),
        run=node.run,
    )


def did_you_mean(word: str, known: Iterator[str] | Mapping[str, object] | frozenset[str]) -> str:
    """``, did you mean `x`?`` for the nearest known word, or ""."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean `{near[0]}`?" if near else ""


_ARITHMETIC: Mapping[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else None,
}
_COMPARISON: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_UNIT_KIND = {Unit.SECONDS: Kind.DURATION, Unit.TIMESTAMP: Kind.INSTANT}


class _Compiler:
    """Walks the tree once; a method returns None where it has noted a problem."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.metrics = metrics
        self.problems: list[Problem] = []
        self.needs: dict[str, float] = {}
        self.series: list[Series] = []
        self.timed = False

    def refuse(self, offset: int, text: str) -> Node | None:
        """Note a problem; the answer is what the refused part comes to: nothing."""
        self.problems.append(Problem(offset, text))
        return None

    def node(self, tree: Tree) -> Node | None:
        match tree:
            case Number():
                kind = Kind.DURATION if tree.unit_s else Kind.NUMBER
                return Node(kind, frozenset(), constant(tree.value))
            case Series():
                return self._series(tree, functions.newest, 0.0, None)
            case Call():
                return self._call(tree)
            case Unary():
                return self._unary(tree)
            case Binary():
                return self._binary(tree)

    def _unary(self, tree: Unary) -> Node | None:
        inner = self.node(tree.operand)
        if inner is None:
            return None
        wanted = {Kind.TRUTH} if tree.operator == "not" else {Kind.NUMBER, Kind.DURATION}
        if inner.kind not in wanted or inner.bounded:
            return self.refuse(tree.at, f"`{tree.operator}` cannot be applied to {_say(inner)}")
        apply = strict(operator.not_ if tree.operator == "not" else operator.neg)
        return Node(inner.kind, inner.labels, mapped(apply, inner))

    def _binary(self, tree: Binary) -> Node | None:
        left, right = self.node(tree.left), self.node(tree.right)
        if left is None or right is None:
            return None
        if left.labels and right.labels and left.labels != right.labels:
            names = " and ".join("{" + ", ".join(sorted(side.labels)) + "}" for side in (left, right))
            return self.refuse(tree.at, f"the two sides have different labels, {names}, and cannot be matched")
        if tree.operator in {"and", "or"}:
            return self._logic(tree, left, right)
        if tree.operator in _COMPARISON:
            return self._comparison(tree, left, right)
        return self._arithmetic(tree, left, right)

    def _logic(self, tree: Binary, left: Node, right: Node) -> Node | None:
        for side, branch in ((left, tree.left), (right, tree.right)):
            if side.kind is not Kind.TRUTH:
                return self.refuse(branch.at, f"`{tree.operator}` needs a condition on each side; this is {_say(side)}")
        if tree.operator == "and":
            return joined(both, left, right, settled=False)
        return joined(either, left, right, settled=True)

    def _comparison(self, tree: Binary, left: Node, right: Node) -> Node | None:
        if left.kind is not right.kind or left.kind not in {Kind.NUMBER, Kind.DURATION}:
            hint = ""
            if {left.kind, right.kind} == {Kind.NUMBER, Kind.DURATION}:
                hint = "; write a duration such as 24h"
            elif Kind.INSTANT in {left.kind, right.kind}:
                hint = "; until(...) makes a duration of an instant"
            return self.refuse(tree.at, f"`{tree.operator}` cannot compare {_say(left)} with {_say(right)}{hint}")
        compare = _COMPARISON[tree.operator]
        apply = within(compare) if left.bounded or right.bounded else strict2(compare)
        return paired(apply, left, right, Kind.TRUTH)

    def _arithmetic(self, tree: Binary, left: Node, right: Node) -> Node | None:
        kind = _ARITHMETIC_KINDS.get((left.kind, tree.operator, right.kind))
        if kind is None or left.bounded or right.bounded:
            return self.refuse(tree.at, f"`{tree.operator}` cannot be applied to {_say(left)} and {_say(right)}")
        return paired(strict2(_ARITHMETIC[tree.operator]), left, right, kind)

    def _call(self, tree: Call) -> Node | None:
        if tree.function not in functions.NAMES:
            known = did_you_mean(tree.function, functions.NAMES)
            return self.refuse(tree.at, f"unknown function `{tree.function}`{known}")
        if len(tree.arguments) == 2 and tree.function in functions.OF_WINDOW:
            return self._window(tree)
        if len(tree.arguments) != 1:
            return self.refuse(tree.at, f"write {_usage(tree.function)}")
        if tree.function in functions.OF_SERIES:
            return self._point(tree)
        inner = self.node(tree.arguments[0])
        return None if inner is None else self._reduced(tree, inner)

    def _window(self, tree: Call) -> Node | None:
        series, span = tree.arguments
        function = functions.OF_WINDOW[tree.function]
        if not isinstance(series, Series):
            return self.refuse(series.at, f"`{tree.function}` looks back over a metric, not over {_shape(series)}")
        if not isinstance(span, Number) or not span.unit_s or span.value <= 0:
            return self.refuse(span.at, f"the window of `{tree.function}` must be a duration such as 24h or 14d")
        span_s, of = span.value, function.of
        return self._series(
            series, lambda window, at_s: of(window, span_s, at_s), span_s, None if function.keeps_unit else Kind.NUMBER
        )

    def _point(self, tree: Call) -> Node | None:
        (series,) = tree.arguments
        if not isinstance(series, Series):
            return self.refuse(series.at, f"`{tree.function}` needs a metric, not {_shape(series)}")
        metric = self.metrics.get(series.metric)
        if tree.function == "until" and metric and metric.unit is not Unit.TIMESTAMP:
            return self.refuse(
                series.at, f"`until` needs a metric that is an instant; `{metric.name}` is {metric.unit}"
            )
        self.timed |= tree.function != "last"
        kind = None if tree.function == "last" else Kind.DURATION
        return self._series(series, functions.OF_SERIES[tree.function], 0.0, kind)

    def _reduced(self, tree: Call, inner: Node) -> Node | None:
        name = tree.function
        if name == "abs":
            if inner.kind not in {Kind.NUMBER, Kind.DURATION} or inner.bounded:
                return self.refuse(tree.arguments[0].at, f"`abs` cannot be applied to {_say(inner)}")
            return Node(inner.kind, inner.labels, mapped(strict(abs), inner))
        if not inner.labels:
            return self.refuse(
                tree.at, f"`{name}` without a window goes over labels, and there are none; {_usage(name)}"
            )
        if inner.kind is Kind.TRUTH and name in functions.OF_TRUTHS:
            kind = Kind.NUMBER if name == "count" else Kind.TRUTH
            return Node(kind, frozenset(), over_labels(functions.OF_TRUTHS[name], inner), bounded=name == "count")
        if inner.kind in {Kind.NUMBER, Kind.DURATION} and name in functions.OF_NUMBERS:
            return Node(inner.kind, frozenset(), over_labels(functions.OF_NUMBERS[name], inner))
        return self.refuse(tree.arguments[0].at, f"`{name}` cannot be applied to {_say(inner)}; {_usage(name)}")

    def _series(
        self, tree: Series, of: Callable[[Window, float], float | None], depth_s: float, kind: Kind | None
    ) -> Node | None:
        metric = self.metrics.get(tree.metric)
        if metric is None:
            if tree.metric in functions.NAMES:
                return self.refuse(tree.at, f"`{tree.metric}` is a function; write {_usage(tree.metric)}")
            return self.refuse(tree.at, f"unknown metric `{tree.metric}`{did_you_mean(tree.metric, self.metrics)}")
        if not metric.history and of not in (functions.newest, functions.until):
            return self.refuse(tree.at, f"`{metric.name}` has no past to look at; hold it with `for` or `for_polls`")
        if not self._selectors_fit(tree.selectors, metric):
            return None
        self.needs[metric.name] = max(depth_s, self.needs.get(metric.name, 0.0))
        self.series.append(tree)
        fixed = frozenset(selector.label for selector in tree.selectors if selector.equal)
        labels = frozenset(metric.labels) - fixed
        return Node(kind or _UNIT_KIND.get(metric.unit, Kind.NUMBER), labels, reader(tree, of, fixed, bool(labels)))

    def _selectors_fit(self, selectors: tuple[Selector, ...], metric: Metric) -> bool:
        fit = True
        for selector in selectors:
            if selector.label not in metric.labels:
                known = ", ".join(metric.labels) or "none"
                near = did_you_mean(selector.label, frozenset(metric.labels))
                self.refuse(selector.at, f"`{metric.name}` has no label `{selector.label}` (its labels: {known}){near}")
                fit = False
        return fit


_ARITHMETIC_KINDS: Mapping[tuple[Kind, str, Kind], Kind] = {
    **{(Kind.NUMBER, sign, Kind.NUMBER): Kind.NUMBER for sign in "+-*/"},
    **{(Kind.DURATION, sign, Kind.DURATION): Kind.DURATION for sign in "+-"},
    (Kind.DURATION, "/", Kind.DURATION): Kind.NUMBER,
    (Kind.DURATION, "*", Kind.NUMBER): Kind.DURATION,
    (Kind.NUMBER, "*", Kind.DURATION): Kind.DURATION,
    (Kind.DURATION, "/", Kind.NUMBER): Kind.DURATION,
}


# --- words --------------------------------------------------------------------------------------------------------


def _threshold(tree: Tree) -> Threshold | None:
    match tree:
        case Binary(_, sign, Series(_, metric, ()), Number(_, value, False)) if sign in _COMPARISON:
            return Threshold(metric, sign, value)
        case Binary(_, "and", left, _):
            return _threshold(left)
    return None


def _say(node: Node) -> str:
    return "a count of conditions" if node.bounded else str(node.kind)


def _shape(tree: Tree) -> str:
    match tree:
        case Number():
            return say_duration(tree.value) if tree.unit_s else f"{tree.value:g}"
        case Series():
            return f"`{tree.metric}`"
        case Call():
            return f"`{tree.function}(...)`"
    return "an expression"


def _usage(function: str) -> str:
    """How a function is written, by example."""
    forms = []
    if function in functions.OF_SERIES:
        forms.append(f"{function}({'appeal_deadline' if function == 'until' else 'follower_count'})")
    if function in functions.OF_WINDOW:
        forms.append(f"{function}(follower_count, 24h)")
    if function in functions.OF_NUMBERS:
        forms.append(f"{function}(author_rank)")
    if function in functions.OF_TRUTHS:
        forms.append(f"{function}(author_rank < 0.1)")
    return " or ".join(forms or [f"{function}(delta(follower_count, 24h))"])
