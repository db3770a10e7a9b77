"""When letters go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from rules.posting import FIRST_SIGHT, SETTLED, Slot, slot
from rules.routes import STRAIGHT, Quiet, Route
from rules.selectors import Case
from rules.timetable import Once, Span, Times
from rules.values import NO_LABELS, Severity, Subject, Target

MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", "lin", account="tiktok/account/mei")
CASE = Case("points", Severity.HIGH, "off", NO_LABELS, MEI)
NIGHTS = Times(UTC, (Span(frozenset(range(1, 8)), time(22), time(8)),))
NIGHT, MORNING = datetime(2026, 2, 2, 23, tzinfo=UTC), datetime(2026, 2, 3, 8, tzinfo=UTC)
QUIET = Quiet("nights", NIGHTS, Severity.CRITICAL)
MOVE = Quiet("we move", Once(NIGHT, NIGHT + timedelta(hours=24)))
DAILY = Route("daily", digest=lambda at: at.replace(hour=9, minute=0) + timedelta(days=1), quiet=QUIET)


def test_news_without_a_route_goes_at_once_and_alone():
    assert slot(STRAIGHT, CASE, NIGHT, ()) == Slot(NIGHT)


def test_news_in_quiet_hours_waits_for_their_end():
    assert slot(Route(quiet=QUIET), CASE, NIGHT, ()) == Slot(MORNING, "quiet nights")
    assert slot(Route(quiet=QUIET), CASE, MORNING, ()) == Slot(MORNING)


def test_what_is_grave_enough_passes():
    assert slot(Route(quiet=QUIET), replace(CASE, severity=Severity.CRITICAL), NIGHT, ()) == Slot(NIGHT)


def test_of_quiet_hours_and_maintenance_the_longer_holds():
    assert slot(Route(quiet=QUIET), CASE, NIGHT, [MOVE]) == Slot(NIGHT + timedelta(hours=24), "quiet we move")


def test_a_digest_takes_what_is_not_held():
    assert slot(DAILY, CASE, MORNING, ()) == Slot(MORNING.replace(hour=9) + timedelta(days=1), "digest daily")
    assert slot(DAILY, CASE, NIGHT, ()).bundle == "quiet nights"


@pytest.mark.parametrize(
    ("group_by", "bundle"),
    [
        (("account",), "group mei"),
        (("rule", "owner"), "group points, lin"),
    ],
)
def test_a_group_waits_for_what_is_alike(group_by, bundle):
    route = Route(group_by=group_by, group_wait=timedelta(seconds=45))
    assert slot(route, CASE, NIGHT, ()) == Slot(NIGHT + timedelta(seconds=45), bundle, timedelta(seconds=45))


def test_what_has_no_account_is_grouped_by_its_name():
    tikhub = replace(CASE, target=Target("provider/tikhub", Subject.PROVIDER, "TikHub", ""))
    assert slot(Route(group_by=("account",)), tikhub, NIGHT, ()).bundle == "group TikHub"


def test_first_sights_are_summed_up_unless_they_are_held():
    assert slot(Route(group_by=("account",)), CASE, NIGHT, (), is_first=True) == Slot(
        NIGHT + SETTLED, FIRST_SIGHT, SETTLED
    )
    assert slot(Route(quiet=QUIET), CASE, NIGHT, (), is_first=True).bundle == "quiet nights"
