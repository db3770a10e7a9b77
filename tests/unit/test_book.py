"""The rule book: what is compiled, and what is refused with which words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from rules.book import Flapping, RuleBook, judgeable, retired
from rules.building import build_book
from rules.models import RuleModel
from rules.values import Metric, Severity, Subject, Target, Unit

MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", tags=("tier-a",), account="tiktok/account/mei")
VIDEO = Target("tiktok/video/7", Subject.VIDEO, "Dance", "tiktok", tags=("tier-b",), account="tiktok/account/mei")

METRICS = {
    metric.name: metric
    for metric in (
        Metric("points", Subject.ACCOUNT, Unit.POINTS, "points"),
        Metric("fans", Subject.ACCOUNT, Unit.COUNT, "fans"),
        Metric("cookie", Subject.ACCOUNT, Unit.STATE, "only its changes are kept", history=False),
        Metric("rank", Subject.ACCOUNT, Unit.RATIO, "rank", ("dimension",)),
        Metric("score", Subject.VIDEO, Unit.SCORE, "score"),
    )
}


def book(*rules, channels=("team", "boss")):
    models = [RuleModel.model_validate({"name": f"r{n}", "on": "account", **rule}) for n, rule in enumerate(rules)]
    return build_book(models, METRICS, channels)


def faults(*rules):
    return [(fault.where, fault.offset, fault.text) for fault in book(*rules)]


def test_a_rule_without_channels_tells_all_of_them():
    assert book({"when": "points > 1"}).rules[0].to == ("team", "boss")


def test_a_level_named_like_a_severity_has_it_and_the_others_have_the_rules():
    rule = book({"levels": {"info": "points > 1", "odd": "points > 2", "high": "points > 3"}}).rules[0]
    assert [level.severity for level in rule.levels] == [Severity.INFO, Severity.WARNING, Severity.HIGH]


def test_the_book_knows_which_numbers_are_read_and_how_far_back():
    the_book = book({"when": "max(fans, 3d) > 1", "clear": "max(fans, 7d) < 1"}, {"when": "points > 1"})
    assert the_book.needs() == {"fans": 7 * 86_400.0, "points": 0.0}


def test_the_book_knows_whose_age_is_asked_for_wherever_a_rule_asks():
    own = {"on": "video", "levels": {"info": {"when": "score > 1", "clear": "age(score) < 1d"}}}
    the_book = book({"when": "points > 1 or age(points) > 1d"}, {"when": "fans > 1", "clear": "age(fans) < 1d"}, own)
    assert the_book.aged() == {"points", "fans", "score"}
    assert book({"when": "increase(fans, 1d) > 1"}).aged() == set()


def test_a_rule_applies_where_all_its_numbers_are_polled():
    the_book = book({"when": "fans > 1"}, {"when": "fans > 1 and points > 1"})
    assert [rule.name for rule in judgeable(the_book.rules_for(MEI), {"fans"})] == ["r0"]
    assert the_book.rules_for(VIDEO) == ()


def test_for_a_rule_that_is_no_more_stands_one_with_as_many_levels_that_nothing_but_an_end_follows_from():
    gone = retired("r", Subject.ACCOUNT, 3)
    assert [level.name for level in gone.levels] == ["level 1", "level 2", "level 3"]
    assert [gone.severity(number) for number in (1, 2, 3)] == [Severity.WARNING] * 3
    assert (gone.needs, gone.to, gone.inhibits, gone.promote, gone.flapping) == ({}, (), frozenset(), None, None)
    assert (gone.shadow, gone.confirm, gone.by_clock) == (False, False, False)


@pytest.mark.parametrize(
    ("rule", "where", "offset", "says"),
    [
        ({"when": "pints > 1"}, (0, "when"), 0, "unknown metric `pints`, did you mean `points`?"),
        ({"levels": {"info": "points > "}}, (0, "levels", "info"), 9, "found the end"),
        ({"levels": {"info": {"when": "points >"}}}, (0, "levels", "info", "when"), 8, "found the end"),
        ({"when": "points > 1", "clear": "fns < 1"}, (0, "clear"), 0, "did you mean `fans`?"),
        ({"when": "score > 1"}, (0, "when"), 0, "this rule is on the account: write `on: video`"),
        ({"when": "points > 1", "to": ["tem"]}, (0, "to", 0), None, "unknown channel `tem`, did you mean `team`?"),
        ({"when": "points > 1", "summary": "{nam}"}, (0, "summary"), 0, "unknown placeholder `{nam}`, did you mean"),
        (
            {"levels": {"high": "points > 1", "info": "points > 2"}},
            (0, "levels", "info"),
            None,
            "`info` (info) stands above `high` (high): lowest first",
        ),
        (
            {"levels": {"info": "points > 1", "high": "rank > 1"}},
            (0, "levels", "high"),
            None,
            "its labels are not those of the first level",
        ),
        ({"when": "age(points) > 3h", "for_polls": 2}, (0, "for_polls"), None, "looked at between polls too"),
        (
            {"when": "cookie == 0", "for_polls": 2},
            (0, "for_polls"),
            None,
            "only the changes of `cookie` are noted, not each poll: say how long with `for`",
        ),
        ({"when": "weekday() == 1"}, (0, "when"), None, "a rule needs a number to look at"),
        ({"levels": {"info": "2 > 1", "high": "3 > 1"}}, (0, "levels"), None, "a rule needs a number to look at"),
        ({"when": "points > 1", "clear": "rank < 1"}, (0, "clear"), None, "its labels are not those of the condition"),
        ({"when": "points > 1", "inhibits": ["*", "r0"]}, (0, "inhibits", 1), None, "a rule does not mute itself"),
        ({"when": "points > 1", "inhibits": ["r"]}, (0, "inhibits", 0), None, "there is no rule `r`, did you mean"),
        ({"when": "points > 1", "promote": {}}, (0, "promote"), None, "only the videos of an account"),
        ({"when": "rank > 1", "summary": "{rank}"}, (0, "summary"), 0, "unknown placeholder `{rank}`"),
        (
            {"when": 'rank{dimension="A"} > rank{dimension="B"}', "summary": "of {rank}"},
            (0, "summary"),
            3,
            "unknown placeholder `{rank}`; it may use level, name, owner, platform, rule",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(rule, where, offset, says):
    [(found_where, found_offset, text)] = faults(rule)
    assert (found_where, found_offset) == (where, offset)
    assert says in text


def test_a_rule_may_mute_another_or_all():
    one, another = book({"when": "points > 1", "inhibits": ["r1"]}, {"when": "points > 2", "inhibits": ["*"]}).rules
    assert (one.inhibits, another.inhibits) == ({"r1"}, {"*"})


def test_a_summary_may_show_each_number_of_which_there_is_one():
    same = 'rank{dimension="A"} > 0.5 and rank{dimension="A"} < 0.9 and points > 1'
    rule = book({"when": same, "summary": "{rank} {points} {level}"}).rules[0]
    assert rule.shown == {"rank": (("dimension", "A"),), "points": ()}


def test_a_rule_knows_what_has_no_labels_what_lasts_and_what_coming_and_going_is():
    rank, state, both = book(
        {"when": "rank > 1 and points > 1", "flapping": {"times": 9, "within": "2h"}},
        {"when": "cookie == 0", "flapping": False},
        {"when": "cookie == 0 and fans > 1"},
    ).rules
    assert [rule.single for rule in (rank, state, both)] == [{"points"}, {"cookie"}, {"cookie", "fans"}]
    assert [(rule.lasting, rule.by_clock) for rule in (rank, state, both)] == [(False,) * 2, (True,) * 2, (False,) * 2]
    assert (rank.flapping, state.flapping) == (Flapping(9, timedelta(hours=2)), None)
    assert both.flapping is not None, "by itself a rule notices coming and going"


def test_a_rule_that_looks_at_the_clock_besides_a_number_is_a_rule():
    levels = {"info": "weekday() == 1", "high": "weekday() == 1 and points > 3"}
    assert book({"levels": levels}).needs() == {"points": 0.0}


def test_everything_wrong_is_said_at_once():
    found = faults({"when": "pints > 1"}, {"when": "fans >"}, {"name": "r0", "when": "points > 1", "to": ["x"]})
    assert [where[0] for where, _, _ in found] == [2, 0, 1, 2]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"when": "points > 1", "levels": {"info": "points > 1"}},
        {"when": "points > 1", "for": "soon"},
        {"when": "points > 1", "hold_for": "1h"},
        {"when": "points > 1", "for_polls": 0},
        {"when": "points > 1", "unless": "x"},
        {"when": "points > 1", "name": "Not A Name"},
    ],
)
def test_a_rule_of_another_shape_is_refused(fields):
    with pytest.raises(ValidationError):
        RuleModel.model_validate({"name": "r", "on": "account", **fields})


def test_durations_are_read_as_written():
    rule = book({"when": "points > 1", "for": "1h30m", "keep_firing": "2d"}).rules[0]
    assert (rule.hold_for, rule.keep_firing) == (timedelta(minutes=90), timedelta(days=2))
    assert isinstance(book(), RuleBook)
