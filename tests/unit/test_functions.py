"""Windows to numbers: worked examples of every function, and what they must never do."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import functions
from rules.values import Window

NAN = math.nan
HOUR, DAY = 3_600.0, 86_400.0


def daily(*values: float) -> Window:
    return Window((day * DAY, value) for day, value in enumerate(values))


def call(name: str, window: Window, span_s: float, at_s: float) -> float | None:
    return functions.OF_WINDOW[name].of(window, span_s, at_s)


@pytest.mark.parametrize(
    ("name", "values", "span_days", "answer"),
    [
        ("last", [1, 5, 9], 1, 9),
        ("delta", [10, 14, 12], 2, 2),
        ("delta", [10, 14, 12], 1, -2),
        ("change", [10, 14, 12], 2, 0.2),
        ("change", [0, 14], 1, None),
        ("increase", [10, 14, 12, 15], 3, 7),
        ("increase", [10, 9, 8], 2, 0),
        ("min", [3, 9, 4, 8], 2, 4),
        ("max", [30, 9, 4, 8], 2, 9),
        ("avg", [1, 2, 6], 2, 4),
        ("median", [1, 2, 9, 4], 3, 4),
        ("count", [1, 2, NAN, 4], 3, 2),
    ],
)
def test_worked_examples(name, values, span_days, answer):
    found = call(name, daily(*values), span_days * DAY, (len(values) - 1) * DAY)
    assert found == (None if answer is None else pytest.approx(answer))


@pytest.mark.parametrize("name", sorted(functions.OF_WINDOW))
def test_of_a_window_that_saw_nothing_nothing_is_known(name):
    assert call(name, Window(), DAY, 0.0) in ((0.0,) if name == "count" else (None,))


@pytest.mark.parametrize("name", sorted(functions.OF_WINDOW))
def test_after_a_failed_look_nothing_is_known(name):
    window = daily(*range(40))
    window.blind = True
    assert call(name, window, 10 * DAY, 39 * DAY) is None


def test_what_was_not_seen_may_have_been_anything():
    seen = Window([(0, 0.05), (DAY, 0.05), (5 * DAY, 0.05)], fresh_for_s=3 * DAY)
    assert functions.highest(seen, 3 * DAY, 5 * DAY) is None
    assert functions.highest(seen, 1 * DAY, 1 * DAY) == 0.05


@pytest.mark.parametrize(("name", "known_from_day"), [("min", 3), ("max", 3), ("delta", 3), ("avg", 2), ("median", 2)])
def test_a_function_says_nothing_of_a_span_its_history_does_not_cover(name, known_from_day):
    answers = [call(name, daily(*range(1, days + 2)), 3 * DAY, days * DAY) for days in range(5)]
    assert [answer is not None for answer in answers] == [day >= known_from_day for day in range(5)]


def test_growth_during_an_outage_is_spread_over_the_outage():
    window = Window([(0, 1000), (10 * DAY, 2000)])
    assert functions.increase(window, DAY, 10 * DAY) == pytest.approx(100)


def test_an_unknown_number_between_two_known_ones_is_no_step():
    assert functions.increase(daily(10, NAN, 12), DAY * 2, 2 * DAY) == 2
    assert functions.delta(daily(10, NAN, 12), DAY * 1.5, 2 * DAY) is None  # the start of the span was not known


def test_last_within_a_span_forgets_what_is_older():
    assert functions.last(daily(5), HOUR, 2 * HOUR) is None


def organic(hours: int, seed: int = 7) -> list[tuple[float, float]]:
    chance, fans, points = random.Random(seed), 50_000.0, []
    for hour in range(0, hours, 3):
        fans += chance.randint(20, 60)
        points.append((hour * HOUR, fans))
    return points


def test_organic_growth_is_no_spike():
    window = Window(organic(14 * 24))
    assert functions.spike(window, 14 * DAY, window.times_s[-1]) < 4


def test_a_thousand_bought_fans_are_a_spike():
    points = organic(14 * 24)
    window = Window([*points, (points[-1][0] + 3 * HOUR, points[-1][1] + 1040)])
    assert functions.spike(window, 14 * DAY, window.times_s[-1]) > 10


def test_catching_up_after_an_outage_is_no_spike():
    points = organic(14 * 24)
    window = Window([*points, (points[-1][0] + 72 * HOUR, points[-1][1] + 40 * 24)])
    assert functions.spike(window, 14 * DAY, window.times_s[-1]) < 4


def test_a_cached_answer_followed_by_the_whole_growth_is_no_spike():
    points = organic(14 * 24)
    (end, fans) = points[-1]
    cached = [(end + step * 3 * HOUR, fans) for step in range(1, 9)]
    window = Window([*points, *cached, (end + 27 * HOUR, fans + 9 * 40)])
    assert functions.spike(window, 14 * DAY, window.times_s[-1]) < 4


def test_a_quiet_account_that_gains_a_hundred_at_once_is_a_spike():
    window = Window([(step * 3 * HOUR, 500.0 + step // 10) for step in range(100)] + [(300 * HOUR, 610.0)])
    assert functions.spike(window, 14 * DAY, 300 * HOUR) > 4


def test_thirty_steps_are_too_few_to_call_anything_a_spike():
    assert (
        functions.spike(Window((step * 12 * HOUR, float(step * 1000)) for step in range(31)), 14 * DAY, 360 * HOUR)
        is None
    )


values = st.lists(st.one_of(st.just(NAN), st.floats(-1e9, 1e9)), max_size=60)


@given(st.sampled_from(sorted(functions.OF_WINDOW)), values, st.floats(1, 30), st.floats(0, 90))
def test_no_function_raises_or_answers_with_nan(name, seen, span_days, at_day):
    answer = call(name, daily(*seen), span_days * DAY, at_day * DAY)
    assert answer is None or math.isfinite(answer)


@given(values, st.floats(0, 60))
def test_forgetting_the_past_before_a_window_does_not_change_what_the_window_says(seen, span_days):
    at_s = len(seen) * DAY
    whole, short = daily(*seen), daily(*seen)
    short.forget(at_s - span_days * DAY)
    for name in ("min", "max", "delta", "increase", "last", "count", "change"):
        assert call(name, short, span_days * DAY, at_s) == call(name, whole, span_days * DAY, at_s)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=30))
def test_a_window_holds_each_time_once_in_order(points):
    window = Window((float(time_s), float(value)) for time_s, value in points)
    assert list(window.times_s) == sorted(set(window.times_s))
