"""What is believed of a counter, and what is not."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.cleaning import _believed, beginning, believed, clean, level, present
from rules.values import Window

NAN, HOUR, DAY = math.nan, 3_600.0, 86_400.0


def hourly(*values: float) -> Window:
    return Window((hour * HOUR, float(value)) for hour, value in enumerate(values))


@pytest.mark.parametrize(
    ("what", "values", "believed"),
    [
        ("all of steady growth", [100, 110, 121], [100, 110, 121]),
        ("not what was asked and not known", [100, NAN, 121], [100, 121]),
        ("no sentinel", [100, -99999, 121], [100, 121]),
        ("no nothing after something", [100, 0, 121], [100, 121]),
        ("nothing before something", [0, 0, 3, 5], [0, 0, 3, 5]),
        ("nothing that cannot be counted", [100, math.inf, 1e300, 121], [100, 121]),
        ("no fall by nine tenths from which it recovered", [1000, 12, 13, 14, 1010], [1000, 1010]),
        ("a fall by nine tenths that lasted", [1000, 12, 13, 14], [1000, 12, 13, 14]),
        ("no fall by nine tenths that was seen once", [1000, 1001, 12], [1000, 1001]),
        ("no jump that was taken back", [1000, 9000, 1010, 1020], [1000, 1010, 1020]),
        ("no dip that was taken back", [1000, 700, 1010, 1020], [1000, 1010, 1020]),
        ("jitter", [1000, 999, 1001, 1000], [1000, 999, 1001, 1000]),
        ("a jump of which half stayed", [1000, 2000, 1500, 1510], [1000, 2000, 1500, 1510]),
        ("a jump of which more than a tenth stayed", [1000, 2000, 1101, 1102], [1000, 2000, 1101, 1102]),
        ("no jump of which less than a tenth stayed", [1000, 2000, 1099, 1100], [1000, 1099, 1100]),
        ("half a percent that was taken back", [1000, 1005, 1000, 1001], [1000, 1005, 1000, 1001]),
        ("no more than half a percent that was taken back", [1000, 1006, 1000, 1001], [1000, 1000, 1001]),
        ("a fall to a tenth", [1000, 100], [1000, 100]),
        ("no fall to less than a tenth that was seen once", [1000, 99], [1000]),
        ("all below what nothing is counted to", [9e14, 9.5e14, 9.9e14], [9e14, 9.5e14, 9.9e14]),
        ("not what nothing is counted to", [100, 1e15, 121], [100, 121]),
        ("what a sentinel stood in between", [1000, 12, -1, 13, 14], [1000, 12, 13, 14]),
        ("nothing of one look", [-1], []),
        ("nothing before something beside what was not known", [0, 0, NAN, 3, 5], [0, 0, 3, 5]),
        ("no nothing after something, however often", [1000, 0, 0, 0], [1000]),
        ("no nothing after one", [1, 0, 0], [1]),
    ],
)
def test_of_a_counter_is_believed(what, values, believed):
    assert list(clean(hourly(*values)).values) == believed


def test_a_purge_is_no_growth_when_growth_goes_on():
    assert clean(hourly(1000, 1010, 910, 920, 930)).totals == [1000, 1010, 1010, 1020, 1030]
    assert clean(hourly(1000, 1010, 1008, 1020)).totals == [1000, 1010, 1008, 1020]


@pytest.mark.parametrize(
    ("values", "totals"),
    [([1000, 995, 1000], [1000, 995, 1000]), ([1000, 994, 997], [1000, 1000, 1003]), ([], [])],
)
def test_a_purge_is_a_fall_of_more_than_half_a_percent(values, totals):
    assert list(clean(hourly(*values)).totals) == totals


@given(st.lists(st.integers(500, 2_000), max_size=30))
def test_totals_are_the_values_and_all_that_purges_took_before(values):
    history = clean(hourly(*values))
    purges = [before - after if before - after > 0.005 * before else 0 for before, after in pairwise(history.values)]
    due = [value + sum(purges[:place]) for place, value in enumerate(history.values)]
    assert list(history.totals) == pytest.approx(due)


def test_the_gap_is_the_usual_time_from_one_number_to_the_next_new_one():
    assert clean(hourly(100, 110, 121, 130)).gap_s == HOUR
    assert clean(Window([(0, 1.0), (60, 2.0), (7_260, 3.0), (14_460, 4.0)])).gap_s == 7_200
    assert clean(hourly(*[100 * (hour // 3) for hour in range(3, 24)])).gap_s == 3 * HOUR
    assert clean(hourly(100)).gap_s == 0


def test_without_a_repeat_nothing_is_cached():
    assert not clean(hourly(100, 200, 300, 500, 600, 700)).cached


@pytest.mark.parametrize(("gain", "cached"), [(8, True), (6, False)])
def test_what_stands_still_though_seven_are_usual_between_looks_is_cached(gain, cached):
    values = [100 + gain * (look - (look > 5)) for look in range(12)]
    assert clean(hourly(*values)).cached is cached


def test_repeats_of_a_number_that_grows_quickly_are_cached_answers():
    history = clean(hourly(100, 200, 200, 200, 500, 600, 700, 800))
    assert history.cached
    assert list(history.times_s) == [0, HOUR, 4 * HOUR, 5 * HOUR, 6 * HOUR, 7 * HOUR]


def test_repeats_of_a_number_that_grows_slowly_are_what_it_was():
    history = clean(hourly(100, 101, 101, 101, 102, 102, 103))
    assert not history.cached
    assert len(history.times_s) == 7


@pytest.mark.parametrize(("gain", "hours", "cached"), [(9, 24, True), (9, 23, False), (9, 17, False), (9000, 24, True)])
def test_a_small_number_that_changes_at_one_time_of_the_day_is_renewed_daily(gain, hours, cached):
    window = Window((look * HOUR, 50.0 + gain * (look // hours)) for look in range(24 * 14))
    assert clean(window).cached == cached


@pytest.mark.parametrize("before", [[0] * 100, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0] * 10])
@pytest.mark.parametrize("burst", [[2_000], [250] * 8])
def test_what_came_at_once_after_a_long_quiet_makes_no_cached_answers_of_that(before, burst):
    values = accumulate([*before, *burst, *[0] * 50], initial=4_987)
    assert not clean(hourly(*values)).cached


@pytest.mark.parametrize(("first", "cached"), [(5_001, False), (5_000, True)])
def test_repeats_of_a_number_that_is_busy_for_a_day_are_cached_ones_only_if_it_is_rounded(first, cached):
    """Ten busy hours are most of its changes, and few of its looks."""
    values = accumulate([*[*[0] * 9, 10] * 5, *[100] * 10], initial=first)
    assert clean(hourly(*values)).cached is cached


def test_four_changes_of_an_exact_number_are_too_few_to_call_a_repeat_cached_and_five_are_enough():
    assert not clean(hourly(100, 201, 201, 301, 401, 501)).cached
    assert clean(hourly(101, 201, 201, 301, 401, 501, 601)).cached
    assert clean(hourly(100, 200, 200, 300, 400, 500)).cached


def changing(hours: list[int], every: int = 1, days: int = 14) -> Window:
    """A number that rises by one in these hours, and is looked at each so many."""
    looks = range(0, 24 * days, every)
    return Window((look * HOUR, 50.0 + sum(hour <= look for hour in hours)) for look in looks)


@pytest.mark.parametrize(
    ("what", "hours", "every", "daily"),
    [
        ("on seven days", [12 + 24 * day for day in range(7)], 1, True),
        ("on six days", [12 + 24 * day for day in range(6)], 1, False),
        ("on eight of nine days at noon", [12 + 24 * day - 12 * (day == 4) for day in range(9)], 1, True),
        ("on six of seven days at noon", [12 + 24 * day - 12 * (day == 4) for day in range(7)], 1, False),
        ("thrice around each noon", [11 + 24 * day + hour for day in range(9) for hour in range(3)], 1, False),
        ("at each third look", [24 * day for day in range(1, 13)], 8, True),
        ("at each second look", [24 * day for day in range(1, 13)], 12, False),
    ],
)
def test_a_number_is_a_daily_one_if_it_changes(what, hours, every, daily):
    assert clean(changing(hours, every)).cached is daily


def test_one_change_a_day_at_any_time_is_no_daily_number():
    hours = [5, 31, 70, 73, 98, 144, 150, 180, 201, 230, 270, 271, 300]
    window = Window((look * HOUR, 50.0 + sum(hour <= look for hour in hours)) for look in range(24 * 14))
    assert not clean(window).cached


@pytest.mark.parametrize(
    ("values", "quantum"),
    [
        ([1000, 1010, 1030, 1040, 1060, 1070], 10),
        ([1000, 1100, 1300, 1400, 1600, 1700], 100),
        ([1000, 1002, 1004, 1010, 1012, 1020], 0),
        ([1000, 1100, 1200, 1300, 1400, 1500], 0),  # that is steady, and could be by chance
        ([1000, 1100, 1300, 1400], 0),
        ([1000, 1100, 1300, 1400, 1600], 0),
        ([1000, 1100, 1100, 1300, 1400, 1600], 0),
        ([1000, 1009, 1027, 1036, 1054, 1063], 0),
        ([1000, 1010, 1030, 1023, 1033, 1053, 1063], 10),  # what was lost is no step of the rounding
        ([1000.5, 1100.5, 1300.5, 1400.5, 1600.5, 1700.5], 0),
    ],
)
def test_steps_that_share_a_divisor_come_from_a_rounded_counter(values, quantum):
    assert clean(hourly(*values)).quantum == quantum


def test_looks_closer_than_the_spacing_are_thinned_and_the_newest_stays():
    window = Window((look * 900.0, 100.0 + look) for look in range(200))
    history = clean(window, spacing_s=HOUR)
    assert {later - earlier for earlier, later in pairwise(history.times_s)} == {HOUR}
    assert history.times_s[-1] == window.times_s[-1]


def test_of_two_looks_closer_than_the_spacing_the_newest_stays():
    assert list(clean(hourly(100, 110), spacing_s=2 * HOUR).values) == [110]
    assert list(clean(hourly(100, 110), spacing_s=HOUR).values) == [100, 110]
    assert list(clean(hourly(100), spacing_s=2 * HOUR).values) == [100]


def test_a_history_ends_before_its_end_and_begins_with_its_beginning():
    assert list(clean(hourly(*range(1, 10)), 2 * HOUR, 5 * HOUR).values) == [3, 4, 5]


@pytest.mark.parametrize(
    ("values", "hour", "found"),
    [
        ([100, 200], 0.5, 150),
        ([100, NAN, 300], 1, 200),
        ([100, -1, 300], 1.5, 250),
        ([100, 0, 300], 1, 200),
        ([0, 0, 300], 1, 0),
        ([100, 7000, 300], 1, 200),
        ([100, 200], 5, 200),
        ([100, 200], -1, None),
        ([NAN, 200], 0, None),
        ([], 0, None),
    ],
)
def test_the_level_lies_on_the_line_between_what_is_believed(values, hour, found):
    assert level(hourly(*values), hour * HOUR, cached=False) == found


def test_where_repeats_are_cached_the_line_runs_between_changes():
    window = hourly(100, 200, 200, 200, 500)
    assert level(window, 2 * HOUR, cached=False) == 200
    assert level(window, 2 * HOUR, cached=True) == 300
    assert level(hourly(100, 200, 200, -1, 400), 2 * HOUR, cached=True) == pytest.approx(200 + 200 / 3)


def test_of_a_cached_number_the_first_look_is_believed_but_none_before_what_counts():
    window = hourly(100, 100, 100, -1, 200)
    assert believed(window, 4, cached=False) == 2
    assert believed(window, 4, cached=True) == 0
    assert believed(window, 4, cached=True, first=1) == 1
    assert believed(window, 4, cached=False, first=3) is None
    assert level(hourly(100, 100, 100), HOUR, cached=True) == 100


@pytest.mark.parametrize(("hours", "place"), [(3, 6), (2.5, 6), (9, 0), (100, 0)])
def test_looks_count_from_the_last_that_is_as_old_as_the_depth(hours, place):
    assert beginning(hourly(*range(10)), hours * HOUR) == place


@pytest.mark.parametrize(
    ("values", "value"),
    [
        ([5, 6], 6),
        ([100, 7000, 300], 300),
        ([5, -1], None),
        ([5, 0], None),
        ([0], 0),
        ([1000, 99], None),
        ([1000, 100], 100),
        ([1000, 99, 98], 98),
        ([9e14, 9.9e14], 9.9e14),
        ([9e14, 1e15], None),
        ([1000, 0, 0], None),
        ([0, 0], 0),
        ([], None),
    ],
)
def test_the_present_is_the_newest_look_if_that_can_be_believed(values, value):
    now = present(hourly(*values), 0.0)
    assert (None if now is None else now[1]) == value


@given(st.lists(st.one_of(st.just(NAN), st.floats(), st.integers(-5, 5000)), max_size=50), st.floats(0, 9000))
def test_what_is_believed_was_seen_in_this_order_and_its_totals_hardly_fall(values, spacing_s):
    window = hourly(*values)
    history = clean(window, spacing_s=spacing_s)
    looks = dict(zip(window.times_s, window.values, strict=True))
    assert [looks[at_s] for at_s in history.times_s] == list(history.values)
    assert list(history.times_s) == sorted(history.times_s)
    assert all(after >= before * 0.99 for before, after in pairwise(history.totals))


@given(st.lists(st.integers(999_000, 1_003_000), max_size=40), st.integers(0, 40))
def test_jitter_is_believed_beside_a_sentinel_as_it_is_without(values, place):
    beside = [*values[:place], -99_999, *values[place:]]
    assert _believed(range(len(values)), values)[1] == _believed(range(len(beside)), beside)[1] == values
