"""Who hears of an alert, and which way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers import METRICS
from rules.book import Rule, RuleBook
from rules.building import build_book
from rules.models import RuleModel
from rules.routes import STRAIGHT, Quiet, Route, Routes
from rules.selectors import Case, Selector, alerts, compile_selector
from rules.timetable import Once, Span, Times
from rules.values import NO_LABELS, Severity, Subject, Target

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHTS = Times(SHANGHAI, (Span(frozenset(range(1, 8)), time(22), time(8)),))
OFFICE = Times(SHANGHAI, (Span(frozenset(range(1, 6)), time(9), time(18)),))
NOON, MIDNIGHT = (datetime(2026, 2, 2, hour, tzinfo=SHANGHAI).astimezone(UTC) for hour in (12, 0))
CHANNELS = ("lin-phone", "duty", "boss", "operators", "brand")
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", "lin", ("tier-a",))
COOKIE = Target("cookie/mei", Subject.COOKIE, "Mei's cookie", "tiktok", "lin")
OWNERS = ["lin-phone"]


def rule(to: list[str] | None = None) -> Rule:
    model = RuleModel.model_validate({"name": "points", "on": "account", "when": "violation_score > 12", "to": to})
    book = build_book([model], METRICS, CHANNELS)
    assert isinstance(book, RuleBook), book
    return book.rules[0]


def matching(text: str) -> Selector[Case]:
    found = compile_selector(text, alerts("`match`", []))
    assert isinstance(found, Selector), found
    return found


def hear(
    routes: Routes,
    to: list[str] | None = None,
    target: Target = MEI,
    severity: Severity = Severity.HIGH,
    at: datetime = NOON,
) -> dict[str, str]:
    """The names of the routes, by channel."""
    ways = routes.ways(rule(to), Case("points", severity, "off", NO_LABELS, target), OWNERS, at)
    return {channel: route.name for channel, route in ways.items()}


TIER_A = Route("tier-a", matching('tag == "tier-a"'), to=("owner", "duty"))
GRAVE = Route("grave", matching('severity == "critical"'), to=("boss",), goes_on=True)
DAYS = Route("days", times=OFFICE, to=("duty",))
REST = Route("rest", to=("operators",))


def test_without_routes_a_rule_tells_those_it_names_or_all():
    assert hear(Routes(), to=["owner"]) == {"lin-phone": ""}
    assert hear(Routes()) == dict.fromkeys(CHANNELS, "")


def test_the_first_route_that_matches_decides():
    assert hear(Routes((TIER_A, REST))) == {"lin-phone": "tier-a", "duty": "tier-a"}


def test_a_route_that_goes_on_adds_to_the_next_and_a_channel_is_told_once():
    grave = Routes((GRAVE, Route("all", to=("boss", "duty"))))
    assert hear(grave, severity=Severity.CRITICAL) == {"boss": "grave", "duty": "all"}
    assert hear(grave) == {"boss": "all", "duty": "all"}


def test_a_route_with_times_is_passed_by_at_others():
    routes = Routes((DAYS, REST))
    assert hear(routes) == {"duty": "days"}
    assert hear(routes, at=MIDNIGHT) == {"operators": "rest"}


def test_a_rule_that_names_channels_keeps_them_and_the_route_says_how():
    assert hear(Routes((TIER_A,)), to=["boss"]) == {"boss": "tier-a"}


def test_what_no_route_is_for_goes_to_the_operators_and_without_those_to_all():
    nobody = (Route("none", matching('tag == "tier-b"'), to=("duty",)),)
    assert hear(Routes(nobody, operators=("operators",))) == {"operators": ""}
    assert hear(Routes(nobody)) == dict.fromkeys(CHANNELS, "")


def test_what_is_the_operators_own_goes_to_them_though_a_route_for_all_comes_first():
    routes = Routes((TIER_A, Route("all", to=("brand", "duty"))), operators=("operators",))
    assert hear(routes, target=COOKIE) == {"operators": ""}


def test_a_route_that_asks_what_an_alert_is_on_may_be_for_the_operators_own():
    cookies = Route("cookies", matching('on == "cookie"'), to=("owner",))
    assert hear(Routes((cookies, REST)), target=COOKIE) == {"lin-phone": "cookies"}


@given(
    st.lists(st.sampled_from([TIER_A, GRAVE, DAYS, REST, Route("brand", to=("brand",))]), max_size=5),
    st.sampled_from([None, ["brand"], ["brand", "owner"]]),
    st.sampled_from([(), ("operators",), ("operators", "brand")]),
    st.sampled_from(Severity),
)
def test_no_client_ever_hears_of_the_operators_own(routes, to, operators, severity):
    known = Routes(tuple(routes), operators, clients=frozenset({"brand"}))
    assert "brand" not in hear(known, to, COOKIE, severity)


@pytest.mark.parametrize(
    ("routes", "heard"),
    [
        (Routes(operators=("operators",)), {"operators"}),
        (Routes(), {"duty", "boss"}),
        (Routes((Route("cookies", matching('on == "cookie"'), to=("brand",)),), ("operators",)), {"operators"}),
    ],
)
@pytest.mark.parametrize("to", [["brand"], ["owner"]])
def test_what_is_the_operators_own_is_told_to_somebody_though_only_clients_are_named(routes, heard, to):
    found = replace(routes, clients=frozenset({"brand"}), staff=("duty", "boss"))
    ways = found.ways(rule(to), Case("points", Severity.HIGH, "off", NO_LABELS, COOKIE), ["brand"], NOON)
    assert set(ways) == heard


@pytest.mark.parametrize(
    ("passes", "severity", "waits"),
    [
        (None, Severity.CRITICAL, True),
        (Severity.CRITICAL, Severity.HIGH, True),
        (Severity.CRITICAL, Severity.CRITICAL, False),
        (Severity.HIGH, Severity.CRITICAL, False),
    ],
)
def test_in_quiet_hours_only_what_is_grave_enough_passes(passes, severity, waits):
    quiet, case = Quiet("nights", NIGHTS, passes), Case("points", severity, "off", NO_LABELS, MEI)
    assert quiet.until(case, MIDNIGHT) == (MIDNIGHT + timedelta(hours=8) if waits else None)
    assert quiet.until(case, NOON) is None


def test_maintenance_holds_what_it_matches_and_nothing_else():
    window = Once(NOON, NOON + timedelta(hours=2))
    maintenance = Quiet("move", window, match=matching('platform == "douyin"'))
    tiktok = Case("points", Severity.HIGH, "off", NO_LABELS, MEI)
    douyin = replace(tiktok, target=replace(MEI, platform="douyin"))
    assert maintenance.until(douyin, NOON) == NOON + timedelta(hours=2)
    assert maintenance.until(douyin, NOON + timedelta(hours=2)) is None
    assert maintenance.until(tiktok, NOON) is None


def test_news_that_no_route_has_goes_straight():
    [route] = set(Routes().ways(rule(), Case("points", Severity.HIGH, "off", NO_LABELS, MEI), (), NOON).values())
    assert route is STRAIGHT


def test_once_an_alert_has_escalated_more_hear_of_it_but_no_client_of_what_is_the_operators_own():
    to = ("boss", "brand")
    cookies = Route(
        "cookies",
        matching('on == "cookie" or on == "account"'),
        to=("duty",),
        escalate_after=timedelta(hours=2),
        escalate_to=to,
    )
    routes = Routes((cookies,), clients=frozenset({"brand"}))

    def heard(target: Target) -> list[str]:
        case = Case("points", Severity.HIGH, "off", NO_LABELS, target)
        return list(routes.ways(rule(), case, OWNERS, NOON, escalated=timedelta(hours=2)))

    assert (heard(MEI), heard(COOKIE)) == (["duty", "boss", "brand"], ["duty", "boss"])


def test_whom_no_route_names_hears_the_end_at_once_but_not_when_the_route_that_is_taken_is_quiet():
    case, nights = Case("points", Severity.HIGH, "off", NO_LABELS, MEI), Quiet("nights", NIGHTS)
    quiet = Route("quiet", quiet=nights, digest=lambda at: at + timedelta(days=1))
    assert Routes((quiet, REST)).way_back("lin-phone", case, OWNERS, NOON) == replace(STRAIGHT, quiet=nights)
    assert Routes((quiet, REST)).way_back("operators", case, OWNERS, NOON) is REST
    assert Routes((DAYS,)).way_back("lin-phone", case, OWNERS, MIDNIGHT) is STRAIGHT


def hear_of_channel(name: str, routes: Routes, to: list[str] | None = None) -> set[str]:
    """Who hears that a channel does not work."""
    daemon = Target("daemon/creatorwatch", Subject.DAEMON, "creatorwatch", "")
    return set(routes.ways(rule(to), Case("points", Severity.HIGH, "off", (("channel", name),), daemon), [], NOON))


def test_that_a_channel_does_not_work_is_told_by_others():
    operators = Routes(operators=("operators", "duty"))
    assert hear_of_channel("duty", operators) == {"operators"}
    assert hear_of_channel("boss", operators) == {"operators", "duty"}
    assert hear_of_channel("duty", operators, to=["duty", "boss"]) == {"boss"}


def test_where_it_is_the_only_one_it_is_told_by_who_stands_in_or_by_all_the_others_but_clients():
    alone = Routes(operators=("operators",), clients=frozenset({"brand"}))
    assert hear_of_channel("operators", replace(alone, instead={"operators": "boss"})) == {"boss"}
    assert hear_of_channel("operators", alone) == {"lin-phone", "duty", "boss"}
