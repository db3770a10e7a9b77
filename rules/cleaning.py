"""What a counter said, without what only looks like growth or loss.

Providers answer with sentinels, with yesterday's cached number, with rounded numbers, and now and then with a number
that the next look takes back. A detector that took these for events would be wrong every day, so all of them learn
from a ``History``, and look at the present through ``present`` and ``level``, which hold to the same beliefs.
"""

from __future__ import annotations

import cmath
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import sub

from rules.values import Window
from rules.windows import later, newest

ABSURD = 1e15
"""Nothing on earth is counted so far; it is a sentinel too."""

RESET = 0.1
"""A fall to less than this share of what was seen before is a bad read, until a second look says the same."""

PURGE = 0.005
"""A fall of more than this share in one step is an event, such as a platform removing fakes; less is jitter."""

TAKEN_BACK = 0.1
"""A jump of which the next look leaves less than this share was a bad read."""

IMPROBABLE_PAUSE = 7.0
"""A Poisson counter with this mean stands still with probability exp(-7) < 1/1000."""

COARSE = 10.0
"""Steps that are all multiples of this or more come from a rounded counter."""

FEWEST_CHANGES = 5
"""Fewer changes of an exact number do not say how long it stands still: after a long quiet, one may be a package."""

DAY_S = 86_400.0

FEWEST_DAYS, SAME_TIME = 7, 0.75
"""Seven random times of the day have a resultant length above 0.75 with probability exp(-7 * 0.75**2) = 2 %."""

FEWEST_RISES = 5
"""Five unrelated numbers share a divisor of 10 or more with probability below 1/10,000."""


@dataclass(frozen=True, slots=True)
class History:
    """The believed past of a counter, oldest first.

    ``totals`` are the ``values`` lifted over purges, so a fall of more than ``PURGE`` is not in them. ``gap_s`` is the
    usual time from one number to the next new one; ``cached`` says that a repeated number can only be a cached (or
    rounded, or daily) answer, so repeats were left out; ``quantum`` is what the counter is rounded to (0: it is not).
    """

    times_s: Sequence[float]
    values: Sequence[float]
    totals: Sequence[float]
    gap_s: float
    quantum: float
    cached: bool


def clean(window: Window, from_s: float = -math.inf, before_s: float = math.inf, spacing_s: float = 0.0) -> History:
    """What can be believed of the looks from ``from_s`` until before ``before_s``, about one each ``spacing_s``."""
    times_s, values = _believed(*_thinned(window, from_s, before_s, spacing_s))
    gap_s = _middle([later - earlier for earlier, later in pairwise(times_s)])
    changes = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1])] if values else []
    cached = _cached(times_s, values, changes, gap_s)
    if cached:
        times_s, values = [times_s[i] for i in changes], [values[i] for i in changes]
        gap_s = _middle([later - earlier for earlier, later in pairwise(times_s)])
    return History(times_s, values, _lifted(values), gap_s, _quantum(values), cached)


def beginning(window: Window, depth_s: float) -> int:
    """The place of the ``first`` look of those that go back ``depth_s`` seconds from the newest; it may be older.

    What reads nothing before that answers the same whatever else is kept.
    """
    return max(0, later(window, window.times_s[-1] - depth_s) - 1) if window.times_s else 0


def present(window: Window, at_s: float, first: int = 0) -> tuple[float, float] | None:
    """The time and the value of the newest look, if that is known and can be believed."""
    value = newest(window, at_s)
    if value is None or not _believable(window, len(window.values) - 1, first):
        return None
    return window.times_s[-1], value


def level(window: Window, time_s: float, *, cached: bool, first: int = 0) -> float | None:
    """The value at an instant, on the straight line between the believable looks around it; None before the first.

    Where repeats can only be ``cached`` answers, the line runs between changes. So growth over an outage, or over a
    cached answer, is spread over the time it took.
    """
    times_s, values, after = window.times_s, window.values, later(window, time_s)
    before = believed(window, after, cached=cached, first=first)
    if before is None:
        return None
    low = values[before]
    while after < len(values) and ((cached and values[after] == low) or not _believable(window, after, first)):
        after += 1
    if after == len(values):
        return low
    share = (time_s - times_s[before]) / (times_s[after] - times_s[before])
    return low + (values[after] - low) * share


def believed(window: Window, end: int, *, cached: bool, first: int = 0) -> int | None:
    """The newest believable place before ``end``; where repeats are ``cached``, the first of those like it."""
    values, place = window.values, end - 1
    while place >= first and not _believable(window, place, first):
        place -= 1
    while cached and place > first and values[place - 1] == values[place]:
        place -= 1
    return place if place >= first else None


def _believable(window: Window, place: int, first: int) -> bool:
    """Whether a look saw a number that is no sentinel and that the next look did not take back."""
    values = window.values
    value = values[place]
    if not 0 < value < ABSURD:
        return value == 0 and not any(earlier > 0 for earlier in values[first:place])
    if place == first:
        return True
    before = values[place - 1]
    if place + 1 < len(values):
        return not _undone(before, value, values[place + 1])
    return not value < RESET * before or (place > first + 1 and _undone(values[place - 2], before, value))


def _undone(before: float, value: float, after: float) -> bool:
    """Whether ``value`` is a jump that the next look took back."""
    jump = abs(value - before)
    return jump > PURGE * before and abs(after - before) <= TAKEN_BACK * jump


def _thinned(
    window: Window, from_s: float, before_s: float, spacing_s: float
) -> tuple[Sequence[float], Sequence[float]]:
    """The looks of a stretch of time, about one each ``spacing_s``, the newest among them."""
    first, end = bisect_left(window.times_s, from_s), bisect_left(window.times_s, before_s)
    looks = end - first
    if looks < 2:
        return window.times_s[first:end], window.values[first:end]
    stride = max(1, int(spacing_s * (looks - 1) / (window.times_s[end - 1] - window.times_s[first])))
    first += (looks - 1) % stride
    return window.times_s[first:end:stride], window.values[first:end:stride]


def _believed(times_s: Sequence[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Without what was not known, sentinels, and numbers that later looks took back."""
    if _is_plain(values):
        return list(times_s), list(values)
    kept: list[tuple[float, float]] = []
    doubted: list[tuple[float, float]] = []
    for time_s, value in zip(times_s, values, strict=True):
        usual = kept[-1][1] if kept else 0.0
        if not 0 <= value < ABSURD or (value == 0 and usual > 0):
            continue
        if value < RESET * usual:
            doubted.append((time_s, value))
            continue
        doubted.clear()
        if len(kept) > 1 and _undone(kept[-2][1], usual, value):
            kept.pop()
        kept.append((time_s, value))
    if len(doubted) > 1:
        kept += doubted
    return [time_s for time_s, _ in kept], [value for _, value in kept]


def _is_plain(values: Sequence[float]) -> bool:
    """Whether all is known and nothing can be doubted: it never fell, or never moved by more than jitter."""
    if not values:
        return True
    if not sum(values) < ABSURD or min(values) < 0:
        return False
    return list(values) == sorted(values) or max(map(abs, map(sub, values[1:], values))) <= PURGE * min(values)


def _lifted(values: Sequence[float]) -> list[float]:
    """The values, raised after each purge by what was lost in it."""
    lift, before, totals = 0.0, 0.0, []
    for value in values:
        if value < before * (1 - PURGE):
            lift += before - value
        totals.append(value + lift)
        before = value
    return totals


def _cached(times_s: Sequence[float], values: Sequence[float], changes: Sequence[int], gap_s: float) -> bool:
    """Whether there are repeats, and these can only be cached (or rounded, or daily) answers."""
    changes_s = [times_s[i] for i in changes[1:]]
    exact = any(value % COARSE for value in values)
    if len(changes) == len(values) or (exact and len(changes_s) < FEWEST_CHANGES):
        return False
    return _rate(times_s, values, changes, by_look=exact) * gap_s > IMPROBABLE_PAUSE or _daily(changes_s, gap_s)


def _rate(times_s: Sequence[float], values: Sequence[float], changes: Sequence[int], *, by_look: bool) -> float:
    """The usual growth a second between changes: at most of them, or at most looks, where a busy day is not usual."""
    return _middle(
        [
            (values[j] - values[i]) / (times_s[j] - times_s[i])
            for i, j in pairwise(changes)
            for _ in range(j - i if by_look else 1)
        ]
    )


def _daily(changes_s: Sequence[float], gap_s: float) -> bool:
    """Whether a number that is looked at more often changes about once a day, at about one time of the day.

    The resultant length of the times of day, as points on a circle, says how close to one time they are (Rayleigh).
    """
    if len(changes_s) < FEWEST_DAYS or _middle([b - a for a, b in pairwise(changes_s)]) < max(DAY_S / 2, 3 * gap_s):
        return False
    turned = sum(cmath.rect(1.0, math.tau * each_s / DAY_S) for each_s in changes_s)
    return abs(turned) >= SAME_TIME * len(changes_s)


def _quantum(values: Sequence[float]) -> float:
    """What all steps are multiples of, if that is coarse; else 0."""
    if not all(map(float.is_integer, values)):
        return 0.0
    rises = [int(later - earlier) for earlier, later in pairwise(values) if later >= earlier]
    shared = math.gcd(*rises) if len(rises) - rises.count(0) >= FEWEST_RISES and len(set(rises)) > 1 else 0
    return float(shared) if shared >= COARSE else 0.0


def _middle(numbers: Sequence[float]) -> float:
    return sorted(numbers)[len(numbers) // 2] if numbers else 0.0
