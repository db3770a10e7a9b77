"""How many calls may start, at any rate and however unevenly one asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.fetch import Pace


@given(
    st.floats(0.01, 200),
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 300)), max_size=30),
)
def test_in_no_time_do_more_calls_start_than_the_rate_and_one_burst(rate, steps):
    pace, now, starts = Pace(rate), 1e6, []
    for wait, wanted in steps:
        now += wait
        taken = min(wanted, pace.ready(now))
        pace.take(now, taken)
        starts.append((now, taken))

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


def test_a_clock_that_goes_back_earns_nothing():
    pace = Pace(1)
    pace.take(100.0, 1)

    assert pace.ready(50.0) == 0
    pace.take(50.0, 0)
    assert pace.ready(100.0) == 0
    assert pace.ready(101.0) == 1


def test_taking_more_than_is_ready_is_a_mistake():
    with pytest.raises(ValueError, match="ready"):
        Pace(1).take(0.0, 2)
    with pytest.raises(ValueError, match="positive"):
        Pace(0)
