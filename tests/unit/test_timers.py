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


@pytest.mark.parametrize("text", ["", "x", "0 9 * *", "61 9 * * *", "0 9 30 2 *", "0 9 * * * *", "0 9 * * someday"])
def test_what_is_no_crontab_line_or_never_strikes_is_none(text):
    assert crontab(text, UTC) is None


@given(st.text(max_size=20))
def test_no_text_breaks_it(text):
    found = crontab(text, UTC)
    assert found is None or found(FRIDAY) > FRIDAY
