from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.timetable import LOOKED_AHEAD, Span, Times

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
EVERY_DAY, WORKDAYS = frozenset(range(1, 8)), frozenset(range(1, 6))
NIGHTS = Times(SHANGHAI, (Span(EVERY_DAY, time(22), time(8)),))
OFFICE = Times(SHANGHAI, (Span(WORKDAYS, time(9), time(18)),))
WEEKEND = Times(SHANGHAI, (Span(frozenset({6, 7}), time(0), time(0)),))


def shanghai(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 2, day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (shanghai(2, 21, 59), None),
        (shanghai(2, 22), shanghai(3, 8)),
        (shanghai(3, 0), shanghai(3, 8)),
        (shanghai(3, 7, 59), shanghai(3, 8)),
        (shanghai(3, 8), None),
    ],
)
def test_a_night_goes_over_midnight_and_ends_before_its_last_minute_is_told_as_quiet(at, until):
    assert NIGHTS.hold(at) is (until is not None)
    assert NIGHTS.until(at) == until


def test_a_saturday_and_a_sunday_are_one_stretch():
    assert WEEKEND.until(shanghai(7, 12)) == shanghai(9, 0)


def test_office_hours_leave_out_the_weekend_and_the_days_that_are_never_meant():
    closed = Times(SHANGHAI, OFFICE.spans, never=frozenset({date(2026, 2, 17)}))
    assert OFFICE.hold(shanghai(17, 10))
    assert not closed.hold(shanghai(17, 10))
    assert closed.hold(shanghai(18, 10))
    assert not OFFICE.hold(shanghai(7, 10))


def test_holidays_are_quiet_all_day_and_join_the_nights_around_them():
    quiet = Times(SHANGHAI, NIGHTS.spans, also=frozenset({date(2026, 2, 17), date(2026, 2, 18)}))
    assert quiet.until(shanghai(16, 22)) == shanghai(19, 8)


def test_what_never_ends_is_taken_to_end_after_sixty_days():
    always = Times(UTC, (Span(EVERY_DAY, time(0), time(0)),))
    assert always.until(shanghai(1, 12)) == shanghai(1, 12) + LOOKED_AHEAD


def test_a_night_is_an_hour_shorter_when_summer_time_begins():
    night = Times(BERLIN, (Span(EVERY_DAY, time(22), time(8)),))
    begin = datetime(2026, 3, 28, 22, tzinfo=BERLIN).astimezone(UTC)
    assert night.until(begin) == begin + timedelta(hours=9)


SPANS = st.builds(
    Span,
    st.frozensets(st.integers(1, 7), min_size=1),
    st.times().map(lambda each: each.replace(second=0, microsecond=0, tzinfo=None)),
    st.times().map(lambda each: each.replace(second=0, microsecond=0, tzinfo=None)),
)
DAYS = st.frozensets(st.dates(date(2026, 3, 20), date(2026, 4, 10)), max_size=6)
TIMES = st.builds(
    Times, st.sampled_from([UTC, SHANGHAI, BERLIN]), st.lists(SPANS, max_size=3).map(tuple), also=DAYS, never=DAYS
)
MICROSECOND = timedelta(microseconds=1)
INSTANTS = st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 10), timezones=st.just(UTC))


@given(TIMES, INSTANTS, st.floats(0, 0.999_999))
def test_every_instant_up_to_the_end_is_in_and_the_end_itself_is_out(times, at, share):
    until = times.until(at)
    assert times.hold(at) is (until is not None)
    if until is not None:
        assert until > at
        passed_us = int((until - at) / MICROSECOND * share)
        assert times.hold(at + passed_us * MICROSECOND)
        assert until == at + LOOKED_AHEAD or not times.hold(until)
