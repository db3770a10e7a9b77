"""YAML text to values with marks: what is taken, what is refused, and where things stood."""

from __future__ import annotations

import string
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.marked import MAX_BYTES, Mark, Problem, Tree, parse, read, resolve


def tree_of(text: str) -> Tree:
    tree = parse(text)
    assert isinstance(tree, Tree), tree
    return tree


def refusal_of(text: str) -> Problem:
    problem = parse(text)
    assert isinstance(problem, Problem), problem
    return problem


@pytest.mark.parametrize(
    ("plain", "meaning"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("7460937381265411370", 7460937381265411370),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        *(
            (text, text)
            for text in ("on", "off", "yes", "no", "y", "012", "1:30", "1_000", "0x1F", "0o7", "2h", "1e999")
        ),
        *((text, text) for text in (".nan", ".inf", "2024-01-01", "tRue", "-", "+", ".", "1.2.3", "e3", "12" * 100)),
    ],
)
def test_an_unquoted_scalar_means_what_the_module_says(plain: str, meaning: object):
    found = resolve(plain)
    assert (type(found), found) == (type(meaning), meaning)


def test_a_quoted_scalar_is_always_text_and_a_key_too():
    assert tree_of("on: yes\n12: '12'\nnull: \"true\"\n").value == {"on": "yes", "12": "12", "null": "true"}


def test_aliases_stand_for_copies_of_their_value():
    tree = tree_of("a: &x [1, {b: 2}]\nc: *x\nd: [*x, *x]\n")
    once = [1, {"b": 2}]
    assert tree.value == {"a": once, "c": once, "d": [once, once]}
    assert tree.value["c"] is not tree.value["a"]  # type: ignore[index]  # it is a mapping, as the line above says


def test_a_value_inside_an_alias_stands_where_it_is_written():
    assert tree_of("a: &x\n  when: b\nc: *x\n").mark(("c", "when")) == Mark(2, 9)


def test_values_and_keys_have_their_own_marks_and_missing_ones_that_of_their_parent():
    tree = tree_of("top:\n  - {platform: tiktok,  id: alice}\n")
    assert tree.mark(("top", 0, "id")) == Mark(2, 29)
    assert tree.key_mark(("top", 0, "id")) == Mark(2, 25)
    assert tree.key_mark(("top", 0)) == Mark(2, 5)
    assert tree.mark(("top", 0, "uid")) == Mark(2, 5)
    assert tree.key_mark(("top",)) == Mark(1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "k: fans < 10 and XX > 3",
        "k: 'fans < 10 and it''s XX'",
        'k: "fans \\"<\\" \\u0031\\x20 and\\tXX"',
        "k: &name fans < XX",
        "k: fans < 10\n   and XX > 3",
        "k: 'fans < 10\n  and XX'",
        'k: "fans < 10\\\n   and XX"',
        "k: |\n  fans < 10\n    and XX\n",
        "k: |2-  # literal\n     fans <\n\n  XX\n",
        "k: >-\n  fans < 10\n  and XX\n\n",
        "k: &name >\n  fans\n\n  < XX\n",
        "[1, {k: fans < XX}]",
        "k: 粉丝 😀 < XX",
    ],
)
def test_an_offset_in_a_scalar_of_any_style_leads_to_its_line_and_column(text: str):
    tree = tree_of(text)
    where = ("k",) if isinstance(tree.value, dict) else (1, "k")
    offset = str(tree.nodes[where].value).index("XX")  # type: ignore[attr-defined]  # a scalar event
    before = text[: text.index("XX")]
    assert tree.mark(where, offset) == Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))


def test_an_offset_behind_the_end_leads_behind_the_last_word():
    assert tree_of("k: fans <  ").mark(("k",), 6) == Mark(1, 10)
    assert tree_of("k: |\n  fans <\n\n").mark(("k",), 99) == Mark(2, 9)
    assert tree_of("k: ''").mark(("k",), 0) == Mark(1, 4)


WORDS = st.lists(st.text(string.ascii_letters + "<>'\"\\é粉😀", min_size=1, max_size=6), min_size=1, max_size=8)


@given(WORDS, st.sampled_from(["'", '"', "|", ">"]), st.integers(10, 30))
@settings(max_examples=200, deadline=None)
def test_every_character_of_a_written_scalar_is_found_again(words: list[str], style: str, width: int):
    value = " ".join(words)

    class Quoted(yaml.SafeDumper):
        pass

    Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style))
    text = yaml.dump([value], Dumper=Quoted, width=width, allow_unicode=True)
    tree, lines = tree_of(text), text.split("\n")
    assert tree.value == [value]
    for offset, character in enumerate(value):
        mark = tree.mark((0,), offset)
        if character.isalpha():
            assert lines[mark.line - 1][mark.column - 1] == character


def test_a_key_twice_is_told_with_both_lines_and_does_not_hide_the_rest():
    tree = tree_of("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert tree.value == {"a": 3, "b": {"c": 2}}
    assert [problem.shown("f.yaml") for problem in tree.problems] == [
        "f.yaml:4:3: the same key stands in line 3 already",
        "f.yaml:5:1: the same key stands in line 1 already",
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_the_same_with_every_line_end(line_end: str):
    text = line_end.join(["\ufeffa: 1", "b: |", "  one", "  two", "c: x"])
    tree = tree_of(text)
    assert tree.value == {"a": 1, "b": "one\ntwo\n", "c": "x"}
    assert tree.mark(("b",), 4) == Mark(4, 3)
    assert tree.mark(("c",)) == Mark(5, 4)


def nine_to_the_ninth() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join(['*' + below] * 9)}]" for below, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (nine_to_the_ninth(), "more than 200000 values"),
        ("&a [*a]", "inside the value that it names"),
        ("a: &a {b: [1, {c: *a}]}", "inside the value that it names"),
        ("[" * 1_000_000, "nested"),
        ("- " * 500_000, "nested"),
        ("{a: " * 250_000, "nested"),
        ("? " * 500_000, "a key must be plain text"),
        ("&a " * 300_000, "this is not YAML"),
        ("a: " * 300_000, "this is not YAML"),
        ("'" * 999_999, "this is not YAML"),
        ("a: &a [b]\nc: " + "[" * 63 + "*a" + "]" * 63, "nested"),
    ],
)
def test_a_bomb_is_refused_within_three_seconds_of_work(text: str, said: str):
    started_s = time.thread_time()
    problem = refusal_of(text)
    assert said in problem.text
    assert time.thread_time() - started_s < 3


def test_64_values_in_each_other_are_read_and_65_are_not():
    assert isinstance(parse("[" * 65 + "]" * 65), Tree)
    assert isinstance(parse("[" * 66 + "]" * 66), Problem)


def test_a_file_of_100_mb_is_refused_unread(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    tracemalloc.start()
    problem, (_, most_bytes) = read(path), tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem == Problem(1, 1, "the file is larger than 10 MB: is it the right one?")
    assert most_bytes < MAX_BYTES / 100


def test_a_file_just_small_enough_is_read(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("#" * MAX_BYTES, encoding="utf-8")
    assert tree_of(str(read(path))).value is None


def test_what_is_no_readable_file_is_a_problem_in_words(tmp_path):
    (tmp_path / "latin").write_bytes(b"a: 1\nb: \xe9\n")
    assert read(tmp_path / "none") == Problem(1, 1, "there is no such file")
    assert read(tmp_path) == Problem(1, 1, "this is a folder, not a file")
    assert read(Path("/dev/null")) == Problem(1, 1, "this is not a regular file")
    assert read(tmp_path / "latin") == Problem(2, 1, "the file is not UTF-8 text: save it as UTF-8")


YAML_LIKE = st.lists(
    st.sampled_from([*"-:?,[]{}&*#!|>'\"%@`\n\t ~0", "a", "${A}", "<<: ", "- ", ": ", "---\n", "\\u"])
).map("".join)


@given(st.one_of(st.text(), YAML_LIKE))
@settings(max_examples=500, deadline=None)
def test_no_text_crashes_the_reader(text: str):
    found = parse(text)
    assert isinstance(found, Tree | Problem)
    if isinstance(found, Tree):
        assert all(found.mark(where, 3).line >= 1 for where in found.nodes)


# PyYAML writes the text 1e3 without quotes: a text in YAML 1.1, a number in 1.2.
TEXTS = st.text(string.printable + "é粉").filter(lambda text: not isinstance(resolve(text), float))
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES)
@settings(max_examples=200, deadline=None)
def test_what_pyyaml_writes_is_read_back(value: object):
    assert tree_of(yaml.safe_dump(value, allow_unicode=True)).value == value
