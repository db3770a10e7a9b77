"""What is owed of an alert look by look: news, reminders, escalation; while it is silenced, known of, or held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.book import Rule
from rules.building import build_book
from rules.models import RuleModel
from rules.owing import Due, Hearing, settle
from rules.posting import OPEN, Telling
from rules.routes import Quiet, Route, Routes
from rules.selectors import Case, Selector, alerts, compile_selector
from rules.timetable import Span, Times
from rules.values import NO_LABELS, NO_PAST, Alert, Firing, Metric, Ok, Past, State, Subject, Target, Unit

CHANNELS = ("lin", "boss", "ceo", "operators")
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", "lin", account="tiktok/account/mei")
NOON = datetime(2026, 2, 2, 12, tzinfo=UTC)
NIGHTS = Times(UTC, (Span(frozenset(range(1, 8)), time(22), time(8)),))
HOUR = timedelta(hours=1)
LOOKS = timedelta(minutes=15)


def rule(**more: object) -> Rule:
    levels = {
        "one": {"when": "points >= 1", "severity": "warning"},
        "two": {"when": "points >= 2", "severity": "high"},
        "three": {"when": "points >= 3", "severity": "critical"},
    }
    model = RuleModel.model_validate({"name": "r", "on": "account", "levels": levels, **more})
    return build_book([model], {"points": Metric("points", Subject.ACCOUNT, Unit.POINTS, "points")}, CHANNELS).rules[0]


class Told:
    """An alert, looked at every quarter of an hour, and what was told of it: (hours since the beginning, to, what).

    Whatever was told at a look, a second one at the same time has nothing to tell.
    """

    def __init__(self, *routes: Route, begins: datetime = NOON, the_rule: Rule | None = None, past: Past = NO_PAST):
        self.telling, self.rule, self.begins, self.at = Telling(Routes(routes)), the_rule or rule(), begins, begins
        self.alert = Alert("r", MEI.key, NO_LABELS, Ok(), past=past)
        self.news: list[tuple[float, str, str]] = []
        self.bundles: list[str] = []

    def stands(self, level: int, until: float, silenced: str = "", known: int = 0) -> list[tuple[float, str, str]]:
        """Let it stand there until so many hours since the beginning; what is told meanwhile."""
        before = len(self.news)
        while self.at <= self.begins + until * HOUR:
            hearing = Hearing(MEI, self.telling, lambda _rule, _case: silenced, lambda _alert: known, self.at)
            state = Firing(level, self.begins, self.at, level) if level else Ok()
            for channel, news, slot in self._look(state, hearing):
                self.bundles.append(slot.bundle)
                self.news.append(((self.at - self.begins) / HOUR, channel, news.value))
            settled = self.alert
            assert self._look(state, hearing) == []
            assert self.alert == settled
            self.at += LOOKS
        return self.news[before:]

    def _look(self, state: State, hearing: Hearing) -> Sequence[Due]:
        after, due = settle(self.rule, self.alert, replace(self.alert, state=state), hearing)
        self.alert = replace(after, told={**after.told, **{each.channel: after.stand for each in due}})
        return due


def test_what_is_told_of_an_alert_that_stands_as_before_goes_with_all_else_that_is_open():
    told = Told(LIN)
    told.stands(1, until=4.5)
    told.stands(2, until=5)
    told.stands(0, until=6)
    assert [(news, bundle) for (_, to, news), bundle in zip(told.news, told.bundles, strict=True) if to == "lin"] == [
        ("fired", ""),
        ("reminded", OPEN),
        ("reminded", OPEN),
        ("climbed", ""),
        ("resolved", ""),
    ]
    assert {
        bundle for (_, to, news), bundle in zip(told.news, told.bundles, strict=True) if (to, news) == ("boss", "fired")
    } == {OPEN}


LIN = Route("lin", to=("lin",), remind=(HOUR, 4 * HOUR), escalate_after=2 * HOUR, escalate_to=("boss",))


def test_reminders_and_escalation_come_when_they_are_due_and_all_are_told_the_end():
    told = Told(LIN)
    assert told.stands(1, until=9) == [
        (0, "lin", "fired"),
        (1, "lin", "reminded"),
        (2, "boss", "fired"),
        (4, "lin", "reminded"),
        (4, "boss", "reminded"),
    ]
    assert told.stands(0, until=10) == [(9.25, "lin", "resolved"), (9.25, "boss", "resolved")]


def test_what_a_silence_held_back_is_not_told_again_at_once_and_nobody_else_hears_of_it_before_its_time():
    told = Told(LIN)
    assert told.stands(1, until=5, silenced="silenced by lin") == []
    assert told.stands(1, until=8) == [
        (5.25, "lin", "fired"),
        (6.25, "lin", "reminded"),
        (7.25, "boss", "fired"),
    ]


def test_nothing_escalates_while_it_is_silenced_nor_after_that_if_somebody_knows_by_then():
    told = Told(LIN)
    told.stands(1, until=0.5)
    assert told.stands(1, until=3, silenced="silenced by lin") == []
    assert told.stands(1, until=4, silenced="silenced by lin", known=1) == []
    assert told.stands(1, until=9, known=1) == []


def test_what_was_due_in_a_silence_comes_at_its_end():
    told = Told(LIN)
    told.stands(1, until=0.5)
    assert told.stands(1, until=3, silenced="silenced by lin") == []
    assert told.stands(1, until=3.5) == [(3.25, "boss", "fired"), (3.25, "lin", "reminded")]


def test_what_was_taken_back_before_anybody_knew_escalates_only_when_it_was_told_for_so_long():
    told = Told(LIN)
    told.stands(1, until=0)
    told.alert = replace(told.alert, told={})
    assert told.stands(1, until=3, silenced="silenced by lin") == []
    assert told.stands(1, until=5.5) == [(3.25, "lin", "fired"), (4.25, "lin", "reminded"), (5.25, "boss", "fired")]


def test_what_was_told_to_nobody_does_not_escalate_once_it_is_news():
    told = Told(LIN, the_rule=rule(on_first_sight="baseline"), past=Past(first=1))
    assert told.stands(1, until=6) == []
    assert told.stands(2, until=7) == [(6.25, "lin", "fired")]
    assert told.stands(2, until=8.5) == [(7.25, "lin", "reminded"), (8.25, "boss", "fired")]


def test_news_of_the_night_escalates_when_it_was_told_for_so_long_and_not_along_with_it():
    told = Told(replace(LIN, quiet=Quiet("nights", NIGHTS)), begins=NOON + 11 * HOUR)
    assert told.stands(1, until=10.5) == [(0, "lin", "fired"), (10, "lin", "reminded")]
    assert told.stands(1, until=11.5) == [(11, "boss", "fired")]


def test_no_reminder_and_no_escalation_is_laid_up_for_the_morning_while_somebody_may_still_acknowledge_it():
    quiet, evening = replace(LIN, quiet=Quiet("nights", NIGHTS)), NOON + 9.5 * HOUR
    told = Told(quiet, begins=evening)
    assert told.stands(1, until=3) == [(0, "lin", "fired")]
    assert told.stands(1, until=24, known=1) == []
    unknown = Told(quiet, begins=evening)
    unknown.stands(1, until=3)
    assert unknown.stands(1, until=10.5) == [(10.5, "boss", "fired"), (10.5, "lin", "reminded")]


def test_a_reminder_that_waits_for_the_morning_is_not_lost_when_somebody_else_hears_of_it_in_the_night():
    quiet = replace(LIN, quiet=Quiet("nights", NIGHTS))
    told = Told(quiet, begins=NOON + 9.5 * HOUR)
    told.stands(1, until=5)
    told.telling = Telling(Routes((Route("shift", to=("operators",), goes_on=True), quiet)))
    assert told.stands(1, until=6) == [(5.25, "operators", "fired"), (5.25, "lin", "reminded")]
    assert told.bundles[-1] == "quiet nights"
    assert told.stands(1, until=10.5) == [(10.5, "boss", "fired")]


def test_what_is_held_no_longer_since_the_file_says_otherwise_escalates_from_then_on():
    told = Told(replace(LIN, quiet=Quiet("nights", NIGHTS)), begins=NOON + 11 * HOUR)
    assert told.stands(1, until=3) == [(0, "lin", "fired")]
    told.telling = Telling(Routes((LIN,)))
    assert told.stands(1, until=5.5) == [(4.25, "lin", "reminded"), (5.25, "boss", "fired")]


def test_news_that_waits_for_others_of_its_group_escalates_when_it_was_sent_for_so_long():
    told = Told(replace(LIN, remind=(), group_by=("account",), group_wait=6 * HOUR))
    assert told.stands(1, until=9) == [(0, "lin", "fired"), (8, "boss", "fired")]


def test_what_climbs_begins_anew_and_those_who_heard_of_it_already_hear_of_that():
    told = Told(LIN)
    told.stands(1, until=3)
    assert told.stands(2, until=4.5) == [
        (3.25, "lin", "climbed"),
        (3.25, "boss", "climbed"),
        (4.25, "lin", "reminded"),
        (4.25, "boss", "reminded"),
    ]


def matching(text: str) -> Selector[Case]:
    found = compile_selector(text, alerts("`match`", []))
    assert isinstance(found, Selector), found
    return found


GRAVE = Route("grave", matching('severity == "critical"'), to=("boss",), goes_on=True)


def test_who_hears_only_of_what_is_grave_is_told_when_it_is_no_more_and_again_when_it_is():
    told = Told(GRAVE, Route(to=("lin",)))
    assert told.stands(3, until=1) == [(0, "boss", "fired"), (0, "lin", "fired")]
    assert told.stands(2, until=2) == [(1.25, "lin", "descended"), (1.25, "boss", "descended")]
    assert told.stands(1, until=3) == [(2.25, "lin", "descended")]
    assert told.stands(3, until=4) == [(3.25, "boss", "climbed"), (3.25, "lin", "climbed")]
    assert sorted(told.stands(0, until=5)) == [(4.25, "boss", "resolved"), (4.25, "lin", "resolved")]


def test_who_would_not_hear_of_it_any_more_at_all_is_told_its_end_alone():
    told = Told(LIN)
    told.stands(3, until=0.5)
    told.telling = Telling(Routes((Route(to=("operators",)),)))
    assert told.stands(1, until=1) == [(0.75, "operators", "fired")]
    assert told.stands(0, until=1.5) == [(1.25, "lin", "resolved"), (1.25, "operators", "resolved")]


def test_of_two_routes_each_escalates_in_its_own_time():
    first = Route("first", to=("lin",), escalate_after=HOUR, escalate_to=("boss",), goes_on=True)
    told = Told(first, Route("second", to=("operators",), escalate_after=4 * HOUR, escalate_to=("ceo",)))
    assert told.stands(1, until=6)[2:] == [(1, "boss", "fired"), (4, "ceo", "fired")]


def test_what_climbs_into_a_route_that_escalates_sooner_does_so_only_when_that_was_told_for_so_long():
    high = Route("high", matching('severity <= "high"'), to=("lin",), escalate_after=2 * HOUR, escalate_to=("boss",))
    told = Told(high, replace(GRAVE, to=("lin",), goes_on=False, escalate_after=HOUR, escalate_to=("ceo",)))
    assert told.stands(1, until=3) == [(0, "lin", "fired"), (2, "boss", "fired")]
    assert told.stands(3, until=5) == [(3.25, "lin", "climbed"), (4.25, "ceo", "fired")]
    assert sorted(told.stands(0, until=6)) == [(5.25, name, "resolved") for name in ("boss", "ceo", "lin")]


def test_a_route_that_adds_nobody_at_first_still_escalates():
    steps = Route("steps", escalate_after=4 * HOUR, escalate_to=("ceo",), goes_on=True)
    assert (4, "ceo", "fired") in Told(steps, LIN).stands(1, until=6)


def test_an_alert_from_before_anything_was_remembered_of_when_it_was_told_is_told_again_too():
    told = Told(LIN)
    told.alert = replace(told.alert, state=Firing(1, NOON, NOON, 1), told={"lin": 1})
    assert told.stands(1, until=1.5) == [(1, "lin", "reminded")]


STEPS = Route("steps", escalate_after=3 * HOUR, escalate_to=("ceo",), goes_on=True)
OTHERS = Route("others", to=("operators",), remind=(HOUR,), escalate_after=HOUR, escalate_to=("lin",))
TURNS = st.tuples(
    st.integers(0, 3),
    st.integers(1, 12),
    st.sampled_from(["", "silenced by lin"]),
    st.integers(0, 3),
    st.sampled_from([(LIN,), (STEPS, LIN), (OTHERS,), (replace(LIN, quiet=Quiet("nights", NIGHTS)),), ()]),
)


@given(st.lists(TURNS, max_size=8))
def test_whatever_happens_who_was_told_is_told_the_end_and_nobody_hears_too_much(turns):
    told, until = Told(LIN), 0.0
    for level, looks, silenced, known, routes in [*turns, (0, 1, "", 0, (LIN,))]:
        told.telling, until = Telling(Routes(routes)), until + looks / 4
        seen = told.stands(level, until, silenced=silenced, known=known)
        heard = {(channel, news) for _, channel, news in seen}
        assert not silenced or {news for _, news in heard} <= {"resolved"}
        assert not 0 < level <= known or {news for _, news in heard} <= {"fired", "climbed", "descended"}
    for channel in CHANNELS:
        news = [what for _, to, what in told.news if to == channel and what != "reminded"]
        assert news.count("fired") == news.count("resolved")
        assert (news[:1], news[-1:]) in [([], []), (["fired"], ["resolved"])]
