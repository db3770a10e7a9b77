"""How many calls may start, at any rate and however unevenly one asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pace import Pace


@given(
    st.floats(0.01, 200),
    st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 300)), max_size=30),
)
def test_in_no_time_do_more_calls_start_than_the_rate_and_one_burst(rate, steps):
    """Time that a clock goes back over is no time that has passed."""
    pace, now, passed, starts = Pace(rate), 1e6, 0.0, []
    for wait, wanted in steps:
        now += wait
        passed += max(0.0, wait)
        taken = min(wanted, pace.ready(now))
        pace.take(now, taken)
        starts.append((passed, taken))

    for first in range(len(starts)):
        for last in range(first, len(starts)):
            started = sum(n for _, n in starts[first : last + 1])
            assert started <= rate * (starts[last][0] - starts[first][0]) + max(1, rate) + 1e-6


@given(st.floats(0.01, 200), st.floats(0, 1e9))
def test_a_pace_that_rested_allows_one_second_of_calls_and_always_one(rate, now):
    pace = Pace(rate)
    ready = pace.ready(now)
    pace.take(now, ready)

    assert ready == max(1, int(rate))
    assert pace.ready(now) == int(rate - ready if rate > 1 else 0)
    assert pace.ready(now + 2 * max(1, 1 / rate)) == ready


def test_a_pace_loses_no_call_to_rounding():
    pace = Pace(10)
    started = 0
    for tick in range(1, 10_001):
        ready = pace.ready(tick / 10)
        pace.take(tick / 10, ready)
        started += ready

    assert 10_007 <= started <= 10_009


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_clock_that_goes_back_earns_nothing_and_stops_nothing(one, other):
    earlier, later = sorted((one, other))
    pace = Pace(1)
    pace.take(later, 1)

    assert pace.ready(earlier) == 0
    assert pace.ready(earlier + 0.5) == 0
    assert pace.ready(earlier + 1.001) == 1


@given(st.floats(0, 1e6), st.lists(st.floats(0, 1e6), max_size=5), st.lists(st.floats(0, 1e6), max_size=20))
def test_no_call_is_ready_before_every_pause_is_over(start, pauses, moments):
    pace = Pace(2)
    assert pace.ready(start) == 2
    for until in pauses:
        pace.pause(until)

    for now in sorted(start + moment for moment in moments):
        assert pace.ready(now) == (0 if now < max(pauses, default=0) else 2)


def test_a_pace_that_was_paused_at_once_is_paused():
    pace = Pace(1)
    pace.pause(100.0)

    assert [pace.ready(now) for now in (10.0, 99.9, 100.0)] == [0, 0, 1]
    pace.pause(200.0)
    with pytest.raises(ValueError, match="ready"):
        pace.take(150.0, 1)


def test_a_clock_that_goes_back_makes_no_pause_longer():
    pace = Pace(1)
    assert pace.ready(1000.0) == 1
    pace.pause(1030.0)

    assert pace.ready(400.0) == pace.ready(429.0) == 0
    assert pace.ready(430.0) == 1


def test_taking_more_than_is_ready_is_a_mistake():
    with pytest.raises(ValueError, match="ready"):
        Pace(1).take(0.0, 2)
    with pytest.raises(ValueError, match="positive"):
        Pace(0)


def test_a_pace_that_was_stopped_lets_one_call_alone_start_at_a_time_until_it_goes_on():
    pace = Pace(10)
    pace.stop(0.0, 900.0)
    pace.stop(500.0, 900.0)

    assert [pace.ready(now) for now in (0.0, 899.0, 900.0)] == [0, 0, 1]
    pace.take(900.0, 0)
    pace.take(900.0, 1)
    assert [pace.ready(now) for now in (900.0, 1799.0, 1800.0)] == [0, 0, 1]
    pace.go_on()
    assert pace.ready(1800.0) == 10


def test_to_go_on_ends_no_pause_that_the_provider_wished_for():
    pace = Pace(10)
    pace.pause(100.0)
    pace.go_on()

    assert pace.ready(50.0) == 0


@given(st.floats(0.01, 200), st.floats(0.01, 200), st.integers(0, 200), st.floats(0, 1e6))
def test_another_rate_begins_with_what_was_left_and_no_more_than_its_own_burst(before, after, taken, now):
    pace = Pace(before)
    left = pace.ready(now) - min(taken, pace.ready(now))
    pace.take(now, pace.ready(now) - left)
    pace.adopt(after)

    assert pace.ready(now) <= max(left + 1, 1)
    assert pace.ready(now) <= max(1, after)
    assert pace.ready(now + 2 * max(1, 1 / after)) == max(1, int(after))


def test_another_rate_ends_neither_a_pause_nor_a_stop():
    paused, stopped = Pace(10), Pace(10)
    paused.pause(100.0)
    stopped.stop(0.0, 900.0)
    for pace in (paused, stopped):
        pace.adopt(5)

    assert [paused.ready(now) for now in (99.0, 100.0)] == [0, 5]
    assert [stopped.ready(now) for now in (899.0, 900.0)] == [0, 1]


def test_another_rate_that_is_none_is_a_mistake_and_changes_nothing():
    pace = Pace(3)
    with pytest.raises(ValueError, match="positive"):
        pace.adopt(0)

    assert pace.ready(0.0) == 3
