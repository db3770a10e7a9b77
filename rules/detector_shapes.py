"""What bought growth looks like over days: drips that no single step betrays, and jumps that views do not explain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rules.cleaning import beginning, clean, level, present
from rules.detector_baseline import (
    DAY_S,
    HOUR_S,
    LEAST_SPREAD,
    RENEW_S,
    SPACING_S,
    Baseline,
    anscombe,
    learn,
    middle_and_spread,
)
from rules.detectors import BAND, Finding, material, matters
from rules.summaries import remembered
from rules.values import Window

DRIP_DAYS = 7
"""The longest delivery that is offered; what is usual is learned from what lies before."""

DRIP_SLACK, DRIP_MOST = 1.0, 4.0
"""Each day counts less one spread (the reference value of a CUSUM that looks for two, Page 1954), and at most as much
as a spike: no single day is a drip."""

DRIP_SPACING_S = 4 * HOUR_S
"""Looks closer than this add nothing to what is learned of days."""

WANDER = 0.5
"""The least spread of a day's growth, as a share of it: from week to week an audience comes and goes by so much."""

SURGE = 4.0
"""Robust standard deviations from which a day is unusual, as for ``spike``."""

STRIDE_S = 6 * HOUR_S
"""How far apart the days are whose fans and views are compared."""

FEWEST_DAYS = 20
"""Fewer such days (five whole ones) say nothing about what is usual."""

ROUND_WITHIN = 0.03
"""Packages of 1,000, 2,000 or 5,000 times a power of ten are delivered this closely (DOMAIN 2.3, D5)."""

LOST_AGAIN = 0.1
"""The share of a jump that bought fans lose within two weeks, and won ones do not (DOMAIN 2.3, D5)."""

TURNS = 3
"""As many turns of the direction, each of a size that matters, make a sawtooth."""

WITHOUT_VIEWS, ROUND_NUMBER, LOST, SAWTOOTH = "fans without views", "round number", "lost again", "sawtooth"
WEIGHTS = {WITHOUT_VIEWS: 2.0, ROUND_NUMBER: 1.0, LOST: 1.0, SAWTOOTH: 2.0}
"""One random jump in thirteen looks round, and a purge takes from anybody: each needs a second ground."""


def drip(window: Window, span_s: float, at_s: float) -> Finding | None:
    """How long and how far growth has been above the usual: a one-sided CUSUM over the last seven days.

    ``S = max(0, S + min(z, 4) - 1)`` a day (Page 1954), z in robust standard deviations of a day's growth, learned from
    the span before those seven days and at least half of the growth; 8 is three days of 4, or five of 2.6. 0 if what
    came beyond the usual since S began to rise does not matter for this size (DOMAIN 2.3, D4). A wave of views drips
    too: ``drip(follower_count, 28d) >= 8 and drip(view_count, 28d) < 2``. As of the newest whole hour. Unknown with
    less than half of the span.
    """
    first = beginning(window, span_s)
    now = present(window, at_s, first)
    if now is None or now[0] - window.times_s[first] < span_s / 2:
        return None
    hour_s, half_day_s = (now[0] // each_s * each_s for each_s in (HOUR_S, RENEW_S))
    usual = remembered(window, ("drip", span_s), half_day_s, lambda: _before_drip(window, half_day_s, span_s))
    value = level(window, hour_s, cached=False, first=first)
    if usual is None or value is None:
        return None
    return remembered(window, ("dripped", span_s), hour_s, lambda: _drip(window, first, hour_s, value, usual))


def suspect(fans: Window, views: Window, span_s: float, at_s: float) -> Finding | None:
    """What speaks against the largest jump in fans of the span: 2 points are enough, and 0 are given without a jump.

    A jump is a day that matters for this size, with 4 robust standard deviations more than usual (or with fewer, where
    jumps and falls alternate and so are usual). 2 points if views do not explain it (no day with 4 standard deviations
    more views within a day of it, and more fans a view than on 95 of 100 other days) and for a sawtooth (three turns of
    the direction); 1 point for a round number beyond the usual (1, 2 or 5 times a power of ten, within 3 %) and if a
    tenth of it was lost again. ``grounds`` names them (DOMAIN 2.3, D5). Unknown with less than five days of both.
    """
    both = _Both(fans, views, beginning(fans, span_s), beginning(views, span_s))
    now = present(fans, at_s, both.first_fans)
    if now is None or present(views, at_s, both.first_views) is None:
        return None
    time_s, value = now
    end_s = time_s // RENEW_S * RENEW_S
    past = remembered(fans, ("suspect", span_s), end_s, lambda: _past(both, end_s + RENEW_S - span_s, end_s))
    if past is None:
        return None
    today = _day(time_s, both.totals(time_s - DAY_S), both.totals(time_s))
    jump = today if today is not None and today.fans > past.jump.fans else past.jump
    low, usual, high = past.fans.gain(-BAND), past.fans.gain(0.0), past.fans.gain(BAND)
    unusual = past.turns >= TURNS or past.fans.score(jump.fans) >= SURGE
    if not (unusual and matters(jump.fans, usual, value)):
        return Finding(0.0, low, high, jump.fans, DAY_S)
    grounds = tuple(_grounds(past, jump, both, value, time_s))
    return Finding(sum(WEIGHTS[ground] for ground in grounds), low, high, jump.fans, DAY_S, grounds)


def _before_drip(window: Window, end_s: float, span_s: float) -> Baseline | None:
    before_s = end_s - DRIP_DAYS * DAY_S
    return learn(clean(window, end_s + RENEW_S - span_s, before_s, DRIP_SPACING_S), DAY_S, span_s)


def _drip(window: Window, first: int, time_s: float, value: float, usual: Baseline) -> Finding:
    days_s = [time_s - day * DAY_S for day in range(DRIP_DAYS, -1, -1)]
    totals = [level(window, day_s, cached=usual.cached, first=first) for day_s in days_s]
    risen, days, saw, due = 0.0, 0, 0.0, 0.0
    for back, (before, after) in zip(range(DRIP_DAYS - 1, -1, -1), pairwise(totals), strict=True):
        if before is None or after is None:
            continue
        end_s, gain = time_s - back * DAY_S, max(0.0, after - before)
        least = WANDER * math.sqrt(usual.mean(end_s) + 0.375) / usual.spread
        risen = max(0.0, risen + min(usual.score(gain, end_s) / max(1.0, least), DRIP_MOST) - DRIP_SLACK)
        days, saw, due = (days + 1, saw + gain, due + usual.mean(end_s)) if risen else (0, 0.0, 0.0)
    if not matters(saw, due, value):
        risen = 0.0
    days = max(days, 1)
    low, high = (days * growth for growth in usual.band(BAND, time_s))
    return Finding(risen, low, high, saw, days * DAY_S)


_Totals = tuple[float | None, float | None]


class _Both(NamedTuple):
    """Fans and views, and the places of the first looks that count."""

    fans: Window
    views: Window
    first_fans: int
    first_views: int

    def totals(self, at_s: float) -> _Totals:
        """How many of both there were at an instant."""
        fans = level(self.fans, at_s, cached=False, first=self.first_fans)
        return fans, level(self.views, at_s, cached=False, first=self.first_views)


@dataclass(frozen=True, slots=True)
class _Day:
    """What came in the day that ended at an instant."""

    end_s: float
    fans: float
    views: float


@dataclass(frozen=True, slots=True)
class _Usual:
    """What days bring, in Anscombe's scale."""

    middle: float
    spread: float

    def score(self, gain: float) -> float:
        return (anscombe(gain) - self.middle) / self.spread

    def gain(self, score: float) -> float:
        return max(0.0, max(0.0, self.middle + score * self.spread) ** 2 / 4 - 0.375)


@dataclass(frozen=True, slots=True)
class _Past:
    """The days before the newest half day: what is usual, the day with the most fans, and the views around it."""

    fans: _Usual
    views: _Usual
    fans_a_view: float
    jump: _Day
    surge: float
    turns: int
    quantum: float


def _past(both: _Both, from_s: float, end_s: float) -> _Past | None:
    """What the days between two instants say, one every ``STRIDE_S``; None if they are too few."""
    ends_s = [end_s - STRIDE_S * back for back in range(1, int((end_s - from_s) // STRIDE_S))]
    totals = [both.totals(each_s) for each_s in ends_s]
    found = map(_day, ends_s, totals[int(DAY_S / STRIDE_S) :], totals)
    days = [day for day in found if day is not None]
    if len(days) < FEWEST_DAYS:
        return None
    history = clean(both.fans, from_s, end_s, SPACING_S)
    usual_fans = _usual([day.fans for day in days], history.quantum)
    usual_views = _usual([day.views for day in days], 0.0)
    jump = max(days, key=lambda day: day.fans)
    near = [usual_views.score(day.views) for day in days if abs(day.end_s - jump.end_s) <= DAY_S]
    ratios = sorted(day.fans / max(day.views, 1.0) for day in days if abs(day.end_s - jump.end_s) > 2 * DAY_S)
    usual_ratio = ratios[int(0.95 * len(ratios))] if ratios else 0.0
    return _Past(usual_fans, usual_views, usual_ratio, jump, max(near), _turns(history.values), history.quantum)


def _day(end_s: float, before: _Totals, after: _Totals) -> _Day | None:
    """The day between two totals of fans and views, if all are known."""
    (fans, views), (more_fans, more_views) = before, after
    if fans is None or views is None or more_fans is None or more_views is None:
        return None
    return _Day(end_s, max(0.0, more_fans - fans), max(0.0, more_views - views))


def _usual(gains: Sequence[float], quantum: float) -> _Usual:
    middle, spread = middle_and_spread([anscombe(gain) for gain in gains])
    return _Usual(middle, max(spread, LEAST_SPREAD, anscombe(middle**2 / 4 + quantum) - middle))


def _grounds(past: _Past, jump: _Day, both: _Both, value: float, time_s: float) -> Iterator[str]:
    """What speaks against a jump."""
    usual = past.fans.gain(0.0)
    surge = past.surge if jump is past.jump else past.views.score(jump.views)
    if surge < SURGE and jump.fans > past.fans_a_view * jump.views:
        yield WITHOUT_VIEWS
    if not past.quantum and _round(jump.fans - usual):
        yield ROUND_NUMBER
    peak, _ = both.totals(jump.end_s)
    days = (time_s - jump.end_s) / DAY_S
    sd = past.fans.spread * math.sqrt(usual + 0.375)
    if peak is not None and peak + usual * days - value > max(LOST_AGAIN * (jump.fans - usual), sd * days):
        yield LOST
    if past.turns >= TURNS:
        yield SAWTOOTH


def _round(number: float) -> bool:
    """Whether it is 1, 2 or 5 times a power of ten, nearly."""
    digits = number / 10 ** math.floor(math.log10(number))
    return any(abs(digits / each - 1) <= ROUND_WITHIN for each in (1, 2, 5, 10))


def _turns(values: Sequence[float]) -> int:
    """How often the direction turned, counting only ways that matter for the size."""
    turns, rising, extreme = 0, True, values[0] if values else 0.0
    for value in values:
        if (value > extreme) == rising:
            extreme = value
        elif abs(value - extreme) >= material(extreme):
            turns, rising, extreme = turns + 1, not rising, value
    return turns
