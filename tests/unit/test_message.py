"""What a message says of the next step, the records, the numbers and the times, and where it stops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.scribe import plain
from rules.building import build_book
from rules.evaluate import Look, evaluate
from rules.models import RuleModel
from rules.values import Alert, Firing, Metric, Record, Severity, Subject, Target, Unit, Window
from rules.wording import say_number
from tests.told import a_story, read

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("points", Subject.ACCOUNT, Unit.POINTS, "points"),
        Metric("fans", Subject.ACCOUNT, Unit.COUNT, "fans"),
        Metric("banned", Subject.ACCOUNT, Unit.STATE, "banned"),
        Metric("rank", Subject.ACCOUNT, Unit.RATIO, "rank", ("dimension",)),
        Metric("deadline", Subject.ACCOUNT, Unit.TIMESTAMP, "deadline", ("record",)),
    )
}
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", owner="lin")
LADDER = {"low": "points >= 1", "middle": "points >= 4", "top": "points >= 9"}


def rule(**fields):
    model = RuleModel.model_validate({"name": "r", "on": "account", **fields})
    return build_book([model], METRICS, ["team"]).rules[0]


def seen(*values, ago=timedelta(0)):
    """A window of hourly numbers, the newest seen so long ago."""
    last = NOW - ago
    return Window([((last - (len(values) - 1 - n) * HOUR).timestamp(), value) for n, value in enumerate(values)])


def judged(the_rule, view, alert=None, records=(), measured=None, **more):
    """What follows of a look, and the lines of the message."""
    alerts = {("r", alert.labels): alert} if alert else {}
    look = Look(MEI, view, alerts, NOW, measured or {}, lambda kind: records, **more)
    [outcome] = evaluate([the_rule], look)
    return outcome, read(outcome.owed[0]).body.splitlines()


def lines_of(the_rule, view, alert=None, **more):
    return judged(the_rule, view, alert, **more)[1]


def on(level, labels=(), peak=None):
    """An alert that the channel knows of, for three hours now."""
    return Alert("r", MEI.key, labels, Firing(level, NOW - 3 * HOUR, NOW - HOUR, peak or level), {"team": level})


# --- levels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "next_step"),
    [(2.0, "Next: middle at points >= 4, 2 to go"), (5.0, "Next: top at points >= 9, 4 to go"), (9.0, None)],
)
def test_the_next_step_is_that_above_the_level_and_at_the_top_there_is_none(number, next_step):
    lines = lines_of(rule(levels=LADDER), {"points": {(): seen(number)}})
    assert [line for line in lines if line.startswith("Next:")] == ([] if next_step is None else [next_step])


def test_a_next_step_that_is_no_plain_number_is_not_told():
    levels = {"low": "points >= 1", "top": "increase(points, 1d) >= 4"}
    assert not [line for line in lines_of(rule(levels=levels), {"points": {(): seen(2)}}) if line.startswith("Next:")]


@pytest.mark.parametrize(
    ("number", "next_step"), [(2.0, "points >= 4, 2 to go"), (4.0, "points >= 4"), (6.0, "points >= 4")]
)
def test_of_a_number_that_is_there_already_nothing_is_to_go(number, next_step):
    levels = {"low": "points >= 1", "top": "points >= 4 and fans > 9"}
    lines = lines_of(rule(levels=levels), {"points": {(): seen(number)}, "fans": {(): seen(0)}})
    assert [line for line in lines if line.startswith("Next:")] == [f"Next: top at {next_step}"]


def test_a_descent_is_told_from_level_to_level_with_what_the_lower_one_means():
    levels = {"low": {"when": "points >= 1", "effect": "seen less"}, "top": {"when": "points >= 9", "effect": "banned"}}
    lines = lines_of(rule(levels=levels), {"points": {(): seen(9, 3)}}, on(2))
    assert lines[:5] == [
        "Level: top → low",
        "points: 9 → 3",
        "Condition: points >= 1",
        "Means: seen less",
        "Next: top at points >= 9, 6 to go",
    ]
    assert not [line for line in lines if line.startswith(("Lasted:", "Why:"))]


def test_an_end_names_the_highest_level_that_was_reached_and_why_it_ended_and_no_condition():
    lines = lines_of(rule(levels=LADDER, records="violation"), {"points": {(): seen(9, 0)}}, on(1, peak=3))
    assert lines == [
        "Level: low → none",
        "points: 9 → 0",
        "Lasted: 3 h; peak: top (points 9)",
        "Why: the condition no longer holds",
        "Measured: 2026-11-21 12:00 UTC; polled: 2026-11-21 12:00 UTC",
        "Who: Mei (tiktok/account/mei), owner lin",
    ]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_number_of_a_condition_that_was_never_seen_is_told_as_such():
    lines = lines_of(rule(when="points >= 1 or fans > 5"), {"points": {(): seen(2)}, "fans": {(): Window([])}})
    assert lines[:2] == ["points: 2", "fans: never seen"]


def test_the_old_number_is_the_newest_that_was_another_however_long_ago():
    assert "points: 7 → 9" in lines_of(rule(when="points >= 9"), {"points": {(): seen(1, 7, 9, 9, 9)}})


def test_no_more_than_eight_series_are_shown_and_noted():
    rank = {(("dimension", str(n)),): seen(0.05) for n in range(9)}
    outcome, lines = judged(rule(when="any(rank < 0.1)"), {"rank": rank})
    assert [line for line in lines if line.startswith("rank")] == [f"rank ({n}): 5 %" for n in range(8)]
    assert [each.labels for each in outcome.transitions[0].evidence] == [*rank][:8]


def test_a_series_of_another_alert_is_neither_shown_nor_noted():
    rank = {(("dimension", name),): seen(number) for name, number in (("A", 0.05), ("B", 0.5))}
    outcome, lines = judged(rule(when="rank < 0.1 and points > 1"), {"rank": rank, "points": {(): seen(3)}})
    assert lines[:2] == ["rank: 5 %", "points: 3"]
    assert [(each.metric, each.value) for each in outcome.transitions[0].evidence] == [("rank", 0.05), ("points", 3.0)]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0, Unit.COUNT, "0"),
        (0.12345, Unit.SCORE, "0.1235"),
        (999.75, Unit.SCORE, "999.8"),
        (1000.75, Unit.SCORE, "1,001"),
        (-1000.75, Unit.SCORE, "-1,001"),
        (-12_345.0, Unit.COUNT, "-12,345"),
        (0.12345, Unit.RATIO, "12.3 %"),
        (9.996, Unit.RATIO, "1,000 %"),
        (123.0, Unit.RATIO, "12,300 %"),
        (0.0, Unit.STATE, "no"),
        (float("nan"), Unit.STATE, "unknown"),
    ],
)
def test_a_number_has_no_more_digits_than_a_person_reads(value, unit, said):
    assert say_number(value, unit) == said


def test_a_threshold_on_a_state_is_told_as_a_number_and_the_state_as_yes_or_no():
    lines = lines_of(rule(levels={"low": "banned >= 0", "top": "banned >= 1"}), {"banned": {(): seen(0)}})
    assert lines[1] == "banned: no"
    assert "Next: top at banned >= 1, 1 to go" in lines


# --- records ----------------------------------------------------------------------------------------------------------


def records_of(lines):
    return [line for line in lines if line.startswith("violation ")]


def test_of_an_account_the_three_newest_records_are_told_and_empty_words_left_out():
    records = [Record("violation", str(n), {"reason": f"why {n}", "detail": ""}) for n in range(4)]
    lines = lines_of(rule(when="points > 1", records="violation"), {"points": {(): seen(2)}}, records=records)
    assert records_of(lines) == ["violation 0", "violation 1", "violation 2"]
    assert [line for line in lines if line.startswith("  ")] == [
        "  reason: why 0",
        "  reason: why 1",
        "  reason: why 2",
    ]


def test_of_an_alert_about_a_record_it_is_told_however_old_it_is():
    records = [Record("violation", str(n), {"reason": "why"}) for n in range(9)]
    view = {"deadline": {(("record", "8"),): seen((NOW + HOUR).timestamp())}}
    lines = lines_of(rule(when="until(deadline) < 72h", records="violation"), view, records=records)
    assert records_of(lines) == ["violation 8"]


def test_records_are_not_told_where_the_rule_does_not_ask_for_them():
    lines = lines_of(rule(when="points > 1"), {"points": {(): seen(2)}}, records=[Record("violation", "1", {"a": "b"})])
    assert records_of(lines) == []


@pytest.mark.parametrize(
    ("deadline", "said"),
    [("2026-11-21T12:00:01Z", "closes in 1 s"), ("2026-11-21T12:00:00Z", "closed 0 s ago")],
)
def test_a_deadline_is_over_from_its_second_on(deadline, said):
    record = Record("violation", "1", {"appeal_deadline": deadline})
    lines = lines_of(rule(when="points > 1", records="violation"), {"points": {(): seen(2)}}, records=[record])
    assert f"  appeal deadline: 2026-11-21 12:00 UTC, {said}" in lines


# --- times ------------------------------------------------------------------------------------------------------------


def test_polled_is_the_newest_look_and_measured_the_oldest_instant_that_a_number_of_the_rule_describes():
    view = {"points": {(): seen(2, ago=2 * HOUR)}, "fans": {(): seen(9, ago=HOUR)}, "banned": {(): seen(1)}}
    measured = {"points": NOW - 5 * HOUR, "fans": NOW - 9 * HOUR, "banned": NOW - 90 * HOUR}
    lines = lines_of(rule(when="points > 1 and fans > 1"), view, measured=measured)
    assert "Measured: 2026-11-21 03:00 UTC; polled: 2026-11-21 11:00 UTC" in lines


# --- one for many -----------------------------------------------------------------------------------------------------


def told(severity, number=0):
    return a_story(f"it {number}", severity=severity)


def title_of(severity, number=0):
    return plain(told(severity, number)).title


@pytest.mark.parametrize(
    ("many", "last"), [(30, "▲ INFO: it 29"), (31, "and 1 more: 1 info"), (1000, "and 970 more: 970 info")]
)
def test_thirty_are_told_one_by_one_and_the_others_counted(many, last):
    lines = plain(*(told(Severity.INFO, number) for number in range(many))).body.splitlines()
    assert (lines[29], lines[-1], len(lines)) == ("▲ INFO: it 29", last, min(many, 31))


def test_a_title_of_more_than_a_hundred_characters_is_cut_and_shows_it():
    whole, cut = plain(a_story("x" * 92), a_story("y" * 93)).body.splitlines()
    assert (whole, cut) == ("▲ HIGH: " + "x" * 92, "▲ HIGH: " + "y" * 91 + "…")


def test_those_of_one_severity_stay_in_their_order():
    many = [told(severity, n) for n in range(3) for severity in Severity]
    lines = plain(*many).body.splitlines()
    assert lines == [title_of(severity, n) for severity in reversed(Severity) for n in range(3)]
