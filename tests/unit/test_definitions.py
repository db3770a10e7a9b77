"""Names for parts of expressions, and numbers that differ by tag and account."""

from __future__ import annotations

import pytest

from rules.book import RuleBook
from rules.building import build_book
from rules.definitions import Definitions, define
from rules.models import RuleModel
from rules.values import NO_LABELS, Metric, Subject, Target, Unit, Window

METRICS = {
    metric.name: metric
    for metric in (
        Metric("fake_score", Subject.VIDEO, Unit.SCORE, "score"),
        Metric("likes", Subject.VIDEO, Unit.COUNT, "likes", total=True),
        Metric("views", Subject.VIDEO, Unit.COUNT, "views", total=True),
        Metric("posted", Subject.VIDEO, Unit.TIMESTAMP, "posted"),
    )
}
DAY_S = 86_400.0


def video(*tags: str, account: str = "mei") -> Target:
    return Target("tiktok/video/7", Subject.VIDEO, "Dance", "tiktok", tags=tags, account=f"tiktok/account/{account}")


def defined(written, tags=None, accounts=None) -> Definitions:
    found, faults = define(written, tags or {}, accounts or {}, METRICS)
    assert faults == []
    return found


def book(definitions: Definitions, **rule) -> RuleBook:
    found = build_book([RuleModel.model_validate({"name": "r", "on": "video", **rule})], METRICS, ["team"], definitions)
    assert isinstance(found, RuleBook), found
    return found


def says(the_book: RuleBook, target: Target, **numbers: float) -> bool | None:
    [rule] = the_book.rules_for(target)
    view = {name: {NO_LABELS: Window([(0.0, number)])} for name, number in numbers.items()}
    return rule.levels[0].when.truths(view, 0.0)[NO_LABELS]


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_stands_for_its_expression_wherever_it_is_used():
    definitions = defined({"liking": "likes / views", "low": "1%", "unloved": "liking < low"})
    the_book = book(definitions, when="unloved and views > 100")
    assert says(the_book, video(), likes=1, views=1_000) is True
    assert says(the_book, video(), likes=20, views=1_000) is False
    assert the_book.needs() == {"likes": 0.0, "views": 0.0}


def test_a_definition_binds_as_if_it_stood_in_brackets():
    the_book = book(defined({"both": "likes + views"}), when="2 * both == 10")
    assert says(the_book, video(), likes=1, views=4) is True


def test_a_message_shows_what_a_name_stands_for():
    [rule] = book(defined({"limit": 60}), when="fake_score > limit").rules
    assert rule.levels[0].when.shown == "fake_score > limit (60)"
    assert rule.levels[0].when.threshold.value == 60


@pytest.mark.parametrize(
    ("written", "where", "offset", "text"),
    [
        ({"views": "1"}, "views", None, "`views` is a metric already"),
        ({"median": "1"}, "median", None, "`median` is a function already"),
        ({"and": "1"}, "and", None, "a name is of small letters, digits and _, a letter first"),
        ({"Limit": "1"}, "Limit", None, "a name is of small letters, digits and _, a letter first"),
        ({"a": "likes /"}, "a", 7, "expected a metric, a number or a function, found the end"),
        ({"a": "1 + lykes"}, "a", 4, "unknown metric `lykes`, did you mean `likes`?"),
        ({"limit": "60", "a": "limitt + 1"}, "a", 0, "unknown metric `limitt`, did you mean `limit`?"),
    ],
)
def test_a_definition_that_makes_no_sense_is_told(written, where, offset, text):
    _, [fault] = define(written, {}, {}, METRICS)
    assert fault.where == ("define", where)
    assert (fault.offset, fault.text) == (offset, text)


def test_definitions_that_need_each_other_in_a_circle_are_all_told():
    _, faults = define({"a": "b + 1", "b": "c", "c": "a", "d": "a"}, {}, {}, METRICS)
    assert [(fault.where, fault.text) for fault in faults] == [
        (("define", name), f"`{name}` needs itself") for name in "abc"
    ]


@pytest.mark.parametrize(
    ("bad", "lost", "told"),
    [
        ({"bad": "5 +"}, (), ["bad"]),
        ({"bad": "lykes + 1"}, (), ["bad"]),
        ({"bad": "bad + 1"}, (), ["bad"]),
        ({"bad": "worse + 1", "worse": "lykes"}, (), ["worse"]),
        ({}, ("bad",), []),
    ],
)
def test_what_is_wrong_with_a_definition_is_told_of_nothing_that_uses_it(bad, lost, told):
    written = {"limit": 60, **bad, "uses_it": "bad + limit", "liking": "likes / views"}
    found, faults = define(written, {"a": {"bad": 3, "limit": 50}}, {}, METRICS, lost)
    assert [fault.where for fault in faults] == [("define", name) for name in told]
    written = {"right": "liking > limit", "leans": "uses_it > 1", "uses": "2 * bad > 1"}
    models = [RuleModel.model_validate({"name": name, "on": "video", "when": when}) for name, when in written.items()]
    assert [rule.name for rule in build_book(models, METRICS, ["team"], found).rules] == ["right"]


def test_what_else_is_wrong_beside_a_name_that_is_wrong_is_told():
    found, _ = define({"bad": "5 +"}, {}, {}, METRICS)
    model = RuleModel.model_validate({"name": "r", "on": "video", "when": "likes > bad and vews > bad"})
    [fault] = build_book([model], METRICS, ["team"], found)
    assert (fault.where, fault.offset, fault.text) == ((0, "when"), 16, "unknown metric `vews`, did you mean `views`?")


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_number_is_another_for_a_tag_and_yet_another_for_an_account():
    definitions = defined({"limit": 60}, {"tier-a": {"limit": 50}, "vip": {"limit": "40"}}, {"mei": {"limit": 30}})
    the_book = book(definitions, when="fake_score > limit")
    limits = {
        video(account="leo"): 60,
        video("tier-a", account="leo"): 50,
        video("vip", "tier-a", account="leo"): 40,  # the later in the file wins, not the later of the target's tags
        video("vip"): 30,
    }
    for target, limit in limits.items():
        assert says(the_book, target, fake_score=limit) is False
        assert says(the_book, target, fake_score=limit + 1) is True
        assert the_book.rules_for(target)[0].levels[0].when.shown == f"fake_score > limit ({limit})"


def test_targets_with_the_same_numbers_have_the_very_same_rules():
    the_book = book(defined({"limit": 60}, {"a": {"limit": 50}, "b": {"limit": 50}}), when="fake_score > limit")
    assert the_book.rules_for(video("a")) is the_book.rules_for(video("b", account="leo"))
    assert the_book.rules_for(video()) is the_book.rules_for(video("c"))


def test_the_past_is_kept_as_far_back_as_any_override_looks():
    definitions = defined({"span": "3d"}, {"a": {"span": "14d"}}, {"mei": {"span": "7d"}})
    assert book(definitions, when="delta(likes, span) > 3").needs() == {"likes": 14 * DAY_S}


def test_an_override_that_a_rule_cannot_work_with_is_told_where_it_stands():
    definitions = defined({"span": "3d", "q": "95%"}, {"a": {"span": "-3d"}}, {"mei": {"span": "7d", "q": "200%"}})
    when = {"info": "delta(likes, span) > 3", "high": "delta(likes, span) > 9 and quantile(views, span, q) > 5"}
    model = RuleModel.model_validate({"name": "r", "on": "video", "levels": when})
    found = build_book([model], METRICS, ["team"], definitions)
    assert [(fault.where, fault.offset, fault.text) for fault in found] == [
        (
            ("overrides", "tags", "a", "span"),
            None,
            "rule `r`: the window of `delta` must be a duration such as 24h or 14d",
        ),
        (
            ("overrides", "tags", "a", "span"),
            None,
            "rule `r`: the window of `quantile` must be a duration such as 24h or 14d",
        ),
        (
            ("overrides", "accounts", "mei", "q"),
            None,
            "rule `r`: `quantile` needs a share from 0% to 100%, such as 95%",
        ),
    ]


@pytest.mark.parametrize(
    ("number", "shown"), [(0.00001, "0.00001"), (-2.5e-7, "-0.00000025"), (1e16, "10000000000000000"), (3, "3")]
)
def test_a_number_may_be_as_small_or_as_large_as_one_likes(number, shown):
    for definitions in (defined({"limit": number}), defined({"limit": 60}, {"a": {"limit": number}})):
        the_book = book(definitions, when="fake_score > limit")
        assert says(the_book, video("a"), fake_score=number) is False
        assert says(the_book, video("a"), fake_score=number + abs(number)) is True
        assert the_book.rules_for(video("a"))[0].levels[0].when.shown == f"fake_score > limit ({shown})"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("limmit", 50, "`define` has no `limmit`, did you mean `limit`?"),
        ("limit", "3d", "expected a number such as 60 or 5%, as `limit` is defined"),
        ("span", 3, "expected a duration such as 24h, as `span` is defined"),
        ("limit", "likes", "expected a number such as 60 or 5%, as `limit` is defined"),
        ("limit", "(", "expected a number such as 60 or 5%, as `limit` is defined"),
        ("liking", 3, "`liking` is no number but an expression: it cannot be overridden"),
    ],
)
def test_an_override_that_makes_no_sense_is_told(name, value, text):
    written = {"limit": 60, "span": "3d", "liking": "likes / views"}
    for kind in ("tags", "accounts"):
        _, [fault] = define(written, **{"tags": {}, "accounts": {}, kind: {"x": {name: value}}}, metrics=METRICS)
        assert (fault.where, fault.text) == (("overrides", kind, "x", name), text)
