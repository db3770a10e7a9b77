"""The pulse that readiness and the watchdog are told by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.run import LATE, Ticks

AT = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_verb_that_stands_still_for_a_minute_is_late_and_the_others_are_not():
    ticks = Ticks()
    ticks.at = {"poll": AT, "deliver": AT + LATE}
    assert ticks.late(AT + LATE) == []
    assert ticks.late(AT + LATE + timedelta(seconds=1)) == ["poll"]


def test_a_clock_that_was_set_back_makes_every_verb_late():
    ticks = Ticks()
    ticks.at = {"poll": AT}
    assert ticks.late(AT - LATE - timedelta(seconds=1)) == ["poll"]
