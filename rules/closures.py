"""The steps an expression is made of, as closures over a view and a moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from rules.grammar import ExpressionError, Series
from rules.values import NO_LABELS, Bounds, Labels, View, Window
from rules.windows import reaches_back

Value = Any
"""A number, a truth, Bounds or None; for a labelled node a dict from Labels to those, None if it was never seen."""

Run = Callable[[View, float], Value]
OfWindow = Callable[[Window, float], Any]
"""What is read off a window at a moment; None: unknown."""


class Kind(StrEnum):
    """What a node yields. Kinds do not mix: 24h is not 24, and 3 is not a truth."""

    NUMBER = "a number"
    DURATION = "a duration"
    INSTANT = "an instant"
    TRUTH = "a condition"


@dataclass(frozen=True, slots=True)
class Node:
    """A checked part of an expression.

    ``bounded``: its number may be Bounds, so it can only be compared. ``literal``: its number, if it is always that.
    """

    kind: Kind
    labels: frozenset[str]
    run: Run
    bounded: bool = False
    literal: float | None = None


def constant(kind: Kind, value: float) -> Node:
    """Always the same number."""
    return Node(kind, frozenset(), lambda _view, _at_s: value, literal=value)


def clock(read: Callable[[datetime], int], zone: tzinfo) -> Run:
    """What a clock or calendar shows in a time zone."""
    return lambda _view, at_s: float(read(datetime.fromtimestamp(at_s, zone)))


def not_older(of: OfWindow, most_s: float) -> OfWindow:
    """``of``, unknown where the newest look is older than ``most_s`` seconds."""

    def fresh(window: Window, at_s: float) -> Value:
        return of(window, at_s) if window.times_s and at_s - window.times_s[-1] <= most_s else None

    return fresh


def with_history(of: OfWindow, least_s: float) -> OfWindow:
    """``of``, unknown until the history reaches back ``least_s`` seconds."""
    return lambda window, at_s: of(window, at_s) if reaches_back(window, least_s, at_s) else None


def reader(tree: Series, of: OfWindow, fixed: frozenset[str], labelled: bool) -> Run:
    """A number of each chosen series; of the one series if nothing tells them apart."""
    name = tree.metric
    if not tree.selectors and not labelled:

        def read_one(view: View, at_s: float) -> Value:
            windows = view.get(name)
            window = windows.get(NO_LABELS) if windows else None
            return None if window is None else of(window, at_s)

        return read_one

    def read_all(view: View, at_s: float) -> Value:
        if name not in view:
            return None
        found = {
            tuple(pair for pair in labels if pair[0] not in fixed): of(window, at_s)
            for labels, window in view[name].items()
            if chosen(tree, labels)
        }
        return found if labelled else found.get(NO_LABELS)

    return read_all


def chosen(tree: Series, labels: Labels) -> bool:
    """Whether the selectors let a series with these labels through."""
    return all(((selector.label, selector.value) in labels) is selector.equal for selector in tree.selectors)


def strict(apply: Callable[[Any], Value]) -> Callable[[Any], Value]:
    """``apply``, unknown of an unknown."""
    return lambda a: None if a is None else apply(a)


def strict2(apply: Callable[[Any, Any], Value]) -> Callable[[Any, Any], Value]:
    """``apply``, unknown if a side is; an overflow is unknown too."""

    def applied(a: Value, b: Value) -> Value:
        if a is None or b is None:
            return None
        result = apply(a, b)
        return None if isinstance(result, float) and not math.isfinite(result) else result

    return applied


def within(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool | None]:
    """Compare where a side may be Bounds: known if all numbers between the bounds agree."""

    def applied(a: Value, b: Value) -> bool | None:
        if a is None or b is None:
            return None
        truths = {compare(x, y) for x in _candidates(a) for y in _candidates(b)}
        return truths.pop() if len(truths) == 1 else None

    return applied


def _candidates(value: float | Bounds) -> tuple[float, ...]:
    if not isinstance(value, Bounds):
        return (value,)
    return tuple(float(number) for number in range(int(value.low), int(value.high) + 1))


def both(a: bool | None, b: bool | None) -> bool | None:
    """Kleene's and."""
    return False if a is False or b is False else None if a is None or b is None else True


def either(a: bool | None, b: bool | None) -> bool | None:
    """Kleene's or."""
    return True if a is True or b is True else None if a is None or b is None else False


def mapped(apply: Callable[[Any], Value], inner: Node) -> Run:
    """``apply`` to the value of each label set."""
    run = inner.run
    if not inner.labels:
        return lambda view, at_s: apply(run(view, at_s))

    def applied(view: View, at_s: float) -> Value:
        found = run(view, at_s)
        return None if found is None else {labels: apply(value) for labels, value in found.items()}

    return applied


def match_labels(at: int, *sides: Node) -> None:
    """Raises an ExpressionError at ``at`` where two sides have different labels; one without goes with any."""
    different = list(dict.fromkeys(side.labels for side in sides if side.labels))
    if len(different) > 1:
        names = " and ".join("{" + ", ".join(sorted(labels)) + "}" for labels in different)
        raise ExpressionError(at, f"the two sides have different labels, {names}, and cannot be matched")


def paired(apply: Callable[[Any, Any], Value], left: Node, right: Node, kind: Kind) -> Node:
    """``apply`` to equal labels of both sides; an unlabelled side goes with each of the other."""
    one, other = left.run, right.run
    run: Run
    if left.labels and right.labels:

        def run(view: View, at_s: float) -> Value:
            a, b = one(view, at_s), other(view, at_s)
            if a is None and b is None:
                return None
            a, b = a or {}, b or {}
            return {labels: apply(a.get(labels), b.get(labels)) for labels in {**a, **b}}

    elif left.labels:

        def run(view: View, at_s: float) -> Value:
            a, b = one(view, at_s), other(view, at_s)
            return None if a is None else {labels: apply(value, b) for labels, value in a.items()}

    elif right.labels:

        def run(view: View, at_s: float) -> Value:
            a, b = one(view, at_s), other(view, at_s)
            return None if b is None else {labels: apply(a, value) for labels, value in b.items()}

    else:

        def run(view: View, at_s: float) -> Value:
            return apply(one(view, at_s), other(view, at_s))

    return Node(kind, left.labels or right.labels, run)


def against(compare: Callable[[float, float], bool], left: Node, limit: float) -> Node:
    """``compare`` the number of each label set with one that is always the same, as most rules do."""
    if left.labels:
        return Node(Kind.TRUTH, left.labels, mapped(strict(lambda value: compare(value, limit)), left))
    one = left.run

    def run(view: View, at_s: float) -> Value:
        value = one(view, at_s)
        return None if value is None else compare(value, limit)

    return Node(Kind.TRUTH, frozenset(), run)


def joined(apply: Callable[[Any, Any], Value], left: Node, right: Node, settled: bool) -> Node:
    """``and`` or ``or``: as ``paired``, but the right side is not asked where the left has ``settled`` the answer."""
    if left.labels or right.labels:
        return paired(apply, left, right, Kind.TRUTH)
    one, other = left.run, right.run

    def run(view: View, at_s: float) -> Value:
        a = one(view, at_s)
        return a if a is settled else apply(a, other(view, at_s))

    return Node(Kind.TRUTH, frozenset(), run)


def over_labels(reduce: Callable[[Any], Value], inner: Node) -> Run:
    """``reduce`` the values of all label sets to one."""
    return of_labels(lambda found: reduce(list(found.values())), inner)


def of_labels(apply: Callable[[Mapping[Labels, Any]], Value], inner: Node) -> Run:
    """``apply`` to the values of all label sets at once."""
    run = inner.run

    def applied(view: View, at_s: float) -> Value:
        found = run(view, at_s)
        return None if found is None else apply(found)

    return applied
