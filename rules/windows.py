"""Windows to numbers.

A window function is given a series' window, the span it looks back over (seconds) and the moment it looks from
(seconds since the epoch). It answers a number, or None: *unknown*. All share four rules:

- a series whose newest look failed, or whose newest value is older than it may be, is unknown (``newest``);
- numbers that were asked for and not known are left out;
- a function that speaks for a whole span is unknown until the history reaches back far enough to speak for it;
- what is too large for a number is unknown.

None reads more of a window than its span.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise, repeat
from operator import sub
from statistics import median

from rules.values import Window

HOUR_S = 3_600.0


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
    return None if value is None or start is None else _finite(value - start)


def change_pct(window: Window, span_s: float, at_s: float, least: float = 0.0) -> float | None:
    """``delta`` as a fraction of the value at the start of the span.

    Unknown if that was 0, or nearer to 0 than ``least``: of little, any change is a great one.
    """
    value, start = newest(window, at_s), _value_at(window, at_s - span_s)
    if value is None or not start or abs(start) < least:
        return None
    return _finite((value - start) / abs(start))


def increase(window: Window, span_s: float, at_s: float) -> float | None:
    """The sum of all upward steps over the span: what was gained, whatever was lost meanwhile."""
    start = _value_at(window, at_s - span_s)
    if start is None or newest(window, at_s) is None:
        return None
    values = [start, *_seen(window, at_s - span_s, at_s)]
    return _finite(sum((later - earlier for earlier, later in pairwise(values) if later > earlier), 0.0))


def rate(window: Window, span_s: float, at_s: float) -> float | None:
    """``increase`` per hour."""
    gained = increase(window, span_s, at_s)
    return None if gained is None else _finite(gained / (span_s / HOUR_S))


def changed(window: Window, span_s: float, at_s: float) -> bool | None:
    """Whether it had two values in the span; that it had not is known once all of the span was seen."""
    if newest(window, at_s) is None:
        return None
    from_s = at_s - span_s
    if len({*_at_start(window, from_s), *_seen(window, from_s, at_s)}) > 1:
        return True
    return False if _was_seen(window, span_s, at_s) else None


def lowest(window: Window, span_s: float, at_s: float) -> float | None:
    """The least value over the whole span; unknown if a part of it was not seen."""
    return _all_along(min, window, span_s, at_s)


def highest(window: Window, span_s: float, at_s: float) -> float | None:
    """The greatest value over the whole span; unknown if a part of it was not seen."""
    return _all_along(max, window, span_s, at_s)


def mean(window: Window, span_s: float, at_s: float) -> float | None:
    """The mean of the values seen; known once history covers half of the span."""
    return _over(_mean, window, span_s, at_s)


def middle(window: Window, span_s: float, at_s: float) -> float | None:
    """The median of the values seen; known once history covers half of the span."""
    return _over(median, window, span_s, at_s)


def deviation(window: Window, span_s: float, at_s: float) -> float | None:
    """The median distance of the values seen from their median; known once history covers half of the span.

    1.4826 times this is the standard deviation of what is normally distributed, and a few odd values do not move it.
    """
    return _over(_deviation, window, span_s, at_s)


def quantile(window: Window, span_s: float, at_s: float, share: float) -> float | None:
    """The value that a ``share`` (0 to 1) of the values seen does not exceed; known once half of the span is covered.

    Between two values it is on the straight line (the seventh definition of Hyndman and Fan, 1996).
    """
    return _over(lambda values: _quantile(values, share), window, span_s, at_s)


def stddev(window: Window, span_s: float, at_s: float) -> float | None:
    """The standard deviation of the values seen, of all and not of a sample; known once half of the span is covered."""
    return _over(_stddev, window, span_s, at_s)


def observations(window: Window, span_s: float, at_s: float) -> float | None:
    """How many numbers were seen in the span."""
    return None if window.blind else float(len(_seen(window, at_s - span_s, at_s)))


def reaches_back(window: Window, span_s: float, at_s: float) -> bool:
    """Whether the history begins at the start of the span or before."""
    return bool(window.times_s) and window.times_s[0] <= at_s - span_s


# --- parts of windows ---------------------------------------------------------------------------------------------


def _seen(window: Window, from_s: float, at_s: float) -> Sequence[float]:
    """The numbers seen later than ``from_s`` and up to ``at_s``."""
    first, end = bisect_right(window.times_s, from_s), bisect_right(window.times_s, at_s)
    values = window.values[first:end]
    return values if _all_known(values) else [value for value in values if not math.isnan(value)]


def _all_known(values: Sequence[float]) -> bool:
    """Whether none of them is NaN; the sum says so several times faster than a loop."""
    return not math.isnan(sum(values))


def _over(reduce: Callable[[Sequence[float]], float], window: Window, span_s: float, at_s: float) -> float | None:
    """``reduce`` what was seen in a span that is covered by half at least."""
    if newest(window, at_s) is None or not reaches_back(window, span_s * 0.5, at_s):
        return None
    return _finite(reduce(_seen(window, at_s - span_s, at_s) or [window.values[-1]]))


def _all_along(reduce: Callable[[Sequence[float]], float], window: Window, span_s: float, at_s: float) -> float | None:
    """``reduce`` what was true at any time of a span, all of which was seen."""
    if newest(window, at_s) is None or not _was_seen(window, span_s, at_s):
        return None
    values = [*_at_start(window, at_s - span_s), *_seen(window, at_s - span_s, at_s)]
    return reduce(values) if values else None


def _was_seen(window: Window, span_s: float, at_s: float) -> bool:
    """Whether history covers the span, and no pause in it was longer than a number may be old."""
    return reaches_back(window, span_s, at_s) and _longest_pause_s(window, at_s - span_s, at_s) <= window.fresh_for_s


def _at_start(window: Window, from_s: float) -> list[float]:
    """The value in force when the span began, if it was known: the newest seen until then."""
    before = bisect_right(window.times_s, from_s)
    return [window.values[before - 1]] if before and not math.isnan(window.values[before - 1]) else []


def _longest_pause_s(window: Window, from_s: float, at_s: float) -> float:
    """The longest time between two numbers that says something of a span that history covers.

    What was unseen may have been anything.
    """
    first, end = bisect_right(window.times_s, from_s) - 1, bisect_right(window.times_s, at_s)
    times: Sequence[float] = window.times_s[first:end]
    values = window.values[first:end]
    if not _all_known(values):
        begin = [from_s] if math.isnan(values[0]) else []  # unseen since then, or longer
        times = begin + [time_s for time_s, value in zip(times, values, strict=True) if not math.isnan(value)]
    return max(map(sub, [*times[1:], at_s], times), default=math.inf)


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


def _mean(values: Sequence[float]) -> float:
    """The mean; of equal values it is exactly that value, whatever is compared with it."""
    beyond: float = sum(map(sub, values, repeat(values[0])))
    return values[0] + beyond / len(values)


def _deviation(values: Sequence[float]) -> float:
    centre = median(values)
    return median(abs(value - centre) for value in values)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    below, rest = divmod(share * (len(ordered) - 1), 1)
    low = ordered[int(below)]
    return low + rest * (ordered[int(below) + 1] - low) if rest else low


def _stddev(values: Sequence[float]) -> float:
    """By Pythagoras: n values are a point in n dimensions, sqrt(n) deviations away from the point of their mean."""
    return math.dist(values, [_mean(values)] * len(values)) / math.sqrt(len(values))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
