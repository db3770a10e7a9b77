"""One look at one target, and the words that come of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.building import build_book
from rules.evaluate import Look, close, evaluate
from rules.message import say_number
from rules.models import RuleModel
from rules.values import Alert, Change, Firing, Metric, News, Ok, Record, Severity, Subject, Target, Unit, Window

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("points", Subject.ACCOUNT, Unit.POINTS, "points"),
        Metric("rank", Subject.ACCOUNT, Unit.RATIO, "rank", ("dimension",)),
        Metric("deadline", Subject.ACCOUNT, Unit.TIMESTAMP, "deadline", ("record",)),
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


def look(view, alerts=(), at=NOW, records=(), measured=None):
    return Look(
        MEI, view, {(alert.rule, alert.labels): alert for alert in alerts}, at, measured or {}, lambda kind: records
    )


def points(*values, at=NOW):
    return {"points": {(): window(*values, at=at)}}


def test_a_target_where_all_is_well_answers_with_nothing():
    assert evaluate([rule(when="points >= 9")], look(points(3))) == []


def test_a_crossing_fires_tells_every_channel_once_and_says_what_was_seen():
    [outcome] = evaluate([rule(when="points >= 9", severity="high")], look(points(8, 9)))
    assert outcome.alert.level == 1
    assert [(t.change, t.from_level, t.to_level) for t in outcome.transitions] == [(Change.B_FIRED, 0, 1)]
    assert [(letter.channel, letter.message.news) for letter in outcome.owed] == [
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
    assert (gone.transitions[0].change, gone.owed[0].message.news) == (Change.X_GONE, News.RESOLVED)


def test_half_known_ladders_climb_to_what_is_certain_and_do_not_descend_below_what_may_be():
    labels = (("dimension", "A"),)
    the_rule = rule(levels={"one": "rank < 0.5", "two": "rank < 0.5 and points > 5"})
    [fired] = evaluate([the_rule], look({"rank": {labels: window(0.1)}}))
    assert fired.alert.level == 1
    higher = replace(fired.alert, state=Firing(2, NOW - HOUR, NOW - HOUR, 2), told={"team": 2, "boss": 2})
    assert evaluate([the_rule], look({"rank": {labels: window(0.1)}}, [higher])) == []


def test_a_number_that_was_seen_once_and_is_no_more_ends_its_alert_and_says_why():
    [fired] = evaluate([rule(when="points >= 9")], look(points(9)))
    [gone] = evaluate([rule(when="points >= 9")], look({"points": {}}, [fired.alert]))
    assert (gone.transitions[0].change, gone.owed[0].message.news) == (Change.X_GONE, News.RESOLVED)
    assert "Why: what it was about is gone" in gone.owed[0].message.body


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


def test_an_alert_can_be_closed_when_its_rule_is_no_more():
    alert = Alert("r", MEI.key, (), Firing(1, NOW - HOUR, NOW, 1), {"team": 1})
    outcome = close(alert, rule(when="points >= 9"), look({}), "no longer watched")
    assert (outcome.alert.state, outcome.alert.told) == (Ok(), {"team": 0})
    assert outcome.transitions[0].reason == "no longer watched"


# --- words --------------------------------------------------------------------------------------------------------


def message(the_rule, *looks):
    alerts = []
    for each in looks:
        [outcome] = evaluate([the_rule], replace(each, alerts={("r", alert.labels): alert for alert in alerts}))
        alerts = [outcome.alert]
    return outcome.owed[0].message


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
        "https://example.invalid/@mei",
    ]


def test_an_owner_who_is_not_named_is_no_metric():
    nobody = look(points(9))
    told = message(
        rule(when="points >= 9", summary="{name} of {owner}"), replace(nobody, target=replace(MEI, owner=""))
    )
    assert told.title == "▲ WARNING: Mei of "


def test_an_end_says_how_long_it_lasted_and_how_high_it_got():
    told = message(rule(levels=LADDER), look(points(12)), look(points(12, 0, at=NOW + 26 * HOUR), at=NOW + 26 * HOUR))
    assert (told.title, told.severity, told.news) == ("✔ RESOLVED: Mei: r off", Severity.INFO, News.RESOLVED)
    assert "Lasted: 1 d 2 h; peak: off" in told.body


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


def test_a_rule_in_shadow_is_recorded_and_told_to_nobody_but_ends_what_was_told_before():
    shadow = rule(when="points >= 9", shadow=True)
    [fired] = evaluate([shadow], look({"points": {(): window(9.0)}}))
    assert [step.change for step in fired.transitions] == [Change.B_FIRED]
    assert (fired.owed, fired.alert.told) == ([], {})
    told = replace(fired.alert, told={"team": 1})
    later = {"points": {(): window(9.0, 3.0, at=NOW + HOUR)}}
    [ended] = evaluate([shadow], look(later, [told], at=NOW + HOUR))
    assert [(letter.channel, letter.message.news) for letter in ended.owed] == [("team", News.RESOLVED)]
