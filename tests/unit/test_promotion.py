"""Many videos of an account become one alert of it: what is counted, and the rule on the counts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.book import RuleBook
from rules.building import build_book
from rules.evaluate import judge
from rules.models import RuleModel
from rules.promotion import COUNTS, FIRING, LEVEL, WATCHED, counts, promoted_name, with_promoted
from rules.values import Metric, Severity, Subject, Unit, Window

METRICS = {name: Metric(name, Subject.ACCOUNT, Unit.COUNT, name, ("rule",), history=False) for name in COUNTS}
METRICS["score"] = Metric("score", Subject.VIDEO, Unit.SCORE, "score")
LADDER = {"info": "score > 1", "bad": {"when": "score > 2", "severity": "high"}, "critical": "score > 3"}
LEVELS = st.lists(st.integers(0, 3), max_size=40)


def fake(at_least=2, share=0.5, **fields):
    promote = {"at_least": at_least, "share": share}
    return RuleModel.model_validate(
        {"name": "fake", "on": "video", "promote": promote, **(fields or {"levels": LADDER})}
    )


def rules(model):
    """The rule as it is, and the one that is made for it."""
    book = build_book([model], METRICS, ["team"])
    assert isinstance(book, RuleBook), book
    return book.rules


def reached(levels, at_least, percent):
    """The highest level that so many have, and this share of all: said once more, by trying each."""
    have = {level: sum(each >= level for each in levels) for level in (1, 2, 3)}
    return max((k for k, n in have.items() if n >= at_least and n >= Fraction(percent, 100) * len(levels)), default=0)


@given(LEVELS, st.integers(2, 8), st.integers(1, 100))
def test_the_level_of_the_account_is_the_highest_that_enough_videos_have(levels, at_least, percent):
    counted = counts(levels, rules(fake(at_least, percent / 100))[0])
    assert counted == {
        FIRING: sum(level > 0 for level in levels),
        LEVEL: reached(levels, at_least, percent),
        WATCHED: len(levels),
    }


@pytest.mark.parametrize("plain", [False, True])
@given(LEVELS, st.integers(2, 8), st.integers(1, 100))
def test_the_made_rule_is_on_at_that_level_and_without_a_ladder_where_there_is_one(plain, levels, at_least, percent):
    own, made = rules(fake(at_least, percent / 100, **({"when": "score > 1"} if plain else {})))
    view = {name: {(("rule", "fake"),): Window([(0.0, float(n))])} for name, n in counts(levels, own).items()}
    [verdict] = judge(made, view, 0.0).values()
    level = reached(levels, at_least, percent)
    assert verdict.at_least == verdict.at_most == (min(level, 1) if plain else level)


def test_seven_of_a_hundred_are_seven_percent():
    own, _ = rules(fake(2, 0.07))
    assert counts([1] * 7 + [0] * 93, own)[LEVEL] == 1
    assert counts([1] * 6 + [0] * 94, own)[LEVEL] == 0


def test_the_made_rule_is_told_like_the_one_that_it_stands_for_and_mutes_it():
    fields = {"to": ["team"], "shadow": True, "on_first_sight": "tell", "flapping": {"times": 9, "within": "2h"}}
    own, made = rules(fake(levels=LADDER, **fields))
    assert (made.name, made.subject, made.inhibits) == ("fake-of-account", Subject.ACCOUNT, {"fake"})
    for one in (own, made):
        assert (one.to, one.shadow, one.on_first_sight, one.flapping) == (
            ("team",),
            True,
            own.on_first_sight,
            own.flapping,
        )
    assert [level.name for level in made.levels] == ["info", "bad", "critical"]
    assert [level.severity for level in made.levels] == [Severity.INFO, Severity.HIGH, Severity.CRITICAL]


@pytest.mark.parametrize("fields", [{"levels": LADDER}, {"when": "score > 1", "severity": "high", "effect": "own"}])
def test_each_level_of_the_made_rule_says_that_many_are_told_as_one(fields):
    _, made = rules(fake(**fields))
    said = "so many of its videos have an alert of fake that they are told as one"
    assert [level.effect for level in made.levels] == [said] * len(made.levels)
    assert made.levels[-1].severity is (Severity.CRITICAL if "levels" in fields else Severity.HIGH)


def test_the_longest_name_of_a_rule_leaves_room_for_what_the_made_one_is_called():
    model = RuleModel.model_validate({"name": "x" * 63, "on": "video", "when": "score > 1", "promote": {}})
    [_, (place, made)] = with_promoted([model])
    assert (place, made.name) == (0, promoted_name(model.name)) == (0, "x" * 50 + "-of-account")


def test_only_rules_about_videos_that_promote_are_followed_by_another():
    plain = RuleModel.model_validate({"name": "plain", "on": "video", "when": "score > 1"})
    account = RuleModel.model_validate({"name": "account", "on": "account", "when": "fans > 1", "promote": {}})
    assert [(place, one.name) for place, one in with_promoted([plain, fake(), account])] == [
        (0, "plain"),
        (1, "fake"),
        (1, "fake-of-account"),
        (2, "account"),
    ]
