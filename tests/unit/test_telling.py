"""Who is owed what: truth against what was told, also where alerts come and go, are muted, usual or in shadow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.book import Rule
from rules.building import build_book
from rules.lifecycle import Sighting, remember, step
from rules.models import RuleModel
from rules.routes import spelled_out
from rules.telling import is_first, news, owed
from rules.values import Alert, Firing, Flaps, Metric, News, Ok, Past, Rising, Subject, Unit, Verdict

START = datetime(2026, 11, 1, tzinfo=UTC)


HOUR = timedelta(hours=1)
POINTS = {"points": Metric("points", Subject.ACCOUNT, Unit.POINTS, "points")}


def owe(alert, the_rule, muted=False):
    """What those are owed whom a rule names."""
    return owed(alert, the_rule, spelled_out(the_rule.to, ()), muted)


def rule(**fields: object) -> Rule:
    levels = {"one": "points >= 1", "two": "points >= 2", "three": "points >= 3"}
    model = RuleModel.model_validate({"name": "r", "on": "account", "levels": levels, **fields})
    return build_book([model], POINTS, ["a", "b"]).rules[0]


def firing(level: int, **fields: object) -> Alert:
    return Alert("r", "t", (), Firing(level, START, START, level), **fields)


def over(**fields: object) -> Alert:
    return Alert("r", "t", (), Ok(), **fields)


FLAPS = Past(flaps=Flaps(START, peak=2))


@pytest.mark.parametrize(
    ("told", "stand", "what"),
    [
        (None, 0, None),
        (None, 2, News.FIRED),
        (0, 1, News.FIRED),
        (1, 1, None),
        (1, 3, News.CLIMBED),
        (3, 1, News.DESCENDED),
        (3, 0, News.RESOLVED),
        (0, 0, None),
        (None, -1, News.FLAPPING),
        (2, -2, News.FLAPPING),
        (-1, -1, None),
        (-1, -2, News.FLAPPING),
        (-2, -1, None),
        (-1, 1, News.SETTLED),
        (-2, 0, News.RESOLVED),
    ],
)
def test_news_is_the_difference_between_where_it_stands_and_what_was_told(told, stand, what):
    assert news(told, stand) is what


def test_who_was_told_it_fires_is_told_it_is_over_even_if_the_rule_names_others_now():
    resolved = over(told={"gone": 2, "a": 0})
    assert dict(owe(resolved, rule(to=["a", "b"]))) == {"gone": News.RESOLVED}


def test_a_rising_alert_is_told_to_nobody():
    assert not list(owe(Alert("r", "t", (), Rising(1, START, START, START), told={"a": 1}), rule()))


def test_one_that_comes_and_goes_is_told_once_whatever_it_does():
    states = [Ok(), Rising(1, START, START, START), Firing(1, START, START, 1)]
    for state in states:
        alert = Alert("r", "t", (), state, past=FLAPS)
        assert dict(owe(alert, rule())) == {"a": News.FLAPPING, "b": News.FLAPPING}
        assert not list(owe(replace(alert, told={"a": -2, "b": -2}), rule()))


def test_one_that_comes_and_goes_is_told_again_if_it_gets_worse_than_was_told():
    assert dict(owe(firing(2, told={"a": -1, "b": -2}, past=FLAPS), rule())) == {"a": News.FLAPPING}


def test_what_is_true_when_it_settles_is_told():
    told = {"a": -2, "b": -2}
    assert dict(owe(firing(2, told=told), rule())) == {"a": News.SETTLED, "b": News.SETTLED}
    assert dict(owe(over(told=told), rule())) == {"a": News.RESOLVED, "b": News.RESOLVED}


@pytest.mark.parametrize(
    "alert", [firing(1), firing(3, told={"a": 1, "b": 1}), over(past=FLAPS), firing(1, past=FLAPS)]
)
def test_nothing_new_is_told_of_a_muted_alert(alert):
    assert list(owe(alert, rule()))
    assert not list(owe(alert, rule(), muted=True))


@pytest.mark.parametrize("told", [{"a": 2}, {"a": -2}])
def test_who_was_told_of_a_muted_alert_is_told_that_it_is_over(told):
    assert dict(owe(over(told=told), rule(), muted=True)) == {"a": News.RESOLVED}


def test_an_alert_in_shadow_is_told_to_nobody():
    assert not list(owe(firing(3), rule(shadow=True)))
    assert not list(owe(over(past=FLAPS), rule(shadow=True)))


def test_who_heard_of_an_alert_before_its_rule_went_into_shadow_is_told_that_it_is_over():
    assert not list(owe(firing(3, told={"a": 1}), rule(shadow=True)))
    assert dict(owe(over(told={"a": 1}), rule(shadow=True))) == {"a": News.RESOLVED}


def test_what_is_usual_is_told_to_nobody_until_it_climbs_above_that():
    usual = Past(first=2)
    the_rule = rule(on_first_sight="baseline", to=["a"])
    assert not list(owe(firing(2, past=usual), the_rule))
    assert not list(owe(firing(1, past=usual), the_rule))
    assert not list(owe(over(), the_rule))
    assert dict(owe(firing(3, past=usual), the_rule)) == {"a": News.FIRED}


def test_who_was_told_of_more_than_the_usual_is_told_what_became_of_it():
    the_rule = rule(on_first_sight="baseline")
    assert dict(owe(firing(1, past=Past(first=1), told={"a": 3}), the_rule)) == {"a": News.DESCENDED}


@pytest.mark.parametrize(
    ("fields", "alert", "what", "belongs"),
    [
        ({}, firing(2, past=Past(first=2)), News.FIRED, True),
        ({}, firing(1, past=Past(first=2)), News.FIRED, True),
        ({}, firing(3, past=Past(first=2)), News.FIRED, False),
        ({}, firing(2), News.FIRED, False),
        ({}, firing(2, past=Past(first=2)), News.DESCENDED, False),
        ({"on_first_sight": "tell"}, firing(2, past=Past(first=2)), News.FIRED, False),
        ({"on_first_sight": "baseline"}, firing(3, past=Past(first=2)), News.FIRED, False),
    ],
)
def test_what_was_on_at_first_sight_is_told_together(fields, alert, what, belongs):
    assert is_first(alert, rule(**fields), what) is belongs


# --- properties ---------------------------------------------------------------------------------------------------

looks = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["known", "unknown"]), st.sampled_from(["", "muted"])), max_size=40
)
rules = st.builds(
    lambda sight, times, hold, shadow: rule(
        on_first_sight=sight, flapping=times and {"times": times, "within": "3h"}, shadow=shadow, **{"for": f"{hold}h"}
    ),
    st.sampled_from(["tell", "baseline", "summary"]),
    st.sampled_from([False, 2, 3]),
    st.integers(0, 2),
    st.booleans(),
)


def live(the_rule, sequence):
    """What channel ``a`` hears of an alert over hourly looks (the alert, the news, is it muted), and how it ends."""
    alert, heard = over(), []
    for hour, (level, known, mute) in enumerate(sequence):
        at = START + hour * HOUR
        verdict = Verdict(level, level, clear=level == 0) if known == "known" else Verdict(0, 3, clear=None)
        stepped = step(alert.state, verdict, the_rule, Sighting(at, at))
        past = remember(alert.past, stepped, verdict, the_rule, at, first=hour == 0)
        alert = replace(alert, state=stepped.state, past=past)
        due = list(owe(alert, the_rule, muted=bool(mute)))
        alert = replace(alert, told={**alert.told, **{channel: alert.stand for channel, _ in due}})
        heard += [(alert, what, bool(mute)) for channel, what in due if channel == "a"]
        assert not list(owe(alert, the_rule, muted=bool(mute))), "what was told is not owed again"
    return heard, alert


@given(rules, looks)
def test_beginnings_and_ends_alternate_for_every_channel(the_rule, sequence):
    believes = False
    for _, what, _ in live(the_rule, sequence)[0]:
        if what is not News.FLAPPING:
            assert believes is (what is not News.FIRED)
        believes = what is not News.RESOLVED


@given(rules, looks)
def test_nothing_but_the_end_is_told_while_muted_and_nothing_ever_in_shadow(the_rule, sequence):
    heard, _ = live(the_rule, sequence)
    assert all(what is News.RESOLVED for _, what, muted in heard if muted)
    assert not (the_rule.shadow and heard)


@given(rules, looks)
def test_between_two_notices_of_coming_and_going_it_settled_or_got_worse(the_rule, sequence):
    peak = 0
    for alert, what, _ in live(the_rule, sequence)[0]:
        if what is News.FLAPPING:
            assert alert.past.flaps.peak > peak
        peak = alert.past.flaps.peak if what is News.FLAPPING else 0


@given(rules, looks, st.integers(0, 3))
def test_without_a_mute_everybody_knows_where_it_stands(the_rule, sequence, level):
    _, alert = live(the_rule, [*sequence, (level, "known", "")])
    silent = the_rule.shadow or isinstance(alert.state, Rising) or 0 < alert.stand <= alert.past.first
    told = alert.told.get("a", 0)
    assert silent or told == alert.stand or told < alert.stand < 0
