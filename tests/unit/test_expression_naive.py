"""A random condition against an evaluation of it that is written as the documentation says, and shares no code.

An expression is a tuple here: its operator and its parts. ``text`` writes it in the language, ``value`` works it out.
Numbers of series with labels, and what is made of them, are dicts from the label's value; None is unknown, and for
numbers with labels also "never seen".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, pstdev

from hypothesis import assume, given
from hypothesis import strategies as st

from rules.expression import Expression, compile_condition
from rules.values import Metric, Subject, Unit, Window

HOUR = 3_600.0
METRICS = {
    metric.name: metric
    for metric in (
        Metric("fans", Subject.ACCOUNT, Unit.COUNT, "fans"),
        Metric("views", Subject.ACCOUNT, Unit.COUNT, "views"),
        Metric("rank", Subject.ACCOUNT, Unit.COUNT, "rank", ("dimension",)),
        Metric("own", Subject.ACCOUNT, Unit.COUNT, "own", ("dimension",)),
    )
}


@dataclass
class Seen:
    """A series: (hour, number or None) as it was seen, oldest first."""

    points: list
    blind: bool = False
    fresh_h: float = math.inf
    pause_h: float = 0.0

    def window(self):
        window = Window(
            [(hour * HOUR, math.nan if number is None else float(number)) for hour, number in self.points],
            fresh_for_s=self.fresh_h * HOUR,
        )
        window.blind, window.pause_for_s = self.blind, self.pause_h * HOUR
        return window


# --- functions of a series ----------------------------------------------------------------------------------------


def newest(seen, now):
    if seen.blind or not seen.points or now - seen.points[-1][0] > seen.fresh_h:
        return None
    return seen.points[-1][1]


def at(seen, hour):
    """The number at an hour, on the straight line between the looks around it that saw one."""
    before = [(when, number) for when, number in seen.points if when <= hour and number is not None]
    after = [(when, number) for when, number in seen.points if when >= hour and number is not None]
    if not before:
        return None
    (t0, v0), (t1, v1) = before[-1], after[0] if after else before[-1]
    if t0 == t1:
        return v0
    return v0 + (v1 - v0) * (hour * HOUR - t0 * HOUR) / (t1 * HOUR - t0 * HOUR)


def within(seen, span, now):
    return [float(number) for hour, number in seen.points if now - span < hour <= now and number is not None]


def all_along(seen, span, now):
    """What it was at any time of the span: what was in force at its start, and what was seen."""
    start = [number for hour, number in seen.points if hour <= now - span][-1:]
    return [float(number) for number in start if number is not None] + within(seen, span, now)


def covered(seen, span, now):
    return bool(seen.points) and seen.points[0][0] <= now - span


def gapless(seen, span, now):
    """Whether no time longer than a number may be old, or than a pause may have been, passed without one."""
    start = [point for point in seen.points if point[0] <= now - span][-1:]
    marks = [hour if number is not None else now - span for hour, number in start]
    marks += [hour for hour, number in seen.points if now - span < hour <= now and number is not None] + [now]
    return all(later - earlier <= max(seen.fresh_h, seen.pause_h) for earlier, later in pairwise(marks))


def difference(seen, span, now):
    start = at(seen, now - span)
    return None if start is None else newest(seen, now) - start


def change(seen, span, now, least=0):
    start = at(seen, now - span)
    return (newest(seen, now) - start) / abs(start) if start and abs(start) >= least else None


def increase(seen, span, now):
    start = at(seen, now - span)
    if start is None:
        return None
    steps = [start, *within(seen, span, now)]
    return sum(max(0.0, b - a) for a, b in pairwise(steps))


def rate(seen, span, now):
    gained = increase(seen, span, now)
    return None if gained is None else gained / span


def of_all(reduce):
    def reduced(seen, span, now):
        whole = covered(seen, span, now) and gapless(seen, span, now)
        return reduce(all_along(seen, span, now)) if whole else None

    return reduced


def of_half(reduce):
    def reduced(seen, span, now, *third):
        if not covered(seen, span / 2, now):
            return None
        return reduce(within(seen, span, now) or [float(seen.points[-1][1])], *third)

    return reduced


def mad(numbers):
    return median([abs(number - median(numbers)) for number in numbers])


def quantile(numbers, share):
    ordered, place = sorted(numbers), share * (len(numbers) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (place - math.floor(place)) * (high - low)


def changed(seen, span, now):
    if len(set(all_along(seen, span, now))) > 1:
        return True
    return False if covered(seen, span, now) and gapless(seen, span, now) else None


WINDOWS = {
    "last": lambda seen, span, now: newest(seen, now) if now - seen.points[-1][0] <= span else None,
    "delta": difference,
    "change_pct": change,
    "increase": increase,
    "rate": rate,
    "min": of_all(min),
    "max": of_all(max),
    "avg": of_half(fmean),
    "median": of_half(median),
    "mad": of_half(mad),
    "quantile": of_half(quantile),
    "stddev": of_half(pstdev),
    "changed": changed,
}


def window_value(name, seen, span, now, *third):
    if name == "count":
        return None if seen.blind else float(len(within(seen, span, now)))
    return None if newest(seen, now) is None else WINDOWS[name](seen, span, now, *third)


def age(seen, now):
    hours = [hour for hour, number in seen.points if number is not None]
    return now - hours[-1] if hours else None


# --- expressions --------------------------------------------------------------------------------------------------


def labelled(tree):
    match tree:
        case ("metric", name, *_) | ("window", _, name, *_):
            return name in {"rank", "own"}
        case ("number", _) | ("over", *_) | ("clock", *_) | ("age", *_):
            return False
        case ("call", _, *parts) | ("topk", *parts, _) | ("not" | "-", *parts) | (_, *parts):
            return any(map(labelled, parts))


def text(tree):  # noqa: PLR0911 - a line of the language each
    match tree:
        case ("number", number):
            return f"{number:g}"
        case ("metric", name):
            return name
        case ("window", function, name, span, *third):
            return f"{function}({', '.join([name, f'{span}h', *map(str, third)])})"
        case ("age", name, hours):
            return f"age({name}) > {hours}h"
        case ("clock", name):
            return f"{name}()"
        case ("over" | "call", function, *parts):
            return f"{function}({', '.join(map(text, parts))})"
        case ("topk", part, most):
            return f"topk({text(part)}, {most})"
        case ("not" | "-" as sign, part):
            return f"{sign} ({text(part)})"
        case (sign, left, right):
            return f"({text(left)}) {sign} ({text(right)})"


def arithmetic(sign, a, b):
    if a is None or b is None or (sign == "/" and not b):
        return None
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[sign]()


class CloseCallError(Exception):
    """Two numbers are so near that it depends on how they were rounded which is greater."""


def compare(sign, a, b):
    if a is None or b is None:
        return None
    if isinstance(a, tuple) or isinstance(b, tuple):  # a count between two numbers
        (a0, a1), (b0, b1) = (each if isinstance(each, tuple) else (each, each) for each in (a, b))
        every = {compare(sign, x, y) for x in steps(a0, a1) for y in steps(b0, b1)}
        return every.pop() if len(every) == 1 else None
    if a != b and abs(a - b) <= 1e-9 * max(1, abs(a), abs(b)):
        raise CloseCallError
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[sign]


def steps(low, high):
    return [low + more for more in range(int(high - low) + 1)] if high > low else [low]


def logic(sign, a, b):
    settled = sign == "or"
    if settled in (a, b) and (a is settled or b is settled):
        return settled
    return None if a is None or b is None else not settled


def pair(apply, a, b, trees):
    """Equal labels go together, and a number without labels with each."""
    left, right = map(labelled, trees)
    if left and right:
        return (
            None
            if a is None and b is None
            else {k: apply((a or {}).get(k), (b or {}).get(k)) for k in {**(a or {}), **(b or {})}}
        )
    if left:
        return None if a is None else {label: apply(each, b) for label, each in a.items()}
    if right:
        return None if b is None else {label: apply(a, each) for label, each in b.items()}
    return apply(a, b)


def over(function, values):
    values = list(values)
    if function == "count":
        sure = float(sum(each is True for each in values))
        return (sure, sure + values.count(None)) if None in values else sure
    if function == "any":
        return True if True in values else None if None in values else False
    if function == "all":
        return False if False in values else None if None in values or not values else True
    if None in values or not values:
        return None
    return {"min": min, "max": max, "avg": fmean, "median": median, "sum": sum}[function](values)


def top(values, most):
    """A label set is in it if it would be whatever the unknown numbers were."""
    found = {}
    for label, own in values.items():
        better = sum(
            each is not None and own is not None and (each > own or (each == own and other < label))
            for other, each in values.items()
        )
        unknown = sum(each is None for each in values.values())
        if own is None:
            found[label] = None
        elif better + unknown < most or better < most:
            found[label] = own if better + unknown < most else None
    return found


def ratio(above, below, least):
    return above / below if None not in (above, below, least) and below >= least and below else None


class World:
    """Evaluates at an hour, with what was seen."""

    def __init__(self, seen, now):
        self.seen, self.now = seen, now

    def series(self, name, read):
        found = self.seen.get(name)
        if name in {"rank", "own"}:
            return None if found is None else {label: read(each) for label, each in found.items()}
        return None if found is None else read(found)

    def value(self, tree):  # noqa: C901, PLR0911 - as above
        match tree:
            case ("number", number):
                return float(number)
            case ("metric", name):
                return self.series(name, lambda seen: newest(seen, self.now))
            case ("window", function, name, span, *third):
                return self.series(name, lambda seen: window_value(function, seen, span, self.now, *map(share, third)))
            case ("age", name, hours):
                return self.series(name, lambda seen: compare(">", age(seen, self.now), hours))
            case ("clock", name):
                hours = int(self.now)
                return float(hours % 24 if name == "hour_of" else (hours // 24 + 3) % 7 + 1)
            case ("over", function, part):
                found = self.value(part)
                return None if found is None else over(function, found.values())
            case ("topk", part, most):
                found = self.value(part)
                return None if found is None else top(found, most)
            case ("call", "ratio", above, below, least):
                return ratio(*map(self.value, (above, below, least)))
            case ("call", "abs", part) | ("-", part) | ("not", part):
                return self.each(tree[0] if tree[0] != "call" else "abs", part)
            case (sign, left, right):
                return pair(lambda a, b: binary(sign, a, b), self.value(left), self.value(right), (left, right))

    def each(self, sign, part):
        apply = {"abs": abs, "-": lambda a: -a, "not": lambda a: not a}[sign]
        found = self.value(part)
        if isinstance(found, dict):
            return {label: None if value is None else apply(value) for label, value in found.items()}
        return None if found is None else apply(found)


def share(third):
    return float(third.rstrip("%")) / 100 if isinstance(third, str) else third


def binary(sign, a, b):
    if sign in {"and", "or"}:
        return logic(sign, a, b)
    return arithmetic(sign, a, b) if sign in "+-*/" else compare(sign, a, b)


# --- what is drawn ------------------------------------------------------------------------------------------------

plain, ranked = st.sampled_from(["fans", "views"]), st.sampled_from(["rank", "own"])
signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
spans = st.sampled_from([1, 2, 3, 5, 8])
NUMERIC = sorted(WINDOWS.keys() - {"quantile", "changed"} | {"count"})


def windows(name):
    return st.one_of(
        st.tuples(st.just("window"), st.sampled_from(NUMERIC), name, spans),
        st.tuples(
            st.just("window"), st.just("quantile"), name, spans, st.sampled_from(["0%", "25%", "50%", "95%", "100%"])
        ),
        st.tuples(st.just("window"), st.just("change_pct"), name, spans, st.sampled_from([1, 5])),
    )


def sums(leaf, other):
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from("+-*/"), inner, other),
            st.tuples(st.sampled_from("+-*/"), other, inner),
            st.tuples(st.just("-"), inner),
            st.tuples(st.just("call"), st.just("abs"), inner),
        ),
        max_leaves=3,
    )


literals = st.tuples(st.just("number"), st.integers(0, 9))
small = st.one_of(
    literals,
    st.tuples(st.just("metric"), plain),
    windows(plain),
    st.sampled_from([("clock", "hour_of"), ("clock", "weekday")]),
)
with_labels = sums(st.one_of(st.tuples(st.just("metric"), ranked), windows(ranked)), small)
with_labels = st.one_of(with_labels, st.tuples(st.just("topk"), with_labels, st.integers(1, 3)))
reduced = st.tuples(st.just("over"), st.sampled_from(["min", "max", "avg", "median", "sum"]), with_labels)
ratios = st.tuples(st.just("call"), st.just("ratio"), small, small, literals)
numbers = sums(st.one_of(small, reduced, ratios), small)


def logical(leaf):
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(["and", "or"]), inner, inner), st.tuples(st.just("not"), inner)
        ),
        max_leaves=4,
    )


many = logical(
    st.one_of(
        st.tuples(signs, with_labels, numbers),
        st.tuples(signs, small, with_labels),
        st.tuples(signs, with_labels, with_labels),
        st.tuples(st.just("window"), st.just("changed"), ranked, spans),
    )
)
single = st.one_of(
    st.tuples(signs, numbers, numbers),
    st.tuples(st.just("over"), st.sampled_from(["any", "all"]), many),
    st.tuples(signs, st.tuples(st.just("over"), st.just("count"), many), literals),
    st.tuples(st.just("window"), st.just("changed"), plain, spans),
    st.tuples(st.just("age"), plain, st.integers(0, 5)),
)
conditions = st.one_of(logical(single), logical(st.one_of(single, many)), many)


@st.composite
def series(draw):
    hours = sorted(draw(st.sets(st.integers(0, 12), max_size=9)) | draw(st.sampled_from([{0, 12}, {0, 6, 12}, set()])))
    points = [(hour, draw(st.sampled_from([*range(10), None]))) for hour in hours]
    fresh_h, pause_h = draw(st.sampled_from([(math.inf, 0), (math.inf, 0), (4, 0), (2, 0), (2, 4)]))
    return Seen(points, draw(st.integers(0, 19)) == 19, fresh_h, pause_h)


@st.composite
def worlds(draw):
    several = st.dictionaries(st.sampled_from("ABC"), series(), max_size=3)
    seen = {"fans": draw(series()), "views": draw(series()), "rank": draw(several), "own": draw(several)}
    for name in draw(st.sampled_from([*[()] * 5, ("fans",), ("rank",), ("rank", "own")])):
        seen.pop(name, None)
    return World(seen, draw(st.sampled_from([12, 12, 12, 13, 15])))


def view(world):
    found = {name: {(): world.seen[name].window()} for name in ("fans", "views") if name in world.seen}
    for name in ("rank", "own"):
        if name in world.seen:
            found[name] = {(("dimension", label),): each.window() for label, each in world.seen[name].items()}
    return found


def expected(tree, world):
    value = world.value(tree)
    return {(("dimension", label),): each for label, each in (value or {}).items()} if labelled(tree) else {(): value}


def compiled(tree):
    assume(len(text(tree)) < 600)  # within the limits of the language
    condition = compile_condition(text(tree), METRICS)
    assert isinstance(condition, Expression), (text(tree), condition)
    return condition


@given(conditions, worlds())
def test_a_random_condition_is_answered_as_a_naive_evaluation_answers(tree, world):
    truths = compiled(tree).truths(view(world), world.now * HOUR)
    try:
        naive = expected(tree, world)
    except CloseCallError:
        assume(False)
    assert truths == naive


@given(conditions, worlds())
def test_the_parts_of_a_random_condition_come_to_what_they_come_to_alone(tree, world):
    condition, at_s = compiled(tree), world.now * HOUR
    whole, *parts = condition.evaluated(view(world), at_s)
    assert ((whole.value or {}) if condition.labels else {(): whole.value}) == condition.truths(view(world), at_s)
    for part in parts:
        alone = compile_condition(part.text, METRICS)
        if isinstance(alone, Expression):
            assert ((part.value or {}) if alone.labels else {(): part.value}) == alone.truths(view(world), at_s)
