"""What is believed of a counter, and what is not."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.cleaning import _believed, clean, level, present
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
    ],
)
def test_of_a_counter_is_believed(what, values, believed):
    assert list(clean(hourly(*values)).values) == believed


def test_a_purge_is_no_growth_when_growth_goes_on():
    assert clean(hourly(1000, 1010, 910, 920, 930)).totals == [1000, 1010, 1010, 1020, 1030]
    assert clean(hourly(1000, 1010, 1008, 1020)).totals == [1000, 1010, 1008, 1020]


def test_repeats_of_a_number_that_grows_quickly_are_cached_answers():
    history = clean(hourly(100, 200, 200, 200, 500, 600, 700))
    assert history.cached
    assert list(history.times_s) == [0, HOUR, 4 * HOUR, 5 * HOUR, 6 * HOUR]


def test_repeats_of_a_number_that_grows_slowly_are_what_it_was():
    history = clean(hourly(100, 101, 101, 101, 102, 102, 103))
    assert not history.cached
    assert len(history.times_s) == 7


@pytest.mark.parametrize(("gain", "hours", "cached"), [(9, 24, True), (9, 23, False), (9, 17, False), (9000, 24, True)])
def test_a_small_number_that_changes_at_one_time_of_the_day_is_renewed_daily(gain, hours, cached):
    window = Window((look * HOUR, 50.0 + gain * (look // hours)) for look in range(24 * 14))
    assert clean(window).cached == cached


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


@pytest.mark.parametrize(
    ("values", "value"),
    [
        ([5, 6], 6),
        ([100, 7000, 300], 300),
        ([5, -1], None),
        ([5, 0], None),
        ([0], 0),
        ([1000, 99], None),
        ([1000, 99, 98], 98),
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
