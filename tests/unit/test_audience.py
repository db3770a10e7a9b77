"""Who hears of an alert, and why; and why others do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers import METRICS
from rules.audience import Hearer, Tried, audience
from rules.book import RuleBook
from rules.building import build_book
from rules.directory import Delegation, Directory
from rules.models import RuleModel
from rules.posting import Slot, Telling
from rules.routes import Quiet, Route, Routes
from rules.selectors import Case, Selector, alerts, compile_selector
from rules.timetable import Once, Span, Times
from rules.values import NO_LABELS, Severity, Subject, Target

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHTS = Times(SHANGHAI, (Span(frozenset(range(1, 8)), time(22), time(8)),))
OFFICE = Times(SHANGHAI, (Span(frozenset(range(1, 6)), time(9), time(18)),))
SUNDAY = datetime(2026, 2, 1, 23, tzinfo=SHANGHAI).astimezone(UTC)
MORNING = datetime(2026, 2, 2, 8, tzinfo=SHANGHAI).astimezone(UTC)
CHANNELS = ("lin", "wu", "duty", "boss", "operators", "brand")
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", "lin", ("tier-a",), account="tiktok/account/mei")
CASE = Case("points", Severity.HIGH, "off", NO_LABELS, MEI)


def rule(**more):
    model = RuleModel.model_validate({"name": "points", "on": "account", "when": "violation_score > 12", **more})
    book = build_book([model], METRICS, CHANNELS)
    assert isinstance(book, RuleBook), book
    return book.rules[0]


def matching(text):
    found = compile_selector(text, alerts("`match`", []))
    assert isinstance(found, Selector), found
    return found


TIER_A = Route(
    "tier-a",
    matching('severity >= "high" and tag == "tier-a"'),
    to=("owner", "duty"),
    quiet=Quiet("nights", NIGHTS, Severity.CRITICAL),
    remind=(timedelta(hours=1),),
    escalate_after=timedelta(hours=2),
    escalate_to=("boss",),
)
DAYS = Route("days", times=OFFICE, to=("duty",))
REST = Route("rest", to=("operators",))
PEOPLE = Directory({"lin": ("lin",), "wu": ("wu",)})
TELLING = Telling(Routes((TIER_A, DAYS, REST), ("operators",), frozenset({"brand"})), PEOPLE)


def why_not(found, route):
    return next(each.why_not for each in found.tried if each.route == route)


def test_each_channel_is_told_with_its_route_and_until_when_it_is_held():
    found = audience(rule(), CASE, TELLING, SUNDAY)
    held = Slot(MORNING, "quiet nights")
    assert found.hearers == (Hearer("lin", "tier-a", held), Hearer("duty", "tier-a", held))
    assert found.tried == (
        Tried("tier-a", ""),
        Tried("days", "tier-a has decided"),
        Tried("rest", "tier-a has decided"),
    )


def test_a_route_that_is_not_taken_says_what_does_not_hold_and_what_is_so_instead():
    found = audience(rule(), replace(CASE, severity=Severity.WARNING), TELLING, SUNDAY)
    assert why_not(found, "tier-a") == (
        'severity >= "high" and tag == "tier-a" does not hold: severity is warning, tag is tier-a'
    )
    assert why_not(found, "days") == "it is not open on Sun at 23:00 Asia/Shanghai"
    assert [(each.channel, each.route) for each in found.hearers] == [("operators", "rest")]


def test_on_what_is_the_operators_own_it_is_told_that_clients_and_plain_routes_hear_nothing():
    tikhub = replace(CASE, target=Target("provider/tikhub", Subject.PROVIDER, "TikHub", ""))
    found = audience(rule(to=["brand"]), tikhub, TELLING, SUNDAY)
    assert [each.channel for each in found.hearers] == ["operators"]
    assert "for clients it is no business: brand" in found.notes
    assert why_not(found, "rest") == "it does not ask what an alert is `on`, and so is not for one on provider"


def test_who_stands_in_for_whom_is_told():
    away = replace(PEOPLE, delegations=(Delegation("lin", "wu", SUNDAY, MORNING),))
    found = audience(rule(), CASE, replace(TELLING, directory=away), SUNDAY)
    assert [each.channel for each in found.hearers] == ["wu", "duty"]
    assert found.notes == ("wu stands in for lin",)


def test_what_comes_later_is_told_and_is_there_once_it_has_come():
    (later,) = audience(rule(), CASE, TELLING, SUNDAY).later
    assert (later.route, later.remind, later.after, later.to) == (
        "tier-a",
        (timedelta(hours=1),),
        timedelta(hours=2),
        ("boss",),
    )
    escalated = audience(rule(), CASE, TELLING, SUNDAY, escalated=timedelta(hours=2))
    assert [each.channel for each in escalated.hearers] == ["lin", "duty", "boss"]


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"to": ["duty"]}, "points says itself whom it tells; routes say only how"),
        ({"shadow": True}, "in shadow: told to nobody"),
        ({"only": 'tag == "tier-b"'}, 'points does not look at it: `only: tag == "tier-b"`'),
    ],
)
def test_what_a_rule_says_itself_of_its_audience_is_noted(more, note):
    assert note in audience(rule(**more), CASE, TELLING, SUNDAY).notes


def test_what_passes_quiet_hours_by_its_rule_is_held_by_neither_them_nor_maintenance():
    moving = replace(TELLING, maintenance=(Quiet("we move", Once(SUNDAY, MORNING)),))
    assert all(each.slot.due == MORNING for each in audience(rule(), CASE, moving, SUNDAY).hearers)
    passing = audience(rule(passes_quiet="high"), CASE, moving, SUNDAY)
    assert {each.slot for each in passing.hearers} == {Slot(SUNDAY)}


@given(
    st.permutations([TIER_A, DAYS, REST, Route("all", to=("boss",), goes_on=True)]),
    st.sampled_from(list(Severity)),
    st.sampled_from([MEI, Target("cookie/mei", Subject.COOKIE, "Mei", "tiktok", "lin", ("tier-a",))]),
    st.sampled_from([SUNDAY, MORNING + timedelta(hours=3)]),
)
def test_those_who_hear_are_those_that_the_routes_name_and_every_route_is_told_of(order, severity, target, at):
    telling = replace(TELLING, routes=replace(TELLING.routes, routes=tuple(order)))
    case = replace(CASE, severity=severity, target=target)
    found = audience(rule(), case, telling, at)
    ways = telling.routes.ways(rule(), case, telling.owners(target, at), at)
    assert {each.channel: each.route for each in found.hearers} == {name: each.name for name, each in ways.items()}
    assert [each.route for each in found.tried] == [each.name for each in order]
    taken = {each.name for each in telling.routes.taken(case, at)}
    assert {each.route for each in found.tried if not each.why_not} == taken
