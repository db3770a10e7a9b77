"""What people said of alerts: when a silence holds, when it is over, and when an acknowledgement lapses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers import METRICS
from daemon.statements import LANGUAGE
from rules.building import build_book
from rules.models import RuleModel
from rules.selectors import compile_selector
from rules.silences import IDLE, OLD, Said, Silence, lapsed, stale
from rules.values import Subject, Target

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", "lin", ("tier-a",), account="tiktok/account/mei")
CLIP = Target("tiktok/video/70", Subject.VIDEO, "Clip", "tiktok", "lin", account="tiktok/account/mei")
LADDER = {"watch": {"when": "fake_score > 12"}, "act": {"when": "fake_score > 15", "severity": "critical"}}
RULE = build_book(
    [RuleModel.model_validate({"name": "fake", "on": "video", "levels": LADDER})], METRICS, ["ops"]
).rules[0]


def case(target=CLIP, level=1, labels=()):
    return RULE.case(target, labels, level)


def silence(text='rule == "fake"', **more):
    match = compile_selector(text, LANGUAGE)
    assert not isinstance(match, list), match
    return replace(Silence(1, match, NOON, NOON + 4 * HOUR, "lin", "a launch"), **more)


@pytest.mark.parametrize(("hours", "holds"), [(-1, False), (0, True), (3, True), (4, False)])
def test_a_silence_holds_from_its_beginning_until_before_its_end(hours, holds):
    assert silence().holds(case(), NOON + hours * HOUR) is holds


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('rule == "fake" and account == "mei"', True),
        ('id == "70"', True),
        ('id == "mei"', False),
        ('on == "account"', False),
        ('severity <= "high"', True),
        ('level == "act"', False),
        ('tag == "tier-a"', False),
        ('keyword == "scam"', True),
        ('keyword != "scam"', False),
    ],
)
def test_a_silence_asks_of_alerts_what_routes_ask(text, matches):
    assert silence(text).holds(case(labels=(("keyword", "scam"),)), NOON) is matches


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ('rul == "fake"', 0, "did you mean `rule`?"),
        ('rule == "fake" and severity >= "hihg"', 31, "did you mean `high`?"),
        ('rule >= "fake"', 8, "has no order"),
        ("fake", 0, "`silence` compares what an alert has"),
    ],
)
def test_a_mistake_in_a_silence_has_its_place_and_what_was_meant(text, column, words):
    (problem,) = compile_selector(text, LANGUAGE)
    assert (problem.offset, words in problem.text) == (column, True)


def test_a_graver_level_is_another_case_for_a_silence():
    mild = silence('severity <= "warning"')
    assert [mild.holds(case(level=level), NOON) for level in (1, 2, -1, -2)] == [True, False, True, False]


def test_what_is_silenced_is_said_with_who_and_why_by_the_first_silence_that_holds():
    said = Said((silence('rule == "other"', by="wu"), silence(), silence(by="wu")))
    assert said.silenced(case(), NOON) == "silenced by lin: a launch"
    assert said.silenced(case(), NOON + 5 * HOUR) == ""


def test_a_silence_that_awaits_alerts_is_over_with_the_last_of_them_and_another_never_is_by_itself():
    awaiting = silence(awaits=frozenset({1, 2}))
    over = "all that it was to last for is over"
    stands = ({1: 1, 2: 1}, {2: 2, 9: 1}, {9: 1}, {})
    assert [awaiting.ending(each, NOON) for each in stands] == ["", "", over, over]
    assert silence().ending({}, NOON + 3 * HOUR) == ""


def test_a_silence_whose_time_has_run_out_is_over_whatever_is_on():
    assert silence(awaits=frozenset({1})).ending({1: 1}, NOON + 4 * HOUR) == "its time is over"


def test_a_silence_that_holds_nothing_for_a_week_or_is_two_weeks_old_may_be_forgotten():
    ends = NOON + OLD + 2 * HOUR
    new = silence(matched=NOON, ends=ends)
    busy = silence(id=2, matched=NOON + OLD, ends=ends)
    assert stale([new, busy], NOON + IDLE) == []
    assert stale([busy, new], NOON + IDLE + HOUR) == [new]
    assert stale([busy, new], NOON + OLD + HOUR) == [busy, new]
    assert stale([busy, new], ends) == [], "they are over"


def test_an_acknowledgement_lapses_when_its_alert_rises_above_it_or_is_over():
    assert dict(lapsed({1: 1, 2: 1, 3: 2}, {1: 1, 2: 2, 3: 1})) == {2: "it has risen to level 2"}
    assert dict(lapsed({1: 1}, {})) == {1: "it is over"}


@given(st.dictionaries(st.integers(1, 5), st.integers(1, 4)), st.dictionaries(st.integers(1, 5), st.integers(1, 4)))
def test_what_has_not_lapsed_is_on_and_no_higher_than_it_is_known(acks, stands):
    kept = acks.keys() - dict(lapsed(acks, stands)).keys()
    assert kept == {alert_id for alert_id, level in acks.items() if 0 < stands.get(alert_id, 0) <= level}
