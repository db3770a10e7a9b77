"""What is unusual in the growth of a counter, with the band that was expected.

A detector has the shape of a window function: a series' window, a span in seconds and the moment it looks from. It
answers a ``Finding``, or None: *unknown* (the newest look failed, is too old or cannot be believed, or history does not
reach back far enough). What is usual comes from ``rules.detector_baseline``, what can be believed from
``rules.cleaning``. How well the defaults do is measured by ``make bench-detectors``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from rules.cleaning import PURGE, beginning, believed, level, present
from rules.detector_baseline import DAY_S, FEWEST_STEPS, Baseline, baseline
from rules.detector_tails import surprisal
from rules.durations import say_duration
from rules.values import Window
from rules.windows import later

BAND = 2.0
"""The expected band reaches so many spreads to both sides; about 95 of 100 usual steps are inside."""

MATERIAL = ((10_000.0, 0.05), (100_000.0, 0.02), (1_000_000.0, 0.01), (math.inf, 0.005))
"""Below this size, a day's growth of less than this share is no news (DOMAIN 2.3, D1)."""

MATERIAL_LEAST = 100.0
"""Nor is growth of less than this in a day, whatever the size."""

BEYOND = 0.85
"""So much of that must have come beyond the usual. Not all, because the usual is only known roughly, and a package of
exactly 2 % is to count."""

COLD_SHARE, COLD_LEAST = 0.1, 500.0
"""While nothing is known of an account, a day's growth of a tenth, and of 500, is worth a look (DOMAIN 2.3, D3)."""

MATURE_S = 7 * DAY_S
"""History after which ``spike`` over two weeks judges, and ``cold_start`` does not any more."""

FORTNIGHT_S = 14 * DAY_S


class Finding(NamedTuple):
    """What a detector found: the ``score`` that rules compare, and the numbers for the message.

    Over ``span_s`` seconds something from ``low`` to ``high`` was expected, and ``saw`` was seen; if it ``is_age``, so
    long after the beginning. ``grounds`` are short names of what spoke for it.
    """

    score: float
    low: float
    high: float
    saw: float
    span_s: float
    grounds: tuple[str, ...] = ()
    is_age: bool = False

    @property
    def when(self) -> str:
        """Over which time, in words: "in 4 h", "at the age of 1 d"."""
        return f"{'at the age of' if self.is_age else 'in'} {say_duration(self.span_s)}"


def spike(window: Window, span_s: float, at_s: float) -> Finding | None:
    """How unusual the growth of the last four hours is, in robust standard deviations; 0 if it is not worth a look.

    A step's growth d counts as Anscombe's ``y = 2 * sqrt(d + 3/8)``. Of all steps of the span, less what is usual at
    their hour (from 12 days of history on), the median is the centre and ``1.4826 * MAD`` the spread, at least 1 (the
    robust z of Iglewicz & Hoaglin 1993). Polls rarer than four hours are judged from one to the next. Growth over an
    outage or over cached answers is spread over the time it took.

    An unusual step is worth a look if

    - it is rare: a score as high returns no more often than once in half of the span (DOMAIN 2.3, D1); and
    - it matters: the day's growth is at least 100, and 5 % of a total below 10,000, 2 % of one below 100,000, 1 % of
      one below a million, 0.5 % of any other; and 0.85 of that came beyond the usual.

    So ``spike(follower_count, 14d) >= 4`` is a rule by itself. Unknown with fewer than 30 steps, or with less than half
    of the span.
    """
    now = look(window, span_s, at_s)
    if now is None:
        return None
    time_s, _, usual, _ = now
    saw = _gain(now, window, usual.step_s)
    score = usual.score(saw, time_s)
    if score > 0 and not (score > usual.rare and _is_news(now, window)):
        score = 0.0
    return Finding(score, *usual.band(BAND, time_s), saw, usual.step_s)


def surprise(window: Window, span_s: float, at_s: float) -> Finding | None:
    """How improbable so much growth in four hours is: ``-log10 P(X >= x)``; 6 is one in a million. For low counts.

    X is negative binomial with the usual mean of the hour and the variance ``mean + phi * mean**2``, phi by moments of
    the span's steps (outliers clipped), between 0.05 and 5 (after Farrington 1996 and Noufaily 2013; DOMAIN 2.3, D2).
    Of a rounded counter its units are counted. Whether it matters is not asked. Unknown as ``spike`` is.
    """
    now = look(window, span_s, at_s)
    if now is None:
        return None
    time_s, _, usual, _ = now
    saw = _gain(now, window, usual.step_s)
    unit = max(1.0, usual.quantum)
    mean = max(usual.mean(time_s) / unit, 0.5 / FEWEST_STEPS)
    sd = math.sqrt(mean + usual.dispersion * mean**2)
    rare = usual.score(saw, time_s) > usual.rare
    score = surprisal(math.floor(saw / unit + 0.5), mean, usual.dispersion) if rare else 0.0
    return Finding(score, unit * max(0.0, mean - BAND * sd), unit * (mean + BAND * sd), saw, usual.step_s)


def purge(window: Window, span_s: float, at_s: float) -> Finding | None:
    """How large the fall of the last four hours is, in robust standard deviations of growth; 0 up to 0.5 % of all.

    Platforms remove fake accounts in sweeps: falls that usual growth does not explain (DOMAIN 2.3, D0). The whole fall
    counts from the last look that was believed before these hours, so an outage hides none. The spread of growth is
    that of ``spike``, brought back from Anscombe's scale, ``spread * sqrt(mean + 3/8)``, and with the square root of
    the time that the fall took. Unknown as ``spike`` is, and at a fall by nine tenths until a second look says the
    same.
    """
    now = look(window, span_s, at_s)
    if now is None:
        return None
    time_s, value, usual, first = now
    before = believed(window, later(window, time_s - usual.step_s), cached=usual.cached, first=first)
    lost = 0.0 if before is None else window.values[before] - value
    steps = 1.0 if before is None else (time_s - window.times_s[before]) / usual.step_s
    sd = usual.spread * math.sqrt((usual.mean(time_s) + 0.375) * steps)
    score = lost / sd if lost > PURGE * (value + lost) else 0.0
    low, high = (growth * steps for growth in usual.band(BAND, time_s))
    return Finding(score, low, high, -lost, usual.step_s * steps)


def cold_start(window: Window, span_s: float, at_s: float, usual_share: float = 0.0) -> Finding | None:
    """Growth over the span in units of what is worth a look while nothing is known of an account: 1 is the limit.

    The limit is the larger of 500 and a tenth of the total; ``usual_share`` is how much, as a share, others like it
    usually grow in the span, and is allowed for (DOMAIN 2.3, D3). Of a shorter history all growth counts. 0 from 7 days
    and 30 steps within two weeks on: then ``spike`` knows better. Unknown at the first look.
    """
    first = beginning(window, cold_start_depth_s(span_s))
    now = present(window, at_s, first)
    if now is None or len(window.times_s) - first < 2:
        return None
    time_s, value = now
    first_s = window.times_s[first]
    before = level(window, max(first_s, time_s - span_s), cached=False, first=first)
    if before is None:
        return None
    limit, usual = max(COLD_LEAST, COLD_SHARE * before), usual_share * before
    saw = value - before
    mature = time_s - first_s >= MATURE_S and len(window.times_s) - first > FEWEST_STEPS
    return Finding(0.0 if mature else max(0.0, saw - usual) / limit, 0.0, usual + limit, saw, span_s)


def cold_start_depth_s(span_s: float) -> float:
    """How far back ``cold_start`` looks: to where it ends."""
    return max(span_s, FORTNIGHT_S)


class Look(NamedTuple):
    """The newest look, what is usual, and the place of the first look that counts."""

    time_s: float
    value: float
    usual: Baseline
    first: int


def look(window: Window, span_s: float, at_s: float) -> Look | None:
    """The newest look and what is usual, if both are known."""
    first = beginning(window, span_s)
    now = present(window, at_s, first)
    if now is None or now[0] - window.times_s[first] < span_s / 2:
        return None
    usual = baseline(window, span_s, now[0])
    return None if usual is None else Look(*now, usual, first)


def matters(grown: float, usual: float, total: float) -> bool:
    """Whether growth is news for something of this size."""
    least = material(total)
    return grown >= least and grown - usual >= BEYOND * least


def material(total: float) -> float:
    """The least growth that is news for something of this size."""
    return max(MATERIAL_LEAST, total * next(share for size, share in MATERIAL if total < size))


def _gain(now: Look, window: Window, span_s: float) -> float:
    """The growth over a span up to the newest look; 0 if it fell."""
    before = level(window, now.time_s - span_s, cached=now.usual.cached, first=now.first)
    return 0.0 if before is None else max(0.0, now.value - before)


def _is_news(now: Look, window: Window) -> bool:
    """Whether the growth of a day (or of a step, if that is longer) is."""
    usual = now.usual
    span_s = max(DAY_S, usual.step_s)
    return matters(_gain(now, window, span_s), usual.mean_of_all * span_s / usual.step_s, now.value)
