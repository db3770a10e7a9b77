"""Where each detector of one counter begins to speak, and its formula beside a naive one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.detector_baseline import Baseline, baseline
from rules.detectors import Finding, cold_start, matters, purge, spike, surprise
from rules.values import Window

HOUR, DAY = 3_600.0, 86_400.0
FORTNIGHT, MONTH = 14 * DAY, 28 * DAY
START = 20_454 * DAY


def of(gains: Sequence[float], total: float, every: float) -> Window:
    """A counter that ends at a total after these gains."""
    window, value = Window(), total - sum(gains)
    for look, gain in enumerate((0.0, *gains)):
        value += gain
        window.add(START + look * every, value)
    return window


def ask(detector, window: Window, span_s: float = FORTNIGHT) -> Finding:
    found = detector(window, span_s, window.times_s[-1])
    assert found is not None
    return found


def usual(window: Window, span_s: float) -> Baseline:
    found = baseline(window, span_s, window.times_s[-1])
    assert found is not None
    return found


def anscombe(gain: float) -> float:
    return 2 * math.sqrt(gain + 3 / 8)


def counted(score: float) -> float:
    """The gain whose Anscombe score it is."""
    return max(0.0, max(0.0, score) ** 2 / 4 - 3 / 8)


# --- spike -----------------------------------------------------------------------------------------------------------

ODD = 63
"""Polls each nine hours show no rhythm; of 65, these lie before the half day of the newest."""

nine_hourly = st.lists(st.integers(1, 400), min_size=ODD + 1, max_size=ODD + 1).map(lambda gains: [1, 2, *gains[2:]])


@given(nine_hourly, st.integers(20_000, 90_000))
def test_a_spike_is_as_many_robust_deviations_as_the_textbook_says(gains, last):
    window = of([*gains, last], 150_000, 9 * HOUR)
    scores = [anscombe(gain) for gain in gains[:ODD]]
    centre = median(scores)
    spread = max(1.0, 1.4826 * median(abs(score - centre) for score in scores))
    found = ask(spike, window, MONTH)
    assert found.score == pytest.approx((anscombe(last) - centre) / spread, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((counted(centre - 2 * spread), counted(centre + 2 * spread)))
    assert (found.saw, found.span_s) == (last, 9 * HOUR)


@pytest.mark.parametrize(
    ("total", "enough"),
    [
        (500, 100),
        (2_000, 100),
        (2_020, 101),
        (9_999, 500),
        (10_000, 200),
        (99_999, 2_000),
        (100_000, 1_000),
        (999_999, 10_000),
        (1_000_000, 5_000),
        (100_000_000, 500_000),
    ],
)
def test_a_days_growth_is_news_from_a_share_on_that_shrinks_with_the_size(total, enough):
    still = [0.0] * 56
    assert ask(spike, of([*still, enough], total, 6 * HOUR)).score == pytest.approx(anscombe(enough) - anscombe(0))
    assert ask(spike, of([*still, enough - 1], total, 6 * HOUR)).score == 0


def test_so_much_of_it_must_have_come_beyond_the_usual():
    busy = [50.0] * 56  # 200 a day; 1,000 a day are 2 % of all
    assert ask(spike, of([*busy, 910], 50_000, 6 * HOUR)).score > 4
    assert ask(spike, of([*busy, 890], 50_000, 6 * HOUR)).score == 0


@pytest.mark.parametrize(
    ("grown", "usual", "news"), [(1_000, 150, True), (1_000, 151, False), (2_000, 1_150, True), (999, 0, False)]
)
def test_growth_that_matters_does_so_from_its_limits_on(grown, usual, news):
    assert matters(grown, usual, 50_000) is news


@pytest.mark.parametrize(("polls_between", "news"), [(2, True), (3, False)])
def test_what_came_within_a_day_is_news_together(polls_between, news):
    gains = [*[1.0, 2.0] * 28, 700, *[1.0] * polls_between, 340]
    assert (ask(spike, of(gains, 50_000, 6 * HOUR)).score > 0) is news


def test_growth_between_polls_rarer_than_a_day_is_judged_whole():
    still = [0.0] * 40
    found = ask(spike, of([*still, 100], 1_100, 36 * HOUR), 60 * DAY)
    assert found.score > 4
    assert (found.saw, found.span_s) == (100, 36 * HOUR)
    assert ask(spike, of([*still, 99], 1_099, 36 * HOUR), 60 * DAY).score == 0


def test_growth_is_judged_over_the_last_four_hours():
    still = [0.0] * 336
    assert ask(spike, of([*still, 300, 0, 0, 0], 2_000, HOUR)).saw == 300
    assert ask(spike, of([*still, 300, 0, 0, 0, 0], 2_000, HOUR)).saw == 0
    assert ask(spike, of([*still, 100, 100, 100, 100, 100], 2_000, HOUR)).saw == 400


@pytest.mark.parametrize(
    ("days", "before", "news"),
    [
        (28, {}, True),
        (28, {30: 900}, True),
        (28, {30: 900, 31: 900}, True),
        (28, {30: 900, 50: 900}, False),
        (28, {30: 900, 50: 899}, True),
        (26, {30: 900}, False),
    ],
)
def test_it_is_rare_if_not_more_than_one_day_in_half_of_the_span_reached_as_much(days, before, news):
    """The history of four weeks is 27 days from the first step to the last, and ``(27 + 1) / 2`` are half of these."""
    gains = [before.get(look, 10 + look % 2) for look in range(1, 3 * days + 2)]
    assert (ask(spike, of([*gains, 900], 10_000, 8 * HOUR), MONTH).score > 0) is news


@pytest.mark.parametrize("burst", [[2_000], [237, 263, 251, 249, 264, 236, 258, 242]])
def test_an_account_that_stood_still_until_it_was_sold_fans_shows_when_it_is_sold_more_and_when_these_go(burst):
    gains = [*[0] * 240, *burst, *[0] * 72]
    assert ask(spike, of(gains, 6_987, HOUR)).score <= 0
    assert ask(spike, of([*gains, 2_500], 9_487, HOUR)).score > 4
    assert ask(purge, of([*gains, -900], 6_087, HOUR)).score > 4


def test_less_than_usual_has_a_score_below_nothing():
    assert ask(spike, of([*[100.0] * 56, 20], 50_000, 6 * HOUR)).score == pytest.approx(anscombe(20) - anscombe(100))


def test_a_fall_is_seen_as_no_growth():
    assert ask(spike, of([*[100.0] * 56, -80], 50_000, 6 * HOUR)).saw == 0


# --- surprise --------------------------------------------------------------------------------------------------------


def mass(count: int, mean: float, dispersion: float) -> float:
    """How probable a count is: a negative binomial one of the variance ``mean + dispersion * mean**2``."""
    shape = 1 / dispersion
    ways = math.lgamma(count + shape) - math.lgamma(count + 1) - math.lgamma(shape)
    return math.exp(ways + count * math.log(mean / (mean + shape)) + shape * math.log(shape / (mean + shape)))


def upper(seen: int, mean: float, dispersion: float) -> float:
    """How improbable so many are, with half of the probability of exactly so many."""
    terms = [mass(count, mean, dispersion) for count in range(seen, seen + 4_000)]
    return -math.log10(math.fsum(terms) - terms[0] / 2)


FEW = [0, 1, 0, 2, 0, 0, 1, 1, 0, 3, 0] * 6
"""Not rounded, and never more than usual: nothing of it is clipped."""


@pytest.mark.parametrize("last", [4, 6, 9, 40])
def test_a_surprise_is_the_tail_of_a_negative_binomial_count(last):
    window = of([*FEW, last], 5_000, 9 * HOUR)
    known, found = usual(window, MONTH), ask(surprise, window, MONTH)
    mean, sd = known.mean_of_all, math.sqrt(known.mean_of_all * (1 + known.dispersion * known.mean_of_all))
    assert found.score == pytest.approx(upper(last, mean, known.dispersion), rel=1e-6)
    assert (found.low, found.high) == pytest.approx((max(0.0, mean - 2 * sd), mean + 2 * sd))
    assert (found.saw, found.span_s) == (last, 9 * HOUR)


def test_as_much_as_has_been_in_two_days_of_the_month_is_no_surprise():
    assert ask(surprise, of([*FEW, 3], 5_000, 9 * HOUR), MONTH).score == 0


def test_where_nothing_ever_came_the_mean_is_half_of_one_in_thirty_steps():
    found = ask(surprise, of([*[0] * 60, 3], 5_000, 9 * HOUR), MONTH)
    assert found.score == pytest.approx(upper(3, 1 / 60, 5.0), rel=1e-6)
    assert found.high == pytest.approx(1 / 60 + 2 * math.sqrt(1 / 60 + 5 / 3_600))


@pytest.mark.parametrize(("before", "counts"), [(1, 9), (2, 10)])
def test_parts_of_a_count_are_rounded(before, counts):
    gains = [0, 1] * 60
    window = of([*gains, before, 9], 5_000, 3 * HOUR)  # of the step before the last, the last hour counts
    known, found = usual(window, FORTNIGHT), ask(surprise, window)
    assert found.saw == pytest.approx(9 + before / 3)
    assert found.score == pytest.approx(upper(counts, known.mean(window.times_s[-1]), known.dispersion), rel=1e-6)


def test_of_a_rounded_counter_its_units_are_counted():
    steady = [100, 200, 300, 200, 100, 300, 200] * 10
    window = of([*steady, 1_500], 500_000, 9 * HOUR)
    known, found = usual(window, MONTH), ask(surprise, window, MONTH)
    sd = math.sqrt(2 + known.dispersion * 2**2)
    assert found.score == pytest.approx(upper(15, 2.0, known.dispersion), rel=1e-6)
    assert (found.low, found.high) == pytest.approx((100 * max(0.0, 2 - 2 * sd), 100 * (2 + 2 * sd)))


# --- purge -----------------------------------------------------------------------------------------------------------


def test_a_fall_of_more_than_half_a_percent_is_a_purge():
    still = [0.0] * 56
    assert ask(purge, of([*still, -100], 19_900, 6 * HOUR)).score == 0
    assert ask(purge, of([*still, -101], 19_899, 6 * HOUR)).score == pytest.approx(101 / math.sqrt(3 / 8))


@given(nine_hourly, st.integers(2_000, 90_000), st.integers(1, 6))
def test_a_purge_is_measured_by_the_spread_of_growth_and_the_time_it_took(gains, lost, missed):
    window = of(gains, 150_000, 9 * HOUR)
    window.add(window.times_s[-1] + 9 * HOUR * missed, 150_000.0 - lost)
    known, found = usual(window, MONTH), ask(purge, window, MONTH)
    sd = known.spread * math.sqrt((known.mean_of_all + 3 / 8) * missed)
    assert found.score == pytest.approx(lost / sd, rel=1e-6)
    assert (found.saw, found.span_s) == (-lost, pytest.approx(9 * HOUR * missed))
    middle = anscombe(known.mean_of_all) + known.shift
    band = [missed * counted(middle + side * known.spread) for side in (-2, 2)]
    assert (found.low, found.high) == pytest.approx(band)


# --- cold_start ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "limit"), [(100, 500), (5_000, 500), (5_010, 501), (40_000, 4_000)])
def test_the_limit_of_a_cold_start_is_a_tenth_and_at_least_five_hundred(before, limit):
    found = ask(cold_start, of([0, 750], before + 750, DAY), DAY)
    assert found == Finding(pytest.approx(750 / limit), 0.0, limit, 750, DAY)


@given(st.integers(100, 90_000), st.integers(0, 5_000), st.floats(0, 0.5))
def test_what_is_usual_for_others_is_taken_from_the_growth_before_it_is_measured(before, grown, share):
    window = of([0, grown], before + grown, DAY)
    found = cold_start(window, DAY, window.times_s[-1], share)
    assert found is not None
    limit = max(500.0, 0.1 * before)
    assert found.score == pytest.approx(max(0.0, grown - share * before) / limit)
    assert (found.low, found.high) == (0.0, pytest.approx(share * before + limit))


def test_of_a_history_shorter_than_the_span_all_growth_counts():
    assert ask(cold_start, of([200, 300], 10_500, HOUR), DAY).saw == 500
    assert ask(cold_start, of([200, 300], 10_500, HOUR), HOUR).saw == 300


def test_one_look_says_nothing_and_two_do():
    window = of([], 5_000, HOUR)
    assert cold_start(window, DAY, START) is None
    window.add(START + HOUR, 5_600.0)
    assert ask(cold_start, window, DAY).score == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("steps", "every", "cold"),
    [
        (30, 7 * DAY / 30, False),
        (29, 7 * DAY / 29, True),
        (60, 7 * DAY / 60, False),
        (60, 6.99 * DAY / 60, True),
        (28, DAY / 2, True),
    ],
)
def test_it_ends_with_seven_days_and_thirty_steps(steps, every, cold):
    window = of([*[0.0] * (steps - 1), 900], 9_900, every)
    assert ask(cold_start, window, DAY).score == (pytest.approx(1.0) if cold else 0)


def test_only_the_last_two_weeks_count_for_that():
    window = Window((START + look * HOUR, 9_000.0) for look in range(100))
    for look in range(28):
        window.add(START + 20 * DAY + look * DAY / 2, 9_000.0)
    window.add(window.times_s[-1] + DAY / 2, 9_900.0)
    assert ask(cold_start, window, DAY).score == pytest.approx(1.0)
    assert ask(cold_start, window, 60 * DAY).score == 0


# --- what holds of all -----------------------------------------------------------------------------------------------


def test_a_finding_says_over_which_time():
    assert ask(cold_start, of([0, 100], 5_000, HOUR), DAY).when == "in 1 d"
    assert Finding(0.0, 0.0, 9.0, 1.0, 2 * HOUR, is_age=True).when == "at the age of 2 h"


@settings(max_examples=40)
@given(st.sampled_from([spike, surprise, purge]), nine_hourly, st.integers(-9_000, 9_000), st.integers(1, 2_000))
def test_the_size_changes_no_band_and_no_score_that_is_given(detector, gains, last, lift):
    """The total says only whether growth matters."""
    few, many = (of([*gains, last], total, 9 * HOUR) for total in (500_000, 500_000 + lift))
    one, other = ask(detector, few, MONTH), ask(detector, many, MONTH)
    assert (one.low, one.high, one.saw) == (other.low, other.high, other.saw)
    if one.score and other.score:
        assert one.score == pytest.approx(other.score)
