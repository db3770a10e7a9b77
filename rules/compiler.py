"""A tree to closures: each part is checked for its kind, its labels, and what it may be applied to."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from zoneinfo import ZoneInfo, available_timezones

from rules import closures, functions
from rules.closures import Kind, Node, mapped, match_labels, paired, strict, strict2
from rules.cohorts import COHORT
from rules.functions import usage
from rules.grammar import Binary, Call, ExpressionError, Named, Number, Series, Text, Tree, Unary
from rules.notes import Notes, Options, Part, Problem
from rules.over_labels import greatest
from rules.reading import Reading
from rules.spelling import did_you_mean
from rules.trees import behind
from rules.values import Metric

AMOUNTS = frozenset({Kind.NUMBER, Kind.DURATION})

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def _divided(a: float, b: float) -> float | None:
    return a / b if b else None


_ARITHMETIC: Mapping[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
}
_ARITHMETIC_KINDS: Mapping[tuple[Kind, str, Kind], Kind] = {
    **{(Kind.NUMBER, sign, Kind.NUMBER): Kind.NUMBER for sign in "+-*/"},
    **{(Kind.DURATION, sign, Kind.DURATION): Kind.DURATION for sign in "+-"},
    (Kind.DURATION, "/", Kind.DURATION): Kind.NUMBER,
    (Kind.DURATION, "*", Kind.NUMBER): Kind.DURATION,
    (Kind.NUMBER, "*", Kind.DURATION): Kind.DURATION,
    (Kind.DURATION, "/", Kind.NUMBER): Kind.DURATION,
}
_CLOCKS: Mapping[str, Callable[[datetime], int]] = {"hour_of": lambda at: at.hour, "weekday": datetime.isoweekday}


class Compiler:
    """Walks a tree whose names are resolved, once. What it finds is in ``notes``, also what is wrong."""

    def __init__(self, metrics: Mapping[str, Metric], names: Collection[str], options: Options) -> None:
        self.notes = Notes()
        self._reading = Reading(metrics, names, options, self.notes)
        self._detectors: Mapping[str, Callable[[Call], Node]] = {
            **dict.fromkeys(functions.OF_DETECTOR, self._reading.detector),
            **dict.fromkeys(functions.OF_PAIR, self._reading.pair),
            COHORT: self._reading.cohort,
        }
        self._depth = 0

    def node(self, tree: Tree) -> Node | None:
        """What a tree is compiled to; None if there is a problem in it. It is noted as a part, before its own parts."""
        place = len(self.notes.parts)
        self._depth += 1
        try:
            node = self._compiled(tree)
        except ExpressionError as error:
            self.notes.problems.append(Problem(error.offset, error.text))
            node = None
        self._depth -= 1
        if node is not None and not isinstance(tree, Number):
            self.notes.parts.insert(place, Part(self._depth, tree, node))
        return node

    def _compiled(self, tree: Tree) -> Node | None:
        match tree:
            case Number():
                kind = Kind.DURATION if tree.unit_s else Kind.NUMBER
                return closures.constant(kind, tree.value)
            case Text():
                hint = 'a label is chosen with braces: author_rank{dimension="PlayCnt"}'
                raise ExpressionError(tree.at, f"a text is no number; {hint}")
            case Named():
                return self._compiled(tree.tree)
            case Series():
                return self._reading.newest(tree)
            case Call():
                return self._call(tree)
            case Unary():
                return self._unary(tree)
            case Binary():
                return self._binary(tree)

    # --- operators --------------------------------------------------------------------------------------------

    def _unary(self, tree: Unary) -> Node | None:
        inner = self.node(tree.operand)
        if inner is None:
            return None
        wanted = {Kind.TRUTH} if tree.operator == "not" else AMOUNTS
        if inner.kind not in wanted or inner.bounded:
            raise ExpressionError(tree.at, f"`{tree.operator}` cannot be applied to {_say(inner)}")
        if inner.literal is not None:
            return closures.constant(inner.kind, -inner.literal)
        apply = strict(operator.not_ if tree.operator == "not" else operator.neg)
        return Node(inner.kind, inner.labels, mapped(apply, inner))

    def _binary(self, tree: Binary) -> Node | None:
        left, right = self.node(tree.left), self.node(tree.right)
        if left is None or right is None:
            return None
        match_labels(tree.at, left, right)
        if tree.operator in {"and", "or"}:
            return _logic(tree, left, right)
        if tree.operator in COMPARISONS:
            return _comparison(tree, left, right)
        return _arithmetic(tree, left, right)

    # --- functions --------------------------------------------------------------------------------------------

    def _call(self, tree: Call) -> Node | None:
        name, count = tree.function, len(tree.arguments)
        if name not in functions.NAMES:
            raise ExpressionError(tree.at, f"unknown function `{name}`{did_you_mean(name, functions.NAMES)}")
        if (name, count) not in functions.FORMS:
            raise ExpressionError(tree.at, f"write {usage(name)}")
        if name in _CLOCKS:
            return self._clock(tree)
        if name in self._detectors:
            return self._detectors[name](tree)
        if name in functions.OF_WINDOW and count > 1:
            return self._reading.window(tree)
        if name in functions.OF_SERIES:
            return self._reading.point(tree)
        return self._of_parts(tree)

    def _of_parts(self, tree: Call) -> Node | None:
        """A function of expressions. What is given as a literal is no part."""
        literals = 1 if tree.function == "topk" else 0
        parts = [self.node(part) for part in tree.arguments[: len(tree.arguments) - literals]]
        nodes = [node for node in parts if node is not None]
        if len(nodes) < len(parts):
            return None
        match tree.function:
            case "abs":
                return _absolute(tree, nodes[0])
            case "ratio":
                return _ratio(tree, *nodes)
            case "topk":
                return _topk(tree, nodes[0])
        return _reduced(tree, nodes[0])

    def _clock(self, tree: Call) -> Node:
        self.notes.timed = True
        zone = _zone(tree) if tree.arguments else UTC
        return Node(Kind.NUMBER, frozenset(), closures.clock(_CLOCKS[tree.function], zone))


# --- operators of compiled parts ----------------------------------------------------------------------------------


def _logic(tree: Binary, left: Node, right: Node) -> Node:
    for side, branch in ((left, tree.left), (right, tree.right)):
        if side.kind is not Kind.TRUTH:
            text = f"`{tree.operator}` needs a condition on each side; this is {_say(side)}"
            raise ExpressionError(branch.at, text)
    if tree.operator == "and":
        return closures.joined(closures.both, left, right, settled=False)
    return closures.joined(closures.either, left, right, settled=True)


def _comparison(tree: Binary, left: Node, right: Node) -> Node:
    if left.kind is not right.kind or left.kind not in AMOUNTS:
        hint = ""
        if {left.kind, right.kind} == AMOUNTS:
            hint = "; write a duration such as 24h"
        elif Kind.INSTANT in {left.kind, right.kind}:
            hint = "; until(...) makes a duration of an instant"
        raise ExpressionError(tree.at, f"`{tree.operator}` cannot compare {_say(left)} with {_say(right)}{hint}")
    compare = COMPARISONS[tree.operator]
    if left.bounded or right.bounded:
        return paired(closures.within(compare), left, right, Kind.TRUTH)
    if right.literal is not None:
        return closures.against(compare, left, right.literal)
    return paired(strict2(compare), left, right, Kind.TRUTH)


def _arithmetic(tree: Binary, left: Node, right: Node) -> Node:
    kind = _ARITHMETIC_KINDS.get((left.kind, tree.operator, right.kind))
    if kind is None or left.bounded or right.bounded:
        raise ExpressionError(tree.at, f"`{tree.operator}` cannot be applied to {_say(left)} and {_say(right)}")
    return paired(strict2(_ARITHMETIC[tree.operator]), left, right, kind)


# --- functions of compiled parts ----------------------------------------------------------------------------------


def _absolute(tree: Call, inner: Node) -> Node:
    if inner.kind not in AMOUNTS or inner.bounded:
        raise ExpressionError(tree.arguments[0].at, f"`abs` cannot be applied to {_say(inner)}")
    return Node(inner.kind, inner.labels, mapped(strict(abs), inner))


def _ratio(tree: Call, above: Node, below: Node, least: Node) -> Node:
    for part, branch in zip((above, below, least), tree.arguments, strict=True):
        if part.kind not in AMOUNTS or part.bounded or part.kind is not above.kind:
            raise ExpressionError(branch.at, f"`ratio` divides like by like; this is {_say(part)}")
    match_labels(tree.at, above, below, least)
    base = paired(strict2(lambda b, floor: b if b >= floor else None), below, least, below.kind)
    return paired(strict2(_divided), above, base, Kind.NUMBER)


def _topk(tree: Call, inner: Node) -> Node:
    most = behind(tree.arguments[1])
    if not isinstance(most, Number) or most.unit_s or most.value < 1 or most.value % 1:
        raise ExpressionError(most.at, "`topk` needs to know how many: 1, 2, 3 ...")
    _check_labels(tree, inner)
    if inner.kind not in AMOUNTS:
        raise ExpressionError(tree.arguments[0].at, f"`topk` cannot be applied to {_say(inner)}; {usage('topk')}")
    return Node(inner.kind, inner.labels, closures.of_labels(partial(greatest, most=int(most.value)), inner))


def _reduced(tree: Call, inner: Node) -> Node:
    name = tree.function
    _check_labels(tree, inner)
    if inner.kind is Kind.TRUTH and name in functions.OF_TRUTHS:
        kind = Kind.NUMBER if name == "count" else Kind.TRUTH
        run = closures.over_labels(functions.OF_TRUTHS[name], inner)
        return Node(kind, frozenset(), run, bounded=name == "count")
    if inner.kind in AMOUNTS and name in functions.OF_NUMBERS:
        return Node(inner.kind, frozenset(), closures.over_labels(functions.OF_NUMBERS[name], inner))
    raise ExpressionError(tree.arguments[0].at, f"`{name}` cannot be applied to {_say(inner)}; {usage(name)}")


def _check_labels(tree: Call, inner: Node) -> None:
    if not inner.labels:
        text = f"`{tree.function}` without a window goes over labels, and there are none; {usage(tree.function)}"
        raise ExpressionError(tree.at, text)


def _zone(tree: Call) -> tzinfo:
    """The time zone that a clock is asked about; the names are those of the IANA database."""
    zone = behind(tree.arguments[0])
    if not isinstance(zone, Text):
        text = f'`{tree.function}` needs a time zone in quotes, such as "Asia/Shanghai"'
        raise ExpressionError(zone.at, text)
    try:
        return ZoneInfo(zone.value)
    except (KeyError, ValueError, OSError):  # not there, not a name, or a folder
        near = did_you_mean(zone.value, available_timezones())
        raise ExpressionError(zone.at, f"unknown time zone `{zone.value}`{near}") from None


def _say(node: Node) -> str:
    return "a count of conditions" if node.bounded else str(node.kind)
