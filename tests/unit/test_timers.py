"""When crontab lines strike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.timers import crontab

SHANGHAI = ZoneInfo("Asia/Shanghai")
FRIDAY = datetime(2026, 2, 6, 9, tzinfo=SHANGHAI).astimezone(UTC)
SUNDAY = datetime(2026, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "next_one"),
    [
        (FRIDAY - timedelta(seconds=1), FRIDAY),
        (FRIDAY, FRIDAY + timedelta(days=3)),
        (FRIDAY + timedelta(hours=30), FRIDAY + timedelta(days=3)),
    ],
)
def test_a_line_strikes_on_the_clock_of_its_zone_and_later_than_the_instant_that_is_asked_about(after, next_one):
    strikes = crontab("0 9 * * mon-fri", SHANGHAI)
    assert strikes is not None
    assert strikes(after) == next_one


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("1-5", "mon tue wed thu fri"),
        ("0", "sun"),
        ("7", "sun"),
        ("5-7", "sun fri sat"),
        ("0-6", "sun mon tue wed thu fri sat"),
        ("*/2", "sun tue thu sat"),
        ("fri-mon", "sun mon fri sat"),
        ("MON,3", "mon wed"),
        ("tue-sat/2", "tue thu sat"),
    ],
)
def test_weekdays_are_those_of_crontab_where_sunday_is_0_and_7(weekdays, expected):
    strikes, at, found = crontab(f"0 9 * * {weekdays}", UTC), SUNDAY, []
    while (at := strikes(at)) < SUNDAY + timedelta(days=7):
        found.append(f"{at:%a}".lower())
    assert found == expected.split()


@pytest.mark.parametrize("weekdays", ["8", "1-8", "-1", "mon-", "*/0", "*/x", "1-2-3", "12", ",", "mon,"])
def test_what_is_no_weekday_is_no_crontab_line(weekdays):
    assert crontab(f"0 9 * * {weekdays}", UTC) is None


def test_a_line_with_days_of_the_month_and_of_the_week_strikes_on_either():
    strikes = crontab("0 9 1,15 * mon", UTC)
    assert strikes is not None
    days, at = [], datetime(2026, 2, 14, tzinfo=UTC)
    while len(days) < 4:
        at = strikes(at)
        days.append(f"{at:%a %d}")
    assert days == ["Sun 15", "Mon 16", "Mon 23", "Sun 01"]


@pytest.mark.parametrize("text", ["", "x", "0 9 * *", "61 9 * * *", "0 9 30 2 *", "0 9 * * * *", "0 9 * * someday"])
def test_what_is_no_crontab_line_or_never_strikes_is_none(text):
    assert crontab(text, UTC) is None


@given(st.text(max_size=20))
def test_no_text_breaks_it(text):
    found = crontab(text, UTC)
    assert found is None or found(FRIDAY) > FRIDAY
