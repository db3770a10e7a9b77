"""The life of an alert: each lettered transition, and what no sequence of looks may ever do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.book import Rule
from rules.building import build_book
from rules.lifecycle import end, step
from rules.models import RuleModel
from rules.telling import news, owed
from rules.values import Alert, Change, Firing, Metric, News, Ok, Rising, Subject, Unit, Verdict

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POINTS = {"points": Metric("points", Subject.ACCOUNT, Unit.POINTS, "points")}

NO = Verdict(0, 0, clear=True)
STILL = Verdict(0, 0, clear=False)
UNKNOWN = Verdict(0, 3, clear=None)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def level(number: int) -> Verdict:
    return Verdict(number, number, clear=False)


def rule(**fields: object) -> Rule:
    levels = {"one": "points >= 1", "two": "points >= 2", "three": "points >= 3"}
    model = RuleModel.model_validate({"name": "r", "on": "account", "levels": levels, **fields})
    return build_book([model], POINTS, ["a", "b"]).rules[0]


def live(verdicts, **fields):
    """The states and the letters of a sequence of hourly looks."""
    state, letters = Ok(), ""
    for hour, verdict in enumerate(verdicts):
        stepped = step(state, verdict, rule(**fields), at(hour))
        state, letters = stepped.state, letters + (stepped.change or ".")
    return state, letters


@pytest.mark.parametrize(
    ("fields", "verdicts", "letters"),
    [
        ({}, [NO, level(1), level(1), NO], ".B.G"),
        ({}, [level(1), level(3), level(2), NO], "BEFG"),
        ({}, [level(1), UNKNOWN, level(1), UNKNOWN, NO], "B...G"),
        ({}, [UNKNOWN, UNKNOWN, level(2)], "..B"),
        ({}, [level(1), STILL, STILL, NO], "B..G"),
        ({}, [level(2), Verdict(1, 3, clear=False), Verdict(0, 1, clear=None), level(2)], "B..."),
        ({"for": "2h"}, [level(1), level(1), level(1), NO], "A.CG"),
        ({"for": "2h"}, [level(1), level(1), NO, level(1)], "A.DA"),
        ({"for": "2h"}, [level(1), UNKNOWN, level(1), level(1), level(1)], "A...C"),
        ({"for_polls": 3}, [level(1), level(1), UNKNOWN, level(1)], "A..C"),
        ({"for_polls": 2}, [level(1), level(2), level(2), level(2)], "AC.E"),
        ({"for_polls": 2}, [level(1), level(1), level(2), level(1), level(2), level(2)], "AC...E"),
        ({"keep_firing": "2h"}, [level(1), NO, NO, NO], "B..G"),
        ({"keep_firing": "2h"}, [level(1), NO, level(1), NO, NO, NO], "B....G"),
        ({"keep_firing": "2h"}, [level(1), NO, UNKNOWN, NO, NO, NO], "B....G"),
    ],
)
def test_a_sequence_of_looks_makes_these_transitions(fields, verdicts, letters):
    assert live(verdicts, **fields)[1] == letters


def test_the_peak_is_remembered_while_descending():
    state, _ = live([level(1), level(3), level(1)])
    assert (state.level, state.peak, state.since) == (1, 3, at(0))


def test_time_spent_blind_does_not_count_towards_for():
    state, letters = live([level(1), UNKNOWN, UNKNOWN, UNKNOWN, level(1)], **{"for": "4h"})
    assert letters == "A...."
    assert state == Rising(1, since=at(4), seen=at(4), polls=2)


def test_the_same_look_twice_changes_nothing():
    for verdict in (level(1), level(2), NO, STILL, UNKNOWN):
        for before in (Rising(1, at(0), at(1)), Firing(1, at(0), at(1), 1)):
            once = step(before, verdict, rule(**{"for": "5h", "keep_firing": "5h"}), at(2)).state
            assert step(once, verdict, rule(**{"for": "5h", "keep_firing": "5h"}), at(2)).state == once


def test_an_older_look_than_the_last_changes_nothing():
    firing = Firing(2, at(0), at(5), 2)
    assert step(firing, NO, rule(), at(4)).state is firing


def test_an_alert_whose_subject_is_gone_ends_with_the_reason():
    assert (end("record struck").change, end("record struck").reason) == (Change.X_GONE, "record struck")


@pytest.mark.parametrize(
    ("told", "true", "what"),
    [
        (None, 0, None),
        (None, 2, News.FIRED),
        (0, 1, News.FIRED),
        (1, 1, None),
        (1, 3, News.CLIMBED),
        (3, 1, News.DESCENDED),
        (3, 0, News.RESOLVED),
        (0, 0, None),
    ],
)
def test_news_is_the_difference_between_what_is_true_and_what_was_told(told, true, what):
    assert news(told, true) is what


def test_who_was_told_it_fires_is_told_it_is_over_even_if_the_rule_names_others_now():
    resolved = Alert("r", "t", (), Ok(), told={"gone": 2, "a": 0})
    assert dict(owed(resolved, rule(to=["a", "b"]))) == {"gone": News.RESOLVED}


def test_a_rising_alert_is_told_to_nobody():
    assert not list(owed(Alert("r", "t", (), Rising(1, at(0), at(0))), rule()))


# --- properties ---------------------------------------------------------------------------------------------------

bounds = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(sorted)
verdicts = st.lists(
    st.builds(lambda b, c: Verdict(b[0], b[1], c if b[1] == 0 else None), bounds, st.sampled_from([True, False, None])),
    max_size=25,
)
rules = st.builds(
    lambda hold, polls, keep: rule(**{"for": f"{hold}h", "for_polls": polls, "keep_firing": f"{keep}h"}),
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(0, 4),
)


@given(rules, verdicts)
def test_unknown_holds_the_level_whatever_came_before(the_rule, looks):
    state = Ok()
    for hour, verdict in enumerate(looks):
        state = step(state, verdict, the_rule, at(hour)).state
        held = step(state, UNKNOWN, the_rule, at(hour + 0.5))
        assert held.change is None
        assert (type(held.state), getattr(held.state, "level", 0)) == (type(state), getattr(state, "level", 0))


@given(rules, verdicts)
def test_nothing_fires_before_it_was_true_for_as_long_and_as_often_as_asked(the_rule, looks):
    state, true_since, polls = Ok(), None, 0
    for hour, verdict in enumerate(looks):
        if verdict.at_most == 0:
            true_since, polls = None, 0
        elif verdict.at_least:
            true_since, polls = (hour if true_since is None else true_since), polls + 1
        stepped = step(state, verdict, the_rule, at(hour))
        if stepped.change in {Change.B_FIRED, Change.C_CONFIRMED}:
            assert (hour - true_since) * HOUR >= the_rule.hold_for
            assert polls >= the_rule.for_polls
        state = stepped.state


@given(rules, verdicts)
def test_fired_and_resolved_alternate_for_every_channel(the_rule, looks):
    alert, heard = Alert("r", "t", (), Ok()), []
    for hour, verdict in enumerate(looks):
        stepped = step(alert.state, verdict, the_rule, at(hour))
        alert = Alert("r", "t", (), stepped.state, alert.told)
        for channel, what in owed(alert, the_rule):
            alert = Alert("r", "t", (), alert.state, {**alert.told, channel: alert.level})
            heard += [what] if channel == "a" else []
        assert not list(owed(alert, the_rule)), "what was told is not owed again"
    ends = [what for what in heard if what in {News.FIRED, News.RESOLVED}]
    assert ends == [News.FIRED, News.RESOLVED] * (len(ends) // 2) + [News.FIRED] * (len(ends) % 2)


@given(rules, verdicts)
def test_a_look_taken_twice_is_taken_once(the_rule, looks):
    once = twice = Ok()
    for hour, verdict in enumerate(looks):
        once = step(once, verdict, the_rule, at(hour)).state
        twice = step(step(twice, verdict, the_rule, at(hour)).state, verdict, the_rule, at(hour)).state
        assert getattr(twice, "level", 0) == getattr(once, "level", 0)
        assert isinstance(twice, Ok) or twice == once
