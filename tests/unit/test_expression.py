"""The expression language: what it says yes to, how it says no, and that it never raises."""

from __future__ import annotations

import math
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import functions
from rules.expression import Expression, compile_condition
from rules.values import Metric, Subject, Unit, Window
from tests.conditions import METRICS, labelled, one

NAN = math.nan
DAY = 86_400.0


def ask(text: str, view: dict, at_s: float = 0.0) -> object:
    expression = compile_condition(text, METRICS)
    assert isinstance(expression, Expression), expression
    truths = expression.truths(view, at_s)
    return truths[()] if not expression.labels else {labels[0][1]: truth for labels, truth in truths.items()}


def problems(text: str) -> list[tuple[int, str]]:
    compiled = compile_condition(text, METRICS)
    assert isinstance(compiled, list), "it should have been refused"
    return [(problem.offset, problem.text) for problem in compiled]


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("violation_score >= 12", True),
        ("violation_score > 12", False),
        ("violation_score == 12 and follower_count < 1_000_000", True),
        ("violation_score != 12 or follower_count == 50_000", True),
        ("not violation_score < 12", True),
        ("-violation_score <= -12", True),
        ("violation_score + 2 * 3 == 18", True),
        ("(violation_score + 2) * 3 == 42", True),
        ("violation_score / 5 == 2.4", True),
        ("follower_count * 2% == 1000", True),
        ("abs(0 - violation_score) == 12", True),
        ("violation_score - 2 - 2 == 8", True),
    ],
)
def test_arithmetic_comparison_and_logic_bind_as_in_school(text, truth):
    assert ask(text, one(violation_score=12, follower_count=50_000)) is truth


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("views > 1", None),
        ("not views > 1", None),
        ("views + 1 > 0", None),
        ("views > 1 and violation_score > 100", False),
        ("views > 1 and violation_score == 12", None),
        ("views > 1 or violation_score == 12", True),
        ("views > 1 or violation_score > 100", None),
        ("violation_score / (violation_score - 12) > 0", None),
        ("follower_count > 0", None),
    ],
)
def test_unknown_is_neither_true_nor_false(text, truth):
    view = one(violation_score=12, views=NAN)  # follower_count was never seen
    assert ask(text, view) is truth


def test_a_number_that_is_too_large_to_hold_is_unknown():
    assert ask("follower_count * follower_count > 0", one(follower_count=1e200)) is None


def test_each_label_set_has_an_answer_of_its_own():
    view = labelled("author_rank", "dimension", PlayCnt=0.05, Interact=0.5, NewFans=NAN)
    assert ask("author_rank < 0.1", view) == {"PlayCnt": True, "Interact": False, "NewFans": None}


def test_two_labelled_sides_pair_equal_labels_and_a_lonely_label_is_unknown():
    view = labelled("author_rank", "dimension", A=0.05, B=0.05) | labelled("own_value", "dimension", A=3, C=3)
    assert ask("author_rank < 0.1 and own_value > 1", view) == {"A": True, "B": None, "C": None}


def test_an_unlabelled_side_goes_with_every_label():
    view = labelled("author_rank", "dimension", A=0.05, B=0.5) | one(violation_score=12)
    assert ask("author_rank < 0.1 and violation_score > 9", view) == {"A": True, "B": False}
    assert ask("violation_score > 9 and author_rank < 0.1", view) == {"A": True, "B": False}


def test_selectors_choose_series_and_a_fixed_label_is_dropped():
    view = labelled("author_rank", "dimension", A=0.05, B=0.5)
    assert ask('author_rank{dimension="A"} < 0.1', view) is True
    assert ask('author_rank{dimension!="A"} < 0.1', view) == {"B": False}
    assert ask('author_rank{dimension="Z"} < 0.1', view) is None


@pytest.mark.parametrize(
    ("ranks", "truth"),
    [
        ({"A": 0.05, "B": 0.05, "C": 0.5}, True),
        ({"A": 0.05, "B": 0.5, "C": 0.5}, False),
        ({"A": 0.05, "B": 0.05, "C": NAN}, True),
        ({"A": 0.05, "B": 0.5, "C": NAN}, None),
        ({"A": 0.5, "B": 0.5, "C": NAN}, False),
    ],
)
def test_a_count_with_unknowns_is_known_when_they_cannot_change_the_answer(ranks, truth):
    assert ask("count(author_rank < 0.1) >= 2", labelled("author_rank", "dimension", **ranks)) is truth


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("any(author_rank < 0.1)", True),
        ("all(author_rank < 0.1)", False),
        ("min(author_rank) < 0.1", True),
        ("max(author_rank) < 0.1", False),
        ("avg(author_rank) == 0.25", True),
        ("median(author_rank) == 0.25", True),
        ("sum(author_rank) == 0.75", True),
    ],
)
def test_functions_without_a_window_go_over_labels(text, truth):
    assert ask(text, labelled("author_rank", "dimension", A=0.0, B=0.5, C=0.25)) is truth


def test_what_was_never_seen_is_unknown_and_what_was_seen_to_be_none_is_none():
    assert ask("count(author_rank > 0.5) < 2", {}) is None
    assert ask("count(author_rank > 0.5) < 2", {"author_rank": {}}) is True
    assert ask("count(not (author_rank > 0.5 and own_value > 1)) < 2", {}) is None
    assert ask("any(author_rank + 1 > 0.5)", {}) is None
    assert ask("author_rank > 0.5", {}) == {}


def test_a_state_of_which_only_changes_are_kept_has_no_past():
    metrics = {"up": Metric("up", Subject.PROVIDER, Unit.STATE, "up", history=False)}
    for text in ("age(up) > 3h", "max(up, 3h) == 0"):
        [problem] = compile_condition(text, metrics)
        assert "`up` has no past to look at" in problem.text
    assert isinstance(compile_condition("up == 0", metrics), Expression)


@pytest.mark.parametrize(
    ("unknown", "top"),
    [
        ("", {"A": True, "B": True}),
        ("C", {"A": True, "B": None, "C": None}),
        ("A", {"A": None, "B": True, "C": None}),
        ("BC", {"A": None, "B": None, "C": None}),
    ],
)
def test_the_greatest_are_those_that_no_unknown_number_could_push_out(unknown, top):
    ranks = {"A": 0.9, "B": 0.5, "C": 0.2} | dict.fromkeys(unknown, NAN)
    assert ask("topk(author_rank, 2) > 0.1", labelled("author_rank", "dimension", **ranks)) == top


def test_of_equally_great_the_first_labels_are_taken():
    view = labelled("author_rank", "dimension", C=0.5, A=0.5, B=0.5)
    assert ask("topk(author_rank, 2) > 0.1", view) == {"A": True, "B": True}
    assert ask("topk(author_rank, 9) > 0.1", view) == {"A": True, "B": True, "C": True}
    assert ask("topk(author_rank, 1) > 0.1", {}) == {}


@pytest.mark.parametrize(
    ("views", "truth"), [(1000, True), (999, None), (0, None), (NAN, None), (-1000, None), (100_000, False)]
)
def test_a_ratio_is_unknown_below_its_least_base(views, truth):
    assert ask("ratio(follower_count, views, 1000) > 1%", one(follower_count=500, views=views)) is truth


def test_a_ratio_pairs_equal_labels():
    view = labelled("author_rank", "dimension", A=0.5, B=0.5) | labelled("own_value", "dimension", A=10, B=1)
    assert ask("ratio(author_rank, own_value, 2) <= 0.05", view) == {"A": True, "B": None}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("hour_of() == 23", True),
        ('hour_of("Asia/Shanghai") == 7', True),
        ('hour_of("America/New_York") == 18', True),
        ("weekday() == 6", True),
        ('weekday("Asia/Shanghai") == 7', True),
    ],
)
def test_a_clock_shows_the_hour_and_the_weekday_of_its_zone(text, truth):
    assert ask(text, {}, at_s=1795303800.0) is truth  # Saturday, 2026-11-21 23:30 UTC
    assert compile_condition(text, METRICS).timed


def test_until_and_age_are_durations_from_now():
    view = labelled("appeal_deadline", "record", r1=3 * DAY) | one(views=5)
    assert ask("until(appeal_deadline) < 72h", view, at_s=1.0) == {"r1": True}
    assert ask("until(appeal_deadline) < 72h", view, at_s=-1.0) == {"r1": False}
    assert ask("age(views) > 24h", view, at_s=DAY + 1) is True
    assert ask("account_age < 30d", one(account_age=29 * DAY)) is True


def test_a_deadline_comes_nearer_though_nobody_sees_it_unless_it_is_doubted():
    view = labelled("appeal_deadline", "record", r1=3 * DAY)
    window = view["appeal_deadline"][("record", "r1"),]
    window.blind, window.fresh_for_s = True, 60.0
    assert ask("until(appeal_deadline) < 72h", view, at_s=DAY) == {"r1": True}
    window.doubted = True
    assert ask("until(appeal_deadline) < 72h", view, at_s=DAY) == {"r1": None}
    window.doubted = False
    window.add(DAY, NAN)
    assert ask("until(appeal_deadline) < 72h", view, at_s=DAY) == {"r1": None}


def test_a_failed_look_makes_its_series_unknown_but_not_ageless():
    view = one(violation_score=24)
    view["violation_score"][()].blind = True
    assert ask("violation_score >= 12", view) is None
    assert ask("max(violation_score, 1d) >= 12", view) is None
    assert ask("age(violation_score) > 1h", view, at_s=7200) is True


def test_a_value_older_than_it_may_be_is_unknown():
    view = {"violation_score": {(): Window([(0.0, 24.0)], fresh_for_s=3600)}}
    assert ask("violation_score >= 12", view, at_s=3600) is True
    assert ask("violation_score >= 12", view, at_s=3601) is None


# --- how it says no -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("violation_scor >= 12", 0, "unknown metric `violation_scor`, did you mean `violation_score`?"),
        ("views > 1 and spik(views, 14d) > 3", 14, "unknown function `spik`, did you mean `spike`?"),
        ("violation_score", 0, "a rule needs a condition; this is a number. Compare it: ... > 0"),
        ("violation_score && views", 16, "`&` does not belong here: write `and`"),
        ("violation_score = 12", 16, "expected an operator or the end, found `=`; equality is written =="),
        ("1 < views < 5", 10, "comparisons do not chain"),
        ("views >", 7, "expected a metric, a number or a function, found the end"),
        ("views > 12x", 8, "`12x` is neither a number (12, 0.5, 5%) nor a duration (30s, 15m, 24h, 3d, 2w)"),
        (
            "until(appeal_deadline) < 72",
            23,
            "`<` cannot compare a duration with a number; write a duration such as 24h",
        ),
        ("appeal_deadline > 5", 16, "until(...) makes a duration of an instant"),
        ("until(views) < 3h", 6, "`until` needs a metric that is an instant; `views` is count"),
        ("spike(views) > 4", 0, "write spike(follower_count, 14d)"),
        ("max(views, 3) > 4", 11, "the window of `max` must be a duration such as 24h or 14d"),
        ("avg(views + 1, 3d) > 4", 10, "`avg` looks back over a metric, not over an expression"),
        ("views and views > 1", 0, "`and` needs a condition on each side; this is a number"),
        (
            'author_rank{dimensio="A"} < 1',
            12,
            "no label `dimensio` (its labels: dimension), did you mean",
        ),
        ("author_rank < appeal_deadline", 12, "different labels, {dimension} and {record}"),
        ("count(author_rank < 1) + 1 > 2", 23, "`+` cannot be applied to a count of conditions and a number"),
        ("views ** 2 > 3", 7, "expected a metric, a number or a function, found `*`"),
        ("views.real > 3", 5, "there are no attributes"),
        ("views > 'x'", 8, 'a text is no number; a label is chosen with braces: author_rank{dimension="PlayCnt"}'),
        (
            "max(views) > 1",
            0,
            "`max` without a window goes over labels, and there are none; max(follower_count, 24h) or",
        ),
        ("median(views, 24h, 5) > 1", 0, "write median(follower_count, 24h) or median(author_rank)"),
        ("quantile(views, 24h) > 1", 0, "write quantile(follower_count, 24h, 95%)"),
        ("quantile(views, 24h, 95) > 1", 21, "`quantile` needs a share from 0% to 100%"),
        ("quantile(views, 24h, 1h) > 1", 21, "`quantile` needs a share from 0% to 100%"),
        ("quantile(views, 24h, views) > 1", 21, "`quantile` needs a share from 0% to 100%"),
        ("change_pct(views, 24h, -5) > 1", 23, "`change_pct` needs the least value to start from, such as 1000"),
        ("change_pct(views, 24h, 5h) > 1", 23, "`change_pct` needs the least value to start from, such as 1000"),
        ("change_pct(account_age, 24h, 5) > 1", 29, "`change_pct` needs the least value to start from"),
        ("change_pct(appeal_deadline, 24h) > 1", 11, "`change_pct` cannot be applied to an instant"),
        ("rate(account_age, 24h) > 1", 5, "`rate` cannot be applied to a duration"),
        ("spike(appeal_deadline, 24h) > 1", 6, "`spike` cannot be applied to an instant"),
        ("changed(views, 24h) > 1", 20, "`>` cannot compare a condition with a number"),
        ("change(views, 24h) > 1", 0, "unknown function `change`, did you mean `changed`?"),
        ("ratio(views, follower_count) > 1", 0, "write ratio(delta(likes, 24h), delta(views, 24h), 1000)"),
        ("ratio(views, account_age, 1) > 1", 13, "`ratio` divides like by like; this is a duration"),
        ("ratio(views > 1, views, 1) > 1", 12, "`ratio` divides like by like; this is a condition"),
        ("ratio(author_rank, views, appeal_deadline) > 1", 26, "`ratio` divides like by like; this is an instant"),
        ("topk(author_rank, 1.5) > 1", 18, "`topk` needs to know how many: 1, 2, 3 ..."),
        ("topk(author_rank, views) > 1", 18, "`topk` needs to know how many: 1, 2, 3 ..."),
        ("topk(author_rank, 2d) > 1", 18, "`topk` needs to know how many: 1, 2, 3 ..."),
        ("topk(views, 2) > 1", 0, "`topk` without a window goes over labels, and there are none"),
        ("topk(author_rank < 1, 2)", 17, "`topk` cannot be applied to a condition; topk(author_rank, 2)"),
        ("hour_of(views) > 1", 8, '`hour_of` needs a time zone in quotes, such as "Asia/Shanghai"'),
        ("hour_of('Asia/Shangai') > 1", 8, "unknown time zone `Asia/Shangai`, did you mean `Asia/Shanghai`?"),
        ("weekday('../etc/passwd') > 1", 8, "unknown time zone `../etc/passwd`"),
        ("weekday('') > 1", 8, "unknown time zone ``"),
        ("weekday('a', 'b') > 1", 0, 'write weekday() or weekday("Asia/Shanghai")'),
        ("abs(author_rank < 1) > 1", 16, "`abs` cannot be applied to a condition"),
        ("max('x', 24h) > 1", 4, "`max` looks back over a metric, not over a text"),
        ("age(max(views, 24h)) > 1h", 4, "`age` needs a metric, not `max(...)`"),
        ("not -(views > 1)", 4, "`-` cannot be applied to a condition"),
        ("", 0, "found the end"),
        ("(" * 60 + "views > 1" + ")" * 60, 40, "nested deeper than 40 levels"),
        ("views + " * 400 + "1 > 0", 2000, "longer than 2000 characters"),
        ("v+" * 200 + "1 > 0", 299, "more than 300 parts"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text, offset, says):
    found = problems(text)
    assert (offset, True) in [(at, says in told) for at, told in found], found


def test_all_unknown_names_of_an_expression_are_told_at_once():
    assert [offset for offset, _ in problems("foo > 1 and bar < 2 or bax(views, 3d) > 1")] == [0, 12, 23]


def test_needs_name_each_metric_once_with_its_deepest_window():
    expression = compile_condition("max(views, 3d) > 1 and median(views, 28d) > views and follower_count > 1", METRICS)
    assert {need.metric: need.depth_s for need in expression.needs} == {"views": 28 * DAY, "follower_count": 0.0}


# --- properties ---------------------------------------------------------------------------------------------------

NAMES = ("violation_score", "follower_count", "views")
plain = st.one_of(st.sampled_from(NAMES), st.integers(0, 50).map(str))
windowed = st.sampled_from([f"{f}({m}, 2d)" for f in ("min", "max", "avg", "delta", "increase", "last") for m in NAMES])


def conditions_of(numbers: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sums = st.recursive(
        numbers, lambda n: st.tuples(n, st.sampled_from("+-*/"), n).map("({0[0]} {0[1]} {0[2]})".format), max_leaves=4
    )
    comparisons = st.tuples(sums, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), sums).map(" ".join)
    return st.recursive(
        comparisons,
        lambda c: st.one_of(
            st.tuples(c, st.sampled_from(["and", "or"]), c).map("({0[0]} {0[1]} {0[2]})".format),
            c.map("not ({})".format),
        ),
        max_leaves=5,
    )


conditions = conditions_of(st.one_of(plain, windowed))
series = st.lists(st.one_of(st.just(NAN), st.integers(0, 50).map(float)), max_size=6)


@given(conditions, st.fixed_dictionaries(dict.fromkeys(NAMES, series)))
def test_a_random_condition_is_answered_in_three_values_and_never_raises(text, history):
    view = {name: {(): Window(enumerate(values))} for name, values in history.items()}
    assert ask(text, view, at_s=6.0) in (True, False, None)


@given(conditions_of(plain), st.fixed_dictionaries({name: st.integers(1, 50) for name in NAMES}))
def test_a_random_condition_without_windows_agrees_with_a_naive_evaluation(text, values):
    try:
        naive = eval(text, {}, {name: float(value) for name, value in values.items()})
    except ZeroDivisionError:
        return  # python has no answer to compare with; ours is tested above
    assert ask(text, one(**values)) is naive


@given(st.text(alphabet=string.printable + "中é", max_size=80))
def test_any_text_is_either_an_expression_or_a_list_of_problems_inside_it(text):
    compiled = compile_condition(text, METRICS)
    assert isinstance(compiled, Expression) or all(0 <= problem.offset <= len(text) for problem in compiled)


@given(conditions, st.sampled_from(NAMES), st.fixed_dictionaries(dict.fromkeys(NAMES, series)))
def test_knowing_less_never_turns_a_truth_into_its_opposite(text, hidden, history):
    view = {name: {(): Window(enumerate(values))} for name, values in history.items()}
    before = ask(text, view, at_s=6.0)
    view[hidden] = {}
    assert ask(text, view, at_s=6.0) in (before, None)


LOOKING_BACK = sorted(functions.OF_WINDOW | functions.OF_DETECTOR | functions.OF_PAIR)


def looking_back(name: str, span: str) -> Expression:
    """A function of a window, as a condition; it comes to what its first part does."""
    series, third = "views, follower_count" if name in functions.OF_PAIR else "views", ", 95%" * (name == "quantile")
    text = f"{name}({series}, {span}{third})"
    expression = compile_condition(text if name == "changed" else f"{text} >= 0", METRICS)
    assert isinstance(expression, Expression), expression
    return expression


def history_of(seed: str, days: int) -> Window:
    """Looks about every four hours, with pauses, jumps, purges, sentinels, and numbers that were not given."""
    chance, window, second, total = random.Random(seed), Window(), 0.0, 5_000.0
    odd = chance.choice([0.0, 0.05, 0.3])
    while second < days * DAY:
        second += chance.choice([4 * 3_600.0] * 20 + [600.0, 20 * 3_600.0])
        total = max(1.0, total + chance.choice([0, 7, 40, 40, 40, 90, 400, -60, -400]))
        window.add(second, chance.choice([NAN, NAN, 0.0, -99_999.0, total / 20]) if chance.random() < odd else total)
    return window


def kept(window: Window, depth_s: float) -> Window:
    """As much of it as is kept where nothing looks further back."""
    short = Window(zip(window.times_s, window.values, strict=True))
    short.forget(window.times_s[-1] - depth_s)
    return short


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_an_answer_rests_on_no_more_of_the_past_than_is_asked_to_be_kept(name: str):
    answered = 0
    for seed in range(120):
        expression = looking_back(name, random.Random(seed).choice(["1d", "3d", "14d", "28d"]))
        whole = {metric: {(): history_of(f"{metric} {seed}", 60)} for metric in ("views", "follower_count")}
        short = {need.metric: {(): kept(whole[need.metric][()], need.depth_s)} for need in expression.needs}
        at_s = whole["views"][()].times_s[-1] + seed % 3 * 3_600
        one, other = ([each.value for each in expression.evaluated(view, at_s)] for view in (whole, short))
        assert one == other, (expression.text, seed)
        answered += one[-1 if name == "changed" else 1] is not None
    assert answered > 10


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_an_answer_is_known_as_soon_as_what_is_asked_to_be_kept_is_there(name: str):
    expression, at_s = looking_back(name, "28d" if name == "drip" else "14d"), 60 * DAY
    looks = range(0, int(at_s) + 1, 6 * 3_600)
    slow, quick = (Window((second, second / each) for second in looks) for each in (600, 60))
    depths_s = {need.metric: need.depth_s for need in expression.needs}
    view = {"views": {(): kept(slow, depths_s["views"])}}
    if name in functions.OF_PAIR:
        view["follower_count"] = {(): kept(quick, depths_s["follower_count"])}
    assert expression.truths(view, at_s)[()] is True
