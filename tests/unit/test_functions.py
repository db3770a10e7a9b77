"""Windows to numbers: worked examples of every function, and what they must never do."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import functions, windows
from rules.values import Window

NAN = math.nan
HOUR, DAY = 3_600.0, 86_400.0


def daily(*values: float) -> Window:
    return Window((day * DAY, value) for day, value in enumerate(values))


NEEDS = {"quantile": (0.9,)}


def call(name: str, window: Window, span_s: float, at_s: float, *third: float) -> float | bool | None:
    return functions.OF_WINDOW[name].of(window, span_s, at_s, *(third or NEEDS.get(name, ())))


@pytest.mark.parametrize(
    ("name", "values", "span_days", "answer"),
    [
        ("last", [1, 5, 9], 1, 9),
        ("delta", [10, 14, 12], 2, 2),
        ("delta", [10, 14, 12], 1, -2),
        ("change_pct", [10, 14, 12], 2, 0.2),
        ("change_pct", [0, 14], 1, None),
        ("change_pct", [-10, -5], 1, 0.5),
        ("change_pct", [0.5, 1], 1, 1),
        ("rate", [10, 14, 12, 15], 3, 7 / 72),
        ("increase", [10, 14, 12, 15], 3, 7),
        ("increase", [10, 9, 8], 2, 0),
        ("min", [3, 9, 4, 8], 2, 4),
        ("max", [30, 9, 4, 8], 2, 9),
        ("avg", [1, 2, 6], 2, 4),
        ("median", [1, 2, 9, 4], 3, 4),
        ("mad", [9, 2, 9, 4, 5], 4, 1.5),
        ("mad", [1, 7, 7, 7, 100], 4, 0),
        ("stddev", [9, 2, 4], 2, 1),
        ("stddev", [9, 5, 5, 5], 3, 0),
        ("count", [1, 2, NAN, 4], 3, 2),
    ],
)
def test_worked_examples(name, values, span_days, answer):
    found = call(name, daily(*values), span_days * DAY, (len(values) - 1) * DAY)
    assert found == (None if answer is None else pytest.approx(answer))


@pytest.mark.parametrize(("share", "answer"), [(0.0, 10), (0.25, 20), (0.5, 30), (0.9, 46), (0.95, 48), (1.0, 50)])
def test_a_quantile_between_two_values_is_on_the_straight_line(share, answer):
    assert call("quantile", daily(99, 40, 10, 50, 20, 30), 5 * DAY, 5 * DAY, share) == pytest.approx(answer)


@pytest.mark.parametrize(("base", "known"), [(99, False), (100, True), (-99, False), (-100, True)])
def test_a_change_of_less_than_the_least_base_is_unknown(base, known):
    assert (call("change_pct", daily(base, 500), DAY, DAY, 100) is not None) is known


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ([1, 0, 0, 0], False),  # it was 0 when the window began
        ([0, 1, 0, 0], True),  # it was 1 when the window began: it fell afterwards
        ([0, 0, 1, 0], True),
        ([0, 0, NAN, 0], False),
        ([0, NAN, 0, 0], False),
        ([0, NAN, 0, 1], True),
    ],
)
def test_what_had_two_values_in_a_window_has_changed(values, answer):
    window = daily(*values)
    window.fresh_for_s = 2 * DAY
    assert call("changed", window, 2 * DAY, 3 * DAY) is answer


def test_that_nothing_has_changed_is_known_only_of_a_window_all_of_which_was_seen():
    paused = Window([(0, 5), (DAY, 5), (5 * DAY, 5)], fresh_for_s=3 * DAY)
    assert call("changed", paused, 4 * DAY, 5 * DAY) is None
    assert call("changed", daily(5, 5, 5), 3 * DAY, 2 * DAY) is None
    assert call("changed", daily(5, 5, 6), 3 * DAY, 2 * DAY) is True


def test_a_mean_of_equal_numbers_is_that_number():
    assert call("avg", daily(*[0.1] * 7), 6 * DAY, 6 * DAY) == 0.1
    assert call("stddev", daily(*[0.1] * 7), 6 * DAY, 6 * DAY) == 0


@pytest.mark.parametrize("name", sorted(functions.OF_WINDOW))
def test_of_a_window_that_saw_nothing_nothing_is_known(name):
    assert call(name, Window(), DAY, 0.0) in ((0.0,) if name == "count" else (None,))


@pytest.mark.parametrize("name", sorted(functions.OF_WINDOW))
def test_after_a_failed_look_nothing_is_known(name):
    window = daily(*range(40))
    window.blind = True
    assert call(name, window, 10 * DAY, 39 * DAY) is None


def test_numbers_that_were_not_given_for_too_long_may_have_been_anything():
    seen = daily(3, NAN, NAN, NAN, NAN, 3)
    seen.fresh_for_s = 2 * DAY
    for name in ("min", "max", "changed"):
        assert call(name, seen, 3 * DAY, 5 * DAY) is None
        assert call(name, seen, 2 * DAY, 5 * DAY) == (0 if name == "changed" else 3)


@pytest.mark.parametrize(
    ("days", "fresh_days", "span_days", "seen"),
    [
        ([0, 1, 2, 3], 1, 3, True),
        ([0, 1, 2.5, 3], 1, 3, False),
        ([0, 5, 6, 7], 2, 2, True),  # the pause was before the window
        ([0, 5, 6, 7], 2, 2.5, False),
        ([0, 1, 5], 3, 1, False),  # it may have been anything when the window began
        ([1, 2, 3], 1, 3, False),
    ],
)
def test_a_window_was_seen_if_no_pause_in_it_was_too_long(days, fresh_days, span_days, seen):
    window = Window([(day * DAY, 5) for day in days], fresh_for_s=fresh_days * DAY)
    for name, answer in (("min", 5), ("max", 5), ("changed", False)):
        assert call(name, window, span_days * DAY, days[-1] * DAY) == (answer if seen else None)


def test_a_number_that_was_not_given_when_the_window_began_makes_a_pause():
    window = Window([(0, 3), (DAY, NAN), (6 * DAY, 3)], fresh_for_s=2 * DAY)
    assert call("max", window, 5 * DAY, 6 * DAY) is None


@pytest.mark.parametrize(
    ("name", "known_from_day"),
    [
        *(("min", 3), ("max", 3), ("delta", 3), ("change_pct", 3), ("increase", 3), ("rate", 3)),
        *(("avg", 2), ("median", 2), ("mad", 2), ("stddev", 2), ("quantile", 2)),
    ],
)
def test_a_function_says_nothing_of_a_span_its_history_does_not_cover(name, known_from_day):
    answers = [call(name, daily(*range(1, days + 2)), 3 * DAY, days * DAY) for days in range(5)]
    assert [answer is not None for answer in answers] == [day >= known_from_day for day in range(5)]


def test_growth_during_an_outage_is_spread_over_the_outage():
    window = Window([(30 * DAY, 1000), (40 * DAY, 2000)])
    assert windows.increase(window, DAY, 40 * DAY) == pytest.approx(100)
    assert windows.delta(window, 4 * DAY, 40 * DAY) == pytest.approx(400)


def test_an_unknown_number_between_two_known_ones_is_no_step():
    assert windows.increase(daily(10, NAN, 12), DAY * 2, 2 * DAY) == 2
    assert windows.delta(daily(10, NAN, 12), DAY * 1.5, 2 * DAY) == 1.5


@pytest.mark.parametrize("name", ["delta", "change_pct", "increase", "rate"])
def test_a_number_that_was_not_given_when_the_span_began_is_read_off_the_numbers_around_it(name):
    given, not_given = daily(10, 20, 30, 60), daily(10, NAN, NAN, 60)
    assert call(name, not_given, 3 * DAY, 3 * DAY) == call(name, given, 3 * DAY, 3 * DAY)
    assert windows.delta(not_given, 2 * DAY, 3 * DAY) == pytest.approx(60 - (10 + 50 / 3))
    assert call(name, daily(NAN, NAN, 30, 60), 2 * DAY, 3 * DAY) is None


def test_the_age_is_that_of_the_last_number_also_where_that_was_forgotten():
    window = daily(5, *[NAN] * 9)
    window.forget(8 * DAY)
    assert windows.age(window, 10 * DAY) == 10 * DAY
    window.blind = True
    assert windows.age(window, 11 * DAY) == 11 * DAY
    assert windows.age(daily(NAN, NAN), 2 * DAY) is None


def test_a_window_keeps_the_newest_look_and_the_newest_number_before_its_start():
    window = daily(1, 2, NAN, NAN, NAN, 6)
    window.forget(3.5 * DAY)
    assert list(window.times_s) == [DAY, 3 * DAY, 4 * DAY, 5 * DAY]
    window.forget(5 * DAY)
    assert list(window.values) == [6]
    empty, unseen = Window(), daily(NAN, NAN, NAN)
    empty.forget(DAY)
    unseen.forget(DAY)
    assert (len(empty.values), len(unseen.values)) == (0, 2)


def test_a_number_is_known_up_to_the_age_that_it_may_have():
    window = daily(3, 5)
    window.fresh_for_s = HOUR
    assert [windows.newest(window, DAY + late_s) for late_s in (0, HOUR, HOUR + 1)] == [5, 5, None]
    assert (windows.newest(Window(), 0.0), windows.newest(daily(3, NAN), DAY)) == (None, None)


def test_the_time_until_an_instant_is_known_also_while_blind_but_not_while_it_is_doubted():
    window = daily(9 * DAY)
    window.blind, window.fresh_for_s = True, HOUR
    assert [windows.until(window, day * DAY) for day in (2, 9, 10)] == [7 * DAY, 0, -DAY]
    window.doubted = True
    assert windows.until(window, DAY) is None
    assert (windows.until(Window(), 0.0), windows.until(daily(9 * DAY, NAN), 0.0)) == (None, None)


def test_of_a_span_without_a_look_the_number_in_force_is_the_mean_and_nothing_deviates():
    window = daily(2, 5)
    found = [call(name, window, DAY, 4 * DAY) for name in ("avg", "median", "quantile", "stddev", "mad", "count")]
    assert found == [5, 5, 5, 0, 0, 0]


def test_last_within_a_span_forgets_what_is_older():
    assert windows.last(daily(5), HOUR, 2 * HOUR) is None
    assert windows.last(daily(5), 2 * HOUR, 2 * HOUR) == 5


def organic(hours: int, seed: int = 7) -> list[tuple[float, float]]:
    chance, fans, points = random.Random(seed), 50_000.0, []
    for hour in range(0, hours, 3):
        fans += chance.randint(20, 60)
        points.append((hour * HOUR, fans))
    return points


def spike(window: Window, span_s: float, at_s: float) -> float:
    return functions.OF_DETECTOR["spike"](window, span_s, at_s).score


def test_organic_growth_is_no_spike():
    window = Window(organic(14 * 24))
    assert spike(window, 14 * DAY, window.times_s[-1]) < 4


def test_a_thousand_bought_fans_are_a_spike():
    points = organic(14 * 24)
    window = Window([*points, (points[-1][0] + 3 * HOUR, points[-1][1] + 1040)])
    assert spike(window, 14 * DAY, window.times_s[-1]) > 10


def test_catching_up_after_an_outage_is_no_spike():
    points = organic(14 * 24)
    window = Window([*points, (points[-1][0] + 72 * HOUR, points[-1][1] + 40 * 24)])
    assert spike(window, 14 * DAY, window.times_s[-1]) < 4


def test_a_cached_answer_followed_by_the_whole_growth_is_no_spike():
    points = organic(14 * 24)
    (end, fans) = points[-1]
    cached = [(end + step * 3 * HOUR, fans) for step in range(1, 9)]
    window = Window([*points, *cached, (end + 27 * HOUR, fans + 9 * 40)])
    assert spike(window, 14 * DAY, window.times_s[-1]) < 4


def test_a_quiet_account_that_gains_a_hundred_at_once_is_a_spike():
    window = Window([(step * 3 * HOUR, 500.0 + step // 10) for step in range(100)] + [(300 * HOUR, 610.0)])
    assert spike(window, 14 * DAY, 300 * HOUR) > 4


def test_thirty_steps_are_too_few_to_call_anything_a_spike():
    window = Window((step * 12 * HOUR, float(step * 1000)) for step in range(31))
    assert functions.OF_DETECTOR["spike"](window, 14 * DAY, 360 * HOUR) is None


values = st.lists(st.one_of(st.just(NAN), st.floats(allow_nan=False, allow_infinity=False)), max_size=60)


@example("max", [NAN, NAN, 0.0], 1, 1)  # looked at from before anything was known
@given(st.sampled_from(sorted(functions.OF_WINDOW)), values, st.floats(1, 30), st.floats(0, 90))
def test_no_function_raises_or_answers_with_nan(name, seen, span_days, at_day):
    answer = call(name, daily(*seen), span_days * DAY, at_day * DAY)
    assert answer is None or math.isfinite(answer)


@given(values, st.floats(0.1, 60))
def test_forgetting_the_past_before_a_window_does_not_change_what_the_window_says(seen, span_days):
    at_s = len(seen) * DAY
    whole, short = daily(*seen), daily(*seen)
    short.forget(at_s - span_days * DAY)
    for name in functions.OF_WINDOW:
        assert call(name, short, span_days * DAY, at_s) == call(name, whole, span_days * DAY, at_s)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=30))
def test_a_window_holds_each_time_once_in_order(points):
    window = Window((float(time_s), float(value)) for time_s, value in points)
    assert list(window.times_s) == sorted(set(window.times_s))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_what_is_in_the_middle_lies_between_the_least_and_the_greatest(seen, share):
    window, span_s = daily(*seen), len(seen) * DAY
    middle = [call(name, window, span_s, span_s / 2) for name in ("avg", "median")]
    inside = seen[: len(seen) // 2 + 1]
    for value in (*middle, call("quantile", window, span_s, span_s / 2, share)):
        assert value is None or min(inside) - 1e-6 <= value <= max(inside) + 1e-6
