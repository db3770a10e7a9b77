from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.clock import ManualClock, SystemClock


def test_the_system_clock_is_in_utc_and_has_no_fraction_of_a_millisecond():
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


def test_the_manual_clock_stands_still_until_it_is_moved():
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    clock = ManualClock(noon)
    assert clock.now() == clock.now() == noon
    clock.advance(timedelta(days=1, seconds=5))
    assert clock.now() == datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)
