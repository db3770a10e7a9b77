"""What is usual in the growth of a counter: learned from its believed history, once for each half of a day.

The history ends where the newest half of a day (UTC) begins, and begins so that a window which keeps the span holds all
of it. So a baseline depends on the window alone, and not on what was asked before, or on a restart.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from rules.cleaning import History, clean
from rules.summaries import remembered
from rules.values import Window

HOUR_S, DAY_S = 3_600.0, 86_400.0

RENEW_S = 12 * HOUR_S
"""How long a baseline serves: two weeks of the usual hardly change in half a day, and learning costs 300 us."""

STEP_S = 4 * HOUR_S
"""Growth is judged over the last four hours, however often it is polled: single hours are mostly noise. On the NAB
series, hourly, the event F1 was 0.6 with steps of one hour, and alike with 3 to 6."""

SPACING_S = 2 * HOUR_S
"""Looks closer than this add nothing to what is learned of four-hour steps."""

FEWEST_STEPS = 30
"""Fewer steps than this say nothing about what is usual."""

LEAST_SCALED = 2 * math.sqrt(0.375)
"""What ``anscombe`` makes of nothing."""

LEAST_SPREAD = 1.0
"""The spread of an Anscombe-stabilised Poisson counter; nothing that is counted is steadier."""

RHYTHM_GAP_S = 8 * HOUR_S
"""New numbers that come more rarely do not show the rhythm of the hours."""

SEASON_DAYS = 12.0
"""A rhythm of hours wants to be seen so often: a window of 14 d, less the newest half day and an outage at its ends."""

WEEK_DAYS = 26.0
"""A rhythm of weekdays wants to be seen four times."""

DOUBT_DAYS = 1.0
"""Days of mean growth that are mixed into each factor: what a few days say of an hour is not believed altogether."""

OUTLIER = 3.0
"""What lies more spreads above the middle counts as if it lay there: old spikes teach neither a mean nor a rhythm."""

DISPERSION = (0.05, 5.0)
"""Least and most over-dispersion of a count: audiences come in crowds, so the variance is never quite the mean."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual over ``step_s`` seconds.

    ``means`` has the mean growth, or that of each hour of the day, or of the week. In Anscombe's scale the usual lies
    ``shift`` beside the mean, with ``spread``. A score above ``rare`` returns no more often than once in half of the
    span. ``dispersion`` is that of a negative binomial counter of these means; ``quantum`` and ``cached`` as in
    ``History``.
    """

    step_s: float
    means: array[float]
    shift: float
    spread: float
    rare: float
    dispersion: float
    quantum: float
    cached: bool

    def mean(self, time_s: float) -> float:
        """The mean growth in the step that ends at an instant."""
        return self.means[int(time_s // HOUR_S) % len(self.means)]

    @property
    def mean_of_all(self) -> float:
        """The mean growth in a step, whatever the hour."""
        return sum(self.means) / len(self.means)

    def score(self, gain: float, time_s: float) -> float:
        """How many spreads a step's growth lies above the usual."""
        return (anscombe(gain) - anscombe(self.mean(time_s)) - self.shift) / self.spread

    def band(self, score: float, time_s: float) -> tuple[float, float]:
        """The growth that has minus a score, and that which has it."""
        middle, apart = anscombe(self.mean(time_s)) + self.shift, score * self.spread
        return _gain(middle - apart), _gain(middle + apart)


def anscombe(gain: float) -> float:
    """A count on the scale where the spread of a Poisson counter is 1, whatever its mean (Anscombe 1948)."""
    return 2 * math.sqrt(gain + 0.375)


def _gain(scaled: float) -> float:
    """What ``anscombe`` makes ``scaled``; 0 if it makes nothing so low."""
    return scaled * scaled / 4 - 0.375 if scaled > LEAST_SCALED else 0.0


def baseline(window: Window, span_s: float, at_s: float) -> Baseline | None:
    """What is usual, learned from the span before the half day that ``at_s`` is in; None with too few steps."""
    end_s = at_s // RENEW_S * RENEW_S
    return remembered(
        window, span_s, end_s, lambda: learn(clean(window, end_s + RENEW_S - span_s, end_s, SPACING_S), STEP_S, span_s)
    )


def learn(history: History, step_s: float, span_s: float) -> Baseline | None:
    """What is usual over ``step_s`` (or from one poll to the next, if those are rarer)."""
    step_s = max(step_s, history.gap_s)
    times_s, gains = steps(history, step_s)
    if len(gains) < FEWEST_STEPS:
        return None
    scores = list(map(anscombe, gains))
    cycle = _cycle_h(history, times_s)
    places = [int(time_s // HOUR_S) % cycle for time_s in times_s]
    gains = _without_outliers(gains, scores, places, cycle)
    means = _rhythm(gains, places, cycle, (times_s[-1] - times_s[0]) / DAY_S)
    centres = list(map(anscombe, means))
    rests = [score - centres[place] for score, place in zip(scores, places, strict=True)]
    shift, spread = middle_and_spread(rests)
    mean = sum(gains) / len(gains)
    spread = max(spread, LEAST_SPREAD, anscombe(mean + history.quantum) - anscombe(mean))
    rare = (_returning(rests, times_s, span_s / 2) - shift) / spread
    dispersion = _dispersion(gains, [means[place] for place in places])
    return Baseline(step_s, means, shift, spread, rare, dispersion, history.quantum, history.cached)


def steps(history: History, step_s: float) -> tuple[list[float], list[float]]:
    """The ends and the growth of all steps that end with a look; falls count as 0."""
    times_s, totals, low = history.times_s, history.totals, 0
    ends_s, gains = [], []
    for time_s, total in zip(times_s, totals, strict=True):
        start_s = time_s - step_s
        if start_s < times_s[0]:
            continue
        while times_s[low + 1] <= start_s:
            low += 1
        share = (start_s - times_s[low]) / (times_s[low + 1] - times_s[low])
        gain = total - totals[low] - (totals[low + 1] - totals[low]) * share
        ends_s.append(time_s)
        gains.append(gain if gain > 0 else 0.0)
    return ends_s, gains


def middle_and_spread(numbers: Sequence[float]) -> tuple[float, float]:
    """The median, and 1.4826 times the median absolute deviation: the standard deviation of what is normal."""
    half = len(numbers) // 2
    middle = sorted(numbers)[half]
    return middle, 1.4826 * sorted([abs(number - middle) for number in numbers])[half]


def _cycle_h(history: History, times_s: Sequence[float]) -> int:
    """After how many hours growth repeats itself, as far as history is long enough to tell; 1: it has no rhythm."""
    days = (times_s[-1] - times_s[0]) / DAY_S
    if history.gap_s >= RHYTHM_GAP_S or days < SEASON_DAYS:
        return 1
    return 24 if days < WEEK_DAYS else 168


def _without_outliers(
    gains: Sequence[float], scores: Sequence[float], places: Sequence[int], cycle: int
) -> list[float]:
    """The gains, none more than OUTLIER spreads above the middle of its hour of the cycle and of the two beside it."""
    of_hour: list[list[float]] = [[] for _ in range(cycle)]
    for score, place in zip(scores, places, strict=True):
        of_hour[place].append(score)
    around = [of_hour[a] + of_hour[b] + of_hour[c] for a, b, c in _near(cycle)] if cycle > 1 else of_hour
    middles = [sorted(each)[len(each) // 2] if each else 0.0 for each in around]
    apart = sorted([abs(score - middles[place]) for score, place in zip(scores, places, strict=True)])
    spread = max(1.4826 * apart[len(apart) // 2], LEAST_SPREAD)
    most = [(middle + OUTLIER * spread) ** 2 / 4 - 0.375 for middle in middles]
    return list(map(min, gains, [most[place] for place in places]))


@cache
def _near(cycle: int) -> Sequence[tuple[int, int, int]]:
    """Each hour of a cycle between the two beside it."""
    return [(hour - 1, hour, (hour + 1) % cycle) for hour in range(cycle)]


def _rhythm(gains: Sequence[float], places: Sequence[int], cycle: int, days: float) -> array[float]:
    """The mean growth of each hour of the cycle.

    Each is drawn towards the mean of all as if that had been seen on DOUBT_DAYS: the posterior mean of a Poisson rate
    with a gamma prior. An hour counts its neighbours, because steps are longer than an hour. In a week, hours and
    weekdays have a factor each.
    """
    mean = sum(gains) / len(gains)
    if cycle == 1 or not mean:
        return array("f", [mean] * cycle)
    sums, looks = [0.0] * cycle, [0] * cycle
    for place, gain in zip(places, gains, strict=True):
        sums[place] += gain
        looks[place] += 1
    total, seen = ([sum(each[hour::24]) for hour in range(24)] for each in (sums, looks))
    hours = [
        mean * _drawn(total[a] + total[b] + total[c], mean * (seen[a] + seen[b] + seen[c]), days)
        for a, b, c in _near(24)
    ]
    due = [look * hours[place % 24] for place, look in enumerate(looks)]
    spans = [(first, first + 24) for first in range(0, cycle, 24)]
    weekdays = [_drawn(sum(sums[a:b]), sum(due[a:b]), days / 7) if cycle > 24 else 1.0 for a, b in spans]
    return array("f", [weekday * hour for weekday in weekdays for hour in hours])


def _drawn(seen: float, due: float, days: float) -> float:
    """The factor between what was seen and what was due, drawn towards 1."""
    return (days * seen / due + DOUBT_DAYS) / (days + DOUBT_DAYS) if due else 1.0


def _dispersion(gains: Sequence[float], means: Sequence[float]) -> float:
    """The phi of ``variance = mean + phi * mean**2``, by moments over all steps."""
    squares = sum([mean * mean for mean in means])
    if not squares:
        return DISPERSION[1]
    beyond = sum([(gain - mean) ** 2 for gain, mean in zip(gains, means, strict=True)]) - sum(means)
    return min(max(beyond / squares, DISPERSION[0]), DISPERSION[1])


def _returning(scores: Sequence[float], times_s: Sequence[float], period_s: float) -> float:
    """What has to be exceeded for a return period of ``period_s``: ``(D + 1) / (1 + days that reached it)`` days.

    D are the days of history (the Weibull plotting position of the highest scores of its days).
    """
    newest_s = times_s[-1]
    highest: dict[int, float] = {}
    for time_s, score in zip(times_s, scores, strict=True):
        day = int((newest_s - time_s) // DAY_S)
        if score > highest.get(day, -math.inf):
            highest[day] = score
    allowed = int(((newest_s - times_s[0]) / DAY_S + 1) * DAY_S / period_s) - 1
    return sorted(highest.values(), reverse=True)[allowed] if 0 <= allowed < len(highest) else math.inf
