"""Windows to numbers.

A window function is given a series' window, the span it looks back over (seconds) and the moment it looks from
(seconds since the epoch). It answers a number, or None: *unknown*. All share three rules:

- a series whose newest look failed, or whose newest value is older than it may be, is unknown (``newest``);
- numbers that were asked for and not known are left out;
- a function that speaks for a whole span is unknown until the history reaches back far enough to speak for it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from rules.values import Bounds, Window

SPIKE_MIN_INCREMENTS = 30
"""Fewer steps than this say nothing about what is usual."""

IMPROBABLE_PAUSE = 7.0
"""A Poisson counter with this mean stands still with probability exp(-7) < 1/1000."""


def newest(window: Window, at_s: float) -> float | None:
    """The newest value, if the last look succeeded, saw a number, and that is not too old at ``at_s``."""
    if window.blind or not window.times_s or at_s - window.times_s[-1] > window.fresh_for_s:
        return None
    value = window.values[-1]
    return None if math.isnan(value) else value


def age(window: Window, at_s: float) -> float | None:
    """Seconds since a number was last seen, also while blind; unknown if none ever was."""
    for time_s, value in zip(reversed(window.times_s), reversed(window.values), strict=True):
        if not math.isnan(value):
            return max(0.0, at_s - time_s)
    return None


def until(window: Window, at_s: float) -> float | None:
    """Seconds from now to the instant the newest value names; negative once it has passed."""
    value = newest(window, at_s)
    return None if value is None else value - at_s


def last(window: Window, span_s: float, at_s: float) -> float | None:
    """The newest value if it was seen within the span."""
    value = newest(window, at_s)
    return value if value is not None and at_s - window.times_s[-1] <= span_s else None


def delta(window: Window, span_s: float, at_s: float) -> float | None:
    """How much more it is than at the start of the span (negative: less)."""
    value, start = newest(window, at_s), _value_at(window, at_s - span_s)
    return None if value is None or start is None else value - start


def change(window: Window, span_s: float, at_s: float) -> float | None:
    """``delta`` as a fraction of the value at the start of the span; unknown if that was 0."""
    value, start = newest(window, at_s), _value_at(window, at_s - span_s)
    return None if value is None or not start else (value - start) / abs(start)


def increase(window: Window, span_s: float, at_s: float) -> float | None:
    """The sum of all upward steps over the span: what was gained, whatever was lost meanwhile."""
    start = _value_at(window, at_s - span_s)
    if start is None or newest(window, at_s) is None:
        return None
    gained, before = 0.0, start
    for value in _known(window, at_s - span_s, at_s):
        gained += max(0.0, value - before)
        before = value
    return gained


def lowest(window: Window, span_s: float, at_s: float) -> float | None:
    """The least value over the whole span; unknown if a part of it was not seen."""
    return _all_along(min, window, span_s, at_s)


def highest(window: Window, span_s: float, at_s: float) -> float | None:
    """The greatest value over the whole span; unknown if a part of it was not seen."""
    return _all_along(max, window, span_s, at_s)


def mean(window: Window, span_s: float, at_s: float) -> float | None:
    """The mean of the values seen; known once history covers half of the span."""
    return _over(fmean, window, span_s, at_s)


def middle(window: Window, span_s: float, at_s: float) -> float | None:
    """The median of the values seen; known once history covers half of the span."""
    return _over(median, window, span_s, at_s)


def observations(window: Window, span_s: float, at_s: float) -> float | None:
    """How many numbers were seen in the span."""
    return None if window.blind else float(len(_known(window, at_s - span_s, at_s)))


def spike(window: Window, span_s: float, at_s: float) -> float | None:
    """How unusual the newest step upward is, in robust standard deviations of the steps before it.

    Each step d between two looks is scaled to the usual time between looks and made even in variance with Anscombe's
    ``y = 2 * sqrt(d + 3/8)`` (steps down count as 0). The answer is
    ``(y_newest - median(y)) / max(1.4826 * MAD(y), 1)``; the floor of 1 is the spread of a pure Poisson counter.
    Where the usual step is so large that a look without any change can only be a cached answer (a Poisson counter
    would show it with probability below 1/1000), the next step is spread over the time since the value last changed;
    growth that piled up during an outage is spread over the outage in any case. Unknown with fewer than 30 steps, or
    with less than half of the span.
    """
    if newest(window, at_s) is None or not _covers(window, span_s * 0.5, at_s):
        return None
    steps = _steps(window, at_s - span_s, at_s)
    if len(steps) <= SPIKE_MIN_INCREMENTS:
        return None
    if median(gain for _, gain in steps) > IMPROBABLE_PAUSE:
        steps = _without_pauses(steps)
    usual_gap_s = median(gap_s for gap_s, _ in steps)
    scores = [2 * math.sqrt(max(0.0, gain) * usual_gap_s / gap_s + 0.375) for gap_s, gain in steps]
    history = scores[:-1] or scores
    centre = median(history)
    spread = 1.4826 * median(abs(score - centre) for score in history)
    return (scores[-1] - centre) / max(spread, 1.0)


def _steps(window: Window, from_s: float, at_s: float) -> list[tuple[float, float]]:
    """(seconds, gain) of each step between two numbers seen in the span."""
    seen = [
        (time_s, value)
        for time_s, value in zip(window.times_s, window.values, strict=True)
        if from_s <= time_s <= at_s and not math.isnan(value)
    ]
    return [(t1 - t0, v1 - v0) for (t0, v0), (t1, v1) in pairwise(seen)]


def _without_pauses(steps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The steps with a change; each begins where the value last changed."""
    merged, waited_s = [], 0.0
    for gap_s, gain in steps:
        waited_s += gap_s
        if gain:
            merged.append((waited_s, gain))
            waited_s = 0.0
    return merged + ([(waited_s, 0.0)] if waited_s else [])


def _known(window: Window, from_s: float, at_s: float) -> Sequence[float]:
    """The numbers seen later than ``from_s`` and up to ``at_s``."""
    first, end = bisect_right(window.times_s, from_s), bisect_right(window.times_s, at_s)
    return [value for value in window.values[first:end] if not math.isnan(value)]


def _covers(window: Window, span_s: float, at_s: float) -> bool:
    return bool(window.times_s) and window.times_s[0] <= at_s - span_s


def _over(reduce: Callable[[Sequence[float]], float], window: Window, span_s: float, at_s: float) -> float | None:
    """``reduce`` what was seen in a span that is covered by half at least."""
    if newest(window, at_s) is None or not _covers(window, span_s * 0.5, at_s):
        return None
    return reduce(_known(window, at_s - span_s, at_s) or [window.values[-1]])


def _all_along(reduce: Callable[[Sequence[float]], float], window: Window, span_s: float, at_s: float) -> float | None:
    """``reduce`` what was true at any time of a span, all of which was seen."""
    from_s = at_s - span_s
    if newest(window, at_s) is None or not _covers(window, span_s, at_s):
        return None
    if _longest_pause_s(window, from_s, at_s) > window.fresh_for_s:
        return None
    return reduce([*_at_start(window, from_s), *_known(window, from_s, at_s)])


def _at_start(window: Window, from_s: float) -> list[float]:
    """The value in force when the span began, if it was known: the newest seen until then."""
    before = bisect_right(window.times_s, from_s)
    return [window.values[before - 1]] if before and not math.isnan(window.values[before - 1]) else []


def _longest_pause_s(window: Window, from_s: float, at_s: float) -> float:
    """The longest time between two numbers that says something of the span; what was unseen may have been anything."""
    first = max(0, bisect_right(window.times_s, from_s) - 1)
    looks = zip(window.times_s[first:], window.values[first:], strict=True)
    seen = [time_s for time_s, value in looks if time_s <= at_s and not math.isnan(value)]
    return max((later - earlier for earlier, later in pairwise([*seen, at_s])), default=math.inf)


def _value_at(window: Window, time_s: float) -> float | None:
    """The value at an instant, on the straight line between the looks around it.

    So growth over a gap (an outage) is spread over the gap, and does not all fall into the newest span.
    """
    after = bisect_left(window.times_s, time_s)
    if after < len(window.times_s) and window.times_s[after] == time_s:
        return _finite(window.values[after])
    if after == 0 or after == len(window.times_s):
        return _finite(window.values[-1]) if after else None
    t0, t1 = window.times_s[after - 1], window.times_s[after]
    v0, v1 = window.values[after - 1], window.values[after]
    return _finite(v0 + (v1 - v0) * (time_s - t0) / (t1 - t0))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# --- over labels --------------------------------------------------------------------------------------------------


def how_many(values: Sequence[bool | None]) -> float | Bounds:
    """How many are true; between two numbers while some are unknown."""
    true = sum(value is True for value in values)
    unknown = sum(value is None for value in values)
    return Bounds(true, true + unknown) if unknown else float(true)


def any_of(values: Sequence[bool | None]) -> bool | None:
    """True if one is true; unknown if none is but some are unknown; of nothing: False."""
    return True if True in values else None if None in values else False


def all_of(values: Sequence[bool | None]) -> bool | None:
    """False if one is false; unknown if none is but some are unknown; of nothing: unknown."""
    return False if False in values else None if None in values or not values else True


def over_labels(reduce: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float | None]], float | None]:
    """``reduce`` over the numbers of all labels; unknown if one of them is, or if there are none."""

    def reduced(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return reduce(known) if known and len(known) == len(values) else None

    return reduced


@dataclass(frozen=True, slots=True)
class WindowFunction:
    """A function of a series and a span. ``keeps_unit``: its number is of the same kind as the series'."""

    of: Callable[[Window, float, float], float | None]
    keeps_unit: bool


OF_WINDOW: Mapping[str, WindowFunction] = {
    "last": WindowFunction(last, keeps_unit=True),
    "increase": WindowFunction(increase, keeps_unit=True),
    "delta": WindowFunction(delta, keeps_unit=True),
    "change": WindowFunction(change, keeps_unit=False),
    "min": WindowFunction(lowest, keeps_unit=True),
    "max": WindowFunction(highest, keeps_unit=True),
    "avg": WindowFunction(mean, keeps_unit=True),
    "median": WindowFunction(middle, keeps_unit=True),
    "count": WindowFunction(observations, keeps_unit=False),
    "spike": WindowFunction(spike, keeps_unit=False),
}

OF_SERIES: Mapping[str, Callable[[Window, float], float | None]] = {"last": newest, "age": age, "until": until}

OF_NUMBERS: Mapping[str, Callable[[Sequence[float | None]], float | None]] = {
    "min": over_labels(min),
    "max": over_labels(max),
    "avg": over_labels(fmean),
    "median": over_labels(median),
    "sum": over_labels(math.fsum),
}

OF_TRUTHS: Mapping[str, Callable[[Sequence[bool | None]], float | Bounds | bool | None]] = {
    "count": how_many,
    "any": any_of,
    "all": all_of,
}

NAMES = frozenset({*OF_WINDOW, *OF_SERIES, *OF_NUMBERS, *OF_TRUTHS, "abs"})
