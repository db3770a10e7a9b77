"""What is worked out from a window once, and holds while the looks that it rests on are the same.

A span of many looks is cut at multiples of 1/28 of its length since the epoch: what lies between its first cut and its
last changes only when a cut is passed, so it is summed up twice in that time, and a look sums up what lies around it.
An answer depends on the looks alone, never on what was asked before: where it is cut is a matter of their times.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from itertools import compress, pairwise
from operator import sub
from typing import NamedTuple, Protocol, Self, TypeVar, cast

from rules.values import Window

CUTS = 28
"""Two weeks are cut at noon and at midnight. With n looks between cuts, what is summed up at each look grows with n,
and what is summed up anew at each cut, shared among n looks, falls with it; for 1,344 looks it is least near 48."""

WORTH_KEEPING = 64
"""Looks; to sum up fewer is as fast as to find out that it was done."""

Made = TypeVar("Made")


def remembered(window: Window, key: Hashable, until: object, make: Callable[[], Made]) -> Made:
    """What ``make`` comes to, worked out once for each ``until`` and kept with the window."""
    if window.memo is None:
        window.memo = {}
    kept = window.memo.get(key)
    if not isinstance(kept, tuple) or kept[0] != until:
        kept = window.memo[key] = (until, make())
    return cast("Made", kept[1])


Times = Callable[[], Sequence[float]]
"""When looks were, in seconds since the epoch."""


class Summary(Protocol):
    """What is said of a stretch of looks at numbers that were all seen, of which there is one at least."""

    @classmethod
    def of(cls, values: Sequence[float], times_s: Times) -> Self:
        """Sum up what these looks saw; ``times_s`` is asked only by what wants to know when that was."""

    def then(self, later: Self) -> Self:
        """Sum up this stretch together with the one that follows it."""


Kind = TypeVar("Kind", bound=Summary)


def summary(kind: type[Kind], window: Window, first: int, end: int, span_s: float) -> Kind | None:
    """The summary of the looks from ``first`` until before ``end``, about a span; None if none of them saw a number."""
    if end - first < WORTH_KEEPING:
        return _summed(kind, window, first, end)
    times_s, cut_s = window.times_s, span_s / CUTS
    cuts = times_s[first] // cut_s + 1, times_s[end - 1] // cut_s
    low = bisect_left(times_s, cuts[0] * cut_s, first, end)
    high = bisect_left(times_s, cuts[1] * cut_s, low, end)
    if high - low < WORTH_KEEPING:
        return _summed(kind, window, first, end)
    middle = remembered(window, (kind, span_s), cuts, lambda: _summed(kind, window, low, high))
    return _joined(_joined(_summed(kind, window, first, low), middle), _summed(kind, window, high, end))


def _joined(one: Kind | None, later: Kind | None) -> Kind | None:
    return one.then(later) if one and later else one or later


def _summed(kind: type[Kind], window: Window, first: int, end: int) -> Kind | None:
    values = window.values[first:end]
    if not math.isnan(sum(values)):  # says several times faster than a loop that all were seen
        return kind.of(values, lambda: window.times_s[first:end]) if values else None
    known = [not math.isnan(value) for value in values]
    seen = list(compress(values, known))
    return kind.of(seen, lambda: list(compress(window.times_s[first:end], known))) if seen else None


class Moments(NamedTuple):
    """How many looks, their mean, and how far their point (in so many dimensions) is from that of their mean."""

    looks: int
    mean: float
    distance: float

    @classmethod
    def of(cls, values: Sequence[float], _times_s: Times) -> Self:
        """The mean of equal numbers is exactly that number, whatever is compared with it."""
        first, looks = values[0], len(values)
        beyond = tuple([value - first for value in values])
        mean = sum(beyond) / looks
        return cls(looks, first + mean, math.dist(beyond, (mean,) * looks))

    def then(self, later: Self) -> Self:
        """By Pythagoras (and so as Chan, Golub and LeVeque, 1979)."""
        looks, apart = self.looks + later.looks, later.mean - self.mean
        between = apart * math.sqrt(self.looks * later.looks / looks)
        mean = self.mean + apart * (later.looks / looks)
        return type(self)(looks, mean, math.hypot(self.distance, later.distance, between))

    @property
    def deviation(self) -> float:
        """The standard deviation, of all and not of a sample."""
        return self.distance / math.sqrt(self.looks)


class Extremes(NamedTuple):
    """The least and the greatest number, and the longest time between two looks that saw one (seconds)."""

    low: float
    high: float
    pause_s: float
    first_s: float
    last_s: float

    @classmethod
    def of(cls, values: Sequence[float], times_s: Times) -> Self:
        """Of one look there is no pause."""
        at_s = times_s()
        pause_s = max(map(sub, at_s[1:], at_s), default=0.0)
        return cls(min(values), max(values), pause_s, at_s[0], at_s[-1])

    def then(self, later: Self) -> Self:
        """The pause may be between the two."""
        pause_s = max(self.pause_s, later.first_s - self.last_s, later.pause_s)
        return type(self)(min(self.low, later.low), max(self.high, later.high), pause_s, self.first_s, later.last_s)


class Rises(NamedTuple):
    """The sum of all upward steps, and the numbers that it begins and ends with."""

    rises: float
    first: float
    last: float

    @classmethod
    def of(cls, values: Sequence[float], _times_s: Times) -> Self:
        """One number has no step."""
        return cls(sum((b - a for a, b in pairwise(values) if b > a), 0.0), values[0], values[-1])

    def then(self, later: Self) -> Self:
        """With the step from the one to the other, if it is upward."""
        step = max(0.0, later.first - self.last)
        return type(self)(self.rises + step + later.rises, self.first, later.last)
