"""What a rule adds to the language: names, what it asks of all its numbers, and why an answer is what it is."""

from __future__ import annotations

import math

import pytest

from rules import functions
from rules.detectors import Finding
from rules.expression import Expression, Options, Threshold, compile_condition, compile_definition
from rules.grammar import parse
from rules.values import Bounds, Window
from rules.windows import delta
from tests.conditions import METRICS, labelled, one

NAN = math.nan
DAY = 86_400.0


# --- what a rule asks of all its numbers --------------------------------------------------------------------------


def asked(text: str, view: dict, at_s: float, **options: float) -> object:
    return compile_condition(text, METRICS, options=Options(**options)).truths(view, at_s)[()]


def test_numbers_older_than_a_rule_allows_are_unknown_but_their_age_is_known():
    view = {"views": {(): Window([(0.0, 5.0), (3600.0, 7.0)])}, "appeal_deadline": {(): Window([(0.0, DAY)])}}
    for text in ("views == 7", "last(views) == 7", "delta(views, 1h) == 2", "count(views, 2h) >= 1"):
        assert asked(text, view, 7200.0, stale_after_s=3600.0) is not None
        assert asked(text, view, 7201.0, stale_after_s=3600.0) is None
    assert asked("age(views) > 1h", view, 7201.0, stale_after_s=3600.0) is True
    assert asked('until(appeal_deadline{record="r"}) > 1h', view, 7201.0, stale_after_s=3600.0) is None
    records = labelled("appeal_deadline", "record", r=DAY)
    assert asked('until(appeal_deadline{record="r"}) > 1h', records, 7201.0, stale_after_s=3600.0) is True


def test_what_looks_back_is_unknown_until_there_is_as_much_history_as_the_rule_asks_for():
    view = {"views": {(): Window((day * DAY, float(day)) for day in range(8))}}
    for text in ("delta(views, 1d) == 1", "max(views, 1d) == 7", "changed(views, 1d)", "count(views, 1d) == 1"):
        assert asked(text, view, 7 * DAY, min_history_s=7 * DAY) is True
        assert asked(text, view, 7 * DAY, min_history_s=7 * DAY + 1) is None
    for text in ("views == 7", "age(views) == 0s"):
        assert asked(text, view, 7 * DAY, min_history_s=70 * DAY) is True


def test_the_history_that_a_rule_asks_for_is_read():
    needs = compile_condition(
        "delta(views, 1d) > follower_count", METRICS, options=Options(min_history_s=7 * DAY)
    ).needs
    assert {need.metric: need.depth_s for need in needs} == {"views": 7 * DAY, "follower_count": 0.0}


# --- names of define: ---------------------------------------------------------------------------------------------

DEFINED = {
    "limit": parse("60"),
    "span": parse("2d"),
    "home": parse('"Asia/Shanghai"'),
    "fans": parse("follower_count"),
    "bought": parse("violation_score > limit and fans > 9"),
    "top": parse("author_rank <= 10%"),
}


def defined(text: str) -> Expression:
    expression = compile_condition(text, METRICS, DEFINED)
    assert isinstance(expression, Expression), expression
    return expression


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("violation_score > limit", "violation_score > limit (60)"),
        ("max(views,span)  >  -limit", "max(views,span (2d))  >  -limit (60)"),
        ("bought", "bought (violation_score > limit (60) and fans (follower_count) > 9)"),
        (
            "count(top) >= 2 and hour_of(home) > 6",
            'count(top (author_rank <= 10%)) >= 2 and hour_of(home ("Asia/Shanghai")) > 6',
        ),
        ("increase(fans, span) > limit * 2", "increase(fans (follower_count), span (2d)) > limit (60) * 2"),
        ("violation_score > 60", "violation_score > 60"),
    ],
)
def test_an_expression_is_shown_with_what_its_names_stand_for(text, shown):
    assert defined(text).shown == shown
    assert defined(text).text == text


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("violation_score > limit", Threshold("violation_score", ">", 60.0)),
        ("fans <= 9", Threshold("follower_count", "<=", 9.0)),
        ("violation_score > -5", Threshold("violation_score", ">", -5.0)),
        ("bought", Threshold("violation_score", ">", 60.0)),
        ("violation_score > limit and fans > 9", Threshold("violation_score", ">", 60.0)),
        ("account_age > span", None),
        ("violation_score > limit or fans > 9", None),
        ("violation_score > limit * 2", None),
    ],
)
def test_the_threshold_is_seen_through_names(text, threshold):
    assert defined(text).threshold == threshold


def test_a_name_comes_to_what_it_stands_for():
    view = one(violation_score=61, follower_count=10)
    assert defined("bought").truths(view, 0.0) == {(): True}
    assert {need.metric for need in defined("bought").needs} == {"violation_score", "follower_count"}
    assert {series.at for series in defined("not bought").series} == {4}


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("views > limit and limt > 1", 18, "unknown metric `limt`, did you mean `limit`?"),
        ("views > bought", 6, "`>` cannot compare a number with a condition"),
        ("views > 1 and limit", 14, "`and` needs a condition on each side; this is a number"),
        ("max(views, limit) > 1", 11, "the window of `max` must be a duration such as 24h or 14d"),
        ("max(bought, 24h) > 1", 4, "`max` looks back over a metric, not over `bought`"),
        ('top{dimension="Fans"}', 0, "`top` is a definition, and has no labels to choose from"),
        ("views > home", 8, "a text is no number"),
        ("limit(views) > 1", 0, "unknown function `limit`"),
    ],
)
def test_what_is_wrong_with_a_name_is_said_where_it_stands(text, offset, says):
    [problem] = compile_condition(text, METRICS, DEFINED)
    assert (problem.offset, says in problem.text) == (offset, True), problem


@pytest.mark.parametrize("text", ["60", "2d", "-5", "follower_count", "author_rank < 10%", "bought or fans > limit"])
def test_a_definition_may_be_of_any_kind(text):
    assert compile_definition(text, METRICS, DEFINED) == parse(text)


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("fans >", 6, "found the end"),
        ("fan > 3", 0, "unknown metric `fan`, did you mean `fans`?"),
        ("limit > 24h", 6, "`>` cannot compare a number with a duration"),
        ("'x'", 0, "a text is no number"),
    ],
)
def test_what_is_wrong_with_a_definition_is_said_in_it(text, offset, says):
    [problem] = compile_definition(text, METRICS, DEFINED)
    assert (problem.offset, says in problem.text) == (offset, True), problem


def test_a_definition_that_needs_itself_is_refused():
    [problem] = compile_condition("views > loop", METRICS, {"loop": parse("1 + loop")})
    assert problem.offset == 8
    assert "more than 300 parts" in problem.text


# --- why ----------------------------------------------------------------------------------------------------------


def test_each_part_says_what_it_came_to_before_its_own_parts():
    view = one(violation_score=61, follower_count=10) | labelled("author_rank", "dimension", A=0.05, B=NAN)
    bought = "bought (violation_score > limit (60) and fans (follower_count) > 9)"
    expression = defined("bought and count(top) >= 2 or max(views, span) > 2 * limit")
    assert [(each.depth, each.text, each.value) for each in expression.evaluated(view, 0.0)] == [
        (0, expression.shown, None),
        (1, f"{bought} and count(top (author_rank <= 10%)) >= 2", None),
        (2, bought, True),
        (3, "violation_score > limit (60)", True),
        (4, "violation_score", 61.0),
        (4, "limit (60)", 60.0),
        (3, "fans (follower_count) > 9", True),
        (4, "fans (follower_count)", 10.0),
        (2, "count(top (author_rank <= 10%)) >= 2", None),
        (3, "count(top (author_rank <= 10%))", Bounds(1, 2)),
        (4, "top (author_rank <= 10%)", {(("dimension", "A"),): True, (("dimension", "B"),): None}),
        (5, "author_rank", {(("dimension", "A"),): 0.05, (("dimension", "B"),): None}),
        (1, "max(views, span (2d)) > 2 * limit (60)", None),
        (2, "max(views, span (2d))", None),
        (2, "2 * limit (60)", 120.0),
        (3, "limit (60)", 60.0),
    ]


def steady(step: float) -> Window:
    return Window((hour * 3600.0, hour * step) for hour in range(14 * 24 + 1))


def test_a_detector_tells_the_band_that_it_expected_and_what_it_saw():
    view = {"own_value": {(("dimension", "A"),): steady(100.0), (("dimension", "B"),): Window()}}
    view["own_value"][("dimension", "A"),].add(14 * DAY + 3600, 33_600 + 900)
    expression = compile_condition("spike(own_value, 14d) >= 4 or own_value < 0", METRICS)
    [(metric, labels, finding)] = expression.bands(view, 14 * DAY + 3600)
    assert (metric, labels) == ("own_value", (("dimension", "A"),))
    assert finding.low < 400 < finding.high < finding.saw == pytest.approx(1200)
    assert expression.truths(view, 14 * DAY + 3600)[labels] is (finding.score >= 4)
    assert list(compile_condition('spike(own_value{dimension="B"}, 14d) >= 4', METRICS).bands(view, 0.0)) == []
    assert list(compile_condition("views > 1", METRICS).bands(view, 0.0)) == []


def together(one: Window, other: Window, span_s: float, at_s: float) -> Finding | None:
    """A detector of two series for the test: what both gained, where both have a past."""
    gains = [delta(window, span_s, at_s) for window in (one, other)]
    return None if None in gains else Finding(sum(gains), 0.0, 1.0, gains[0], span_s)


def test_a_detector_of_two_series_pairs_equal_labels(monkeypatch):
    monkeypatch.setitem(functions.OF_PAIR, "together", together)
    monkeypatch.setitem(functions.FORMS, ("together", 3), "together(likes, views, 14d)")
    monkeypatch.setattr(functions, "NAMES", functions.NAMES | {"together"})
    past = [(0.0, 1.0), (DAY, 3.0)]
    view = {
        "author_rank": {(("dimension", "A"),): Window(past), (("dimension", "B"),): Window(past)},
        "own_value": {(("dimension", "A"),): Window(past)},
    }
    expression = compile_condition("together(author_rank, own_value, span) >= 4", METRICS, {"span": parse("24h")})
    assert expression.truths(view, DAY) == {(("dimension", "A"),): True, (("dimension", "B"),): None}
    assert list(expression.bands(view, DAY)) == [
        ("author_rank", (("dimension", "A"),), Finding(4.0, 0.0, 1.0, 2.0, DAY))
    ]
    assert {need.metric: need.depth_s for need in expression.needs} == {"author_rank": DAY, "own_value": DAY}
    [problem] = compile_condition("together(author_rank, 24h, 24h) > 1", METRICS)
    assert (problem.offset, problem.text) == (22, "`together` looks back over a metric, not over 24h")
    [problem] = compile_condition("together(views, appeal_deadline, 24h) > 1", METRICS)
    assert (problem.offset, problem.text) == (16, "`together` cannot be applied to an instant")
    [problem] = compile_condition("1 < together(author_rank, fake_component, 24h)", METRICS)
    assert (problem.offset, "different labels, {dimension} and {component}" in problem.text) == (4, True)
    [problem] = compile_condition('together(author_rank, violation_score{a="b"}, 24h) > 1', METRICS)
    assert (problem.offset, problem.text[:30]) == (38, "`violation_score` has no label")
    [problem] = compile_condition("together(author_rank, own_value, 24) > 1", METRICS)
    assert (problem.offset, problem.text) == (33, "the window of `together` must be a duration such as 24h or 14d")
