"""Text to tree, and back: what a tree says, and what stands for a name."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.grammar import MAX_TOKENS, Binary, Call, ExpressionError, Named, Number, Selector, Series, Text, Unary, parse
from rules.trees import behind, expanded, named, written


def bare(tree):
    """A tree without its offsets, and without the writing of its numbers."""
    if not is_dataclass(tree):
        return tuple(map(bare, tree)) if isinstance(tree, tuple) else tree
    kept = [field.name for field in fields(tree) if field.name not in {"at", "text"}]
    return (type(tree).__name__, *(bare(getattr(tree, name)) for name in kept))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('tag == "tier-a"', Binary(4, "==", Series(0, "tag"), Text(7, "tier-a"))),
        ("hour_of('Asia/Shanghai')", Call(0, "hour_of", (Text(8, "Asia/Shanghai"),))),
        ("-5%", Number(0, -0.05, "-5%")),
        ("- 24h", Number(0, -86_400.0, "-24h", unit_s=True)),
        ("--5", Number(0, 5.0, "--5")),
        ("-views", Unary(0, "-", Series(1, "views"))),
        ("1_000", Number(0, 1000.0, "1_000")),
        ('a{b!="c"}', Series(0, "a", (Selector(2, "b", "c", equal=False),))),
    ],
)
def test_a_text_is_read_as_this_tree(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("(a + b) * c", "(a + b) * c"),
        ("(a * b) + c", "a * b + c"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("a / (b * c)", "a / (b * c)"),
        ("not (a < 1 and b < 2)", "not (a < 1 and b < 2)"),
        ("(not a < 1) and b < 2", "not a < 1 and b < 2"),
        ("a < 1 or (b < 2 and c < 3)", "a < 1 or b < 2 and c < 3"),
        ("(a < 1 or b < 2) and c < 3", "(a < 1 or b < 2) and c < 3"),
        ("-(a + b)", "-(a + b)"),
        ("-(a) * b", "-a * b"),
        ("max( a{b='c',d!=\"e\"} ,24h)>5%", 'max(a{b="c", d!="e"}, 24h) > 5%'),
        ("""a == 'say "no"'""", """a == 'say "no"'"""),
        ("weekday()", "weekday()"),
    ],
)
def test_a_tree_is_written_with_the_brackets_that_it_needs(text, again):
    assert written(parse(text)) == again


names = st.sampled_from(["a", "b", "rank"])
leaves = st.one_of(
    names,
    st.sampled_from(["5", "5%", "24h", "1_000", "0.5", "'x'", '"y z"', "a{b='c'}", 'a{b!="c", d="e"}', "f()"]),
)
texts = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "<", "<=", "==", "!=", "and", "or"]), inner).map(
            "({0[0]}) {0[1]} ({0[2]})".format
        ),
        inner.map("-({})".format),
        inner.map("not ({})".format),
        st.lists(inner, max_size=3).map(lambda parts: f"f({', '.join(parts)})"),
    ),
    max_leaves=12,
)


@given(texts)
def test_what_is_written_of_a_tree_is_read_as_that_tree(text):
    tree = parse(text)
    assert bare(parse(written(tree))) == bare(tree)


words = [
    *("a", "b", "and", "or", "not", "(", ")", "{", "}", ",", "=", "==", "!=", "<", ">=", "+", "-", "*", "/"),
    *("5", "5%", "24h", "'x'", '"y"', "f(", "max(", "a{b='c'}", "&", "!", "12x", "'", "\n"),
]


def problem(text):
    try:
        return None if bare(parse(written(parse(text)))) == bare(parse(text)) else "read as another tree"
    except ExpressionError as error:
        return None if 0 <= error.offset <= len(text) else f"told at {error.offset}"


@given(st.lists(st.sampled_from(words), max_size=60))
def test_any_words_are_a_tree_or_an_error_inside_the_text(parts):
    assert problem(" ".join(parts)) is None


# --- names --------------------------------------------------------------------------------------------------------

DEFINED = {
    "limit": parse("60"),
    "bought": parse("fake_score > limit and views > 9"),
    "often": parse("bought or bought"),
    "fans": parse("follower_count"),
}


def test_a_name_stands_for_its_definition_and_all_of_that_stands_where_the_name_does():
    tree = expanded(parse("not bought"), DEFINED)
    assert tree == Unary(
        0,
        "not",
        Named(
            4,
            "bought",
            Binary(
                4,
                "and",
                Binary(4, ">", Series(4, "fake_score"), Named(4, "limit", Number(4, 60.0, "60"))),
                Binary(4, ">", Series(4, "views"), Number(4, 9.0, "9")),
            ),
        ),
    )


def test_a_name_is_written_with_what_it_stands_for():
    tree = expanded(parse("bought or x > -limit"), DEFINED)
    assert written(tree) == "bought (fake_score > limit (60) and views > 9) or x > -limit (60)"
    assert [each.name for each in named(tree)] == ["bought", "limit"]


def test_behind_a_name_is_what_it_stands_for_and_a_series_with_labels_is_no_name():
    assert behind(expanded(parse("fans"), DEFINED)) == Series(0, "follower_count")
    assert expanded(parse('fans{a="b"}'), DEFINED) == parse('fans{a="b"}')


def test_the_labels_of_a_definition_stand_where_its_name_does():
    assert expanded(parse("1 + x"), {"x": parse('rank{a="b"}')}).right == Named(
        4, "x", Series(4, "rank", (Selector(4, "a", "b", equal=True),))
    )


def test_an_expression_without_names_is_left_as_it_is():
    tree = parse('count(max(rank{a!="b"}, 3d) <= 10% and not -x < limit) >= 2')
    assert expanded(tree, {}) == tree


@pytest.mark.parametrize(
    "definitions",
    [
        {"x": "x + 1"},
        {"x": "1 + y", "y": "2 + x"},
        {"x": "y + y", **{name: f"{below} + {below}" for name, below in zip("yzuvwpq", "zuvwpqr", strict=True)}},
    ],
)
def test_definitions_that_need_themselves_or_too_many_parts_are_refused_where_the_name_stands(definitions):
    with pytest.raises(
        ExpressionError, match=f"with its definitions the expression has more than {MAX_TOKENS} parts"
    ) as raised:
        expanded(parse("5 + x"), {name: parse(text) for name, text in definitions.items()})
    assert raised.value.offset == 4
