"""What differs from a video's own ratio, from an account's own past month, or from other videos of the same age."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from rules.cleaning import ABSURD, beginning, level, present
from rules.detector_baseline import DAY_S, HOUR_S, middle_and_spread
from rules.detector_tails import scarcity
from rules.detectors import BAND, FORTNIGHT_S, Finding
from rules.values import Window
from rules.windows import later, longest_pause_s, newest

LEAST_VIEWS = 5_000.0
"""Fewer new views say nothing about how many like them (DOMAIN 2.3, D6)."""

LEAST_LIKES = 50.0
"""A video's own ratio wants so many likes; it is then known within 15 %."""

FEW_LIKES = 0.3
"""Views of which less than this share of the usual is liked were not looked at (DOMAIN 2.3, D6)."""

RATIO_DISPERSION = 0.02
"""Likes per view change by 15 % from day to day without any reason: the dispersion that a binomial lacks."""

BOTTOM_RANK, BOTTOM_DAYS = 0.1, 3
"""AuthorRank says nothing until it has been in its lowest tenth for three data days (DOMAIN 3.2, rule E)."""

LATELY_S = 2 * BOTTOM_DAYS * DAY_S
"""Three data days are looked for in so long."""

DATA_DAY_STARTS_S = 4 * HOUR_S
"""Daily numbers of Douyin are renewed at 12:00 of China, which is 04:00 UTC: until then one sees the day before's."""

ROLLED_OFF = 0.5
"""A fall is an old hit leaving the seven-day window if so much of it had come a week before."""

WINDOW_ROLL_OFF = "window roll-off"

FEWEST_PEERS = 5
"""Fewer videos of the same age say nothing about what is usual."""

LEAST_PEER_SPREAD = 0.25
"""In natural logarithms: videos of one account never do equally well within a quarter."""

MILESTONES_S = tuple(hours * HOUR_S for hours in (1, 2, 3, 6, 12, 24, 36, 48, 72, 120, 168, 336))
"""The ages at which videos are compared."""


def inflation(likes: Window, views: Window, span_s: float, at_s: float) -> Finding | None:
    """How improbable it is that so few of the span's new views are liked: ``-log10 P(likes <= seen)``; 6 is a reason.

    Likes are negative binomial with mean ``r * new views``, r the video's own ratio in the two weeks before the span
    (as long as the span, if that is longer), and the variance ``mean + 0.02 * mean**2`` (a binomial would call every
    change of audience improbable). 0 unless there are 5,000 new views and less than 0.3 of the usual likes (DOMAIN 2.3,
    D6). Unknown until the ratio is known from 50 likes.
    """
    depth_s = inflation_depth_s(span_s)
    a, b = beginning(likes, depth_s), beginning(views, depth_s)
    now, seen = present(likes, at_s, a), present(views, at_s, b)
    if now is None or seen is None:
        return None
    newest_s = min(now[0], seen[0])
    from_s, first_s = newest_s - span_s, max(likes.times_s[a], views.times_s[b], newest_s - depth_s)
    liked, viewed = _grown(likes, a, first_s, from_s), _grown(views, b, first_s, from_s)
    more_liked, more_viewed = _grown(likes, a, from_s, now[0]), _grown(views, b, from_s, seen[0])
    if liked is None or viewed is None or more_liked is None or more_viewed is None:
        return None
    if liked < LEAST_LIKES or viewed < liked:
        return None
    mean = liked / viewed * max(0.0, more_viewed)
    sd = math.sqrt(mean + RATIO_DISPERSION * mean**2)
    few = more_viewed >= LEAST_VIEWS and more_liked < FEW_LIKES * mean
    score = scarcity(max(0.0, more_liked), mean, RATIO_DISPERSION) if few else 0.0
    return Finding(score, max(0.0, mean - BAND * sd), mean + BAND * sd, more_liked, span_s)


def slump(rank: Window, own: Window, span_s: float, at_s: float) -> Finding | None:
    """Which share of its usual own value a dimension of AuthorRank has lost, once its rank is at the bottom; else 0.

    At the bottom: not above 0.1 on each of the last three data days. Usual: the median of the span's data days.
    ``count(slump(author_rank, own_value, 28d) >= 0.5) >= 2`` is rule E of DOMAIN 3.2; a bare rank visits its lowest
    tenth every tenth day. A data day lasts from noon to noon of China, and its last look counts. ``grounds`` name a
    window roll-off: about a week before it fell, it had risen by at least half as much, so an old hit has left the
    window of seven days. Unknown with less than half of the span.
    """
    if newest(rank, at_s) is None or newest(own, at_s) is None:
        return None
    owns = _by_day(own, at_s - span_s, own.times_s[-1])
    ranks = _by_day(rank, at_s - LATELY_S, rank.times_s[-1])
    if len(ranks) < BOTTOM_DAYS or len(owns) < span_s / DAY_S / 2:
        return None
    seen = list(owns.values())
    saw = seen[-1]
    usual, spread = middle_and_spread(seen)
    bottom = max(list(ranks.values())[-BOTTOM_DAYS:]) <= BOTTOM_RANK
    score = max(0.0, 1 - saw / usual) if bottom and usual > 0 else 0.0
    grounds = (WINDOW_ROLL_OFF,) if score and _rolled_off(owns) else ()
    return Finding(score, max(0.0, usual - BAND * spread), usual + BAND * spread, saw, DAY_S, grounds)


def inflation_depth_s(span_s: float) -> float:
    """How far back ``inflation`` looks: over the span, and over what its ratio is learned from."""
    return span_s + max(span_s, FORTNIGHT_S)


def slump_depth_s(span_s: float) -> float:
    """How far back ``slump`` looks."""
    return max(span_s, LATELY_S)


def cohort(value: float, age_s: float, peers: Sequence[float]) -> Finding | None:
    """How a video does against others at the same age, in robust standard deviations of the logarithm; below 0: worse.

    Views are close to log-normal over the videos of an account, so the median and 1.4826 times the MAD of ``ln(1 + v)``
    say what is usual. ``peers`` are what the account's other videos had at this age: ``at_age(window, born_s,
    milestone(age_s))`` of each, which the daemon writes down as each video passes a milestone, because windows forget.
    ``value`` is this video's at the same milestone. Unknown with fewer than five.
    """
    if len(peers) < FEWEST_PEERS:
        return None
    middle, spread = middle_and_spread([math.log1p(max(0.0, peer)) for peer in peers])
    spread = max(spread, LEAST_PEER_SPREAD)
    low, high = (max(0.0, math.expm1(middle + side * BAND * spread)) for side in (-1, 1))
    return Finding((math.log1p(max(0.0, value)) - middle) / spread, low, high, value, age_s, is_age=True)


def milestone(age_s: float) -> float | None:
    """The last age of comparison that a video of this age has passed; None before the first."""
    return max((each for each in MILESTONES_S if each <= age_s), default=None)


def at_age(window: Window, born_s: float, age_s: float) -> float | None:
    """What a video had at an age; None unless it was seen before and after, with no pause that is too long."""
    times_s, time_s = window.times_s, born_s + age_s
    before, after = later(window, time_s) - 1, bisect_left(times_s, time_s)
    if before < 0 or after == len(times_s) or times_s[after] - times_s[before] > longest_pause_s(window):
        return None
    return level(window, time_s, cached=False)


def _grown(window: Window, first: int, from_s: float, until_s: float) -> float | None:
    """The growth between two instants, negative for a fall."""
    before, after = (level(window, time_s, cached=False, first=first) for time_s in (from_s, until_s))
    return None if before is None or after is None else after - before


def _by_day(window: Window, from_s: float, until_s: float) -> dict[int, float]:
    """The last number of each data day between two instants, in order; a negative one is a sentinel."""
    times_s, values, found = window.times_s, window.values, {}
    first, last = (int((each_s - DATA_DAY_STARTS_S) // DAY_S) for each_s in (from_s, until_s))
    start = bisect_left(times_s, (first + 1) * DAY_S + DATA_DAY_STARTS_S)
    for day in range(first + 1, last + 1):
        end = bisect_left(times_s, (day + 1) * DAY_S + DATA_DAY_STARTS_S, start)
        place = end - 1
        while place >= start and not 0 <= values[place] < ABSURD:
            place -= 1
        if place >= start:
            found[day] = values[place]
        start = end
    return found


def _rolled_off(owns: dict[int, float]) -> bool:
    """Whether the largest fall of the last days of AuthorRank had come as a rise a week before."""
    steps = {after: owns[after] - owns[before] for before, after in pairwise(owns)}
    fall_day = min(list(steps)[-2 * BOTTOM_DAYS :], key=lambda day: steps[day])
    return any(steps.get(fall_day - back, 0.0) >= ROLLED_OFF * -steps[fall_day] > 0 for back in (7, 8))
