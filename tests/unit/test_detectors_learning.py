"""What is learned of a counter's growth, beside naive formulas: steps, rhythms, outliers, spread, rarity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median, median_high

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.cleaning import History
from rules.detector_baseline import Baseline, baseline, learn, middle_and_spread, steps
from rules.values import Window

HOUR, DAY = 3_600.0, 86_400.0
START = 20_454 * DAY


def history(gains: Sequence[float], every: float, quantum: float = 0.0) -> History:
    totals = [1_000.0]
    for gain in gains:
        totals.append(totals[-1] + gain)
    return History([START + look * every for look in range(len(totals))], totals, totals, every, quantum, False)


def learned(gains: Sequence[float], every: float, days: float = 28, quantum: float = 0.0) -> Baseline:
    found = learn(history(gains, every, quantum), 4 * HOUR, days * DAY)
    assert found is not None
    return found


def anscombe(gain: float) -> float:
    return 2 * math.sqrt(gain + 3 / 8)


def counted(score: float) -> float:
    return score**2 / 4 - 3 / 8


numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(numbers)
def test_middle_and_spread_are_the_median_and_the_scaled_median_distance_from_it(drawn):
    middle, spread = middle_and_spread(drawn)
    assert middle == median_high(drawn)
    assert spread == pytest.approx(1.4826 * median_high(abs(number - middle) for number in drawn))


# --- steps -----------------------------------------------------------------------------------------------------------

pauses = st.lists(st.floats(60, 40 * HOUR), min_size=2, max_size=40)


@given(pauses, st.lists(st.floats(-50, 900), min_size=40, max_size=40), st.floats(HOUR, 2 * DAY))
def test_a_step_is_what_the_line_between_the_totals_rose_by(pauses_s, gains, step_s):
    times_s, totals = [START], [5_000.0]
    for pause_s, gain in zip(pauses_s, gains, strict=False):
        times_s.append(times_s[-1] + pause_s)
        totals.append(totals[-1] + gain)

    def on_the_line(at_s: float) -> float:
        for (a, b), (low, high) in zip(pairwise(times_s), pairwise(totals), strict=True):
            if a <= at_s <= b:
                return low + (high - low) * (at_s - a) / (b - a)
        raise AssertionError(at_s)

    ends_s, rises = steps(History(times_s, totals, totals, HOUR, 0.0, False), step_s)
    assert ends_s == [at_s for at_s in times_s if at_s - step_s >= START]
    due = [max(0.0, on_the_line(at_s) - on_the_line(at_s - step_s)) for at_s in ends_s]
    assert rises == pytest.approx(due, abs=1e-6)


@pytest.mark.parametrize(("every", "step"), [(HOUR, 4 * HOUR), (4 * HOUR, 4 * HOUR), (5 * HOUR, 5 * HOUR)])
def test_a_step_takes_four_hours_or_from_one_number_to_the_next(every, step):
    assert learned([9, 8] * 40, every).step_s == step


def test_thirty_steps_are_enough_to_learn_from_and_fewer_are_not():
    assert learn(history([9.0] * 30, 9 * HOUR), 4 * HOUR, 28 * DAY) is not None
    assert learn(history([9.0] * 29, 9 * HOUR), 4 * HOUR, 28 * DAY) is None


# --- the window that is learned from ---------------------------------------------------------------------------------


def jumpy(place_s: float, end_s: float, span_s: float) -> Baseline | None:
    """What is learned for an instant in the afternoon if there was a jump of 300 at a place."""
    window, total = Window(), 1_000.0
    at_s = end_s - span_s - DAY
    while at_s <= end_s + 10 * HOUR:
        total += 300 if at_s == place_s else 7 + at_s / (2 * HOUR) % 3
        window.add(at_s, total)
        at_s += 2 * HOUR
    return baseline(window, span_s, end_s + 10 * HOUR)


@pytest.mark.parametrize(
    ("hours", "counts"), [(0, False), (10, False), (-2, True), (-14 * 24 + 14, True), (-14 * 24 + 12, False)]
)
def test_the_half_day_of_the_question_is_not_learned_from_and_so_much_of_the_span_before(hours, counts):
    """A jump counts in the steps that it lies in: it must come after the first look, and before the half day."""
    end_s, span_s = START + 12 * HOUR, 14 * DAY
    without = jumpy(0.0, end_s, span_s)
    assert (jumpy(end_s + hours * HOUR, end_s, span_s) != without) is counts


def test_looks_of_two_hours_are_learned_from_and_closer_ones_are_thinned_to_these():
    window = Window((START + look * HOUR / 2, 1_000.0 + look * 11 + look % 4 // 2 * 40) for look in range(48 * 7))
    thinned = Window(list(zip(window.times_s, window.values, strict=True))[3::4])
    at_s = window.times_s[-1]
    one, other = baseline(window, 14 * DAY, at_s), baseline(thinned, 14 * DAY, at_s)
    assert one == other is not None


# --- centre, spread, rarity ------------------------------------------------------------------------------------------

ODD = 41
nine_hourly = st.lists(st.integers(0, 400), min_size=ODD, max_size=ODD)


@given(nine_hourly, st.floats(0, 5_000))
def test_a_score_is_how_many_spreads_growth_lies_above_the_median(gains, gain):
    scores = [anscombe(each) for each in gains]
    spread = max(1.0, 1.4826 * median(abs(score - median(scores)) for score in scores))
    score = learned(gains, 9 * HOUR).score(gain, START)
    assert score == pytest.approx((anscombe(gain) - median(scores)) / spread, abs=1e-6)


@given(nine_hourly, st.sampled_from([10.0, 100.0, 5_000.0]))
def test_the_spread_is_not_less_than_what_a_counter_is_rounded_to(gains, quantum):
    fine, coarse = learned(gains, 9 * HOUR), learned(gains, 9 * HOUR, quantum=quantum)
    mean = fine.mean_of_all
    assert coarse.spread == pytest.approx(max(fine.spread, anscombe(mean + quantum) - anscombe(mean)), rel=1e-6)
    assert (coarse.quantum, fine.quantum) == (quantum, 0)


@given(nine_hourly, st.integers(3, 20))
def test_rare_is_what_comes_back_no_more_often_than_once_in_half_of_the_span(gains, days):
    """The Weibull plotting position of a day's highest score among those of D days: (D + 1) / (1 + its place)."""
    found = learned(gains, 9 * HOUR, days)
    newest_s = START + ODD * 9 * HOUR
    looks = [(newest_s - (START + look * 9 * HOUR), gain) for look, gain in enumerate(gains, 1)]
    history_days = looks[0][0] / DAY
    for gain in gains:
        reached = {int(ago_s // DAY) for ago_s, each in looks if each >= gain}
        returns_after_days = (history_days + 1) / (1 + len(reached))
        assert (found.score(gain, START) > found.rare) is (returns_after_days >= days / 2)


# --- the mean, outliers, dispersion ----------------------------------------------------------------------------------


def clipped(gains: Sequence[float]) -> list[float]:
    """Without a rhythm: none counts as more than three spreads above the middle."""
    scores = [anscombe(gain) for gain in gains]
    middle = median_high(scores)
    spread = max(1.0, 1.4826 * median_high(abs(score - middle) for score in scores))
    return [min(gain, counted(middle + 3 * spread)) for gain in gains]


@given(nine_hourly)
def test_old_spikes_teach_the_mean_no_more_than_what_lies_three_spreads_above_the_middle(gains):
    assert learned(gains, 9 * HOUR).mean(START) == pytest.approx(fmean(clipped(gains)), rel=1e-6)


@given(nine_hourly)
def test_the_dispersion_is_that_of_the_moments_within_its_limits(gains):
    kept = clipped(gains)
    mean = fmean(kept)
    beyond = fmean((gain - mean) ** 2 for gain in kept) - mean
    due = min(max(beyond / mean**2, 0.05), 5.0) if mean else 5.0
    assert learned(gains, 9 * HOUR).dispersion == pytest.approx(due, rel=1e-5)


@pytest.mark.parametrize(("gains", "dispersion"), [([100] * 40, 0.05), ([0] * 40 + [4], 5.0), ([0] * 40, 5.0)])
def test_the_dispersion_has_a_least_and_a_most(gains, dispersion):
    assert learned(gains, 9 * HOUR).dispersion == dispersion


# --- rhythm ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "every", "hours"),
    [
        (11.9, HOUR, 1),
        (12, HOUR, 24),
        (25.9, HOUR, 24),
        (26, HOUR, 168),
        (40, 7.9 * HOUR, 168),
        (40, 8 * HOUR, 1),
    ],
)
def test_a_rhythm_wants_twelve_days_of_it_a_week_four_and_both_more_than_three_looks_a_day(days, every, hours):
    """The days from the first step to the last."""
    step = max(4 * HOUR, every)
    looks = round((days * DAY + step) / every)
    assert len(learned([3, 5] * (looks // 2) + [4] * (looks % 2), every).means) == hours


def drawn(seen: float, due: float, days: float) -> float:
    """A factor, as if growth had been usual on one more day."""
    return (days * seen / due + 1) / (days + 1)


def by_hour(every: float, days: float, pace) -> tuple[Baseline, list[tuple[int, float]], float]:
    """What is learned of a counter with a pace, its steps with their hours of the week, and the days of these."""
    looks = round(days * DAY / every)
    gains = [pace(START + look * every) for look in range(1, looks + 1)]
    ends_s, rises = steps(history(gains, every), 4 * HOUR)
    places = [int(end_s / HOUR) % 168 for end_s in ends_s]
    return learned(gains, every), list(zip(places, rises, strict=True)), (ends_s[-1] - ends_s[0]) / DAY


def hourly(at_s: float) -> float:
    return 100.0 + (60 if at_s / HOUR % 24 in (18, 19, 20) else 0) + at_s / HOUR % 5


def weekly(at_s: float) -> float:
    return hourly(at_s) * (1.6 if at_s // DAY % 7 == 2 else 1.0)


def factors(rises: list[tuple[int, float]], days: float) -> tuple[float, list[float]]:
    """The mean of all, and the factor of each hour of the day with the hours beside it."""
    mean = fmean(rise for _, rise in rises)
    beside = [[rise for place, rise in rises if (place - hour + 1) % 24 <= 2] for hour in range(24)]
    return mean, [drawn(sum(each), mean * len(each), days) for each in beside]


@pytest.mark.parametrize("every", [2 * HOUR, 3 * HOUR])
def test_the_mean_of_an_hour_is_that_of_its_neighbourhood_drawn_towards_that_of_all(every):
    found, rises, days = by_hour(every, 20, hourly)
    mean, hours = factors(rises, days)
    assert list(found.means) == pytest.approx([mean * hour for hour in hours], rel=1e-6)
    assert found.mean(START + 20 * HOUR) > 1.1 * found.mean(START + 10 * HOUR)


def test_in_a_week_the_weekday_has_a_factor_besides():
    found, rises, days = by_hour(2 * HOUR, 30, weekly)
    mean, hours = factors(rises, days)
    weekdays = []
    for weekday in range(7):
        there = [(place, rise) for place, rise in rises if place // 24 == weekday]
        due = sum(mean * hours[place % 24] for place, _ in there)
        weekdays.append(drawn(sum(rise for _, rise in there), due, days / 7))
    assert list(found.means) == pytest.approx([mean * w * h for w in weekdays for h in hours], rel=1e-6)
    assert found.mean_of_all == pytest.approx(fmean(found.means))


def test_an_hour_without_looks_has_the_mean_of_all():
    """Polls each six hours fall on four hours of the day; the hours beside them are known, and the others are not."""
    found = learned([100, 200, 300, 400] * 20, 6 * HOUR)
    assert [round(found.mean(START + hour * HOUR) / 250, 1) for hour in range(6)] == [1.6, 1.6, 1.0, 1.0, 1.0, 0.4]


def test_a_spike_at_an_hour_teaches_that_hour_no_more_than_three_spreads_above_what_it_and_those_beside_it_have():
    """Three hours are busy; each hour has its middle, and the distances from these are of one growth."""
    quiet, busy = 40, 2_000
    gains = [busy if look % 8 == 6 else quiet for look in range(1, 8 * 20 + 1)]
    with_spike = [*gains]
    with_spike[83] = 3_000.0  # look 84: at noon
    most = counted(anscombe(quiet) + 3)
    known, spiked = learned(gains, 3 * HOUR), learned(with_spike, 3 * HOUR)
    noon = START + 12 * HOUR
    assert known.mean(noon) < spiked.mean(noon) < known.mean(noon) + most
    assert spiked.mean(START + 18 * HOUR) == pytest.approx(known.mean(START + 18 * HOUR), rel=0.01)
