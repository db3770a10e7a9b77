"""When letters go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from rules.posting import FIRST_SIGHT, SETTLED, Slot, Telling, slot
from rules.routes import STRAIGHT, Quiet, Route
from rules.selectors import Case
from rules.timetable import LOOKED_AHEAD, Once, Span, Times
from rules.values import NO_LABELS, Severity, Subject, Target

MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", "lin", account="tiktok/account/mei")
CASE = Case("points", Severity.HIGH, "off", NO_LABELS, MEI)
NIGHTS = Times(UTC, (Span(frozenset(range(1, 8)), time(22), time(8)),))
NIGHT, MORNING = datetime(2026, 2, 2, 23, tzinfo=UTC), datetime(2026, 2, 3, 8, tzinfo=UTC)
QUIET = Quiet("nights", NIGHTS, Severity.CRITICAL)
MOVE = Quiet("we move", Once(NIGHT, NIGHT + timedelta(hours=12)))
DAILY = Route("daily", digest=lambda at: at.replace(hour=9, minute=0) + timedelta(days=1))


def test_news_without_a_route_goes_at_once_and_alone():
    assert slot(STRAIGHT, CASE, NIGHT, ()) == Slot(NIGHT)


def test_news_in_quiet_hours_waits_for_their_end():
    assert slot(STRAIGHT, CASE, NIGHT, [QUIET]) == Slot(MORNING, "quiet nights")
    assert slot(STRAIGHT, CASE, MORNING, [QUIET]) == Slot(MORNING)


def test_what_is_grave_enough_passes():
    assert slot(STRAIGHT, replace(CASE, severity=Severity.CRITICAL), NIGHT, [QUIET]) == Slot(NIGHT)


def test_of_quiet_hours_and_maintenance_the_longer_holds():
    assert slot(STRAIGHT, CASE, NIGHT, [QUIET, MOVE]) == Slot(NIGHT + timedelta(hours=12), "quiet we move")


def test_what_begins_before_the_other_is_over_holds_on():
    begins = Once(MORNING - timedelta(hours=1), MORNING + timedelta(hours=4))
    assert slot(STRAIGHT, CASE, NIGHT, [QUIET, Quiet("we move", begins)]).due == MORNING + timedelta(hours=4)
    move = Quiet("we move", Once(NIGHT, NIGHT + timedelta(hours=24)))
    assert slot(STRAIGHT, CASE, NIGHT, [QUIET, move]).due == MORNING + timedelta(days=1)


def test_what_is_always_held_is_held_for_sixty_days_at_most():
    days = Quiet("days", Times(UTC, (Span(frozenset(range(1, 8)), time(8), time(22)),)))
    held = slot(STRAIGHT, CASE, NIGHT, [QUIET, days]).due - NIGHT
    assert LOOKED_AHEAD <= held < LOOKED_AHEAD + timedelta(days=1)


def test_a_digest_that_comes_due_in_quiet_hours_waits_for_their_end():
    late = Route("late", digest=lambda at: at.replace(hour=23))
    noon = MORNING.replace(hour=12)
    assert slot(late, CASE, noon, [QUIET]) == Slot(MORNING + timedelta(days=1), "digest late")
    assert slot(late, replace(CASE, severity=Severity.CRITICAL), noon, [QUIET]) == Slot(
        noon.replace(hour=23), "digest late"
    )


@pytest.mark.parametrize(("route", "is_first"), [(Route(group_by=("account",)), False), (STRAIGHT, True)])
def test_what_would_come_after_quiet_hours_have_begun_is_held(route, is_first):
    evening = NIGHT.replace(hour=21, minute=59, second=45)
    assert slot(route, CASE, evening, [QUIET], is_first=is_first) == Slot(MORNING, "quiet nights")


def test_a_digest_takes_what_is_not_held():
    assert slot(DAILY, CASE, MORNING, [QUIET]) == Slot(MORNING.replace(hour=9) + timedelta(days=1), "digest daily")
    assert slot(DAILY, CASE, NIGHT, [QUIET]).bundle == "quiet nights"


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
    assert slot(STRAIGHT, CASE, NIGHT, [QUIET], is_first=True).bundle == "quiet nights"


def test_what_holds_news_is_maintenance_and_the_quiet_hours_of_its_route():
    telling = Telling(maintenance=(MOVE,))
    assert telling.holds(STRAIGHT) == (MOVE,)
    assert telling.holds(Route(quiet=QUIET)) == (MOVE, QUIET)
