"""How tests of rules write a series and its values. Pure.

Values are separated by blanks, one a poll::

    8          8
    8x3        8 8 8 8                 8, and three times more
    8+2x3      8 10 12 14              three steps; 8-2x3 goes down
    5%         0.05
    7d         of a time: so long; of an instant: so long after the beginning of the test
    _  _x3     asked, and not known; three times
    stale      the poll failed; stalex3: three times

The notation is that of `promtool test rules`, with its counts: ``8x3`` are four values, ``_x3`` three.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.durations import parse_duration
from rules.grammar import ExpressionError, Series, parse
from rules.spelling import did_you_mean
from rules.values import Labels, Metric, Unit

MOST = 100_000
"""So many values a series has at most."""

FAILED = None
"""The value of a poll that failed; NaN is that of one that did not know."""

_QUANTITY = r"(?:(?:\d+(?:\.\d+)?[smhdw])+|\d+(?:_\d+)*(?:\.\d+)?%?)"
_STEPS = re.compile(rf"(?P<first>[-+]?{_QUANTITY})(?:(?P<step>[-+]{_QUANTITY})?x(?P<times>\d{{1,6}}))?")
_BLANKS = re.compile(r"(?P<word>_|stale)(?:x(?P<times>\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong with a text: the 0-based offset of the character, and a sentence."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """A series: its metric, whose it is ("": not said), and its labels."""

    metric: Metric
    whose: str
    labels: Labels


def read_series(text: str, metrics: Mapping[str, Metric]) -> Named | Slip:
    """The series that ``text`` names. A label with the name of its subject (``account="mei"``) says whose it is."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        return Slip(error.offset, error.text)
    if not isinstance(tree, Series):
        return Slip(0, 'expected a series such as violation_score{account="mei"}')
    metric = metrics.get(tree.metric)
    if metric is None:
        return Slip(tree.at, f"unknown metric `{tree.metric}`{did_you_mean(tree.metric, metrics)}")
    return _labelled(metric, tree)


def _labelled(metric: Metric, tree: Series) -> Named | Slip:
    known = {*metric.labels, metric.subject.value}
    given: dict[str, str] = {}
    for selector in tree.selectors:
        if selector.label not in known:
            near = did_you_mean(selector.label, known) or f"; known are {', '.join(sorted(known))}"
            return Slip(selector.at, f"{metric.name} has no label `{selector.label}`{near}")
        if not selector.equal:
            return Slip(selector.at, "a series is named by `=` only")
        given[selector.label] = selector.value
    missing = [name for name in metric.labels if name not in given]
    if missing:
        return Slip(tree.at, f'{metric.name} needs the label {missing[0]}: {metric.name}{{{missing[0]}="..."}}')
    labels = tuple(sorted((name, value) for name, value in given.items() if name in metric.labels))
    return Named(metric, given.get(metric.subject.value, ""), labels)


def read_values(text: str, unit: Unit, start_s: float) -> Sequence[float | None] | Slip:
    """The values that ``text`` writes, at most ``MOST``; instants count from ``start_s``."""
    found: list[float | None] = []
    for word in re.finditer(r"\S+", text):
        values = _values(word[0], unit, start_s)
        if isinstance(values, str):
            return Slip(word.start(), values)
        found += values
        if len(found) > MOST:
            return Slip(word.start(), f"a series has {MOST:,} values at most")
    return found or Slip(0, "expected at least one value")


def _values(word: str, unit: Unit, start_s: float) -> Sequence[float | None] | str:
    blank = _BLANKS.fullmatch(word)
    if blank:
        return [FAILED if blank["word"] == "stale" else math.nan] * int(blank["times"] or 1)
    steps = _STEPS.fullmatch(word)
    if steps is None:
        return f"`{word}` is no value: expected 8, 8x3, 8+2x3, 5%, 7d, _, _x3 or stale{_meant(word)}"
    quantities = [each for each in (steps["first"], steps["step"]) if each]
    wrong = next(filter(None, (_misfit(each, unit) for each in quantities)), "")
    if wrong:
        return wrong
    first, step = _number(steps["first"]), _number(steps["step"] or "0")
    origin_s = start_s if unit is Unit.TIMESTAMP else 0.0
    return [origin_s + first + step * count for count in range(int(steps["times"] or 0) + 1)]


def _meant(word: str) -> str:
    return did_you_mean(word, ["stale"])


def _misfit(quantity: str, unit: Unit) -> str:
    """Why a quantity cannot be the number of a metric with this unit, or ""."""
    lasts = quantity[-1] in "smhdw"
    if unit is Unit.TIMESTAMP and not lasts:
        return "this is an instant: write how long after the beginning of the test it is, such as 7d or -2h"
    if lasts and parse_duration(quantity.lstrip("+-")) is None:
        return "a time has 10,000 days at most"
    return "this is no time: write a number" if lasts and unit not in {Unit.SECONDS, Unit.TIMESTAMP} else ""


def _number(quantity: str) -> float:
    sign = -1.0 if quantity.startswith("-") else 1.0
    bare = quantity.lstrip("+-")
    duration = parse_duration(bare)
    if duration is not None:
        return sign * duration.total_seconds()
    return sign * (float(bare[:-1]) / 100 if bare.endswith("%") else float(bare))
