"""When to ask next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers.answer import RETRIED, Failure, Reason
from daemon.schedule import FIRST_SPREAD, SUSPICION, first_due, next_due, retry_due

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
intervals = st.timedeltas(timedelta(seconds=1), timedelta(days=30))
names = st.text(max_size=20)


@given(names, intervals, moments)
def test_the_next_turn_is_half_to_one_and_a_half_intervals_away(target, interval, at):
    wait = next_due(target, "e", interval, at) - at
    assert interval / 2 - timedelta(milliseconds=1) <= wait <= interval * 1.5


@given(names, intervals, moments)
def test_turns_keep_their_distance_of_one_interval_whenever_the_polls_happen(target, interval, at):
    first = next_due(target, "e", interval, at)
    second = next_due(target, "e", interval, first + interval / 10)
    assert abs((second - first) - interval) <= timedelta(milliseconds=1)


@given(names, intervals, moments)
def test_a_new_target_is_asked_about_at_once(target, interval, at):
    assert timedelta(0) <= first_due(target, "e", interval, at) - at + timedelta(milliseconds=1)
    assert first_due(target, "e", interval, at) - at <= FIRST_SPREAD


def test_twenty_thousand_targets_do_not_line_up():
    dues = [next_due(f"tiktok/video/{number}", "e", timedelta(hours=6), AT) for number in range(20_000)]
    in_minute = [0] * 540
    for due in dues:
        in_minute[int((due - AT).total_seconds() // 60)] += 1
    assert max(in_minute) < 3 * 20_000 / 360


@pytest.mark.parametrize("reason", sorted(RETRIED))
def test_passing_failures_are_asked_again_soon_then_more_and_more_slowly(reason):
    waits = [
        retry_due("t", "e", timedelta(hours=6), AT, Failure(reason, ""), failures) - AT for failures in range(1, 7)
    ]
    assert waits[0] <= timedelta(seconds=10)
    assert waits == sorted(waits)
    assert waits[4] <= timedelta(seconds=160)
    assert AT + waits[5] == next_due("t", "e", timedelta(hours=6), AT)


@pytest.mark.parametrize("reason", sorted(set(Reason) - RETRIED))
def test_a_failure_that_waiting_does_not_mend_gets_one_second_look(reason):
    second = retry_due("t", "e", timedelta(hours=6), AT, Failure(reason, ""), 1)
    assert second - AT <= SUSPICION
    regular = next_due("t", "e", timedelta(hours=6), AT)
    assert retry_due("t", "e", timedelta(hours=6), AT, Failure(reason, ""), 2) == regular


def test_the_provider_is_not_asked_before_it_wants_to_be():
    failure = Failure(Reason.RATE_LIMITED, "", retry_after_s=120)
    assert retry_due("t", "e", timedelta(seconds=5), AT, failure, 1) - AT >= timedelta(seconds=120)


@given(names, intervals, moments, st.sampled_from(sorted(Reason)), st.integers(1, 100))
def test_a_retry_is_never_later_than_the_regular_turn(target, interval, at, reason, failures):
    regular = next_due(target, "e", interval, at)
    assert at <= retry_due(target, "e", interval, at, Failure(reason, ""), failures) <= regular
