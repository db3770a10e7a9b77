"""Windows to numbers.

A window function is given a series' window, the span it looks back over (seconds) and the moment it looks from
(seconds since the epoch). It answers a number, or None: *unknown*. All share four rules:

- a series whose newest look failed, or whose newest value is older than it may be, is unknown (``newest``);
- numbers that were asked for and not known are left out;
- a function that speaks for a whole span is unknown until the history reaches back far enough to speak for it;
- what is too large for a number is unknown.

None reads more of a window than its span, and the value that it starts from.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from statistics import median

from rules.summaries import Extremes, Moments, Rises, summary
from rules.values import Window

HOUR_S = 3_600.0

NEAR = 32
"""Looks; they lie in four lines of a processor's cache, and those of two weeks in hundreds."""


def newest(window: Window, at_s: float) -> float | None:
    """The newest value, if the last look succeeded, saw a number, and that is not too old at ``at_s``."""
    if window.blind or not window.times_s or at_s - window.times_s[-1] > window.fresh_for_s:
        return None
    value = window.values[-1]
    return None if math.isnan(value) else value


def age(window: Window, at_s: float) -> float | None:
    """Seconds since a number was last seen, also while blind; unknown if none ever was."""
    return None if window.known_s is None else max(0.0, at_s - window.known_s)


def until(window: Window, at_s: float) -> float | None:
    """Seconds from now to the instant the newest value names; negative once it has passed.

    Known also while blind, and however old: a deadline that was named comes nearer whether anybody can see it or not.
    """
    if window.doubted or not window.values or math.isnan(window.values[-1]):
        return None
    return window.values[-1] - at_s


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
    seen = summary(Rises, window, *_places(window, span_s, at_s), span_s)
    return 0.0 if seen is None else _finite(max(0.0, seen.first - start) + seen.rises)


def rate(window: Window, span_s: float, at_s: float) -> float | None:
    """``increase`` per hour."""
    gained = increase(window, span_s, at_s)
    return None if gained is None else _finite(gained / (span_s / HOUR_S))


def changed(window: Window, span_s: float, at_s: float) -> bool | None:
    """Whether it had two values in the span; that it had not is known once all of the span was seen."""
    found, whole = _all_along(window, span_s, at_s)
    if found is None:
        return None
    return True if found.low != found.high else False if whole else None


def lowest(window: Window, span_s: float, at_s: float) -> float | None:
    """The least value over the whole span; unknown if a part of it was not seen."""
    found, whole = _all_along(window, span_s, at_s)
    return found.low if found and whole else None


def highest(window: Window, span_s: float, at_s: float) -> float | None:
    """The greatest value over the whole span; unknown if a part of it was not seen."""
    found, whole = _all_along(window, span_s, at_s)
    return found.high if found and whole else None


def mean(window: Window, span_s: float, at_s: float) -> float | None:
    """The mean of the values seen; known once history covers half of the span."""
    found = _moments(window, span_s, at_s)
    return None if found is None else _finite(found.mean)


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
    found = _moments(window, span_s, at_s)
    return None if found is None else _finite(found.deviation)


def observations(window: Window, span_s: float, at_s: float) -> float | None:
    """How many numbers were seen in the span."""
    if window.blind:
        return None
    found = summary(Moments, window, *_places(window, span_s, at_s), span_s)
    return 0.0 if found is None else float(found.looks)


def reaches_back(window: Window, span_s: float, at_s: float) -> bool:
    """Whether the history begins at the start of the span or before."""
    return bool(window.times_s) and window.times_s[0] <= at_s - span_s


def longest_pause_s(window: Window) -> float:
    """How long a pause between two looks may be for what lies in it to count as seen (seconds)."""
    return max(window.fresh_for_s, window.pause_for_s)


# --- parts of windows ---------------------------------------------------------------------------------------------


def later(window: Window, time_s: float) -> int:
    """Where the looks begin that are later than an instant; mostly that is near an end, and found without the rest."""
    times_s, end = window.times_s, len(window.times_s)
    if not end or times_s[-1] <= time_s:
        return end
    if end > NEAR and times_s[-NEAR] <= time_s:
        return bisect_right(times_s, time_s, end - NEAR)
    return bisect_right(times_s, time_s, 0, NEAR if end > NEAR and times_s[NEAR] > time_s else end)


def _places(window: Window, span_s: float, at_s: float) -> tuple[int, int]:
    """Where the looks of a span begin, and where they end: later than its start, and up to ``at_s``."""
    return later(window, at_s - span_s), later(window, at_s)


def _half_covered(window: Window, span_s: float, at_s: float) -> bool:
    """Whether there is a newest value, and history covers half of the span at least."""
    return newest(window, at_s) is not None and reaches_back(window, span_s * 0.5, at_s)


def _moments(window: Window, span_s: float, at_s: float) -> Moments | None:
    """The moments of what was seen in a span that is covered by half at least."""
    if not _half_covered(window, span_s, at_s):
        return None
    found = summary(Moments, window, *_places(window, span_s, at_s), span_s)
    return found or Moments(1, window.values[-1], 0.0)


def _over(reduce: Callable[[Sequence[float]], float], window: Window, span_s: float, at_s: float) -> float | None:
    """``reduce`` what was seen in a span that is covered by half at least."""
    if not _half_covered(window, span_s, at_s):
        return None
    first, end = _places(window, span_s, at_s)
    values = [value for value in window.values[first:end] if not math.isnan(value)]
    return _finite(reduce(values or window.values[-1:]))


def _all_along(window: Window, span_s: float, at_s: float) -> tuple[Extremes | None, bool]:
    """What it was at any time of a span, and whether all of it was seen; None while the newest value is not known.

    It was, if history covers the span, and no pause in it was too long: what was unseen may have been anything. The
    value in force when the span began counts, if it was known.
    """
    if newest(window, at_s) is None:
        return None, False
    first, end = _places(window, span_s, at_s)
    if first and not math.isnan(window.values[first - 1]):
        first -= 1
    found = summary(Extremes, window, first, end, span_s)
    if found is None:
        return None, False
    pause_s = max(found.first_s - (at_s - span_s), found.pause_s, at_s - found.last_s)
    return found, reaches_back(window, span_s, at_s) and pause_s <= longest_pause_s(window)


def _value_at(window: Window, time_s: float) -> float | None:
    """The value at an instant, on the straight line between the looks around it that saw a number.

    So growth over a gap (an outage) is spread over the gap, and does not all fall into the newest span.
    """
    times_s, values, after = window.times_s, window.values, later(window, time_s)
    before = after - 1
    while before >= 0 and math.isnan(values[before]):
        before -= 1
    if before < 0:
        return None
    while after < len(values) and math.isnan(values[after]):
        after += 1
    if after == len(values) or times_s[before] == time_s:
        return _finite(values[before])
    t0, t1, v0, v1 = times_s[before], times_s[after], values[before], values[after]
    return _finite(v0 + (v1 - v0) * (time_s - t0) / (t1 - t0))


def _deviation(values: Sequence[float]) -> float:
    centre = median(values)
    return median(abs(value - centre) for value in values)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    below, rest = divmod(share * (len(ordered) - 1), 1)
    low = ordered[int(below)]
    return low + rest * (ordered[int(below) + 1] - low) if rest else low


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
