"""Days of growth beside naive formulas: the CUSUM of a drip, and each ground to suspect a jump."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import median_high

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.detector_shapes import LOST, ROUND_NUMBER, SAWTOOTH, WITHOUT_VIEWS, drip, suspect
from rules.detectors import Finding, matters
from rules.values import Window

HOUR, DAY = 3_600.0, 86_400.0
START = 20_454 * DAY
FORTNIGHT, MONTH = 14 * DAY, 28 * DAY


def anscombe(gain: float) -> float:
    return 2 * math.sqrt(gain + 3 / 8)


def counted(score: float) -> float:
    return max(0.0, max(0.0, score) ** 2 / 4 - 3 / 8)


# --- drip ------------------------------------------------------------------------------------------------------------


def of_days(usual: int, lately: Sequence[int], total: int = 20_000, days: int = 28) -> Window:
    """Three polls a day: as usual until a week ago, and each of the last days what is said."""
    gains = [usual / 3] * 3 * (days - len(lately)) + [gain / 3 for gain in lately for _ in range(3)]
    values = accumulate(gains, initial=total)
    return Window((START + poll * 8 * HOUR, value) for poll, value in enumerate(values))


def dripped(window: Window, span_s: float = MONTH) -> Finding:
    found = drip(window, span_s, window.times_s[-1])
    assert found is not None
    return found


def summed(usual: int, lately: Sequence[int]) -> tuple[float, int]:
    """The CUSUM as the height of a path above its lowest point so far, and for how many days it was above."""
    spread = max(1.0, 0.5 * math.sqrt(usual + 3 / 8))
    path = list(accumulate((min((anscombe(g) - anscombe(usual)) / spread, 4) - 1 for g in lately), initial=0.0))
    low = min(path)
    return path[-1] - low, len(path) - 1 - max(day for day, height in enumerate(path) if height == low)


weeks = st.lists(st.integers(0, 900).map(lambda thirds: 3 * thirds), min_size=7, max_size=7)


@given(st.integers(1, 300).map(lambda thirds: 3 * thirds), weeks)
def test_a_drip_is_the_cusum_of_seven_days_since_it_began_to_rise(usual, lately):
    window, found = of_days(usual, lately), dripped(of_days(usual, lately))
    score, days = summed(usual, lately)
    saw = sum(lately[len(lately) - days :])
    assume(score == 0 or score > 1e-6)
    matter = matters(saw, days * usual, window.values[-1])
    assert found.score == pytest.approx(score if matter else 0.0, abs=1e-5)
    days = max(1, days)
    band = days * counted(anscombe(usual) - 2), days * counted(anscombe(usual) + 2)
    assert (found.low, found.high) == pytest.approx(band, rel=1e-5, abs=1e-5)
    assert (found.saw, found.span_s) == (pytest.approx(saw), days * DAY)


@pytest.mark.parametrize(
    ("lately", "score"),
    [
        ([90, 90, 90, 90, 3_000, 3_000, 3_000], 9),
        ([90, 90, 90, 90, 90, 3_000, 3_000], 6),
        ([90, 90, 90, 3_000, 3_000, 3_000, 90], 8),
        ([90, 90, 246, 246, 246, 246, 246], 8),
        ([90, 90, 135, 135, 135, 135, 135], 0),
    ],
)
def test_three_days_far_above_the_usual_are_a_drip_and_so_are_five_of_nearly_three_times_as_much(lately, score):
    assert dripped(of_days(90, lately)).score == pytest.approx(score, abs=0.03)


@pytest.mark.parametrize(("last", "score"), [(600, 0), (810, 1.57)])
def test_a_drip_that_has_not_brought_enough_beyond_the_usual_is_none(last, score):
    """300 are usual, and 0.85 of 2 % of about 29,000 are 490."""
    assert dripped(of_days(300, [300] * 6 + [last])).score == pytest.approx(score, abs=0.01)


def test_what_is_usual_is_learned_from_before_those_seven_days():
    quiet, busy = of_days(90, [90] * 7), of_days(90, [900] * 7)
    assert dripped(busy).high == pytest.approx(7 * counted(anscombe(90) + 2), rel=1e-5)
    assert dripped(quiet).high == pytest.approx(counted(anscombe(90) + 2), rel=1e-5)


def test_a_drip_is_one_of_the_newest_whole_hour():
    window = of_days(90, [900] * 7)
    before = dripped(window)
    window.add(window.times_s[-1] + HOUR / 2, window.values[-1] + 2_000)
    assert dripped(window) == before
    window.add(window.times_s[-1] + HOUR / 2, window.values[-1])
    assert dripped(window).saw > before.saw + 1_500


def test_a_weekday_that_is_always_busy_is_a_drip_until_four_weeks_of_it_are_known():
    gains = [120 if poll // 8 % 7 == 5 else 30 for poll in range(8 * 49)]
    values = accumulate(gains, initial=20_000)
    window = Window((START + poll * 3 * HOUR, float(value)) for poll, value in enumerate(values))
    assert dripped(window, 42 * DAY).score == 0
    assert dripped(window, 28 * DAY).score > 1


@pytest.mark.parametrize(("days", "known"), [(20, True), (19, False)])
def test_half_of_the_span_is_needed(days, known):
    window = of_days(90, [90] * 7, days=days)
    assert (drip(window, 40 * DAY, window.times_s[-1]) is not None) is known


def test_what_lies_before_the_span_is_not_learned_from():
    changed = of_days(90, [90] * 7, days=40)
    for poll in range(10 * 3):
        changed.values[poll] -= 500 * (30 - poll)
    assert dripped(changed) == dripped(of_days(90, [90] * 7, total=20_000, days=40))


# --- suspect ---------------------------------------------------------------------------------------------------------

POLLS = 4 * 15 + 1
"""Polls each six hours, at the ends of the days that are compared; the newest is within a half day, at six."""

OLDEST = 53
"""In a fortnight less the newest half day there are so many ends, and four fewer days between them."""


def of_polls(gains: Sequence[float], total: float, first_s: float = START) -> Window:
    values = accumulate(gains, initial=total)
    return Window((first_s + poll * 6 * HOUR, value) for poll, value in enumerate(values))


def suspected(fans: Sequence[float], views: Sequence[float], total: float = 20_000) -> Finding:
    one, other = of_polls(fans, total), of_polls(views, 4e6)
    found = suspect(one, other, FORTNIGHT, one.times_s[-1])
    assert found is not None
    return found


def usual_and_spread(gains: Sequence[float]) -> tuple[float, float]:
    scores = [anscombe(gain) for gain in gains]
    middle = median_high(scores)
    return middle, max(1.0, 1.4826 * median_high(abs(score - middle) for score in scores))


def days_of(gains: Sequence[float]) -> list[float]:
    """What came in the days to each end, the newest first: that to now, and those to the ends before this half day."""
    ends = [len(gains), *range(len(gains) - 2, len(gains) - OLDEST + 2, -1)]
    return [max(0.0, sum(gains[end - 4 : end])) for end in ends]


def against(fans: Sequence[float], views: Sequence[float], total: float) -> set[str]:
    """The grounds against the largest jump of an exact counter without turns, as the docstring has them."""
    (today, *before), (today_views, *before_views) = days_of(fans), days_of(views)
    (middle, spread), (views_middle, views_spread) = usual_and_spread(before), usual_and_spread(before_views)
    usual, surges = counted(middle), [(anscombe(each) - views_middle) / views_spread for each in before_views]
    place = before.index(max(before))
    near = [surge for end, surge in enumerate(surges) if abs(end - place) <= 4]
    jump, ago, jump_views, surge = before[place], 2 + place, before_views[place], max(near)
    if today > jump:
        jump, ago, jump_views, surge = today, 0, today_views, (anscombe(today_views) - views_middle) / views_spread
    value = total + sum(fans)
    if (anscombe(jump) - middle) / spread < 4 or not matters(jump, usual, value):
        return set()
    others = [end for end in range(len(before)) if abs(end - place) > 8]
    ratios = sorted(before[end] / max(before_views[end], 1) for end in others)
    found = set()
    if surge < 4 and jump > ratios[int(0.95 * len(ratios))] * jump_views:
        found.add(WITHOUT_VIEWS)
    if any(abs((jump - usual) / (digit * 10**power) - 1) <= 0.03 for digit in (1, 2, 5) for power in range(2, 6)):
        found.add(ROUND_NUMBER)
    peak = total + sum(fans[: len(fans) - ago])
    if peak + usual * ago / 4 - value > max(0.1 * (jump - usual), spread * math.sqrt(usual + 3 / 8) * ago / 4):
        found.add(LOST)
    return found


def exact(paces: list[int]) -> list[int]:
    """What is no growth of a rounded counter, whatever the rest."""
    return [*paces[:10], 1, 2, *paces[12:]]


def planted(paces: Sequence[int], at: int, size: int) -> list[float]:
    """Growth with so much more in one poll."""
    gains = [float(pace) for pace in paces]
    gains[at] += size
    return gains


@given(
    st.lists(st.integers(1, 60), min_size=POLLS, max_size=POLLS),
    st.lists(st.integers(500, 4_000), min_size=POLLS, max_size=POLLS),
    st.integers(20, POLLS - 1),
    st.one_of(st.integers(200, 6_000), st.sampled_from([1_000, 2_000, 5_000])),
    st.integers(-12, 12),
    st.one_of(st.just(0), st.integers(2_000, 60_000)),
    st.one_of(st.just(0), st.integers(50, 2_000)),
)
def test_a_jump_has_the_grounds_that_are_said_of_it(fan_pace, view_pace, at, size, beside, watched, lost):
    fans = planted(exact(fan_pace), at, size)
    lost = min(lost, 300, size // 2)  # what is no turn of a size that matters
    for after in range(at + 1, min(at + 4, POLLS)):
        fans[after] -= lost // 3
    views = planted(view_pace, min(POLLS - 1, at + beside), watched)
    grounds = against(fans, views, 20_000)
    found = suspected(fans, views)
    assert set(found.grounds) == grounds
    assert found.score == 2 * (WITHOUT_VIEWS in grounds) + (ROUND_NUMBER in grounds) + (LOST in grounds)


@given(st.lists(st.integers(1, 60), min_size=POLLS, max_size=POLLS), st.integers(0, 800))
def test_the_band_of_a_jump_is_what_a_day_usually_brings(pace, last):
    fans = [*exact(pace)[:-1], last]
    middle, spread = usual_and_spread(days_of(fans)[1:])
    found = suspected(fans, [1_000.0] * POLLS)
    assert (found.low, found.high) == pytest.approx((counted(middle - 2 * spread), counted(middle + 2 * spread)))
    assert (found.saw, found.span_s) == (pytest.approx(max(days_of(fans))), DAY)


still = [0.0] * POLLS


@pytest.mark.parametrize(
    ("size", "is_round"),
    [
        (1_029, True),
        (1_031, False),
        (971, True),
        (969, False),
        (2_059, True),
        (2_061, False),
        (1_941, True),
        (1_939, False),
        (5_149, True),
        (5_151, False),
        (4_851, True),
        (4_849, False),
        (9_701, True),
        (9_699, False),
    ],
)
def test_a_package_is_delivered_within_three_percent(size, is_round):
    assert (ROUND_NUMBER in suspected(planted(still, -1, size), still).grounds) is is_round


@pytest.mark.parametrize(("lost", "again"), [(199, False), (201, True)])
def test_a_tenth_of_what_came_beyond_the_usual_is_lost_again(lost, again):
    fans = planted(planted([25] * POLLS, 40, 2_000), 45, -lost)
    assert (LOST in suspected(fans, still).grounds) is again


@pytest.mark.parametrize(
    ("ways", "is_sawtooth"),
    [
        ([600, -600, 600], False),
        ([600, -600, 600, -600], True),
        ([-600, 600, -600], True),
        ([600, -406, 600, -600], False),
        ([600, -414, 600, -600], True),
    ],
)
def test_three_turns_that_matter_make_a_sawtooth(ways, is_sawtooth):
    """Two percent of 20,600 are 412."""
    fans = [*still]
    fans[20 : 20 + 5 * len(ways) : 5] = ways
    found = suspected(fans, still)
    assert (SAWTOOTH in found.grounds) is is_sawtooth


def test_where_three_turns_are_usual_a_usual_jump_is_unusual():
    """Days bring 20 to 300, so 620 are only two spreads more."""
    pace = [5.0 if poll % 8 < 4 else 75.0 for poll in range(POLLS)]
    up = [gain + (600 if poll in (16, 32) else 0) for poll, gain in enumerate(pace)]
    down = [gain - (590 if poll in (24, 52) else 0) for poll, gain in enumerate(up)]
    assert suspected(up, still).grounds == ()
    assert SAWTOOTH in suspected(down, still).grounds
    assert suspected(down, still).score >= 2


@pytest.mark.parametrize(
    ("first", "polls", "unexplained"), [(30, 4, True), (30, 5, False), (45, 5, False), (46, 5, True)]
)
def test_views_explain_a_jump_if_two_of_forty_days_had_more_fans_a_view(first, polls, unexplained):
    """A whole day of so few views has 2.5 fans a view, any other 0.1 at most; the jump has 703 of 4,000.

    All days before are alike, so the newest counts as their jump, and what is within two days of it does not.
    """
    views = [10.0 if first <= poll < first + polls else 1_000.0 for poll in range(POLLS)]
    found = suspected(planted([25] * POLLS, -1, 603), views)
    assert (WITHOUT_VIEWS in found.grounds) is unexplained


@pytest.mark.parametrize(("first_s", "known"), [(START, True), (START + 6 * HOUR, False)])
def test_twenty_days_each_six_hours_are_needed(first_s, known):
    """Of 25 polls, 24 lie before the half day of the newest or 23, and a day ends with all of these but four."""
    fans, views = of_polls([9.0] * 24, 20_000, first_s), of_polls([900.0] * 24, 4e6, first_s)
    assert (suspect(fans, views, FORTNIGHT, fans.times_s[-1]) is not None) is known


def test_of_either_series_the_newest_number_must_be_known():
    fans, views = of_polls([9.0] * POLLS, 20_000), of_polls([900.0] * POLLS, 4e6)
    at_s = fans.times_s[-1]
    for blind in (fans, views):
        blind.blind = True
        assert suspect(fans, views, FORTNIGHT, at_s) is None
        blind.blind = False
    assert suspect(fans, views, FORTNIGHT, at_s) is not None
