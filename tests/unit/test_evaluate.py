"""One look at one target, and the words that come of it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.scribe import plain
from rules.building import build_book
from rules.definitions import Definitions
from rules.evaluate import Look, close, evaluate, is_known, judge
from rules.grammar import parse
from rules.models import RuleModel
from rules.posting import FIRST_SIGHT
from rules.values import (
    NO_PAST,
    Alert,
    Change,
    Farthest,
    Firing,
    Flaps,
    Metric,
    News,
    Ok,
    Past,
    Record,
    Rising,
    Severity,
    Subject,
    Target,
    Unit,
    Window,
)
from rules.wording import say_number
from tests.told import a_story, read

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("points", Subject.ACCOUNT, Unit.POINTS, "points"),
        Metric("fans", Subject.ACCOUNT, Unit.COUNT, "fans"),
        Metric("share", Subject.ACCOUNT, Unit.RATIO, "share"),
        Metric("rank", Subject.ACCOUNT, Unit.RATIO, "rank", ("dimension",)),
        Metric("deadline", Subject.ACCOUNT, Unit.TIMESTAMP, "deadline", ("record",)),
        Metric("deadlines", Subject.ACCOUNT, Unit.COUNT, "how many"),
        Metric("own", Subject.ACCOUNT, Unit.COUNT, "own", ("dimension",)),
        Metric("cookie", Subject.ACCOUNT, Unit.STATE, "only its changes are kept", history=False),
        Metric("visible", Subject.ACCOUNT, Unit.STATE, "each 0 is kept", history=False, repeated=True),
    )
}
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", owner="lin", link="https://example.invalid/@mei")
LADDER = {
    "warned": {"when": "points >= 9", "severity": "warning", "effect": "a warning"},
    "off": {"when": "points >= 12", "severity": "high", "effect": "suspended for 24 hours"},
}


def rule(**fields):
    model = RuleModel.model_validate({"name": "r", "on": "account", **fields})
    book = build_book([model], METRICS, ["team", "boss"])
    return book.rules[0]


def window(*values, at=NOW):
    start = at - (len(values) - 1) * HOUR
    return Window((((start + hour * HOUR).timestamp(), value) for hour, value in enumerate(values)))


def look(view, alerts=(), at=NOW, records=(), measured=None, **more):
    return Look(
        MEI,
        view,
        {(alert.rule, alert.labels): alert for alert in alerts},
        at,
        measured or {},
        lambda kind: records,
        **more,
    )


def points(*values, at=NOW):
    return {"points": {(): window(*values, at=at)}}


def test_a_target_where_all_is_well_answers_with_nothing():
    assert evaluate([rule(when="points >= 9")], look(points(3))) == []


def test_a_crossing_fires_tells_every_channel_once_and_says_what_was_seen():
    [outcome] = evaluate([rule(when="points >= 9", severity="high")], look(points(8, 9)))
    assert outcome.alert.level == 1
    assert [(t.change, t.from_level, t.to_level) for t in outcome.transitions] == [(Change.B_FIRED, 0, 1)]
    assert [(letter.channel, letter.story.news) for letter in outcome.owed] == [
        ("team", News.FIRED),
        ("boss", News.FIRED),
    ]
    assert outcome.alert.told == {"team": 1, "boss": 1}
    assert outcome.transitions[0].evidence[0].value == 9


def test_judging_the_same_look_twice_answers_with_nothing_the_second_time():
    the_rule = rule(levels=LADDER)
    [outcome] = evaluate([the_rule], look(points(8, 12)))
    assert evaluate([the_rule], look(points(8, 12), [outcome.alert])) == []


def test_a_channel_that_was_not_told_is_owed_although_nothing_changed():
    [outcome] = evaluate([rule(when="points >= 9")], look(points(9)))
    forgotten = replace(outcome.alert, told={"team": 1})
    [again] = evaluate([rule(when="points >= 9")], look(points(9), [forgotten]))
    assert (again.transitions, [letter.channel for letter in again.owed]) == ([], ["boss"])


def test_unknown_neither_fires_nor_resolves():
    the_rule = rule(when="points >= 9")
    assert evaluate([the_rule], look({})) == []
    [fired] = evaluate([the_rule], look(points(9)))
    blind = points(9, 0)
    blind["points"][()].blind = True
    assert evaluate([the_rule], look(blind, [fired.alert])) == []


def test_each_label_set_is_an_alert_of_its_own_and_ends_when_it_is_gone():
    the_rule = rule(when="rank < 0.1")
    labels = [(("dimension", name),) for name in ("A", "B")]
    view = {"rank": {labels[0]: window(0.05), labels[1]: window(0.5)}}
    [fired] = evaluate([the_rule], look(view))
    assert fired.alert.labels == labels[0]
    [gone] = evaluate([the_rule], look({"rank": {labels[1]: window(0.5)}}, [fired.alert]))
    assert (gone.transitions[0].change, gone.owed[0].story.news) == (Change.X_GONE, News.RESOLVED)


def test_a_label_set_that_only_a_higher_level_has_is_an_alert_too():
    labels = (("dimension", "A"),)
    the_rule = rule(levels={"one": "rank < 0.5", "two": "own > 5"})
    [fired] = evaluate([the_rule], look({"rank": {}, "own": {labels: window(9)}}))
    assert (fired.alert.labels, fired.alert.level) == (labels, 2)


def test_half_known_ladders_climb_to_what_is_certain_and_do_not_descend_below_what_may_be():
    labels = (("dimension", "A"),)
    the_rule = rule(levels={"one": "rank < 0.5", "two": "rank < 0.5 and points > 5"})
    [fired] = evaluate([the_rule], look({"rank": {labels: window(0.1)}}))
    assert fired.alert.level == 1
    higher = replace(
        fired.alert,
        state=Firing(2, NOW - HOUR, NOW - HOUR, 2, farthest=Farthest("rank", 0.1)),
        told={"team": 2, "boss": 2},
    )
    assert evaluate([the_rule], look({"rank": {labels: window(0.1)}}, [higher])) == []


def test_a_number_that_was_seen_once_and_is_no_more_ends_its_alert_and_says_why():
    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    [gone] = evaluate([rule(when="points >= 9")], look({"points": {}}, [fired.alert]))
    assert (gone.transitions[0].change, gone.owed[0].story.news) == (Change.X_GONE, News.RESOLVED)
    assert "Why: what it was about is gone" in read(gone.owed[0]).body


def test_a_deadline_comes_nearer_without_any_poll():
    labels = (("record", "7"),)
    the_rule = rule(when="until(deadline) < 72h")
    view = {"deadline": {labels: window((NOW + 73 * HOUR).timestamp())}}
    assert evaluate([the_rule], look(view)) == []
    assert evaluate([the_rule], look(view, at=NOW + 2 * HOUR))[0].alert.level == 1


def test_polls_that_saw_nothing_new_do_not_count():
    the_rule = rule(when="points >= 9", for_polls=2)
    [rising] = evaluate([the_rule], look(points(9)))
    assert evaluate([the_rule], look(points(9), [rising.alert], at=NOW + HOUR)) == []
    [fired] = evaluate([the_rule], look(points(9, 9, at=NOW + HOUR), [rising.alert], at=NOW + HOUR))
    assert fired.transitions[0].change is Change.C_CONFIRMED


def told_of_cookie(the_rule, *values, every=HOUR):
    """The news of looks at a state, each ``every`` so long after the one before, of which only changes are kept."""
    alerts, told, kept = {}, [], Window()
    for number, value in enumerate(values):
        at = NOW + number * every
        if not kept.values or kept.values[-1] != value:
            kept.add(at.timestamp(), value)
        for outcome in evaluate([the_rule], look({"cookie": {(): kept}}, alerts.values(), at)):
            told += [(number, letter.story.news) for letter in outcome.owed]
            alerts = {} if outcome.alert.over and outcome.alert.past == NO_PAST else {"": outcome.alert}
    return told


def test_time_passes_for_what_lasts_though_nothing_new_is_said_of_it():
    held = rule(when="cookie == 0", to=["team"], **{"for": "2h"})
    assert told_of_cookie(held, 1, 0, 0, 0) == [(3, News.FIRED)]
    kept = rule(when="cookie == 0", to=["team"], keep_firing="2h")
    assert told_of_cookie(kept, 0, 1, 1, 1) == [(0, News.FIRED), (3, News.RESOLVED)]
    flapping = rule(when="cookie == 0", to=["team"], flapping={"times": 2, "within": "3h"})
    assert told_of_cookie(flapping, 0, 1, 0, 1, 1, 1, 1) == [
        (0, News.FIRED),
        (1, News.RESOLVED),
        (2, News.FLAPPING),
        (6, News.RESOLVED),
    ]


def test_a_critical_state_of_which_only_changes_are_kept_is_told_though_its_rule_confirms():
    the_rule = rule(when="cookie == 0", to=["team"], severity="critical", confirm=True)
    assert told_of_cookie(the_rule, 1, 0, 0) == [(1, News.FIRED)]


def test_a_state_is_confirmed_by_polls_that_say_it_again_and_not_by_looks_between_them():
    the_rule, alerts, told = rule(when="visible == 0", to=["team"], for_polls=3), [], []
    said = Window()
    for minute in range(12):
        at = NOW + minute * MINUTE
        if minute in {1, 4, 9}:
            said.add(at.timestamp(), 0.0)
        for outcome in evaluate([the_rule], look({"visible": {(): said}}, alerts, at)):
            alerts = [outcome.alert]
            told += [(minute, letter.story.news) for letter in outcome.owed]
    assert told == [(9, News.FIRED)]


@pytest.mark.parametrize("more", [{"for": "9h"}, {"for_polls": 9}])
def test_nothing_is_stored_of_a_look_that_brings_nothing_new(more):
    the_rule = rule(when="visible == 0", **more)
    [rising] = evaluate([the_rule], look({"visible": {(): window(0)}}))
    assert evaluate([the_rule], look({"visible": {(): window(0)}}, [rising.alert], NOW + MINUTE)) == []


def test_an_alert_can_be_closed_when_its_rule_is_no_more():
    alert = Alert("r", MEI.key, (), Firing(1, NOW - HOUR, NOW, 1), {"team": 1})
    outcome = close(alert, rule(when="points >= 9"), look({}), "no longer watched")
    assert (outcome.alert.state, outcome.alert.told) == (Ok(), {"team": 0})
    assert outcome.transitions[0].reason == "no longer watched"


# --- levels with a clear condition of their own -------------------------------------------------------------------


def clearing(number, text, **fields):
    """A rule with a clear condition for one of its levels."""
    levels = {name: level if isinstance(level, dict) else {"when": level} for name, level in fields["levels"].items()}
    name = list(levels)[number - 1]
    return rule(**{**fields, "levels": {**levels, name: {**levels[name], "clear": text}}})


def follow(the_rule, *values, **more):
    """The alert after looks at these values of ``points``, an hour apart (None: a failed poll), and what was told."""
    alerts, told = [], []
    for hour, value in enumerate(values):
        at = NOW + hour * HOUR
        seen = [math.nan if each is None else each for each in values[: hour + 1]]
        view = points(*seen, at=at)
        view["points"][()].blind = value is None
        first = {"first": {"r"}} if hour == 0 and more.get("first") else {}
        muted = {"muted": lambda _rule, _labels, hour=hour: more["muted"][hour]} if "muted" in more else {}
        for outcome in evaluate([the_rule], look(view, alerts, at=at, **first, **muted)):
            told += [(letter.story.news, letter.level) for letter in outcome.owed if letter.channel == "team"]
            alerts = [outcome.alert]
    return (alerts[0] if alerts else None), told


def test_a_level_is_left_when_its_own_condition_says_so():
    the_rule = clearing(2, "points < 10", levels=LADDER)
    assert follow(the_rule, 12, 11)[0].level == 2
    assert follow(the_rule, 12, 9)[0].level == 1
    assert follow(the_rule, 12, 3)[0].level == 0


def test_an_alert_does_not_descend_through_a_level_that_is_kept():
    the_rule = clearing(1, "points < 5", levels=LADDER)
    assert follow(the_rule, 12, 7)[0].level == 1
    assert follow(the_rule, 12, 7, 4)[0].level == 0


def test_a_level_whose_clear_condition_is_unknown_is_kept():
    the_rule = clearing(1, "deadlines < 5", levels=LADDER)
    view = points(3)
    fired = Alert(
        "r", MEI.key, (), Firing(1, NOW - HOUR, NOW - HOUR, 1, farthest=Farthest("points", 3.0)), {"team": 1, "boss": 1}
    )
    assert judge(the_rule, view, NOW.timestamp())[()].kept == (1,)
    assert evaluate([the_rule], look(view, [replace(fired, meaning=the_rule.meaning)])) == []


# --- what unknown does --------------------------------------------------------------------------------------------


def test_unknown_fires_where_the_rule_says_so_and_is_told_as_such():
    alert, told = follow(rule(when="points >= 9", unknown="fire"), 3, None)
    assert told == [(News.FIRED, 1)]
    assert alert.state.since == NOW + HOUR, "a blind look is a look, at its own time"


def test_a_step_says_whether_it_was_known():
    the_rule = rule(when="points >= 9", unknown="fire")
    blind = points(3)
    blind["points"][()].blind = True
    [guessed], [known] = evaluate([the_rule], look(blind)), evaluate([the_rule], look(points(9)))
    assert guessed.transitions[0].reason == "it is not known, which counts as true"
    assert known.transitions[0].reason == "the condition holds"


def test_unknown_ends_an_alert_where_the_rule_says_so():
    assert follow(rule(when="points >= 9", unknown="clear"), 9, None)[1] == [(News.FIRED, 1), (News.RESOLVED, 0)]
    assert follow(rule(levels=LADDER, clear="points < 3", unknown="clear"), 9, None)[0].level == 0


def test_unknown_keeps_what_is_cleared_by_a_number_where_it_counts_as_true():
    the_rule = rule(when="points >= 9", clear="points < 3", unknown="fire")
    assert follow(the_rule, 9, 5, None)[0].level == 1


def test_blind_looks_confirm_where_unknown_counts_as_true():
    the_rule = rule(when="points >= 9", unknown="fire", **{"for": "2h"})
    assert follow(the_rule, 3, None, None)[1] == []
    assert follow(the_rule, 3, None, None, None)[1] == [(News.FIRED, 1)]


@pytest.mark.parametrize("unknown", ["hold", "fire", "clear"])
@pytest.mark.parametrize(("when", "view"), [("points >= 9", {}), ("points >= 9 or fans > 5", points(math.nan))])
def test_what_was_never_asked_neither_fires_nor_clears(unknown, when, view):
    fired = Alert("r", MEI.key, (), Firing(1, NOW - HOUR, NOW - HOUR, 1), {"team": 1, "boss": 1})
    assert evaluate([rule(when=when, unknown=unknown)], look(view, [fired])) == []
    assert evaluate([rule(when=when, unknown=unknown)], look(view)) == []


def test_a_poll_that_was_sent_before_a_blind_look_still_counts():
    """The daemon looks every 30 s, an answer takes 20: what it brings is older than the look before it was there."""
    the_rule = rule(when="points >= 9", unknown="fire")
    blind = points(3)
    blind["points"][()].blind = True
    [fired] = evaluate([the_rule], look(blind, at=NOW + HOUR))
    polled = points(3, 4, at=NOW + HOUR - timedelta(seconds=9))
    [resolved] = evaluate([the_rule], look(polled, [fired.alert], at=NOW + HOUR + timedelta(seconds=9)))
    assert resolved.alert.level == 0


# --- a rule that says something else by now -----------------------------------------------------------------------


def test_a_rule_that_says_something_else_judges_the_same_numbers_again():
    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    [ended] = evaluate([rule(when="points >= 10")], look(points(9), [fired.alert]))
    assert [(step.change, step.to_level) for step in ended.transitions] == [(Change.G_RESOLVED, 0)]
    assert ended.alert.meaning == ""


def test_a_rule_that_is_only_told_otherwise_judges_nothing_again():
    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    told = rule(when="points >= 9", summary="many points", to=["team"])
    assert evaluate([told], look(points(9), [fired.alert])) == []


def test_an_alert_on_which_two_rules_agree_is_noted_as_judged_by_the_second_and_nothing_is_told():
    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    [again] = evaluate([rule(when="points >= 8")], look(points(9), [fired.alert]))
    assert (again.transitions, again.owed, again.alert.state) == ([], [], fired.alert.state)
    assert evaluate([rule(when="points >= 8")], look(points(9), [again.alert])) == []


def test_what_is_unknown_is_judged_by_a_changed_rule_as_soon_as_it_is_known():
    changed, view = rule(when="points >= 10"), points(9)
    [fired] = evaluate([rule(when="points >= 9")], look(view))
    view["points"][()].blind = True
    assert evaluate([changed], look(view, [fired.alert])) == []
    view["points"][()].blind = False
    [ended] = evaluate([changed], look(view, [fired.alert]))
    assert ended.alert.level == 0


# --- a second look, first sight, mutes, flapping ------------------------------------------------------------------


def test_an_outcome_asks_once_for_the_look_that_confirms_a_critical_level():
    the_rule = rule(when="points >= 9", severity="critical", confirm=True)
    [rising] = evaluate([the_rule], look(points(9)))
    assert (rising.refetch, rising.owed, type(rising.alert.state)) == (True, [], Rising)
    assert evaluate([the_rule], look(points(9), [rising.alert])) == []
    [fired] = evaluate([the_rule], look(points(9, 10, at=NOW + HOUR), [rising.alert], at=NOW + HOUR))
    assert (fired.refetch, fired.alert.level) == (False, 1)


def test_a_lower_level_that_is_not_true_itself_does_not_fire_meanwhile():
    the_rule = rule(levels={"low": "deadlines > 5", "critical": "points >= 9"}, confirm=True)
    [rising] = evaluate([the_rule], look({**points(9), "deadlines": {(): window(1)}}))
    assert type(rising.alert.state) is Rising
    [fired] = evaluate([the_rule], look({**points(9), "deadlines": {(): window(6)}}))
    assert fired.alert.level == 1


def test_a_deadline_is_not_confirmed_by_time_alone():
    labels = (("record", "7"),)
    the_rule = replace(rule(when="until(deadline) < 24h", severity="critical"), confirm=True)
    view = {"deadline": {labels: window((NOW + HOUR).timestamp())}}
    [rising] = evaluate([the_rule], look(view))
    later = NOW + timedelta(minutes=1)
    assert (rising.refetch, evaluate([the_rule], look(view, [rising.alert], at=later))) == (True, [])
    polled = {"deadline": {labels: window((NOW + HOUR).timestamp(), at=later)}}
    [fired] = evaluate([the_rule], look(polled, [rising.alert], at=later + timedelta(seconds=5)))
    assert fired.alert.level == 1


def test_what_was_on_at_first_sight_goes_into_a_bundle_and_later_news_does_not():
    the_rule = rule(levels=LADDER)
    [fired] = evaluate([the_rule], look(points(9), first={"r"}))
    assert {letter.bundle for letter in fired.owed} == {FIRST_SIGHT}
    [climbed] = evaluate([the_rule], look(points(9, 12, at=NOW + HOUR), [fired.alert], at=NOW + HOUR))
    assert {letter.bundle for letter in climbed.owed} == {""}
    [later] = evaluate([the_rule], look(points(9)))
    assert {letter.bundle for letter in later.owed} == {""}


def test_first_sight_is_remembered_while_an_alert_is_confirmed():
    the_rule = rule(levels=LADDER, for_polls=2)
    [rising] = evaluate([the_rule], look(points(9), first={"r"}))
    [fired] = evaluate([the_rule], look(points(9, 9, at=NOW + HOUR), [rising.alert], at=NOW + HOUR))
    assert {letter.bundle for letter in fired.owed} == {FIRST_SIGHT}


def test_a_baseline_is_told_to_nobody_neither_its_beginning_nor_its_end():
    the_rule = rule(levels=LADDER, on_first_sight="baseline")
    assert follow(the_rule, 9, 3, first=True)[1] == []
    assert follow(the_rule, 9, 3, 9, first=True)[1] == [(News.FIRED, 1)]
    assert follow(the_rule, 9, 12, 9, 3, first=True)[1] == [(News.FIRED, 2), (News.DESCENDED, 1), (News.RESOLVED, 0)]


def test_news_waits_while_an_alert_is_muted_and_says_why_it_did():
    the_rule = rule(levels=LADDER)
    alert, told = follow(the_rule, 9, 12, muted=["the cookie is expired", "the cookie is no longer expired"])
    assert (told, alert.past.held) == ([], "the cookie is expired")
    alert, told = follow(the_rule, 9, 12, 12, muted=["the cookie is expired", "too", ""])
    assert (told, alert.past.held) == ([(News.FIRED, 2)], "")
    muted = replace(alert, told={}, past=Past(held="the cookie is expired"))
    [freed] = evaluate([the_rule], look(points(12), [muted]))
    assert "Why held: the cookie is expired" in read(freed.owed[0]).body


def test_who_was_told_before_the_mute_is_told_the_end_within_it():
    alert, told = follow(rule(when="points >= 9"), 9, 3, muted=["", "muted"])
    assert (told, alert.past.held) == ([(News.FIRED, 1), (News.RESOLVED, 0)], "")
    assert follow(rule(when="points >= 9"), 9, 3, 3, muted=["muted", "muted", ""])[1] == []


def test_nobody_asks_why_something_is_muted_that_nobody_is_owed():
    def raising(_rule, _labels):
        raise AssertionError("asked")

    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    assert evaluate([rule(when="points >= 9")], look(points(9), [fired.alert], muted=raising)) == []


def test_a_rule_in_shadow_stores_its_steps_and_tells_nobody():
    [outcome] = evaluate([rule(when="points >= 9", shadow=True)], look(points(9)))
    assert [transition.change for transition in outcome.transitions] == [Change.B_FIRED]
    assert (outcome.owed, outcome.alert.told) == ([], {})


def test_a_rule_in_shadow_buys_no_look():
    [outcome] = evaluate([rule(when="points >= 9", severity="critical", confirm=True, shadow=True)], look(points(9)))
    assert (type(outcome.alert.state), outcome.refetch) == (Rising, False)


FLAPPING = {"times": 2, "within": "3h"}


def test_coming_and_going_is_told_once_and_what_is_true_when_it_settles():
    the_rule = rule(when="points >= 9", flapping=FLAPPING)
    assert follow(the_rule, 9, 0, 9, 0, 9, 9, 9, 9)[1] == [
        (News.FIRED, 1),
        (News.RESOLVED, 0),
        (News.FLAPPING, -1),
        (News.SETTLED, 1),
    ]
    assert follow(the_rule, 9, 0, 9, 0, 0, 0, 0)[1][2:] == [(News.FLAPPING, -1), (News.RESOLVED, 0)]


def test_a_ladder_that_goes_up_and_down_is_told_once_as_coming_and_going():
    the_rule = rule(levels=LADDER, flapping=FLAPPING)
    assert follow(the_rule, 9, 12, 9, 12, 9, 12, 9, 12)[1] == [
        (News.FIRED, 1),
        (News.CLIMBED, 2),
        (News.DESCENDED, 1),
        (News.FLAPPING, -2),
    ]


def test_a_record_that_comes_and_goes_does_so_too():
    the_rule = rule(when="until(deadline) < 72h", flapping=FLAPPING)
    labels = (("record", "7"),)
    alerts, told = [], []
    for hour in range(9):
        at = NOW + hour * HOUR
        there = hour in {0, 2, 4}
        view = {"deadline": {labels: window((NOW + HOUR).timestamp())} if there else {}}
        for outcome in evaluate([the_rule], look(view, alerts, at=at)):
            told += [letter.story.news for letter in outcome.owed if letter.channel == "team"]
            alerts = [outcome.alert]
    assert told == [News.FIRED, News.RESOLVED, News.FLAPPING, News.RESOLVED]


def test_what_is_remembered_of_an_alert_that_is_over_ends_by_itself():
    the_rule = rule(when="points >= 9", flapping=FLAPPING)
    remembered = Alert("r", MEI.key, (), Ok(), past=Past((NOW - 2 * HOUR,)))
    assert evaluate([the_rule], look(points(3), [remembered])) == []
    [forgotten] = evaluate([the_rule], look(points(3, at=NOW + 2 * HOUR), [remembered], at=NOW + 2 * HOUR))
    assert (forgotten.alert.past, forgotten.transitions, forgotten.owed) == (NO_PAST, [], [])


def test_an_alert_that_comes_and_goes_ends_with_its_rule():
    flaps = Alert("r", MEI.key, (), Ok(), {"team": -1}, past=Past(flaps=Flaps(NOW, 1)))
    outcome = close(flaps, rule(when="points >= 9"), look({}), "no longer watched")
    assert ([each.change for each in outcome.transitions], outcome.alert.past) == ([Change.X_GONE], NO_PAST)
    assert outcome.owed[0].story.news is News.RESOLVED


def test_what_is_only_remembered_ends_with_its_rule_without_a_step():
    outcome = close(Alert("r", MEI.key, (), Ok(), past=Past((NOW,))), rule(when="points >= 9"), look({}), "gone")
    assert (outcome.transitions, outcome.owed, outcome.alert.past) == ([], [], NO_PAST)


@pytest.mark.parametrize(
    ("fields", "view", "known"),
    [
        ({"when": "points >= 9"}, {}, False),
        ({"when": "points >= 9"}, points(math.nan), False),
        ({"when": "points >= 9"}, points(3), True),
        ({"when": "points >= 9"}, {"points": {}}, True),
        ({"when": "points >= 9", "unknown": "fire"}, points(math.nan), True),
        ({"when": "until(deadline) < 72h"}, {}, False),
        ({"when": "until(deadline) < 72h"}, {"deadline": {}}, True),
        ({"levels": {"one": "points >= 9", "two": "points >= 9 and deadlines > 2"}}, points(9), True),
    ],
)
def test_a_rule_has_judged_a_target_once_it_knew_an_answer_or_found_nothing_to_ask_of(fields, view, known):
    assert is_known(rule(**fields), view, NOW.timestamp()) is known


# --- words --------------------------------------------------------------------------------------------------------


def message(the_rule, *looks):
    alerts = []
    for each in looks:
        [outcome] = evaluate([the_rule], each._replace(alerts={("r", alert.labels): alert for alert in alerts}))
        alerts = [outcome.alert]
    return read(outcome.owed[0])


def test_a_climb_says_old_and_new_what_it_means_and_how_far_the_next_step_is():
    told = message(rule(levels=LADDER, summary="{name} has {points} points"), look(points(8, 9)))
    assert told.title == "▲ WARNING: Mei has 9 points"
    assert told.body.splitlines() == [
        "Level: none → warned",
        "points: 8 → 9",
        "Condition: points >= 9",
        "Means: a warning",
        "Next: off at points >= 12, 3 to go",
        "Measured: 2026-11-21 12:00 UTC; polled: 2026-11-21 12:00 UTC",
        "Who: Mei (tiktok/account/mei), owner lin",
        "Account: @mei",
        "https://example.invalid/@mei",
    ]


@pytest.mark.parametrize(
    ("metric", "number", "next_step", "told"),
    [
        ("fans", 12_345.0, "fans >= 2_500_000", "fans >= 2,500,000, 2,487,655 to go"),
        ("share", 0.12, "share >= 30%", "share >= 30 %, 18 % to go"),
    ],
)
def test_the_way_to_the_next_step_is_said_as_people_write_numbers(metric, number, next_step, told):
    ladder = rule(levels={"info": f"{metric} > 0", "high": next_step})
    lines = message(ladder, look({metric: {(): window(number)}})).body.splitlines()
    assert f"Next: high at {told}" in lines


def test_a_rule_with_one_level_does_not_name_it():
    told = message(rule(when="points >= 9"), look(points(8, 8, math.nan, 9)))
    assert told.title == "▲ WARNING: Mei: r"
    assert told.body.splitlines()[:2] == ["points: 8 → 9", "Condition: points >= 9"]


def test_an_owner_who_is_not_named_is_no_metric():
    nobody = look(points(9))
    told = message(
        rule(when="points >= 9", summary="{name} of {owner}"), nobody._replace(target=replace(MEI, owner=""))
    )
    assert told.title == "▲ WARNING: Mei of "


def test_an_end_says_how_long_it_lasted_and_how_high_it_got():
    told = message(rule(levels=LADDER), look(points(12)), look(points(12, 0, at=NOW + 26 * HOUR), at=NOW + 26 * HOUR))
    assert (told.title, told.severity, told.news) == ("✔ RESOLVED: Mei: r off", Severity.INFO, News.RESOLVED)
    assert "Lasted: 1 d 2 h; peak: off" in told.body


def test_how_far_another_number_went_that_the_rule_was_about_before_is_not_said_of_this_one():
    now, later = NOW + HOUR, NOW + 2 * HOUR
    [fired] = evaluate([rule(when="fans >= 900")], look({**points(6), "fans": {(): window(1000)}}))
    on = look({**points(6, 7, at=now), "fans": {(): window(1000, at=now)}}, [fired.alert], now)
    [changed] = evaluate([rule(when="points >= 5")], on)
    assert changed.alert.state.farthest == ("points", 7)
    [over] = evaluate([rule(when="points >= 5")], look(points(1, at=later), [changed.alert], later))
    assert "Lasted: 2 h; peak: warning (points 7)" in read(over.owed[0]).body


def test_a_threshold_that_was_moved_leaves_what_was_farthest():
    [fired] = evaluate([rule(when="points >= 9")], look(points(24)))
    [over] = evaluate([rule(when="points >= 10")], look(points(3, at=NOW + HOUR), [fired.alert], NOW + HOUR))
    assert "peak: warning (points 24)" in read(over.owed[0]).body


def test_a_number_that_is_doubted_is_not_the_farthest():
    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    view = points(9, 4000)
    view["points"][()].blind = view["points"][()].doubted = True
    assert evaluate([rule(when="points >= 9")], look(view, [fired.alert])) == []


def test_a_state_is_not_said_to_have_gone_far():
    [fired] = evaluate([rule(when="cookie == 0")], look({"cookie": {(): window(1, 0)}}))
    back = look({"cookie": {(): window(1, 0, 1, at=NOW + HOUR)}}, [fired.alert], NOW + HOUR)
    [over] = evaluate([rule(when="cookie == 0")], back)
    assert "Lasted: 1 h; peak: warning" in read(over.owed[0]).body.splitlines()


def test_the_words_of_the_records_of_an_alert_are_in_its_message_and_those_of_others_are_not():
    labels = (("record", "7"),)
    records = [Record("violation", name, {"reason": f"reason {name}", "detail": ""}) for name in ("7", "8")]
    view = {"deadline": {labels: window((NOW + HOUR).timestamp())}}
    told = message(rule(when="until(deadline) < 72h", records="violation"), look(view, records=records))
    assert "violation 7\n  reason: reason 7\n" in told.body
    assert "reason 8" not in told.body
    assert "deadline (7)" not in told.body, "a label of the alert is not repeated"


def test_what_was_measured_yesterday_is_not_said_to_be_of_today():
    told = message(rule(when="points >= 9"), look(points(9), measured={"points": NOW - 20 * HOUR}))
    assert "Measured: 2026-11-20 16:00 UTC; polled: 2026-11-21 12:00 UTC" in told.body


@pytest.mark.parametrize("text", ["0000-00-00T00:00:00Z", "2026-06-30T23:59:60Z", "0001-01-01T00:00:00+14:00"])
def test_what_only_looks_like_an_instant_is_told_as_it_is(text):
    record = Record("violation", "7", {"appeal_deadline": text})
    told = message(rule(when="points >= 9", records="violation"), look(points(9), records=[record]))
    assert f"appeal deadline: {text}\n" in told.body


def failed(view):
    """The same, but that the newest poll of it failed."""
    for window in (window for series in view.values() for window in series.values()):
        window.blind = True
    return view


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({}, look(failed(points(3, at=NOW - 5 * HOUR)))),
        ({}, look({"points": {(): Window([((NOW - 5 * HOUR).timestamp(), 3.0)], fresh_for_s=3 * 3600)}})),
        ({"stale_after": "4h"}, look(points(3, at=NOW - 5 * HOUR))),
        ({}, look(points(3, math.nan, math.nan, math.nan, math.nan, math.nan))),
    ],
)
def test_a_number_that_is_not_known_any_more_is_told_as_such(fields, seen):
    ladder = {"one": {"when": "points >= 9"}, "two": {"when": "deadlines > 3"}, "off": {"when": "points >= 12"}}
    the_rule = rule(levels=ladder, unknown="fire", summary="{name} has {points} points", **fields)
    seen = seen._replace(view={**seen.view, "deadlines": {(): window(1)}})
    [outcome] = evaluate([the_rule], seen)
    told = read(outcome.owed[0])
    assert told.title == "▲ WARNING: Mei has unknown (last known 3, 5 h ago) points"
    assert "points: unknown (last known 3, 5 h ago)\n" in told.body
    assert [each.value for each in outcome.transitions[0].evidence] == [None, 1.0]


def test_how_far_the_next_level_is_is_told_of_what_is_known():
    ladder = {"info": "points >= 1000 or deadlines > 1", "high": "points >= 12_345_678"}
    view = {**points(987_654), "deadlines": {(): window(2)}}
    assert "Next: high at points >= 12,345,678, 11,358,024 to go" in message(rule(levels=ladder), look(view)).body
    view = {**failed(points(987_654)), "deadlines": {(): window(2)}}
    assert "Next: high at points >= 12,345,678\n" in message(rule(levels=ladder), look(view)).body


def test_a_message_shows_the_series_that_its_rule_selects_and_no_other():
    labels = {name: (("dimension", name),) for name in "AB"}
    view = {"rank": {labels["A"]: window(0.02), labels["B"]: window(0.05)}}
    told = message(rule(when='rank{dimension="A"} < 0.1', summary="{name}: {rank}"), look(view))
    assert told.title == "▲ WARNING: Mei: 2 %"
    assert [line for line in told.body.splitlines() if line.startswith("rank")] == ["rank (A): 2 %"]
    told = message(rule(when='any(rank{dimension!="A"} < 0.1)'), look(view))
    assert [line for line in told.body.splitlines() if line.startswith("rank")] == ["rank (B): 5 %"]


def test_a_condition_is_told_with_the_numbers_that_its_names_stand_for():
    book = build_book(
        [RuleModel.model_validate({"name": "r", "on": "account", "when": "points >= limit"})],
        METRICS,
        ["team"],
        Definitions({"limit": parse("9")}),
    )
    assert "Condition: points >= limit (9)" in message(book.rules[0], look(points(9))).body


def test_a_deadline_says_how_much_time_is_left():
    words = {
        "reason": "misleading",
        "enforcement": "commission withheld",
        "policy_url": "https://example.invalid/policy",
        "violation_time": "2026-11-20T08:00:00+00:00",
        "appeal_deadline": "2026-11-23T16:00:00+00:00",
    }
    told = message(
        rule(when="points >= 9", records="violation"), look(points(9), records=[Record("violation", "7", words)])
    )
    assert told.body.partition("violation 7\n")[2].splitlines()[:5] == [
        "  reason: misleading",
        "  enforcement: commission withheld",
        "  policy url: https://example.invalid/policy",
        "  violation time: 2026-11-20 08:00 UTC",
        "  appeal deadline: 2026-11-23 16:00 UTC, closes in 2 d 4 h",
    ]


def test_a_deadline_that_has_passed_says_since_when():
    record = Record("violation", "7", {"appeal_deadline": "2026-11-21T09:00:00+00:00"})
    told = message(rule(when="points >= 9", records="violation"), look(points(9), records=[record]))
    assert "appeal deadline: 2026-11-21 09:00 UTC, closed 3 h ago" in told.body


def test_what_a_detector_expected_is_in_the_message():
    steady = [100 * hour for hour in range(15 * 24)]
    told = message(rule(when="spike(points, 14d) >= 4"), look(points(*steady, steady[-1] + 3950)))
    [line] = [line for line in told.body.splitlines() if "expected" in line]
    assert re.fullmatch(r"points: expected \d+–\d+ in \d h, saw [34],\d{3}", line)  # noqa: RUF001 - a range


def test_what_spoke_for_a_suspect_jump_is_in_the_message():
    steady = [20 * hour for hour in range(15 * 24)]
    view = points(*steady, steady[-1] + 12000, steady[-1] + 12020)
    own = window(*[200 * hour for hour in range(15 * 24 + 2)])
    told = message(rule(when="suspect(points, deadlines, 14d) >= 2"), look(view | {"deadlines": {(): own}}))
    [line] = [line for line in told.body.splitlines() if "expected" in line]
    assert line.endswith("(fans without views)"), line


def test_the_words_of_coming_and_going_and_of_settling():
    the_rule = rule(when="points >= 9", flapping={"times": 4, "within": "6h"})
    begun = Alert("r", MEI.key, (), Ok(), past=Past(tuple(NOW - hour * HOUR for hour in (5, 3, 1))))
    [flaps] = evaluate([the_rule], look(points(9), [begun]))
    told = read(flaps.owed[0])
    assert (told.title, told.severity) == ("↕ WARNING: Mei: r (comes and goes)", Severity.WARNING)
    assert "Comes and goes: began 4 times in 6 h; held until it is still for 6 h" in told.body
    assert [transition.change for transition in flaps.transitions] == [Change.B_FIRED, Change.H_FLAPPING]
    ladder = rule(levels=LADDER, flapping={"times": 4, "within": "6h"})
    [flaps_too] = evaluate([ladder], look(points(9), [begun]))
    assert "Comes and goes: began or climbed again 4 times in 6 h; held" in read(flaps_too.owed[0]).body

    later = NOW + 6 * HOUR
    [settled] = evaluate([the_rule], look(points(9, at=later), [flaps.alert], at=later))
    told = read(settled.owed[0])
    assert (told.title, told.news) == ("▲ WARNING: Mei: r (settled)", News.SETTLED)
    assert "Why: it was still for 6 h" in told.body

    ended = replace(flaps.alert, state=Ok())
    [over] = evaluate([the_rule], look(points(3, at=later), [ended], at=later))
    assert read(over.owed[0]).title == "✔ RESOLVED: Mei: r (settled)"
    assert "Why: it was still for 6 h" in read(over.owed[0]).body


def test_a_ladder_says_that_it_came_and_went():
    flaps = Alert("r", MEI.key, (), Firing(2, NOW, NOW, 2), {"team": -2, "boss": -2})
    [settled] = evaluate([rule(levels=LADDER)], look(points(12), [flaps]))
    assert "Level: coming and going → off" in read(settled.owed[0]).body


def test_several_that_were_on_at_first_sight_are_one_message_with_the_gravest_first():
    few = plain(*(a_story(each.value, severity=each) for each in (Severity.WARNING, Severity.CRITICAL, Severity.INFO)))
    assert (few.title, few.severity) == ("3 alerts were on already at first sight", Severity.CRITICAL)
    assert few.body.splitlines() == ["▲ CRITICAL: critical", "▲ WARNING: warning", "▲ INFO: info"]


def test_however_many_they_are_they_fit_into_one_message():
    many = plain(*(a_story("x" * 300, severity=each) for each in [Severity.HIGH, Severity.INFO] * 500))
    assert many.body.splitlines()[-1] == "and 970 more: 470 high, 500 info"
    assert len(many.body) < 3500


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.0, Unit.COUNT, "12,345"),
        (7.16, Unit.SCORE, "7.16"),
        (0.05, Unit.RATIO, "5 %"),
        (93_600.0, Unit.SECONDS, "1 d 2 h"),
        (0.0, Unit.TIMESTAMP, "1970-01-01 00:00 UTC"),
        (1.0, Unit.STATE, "yes"),
        (None, Unit.COUNT, "unknown"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, unit, text):
    assert say_number(value, unit) == text


# --- properties ---------------------------------------------------------------------------------------------------

features = st.fixed_dictionaries(
    {
        "confirm": st.booleans(),
        "unknown": st.sampled_from(["hold", "fire", "clear"]),
        "on_first_sight": st.sampled_from(["tell", "baseline", "summary"]),
        "flapping": st.sampled_from([False, FLAPPING]),
        "shadow": st.booleans(),
        "for": st.sampled_from(["0s", "2h"]),
        "keep_firing": st.sampled_from(["0s", "2h"]),
        "clear": st.sampled_from([None, "points < 2"]),
        "levels": st.sampled_from(
            [
                {"low": "points >= 3", "critical": "points >= 6"},
                {"low": "until(deadline) < 72h", "critical": "until(deadline) < 24h"},
                {"one": "rank < 0.5", "critical": "rank < 0.5 and points > 5"},
            ]
        ),
    }
)
numbers = st.none() | st.sampled_from([0.0, 1.0, 3.0, 6.0, math.nan])
moments = st.lists(st.tuples(numbers, numbers, st.sampled_from(["", "muted"])), max_size=15)


@given(features, st.sampled_from([None, "points < 1"]), moments)
def test_whatever_is_seen_nothing_raises_and_a_second_look_at_it_says_nothing(fields, own, sequence):
    """Nor does one by a rule of another meaning that says the same."""
    the_rule = rule(**fields) if own is None else clearing(2, own, **fields)
    alerts: dict = {}
    past, deadlines = [], {}
    for hour, (value, other, mute) in enumerate(sequence):
        at = NOW + hour * HOUR
        past += [] if value is None else [(at.timestamp(), value)]
        if other is not None:
            deadlines = {(("record", "7"),): window(NOW.timestamp() + (20 + 10 * other) * 3600, at=at)} if other else {}
        view = {
            "points": {(): Window(past)} if past else {},
            "deadline": deadlines,
            "rank": {(("dimension", "A"),): window(other or 0.1, at=at)},
        }
        now = Look(
            MEI,
            view,
            alerts,
            at,
            {},
            lambda _kind: (),
            {"r"} if hour == 0 else (),
            lambda _rule, _labels, why=mute: why,
        )
        for outcome in evaluate([the_rule], now):
            alerts = {**alerts, ("r", outcome.alert.labels): outcome.alert}
            assert not (the_rule.shadow and outcome.owed)
            assert not any(letter.story.news is not News.RESOLVED for letter in outcome.owed if mute)
        assert evaluate([the_rule], now._replace(alerts=alerts)) == []
        strange = {key: replace(alert, meaning=alert.meaning and "other") for key, alert in alerts.items()}
        for again in evaluate([the_rule], now._replace(alerts=strange)):
            assert (again.transitions, again.owed, again.refetch) == ([], [], False)
            assert replace(again.alert, meaning="") == replace(alerts["r", again.alert.labels], meaning="")
