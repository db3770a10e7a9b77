"""Answers with anything in any place: they come to unknown numbers or to a failure, never to a number made up."""

from __future__ import annotations

import copy
import math
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Failure, Reading
from daemon.providers.payload import flag, ident, instant, number, text, wording
from tests.recorded import READ, declared, endpoint_of, page_of, read

PAGES = {sample: page_of(sample) for sample in READ}
VERDICTS = {"canary_ok"}  # 0 says that something is not as it should be

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1e-400", "1e999", "nan", "-99999", "$0", "00", "\u0661", "9" * 5000, 10**400, -99999, 5e-324])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner), max_leaves=8
)


def places(value, path=()):
    """Every place inside a JSON value, itself included, with what is there."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(value, path, new):
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


def check(name, answer):
    """Whatever came, an answer is made of declared series, finite numbers and words."""
    assert isinstance(answer, (Reading, Failure))
    if isinstance(answer, Reading):
        labels = declared(name)
        assert all(value is None or math.isfinite(value) for value in answer.values.values())
        assert all(tuple(label for label, _ in own) == labels[metric] for metric, own in answer.values)
        assert all(isinstance(word, str) for record in answer.records for word in record.words.values())
        assert all(video.video_id for video in (answer.videos.found if answer.videos else ()))


@given(st.data(), st.sampled_from(READ), VALUES)
def test_an_answer_with_anything_in_any_place_comes_to_declared_finite_numbers_or_a_failure(data, sample, anything):
    name, page = endpoint_of(sample), PAGES[sample]
    path, _ = data.draw(st.sampled_from(list(places(page))))
    check(name, read(name, put(page, path, anything)))


@given(st.sampled_from(sorted(ENDPOINTS)), st.lists(VALUES, max_size=3))
def test_pages_of_anything_come_to_a_reading_or_a_failure(name, pages):
    check(name, read(name, *pages))
    assert isinstance((ENDPOINTS[name].more or bool)(pages), bool)


def zeros(answer):
    """How often each metric is 0, whatever the labels: junk in an id renames a series."""
    values = answer.values.items() if isinstance(answer, Reading) else ()
    return Counter(name for (name, _), value in values if value == 0 and name not in VERDICTS)


@pytest.mark.parametrize("junk", [None, "", "n/a", [], {}, -99999, "NaN", "1e-400"], ids=repr)
@pytest.mark.parametrize("sample", READ)
def test_what_is_no_zero_never_becomes_one(sample, junk):
    name, page = endpoint_of(sample), PAGES[sample]
    before = zeros(read(name, page))

    for path, value in places(page):
        if not isinstance(value, (dict, list)):
            assert zeros(read(name, put(page, path, junk))) <= before, path


@pytest.mark.parametrize("sample", READ)
def test_a_whole_answer_is_read_as_at_first_sight_where_the_one_before_knew_no_number(sample):
    name, page = endpoint_of(sample), PAGES[sample]
    first = read(name, page)
    unknown = {series: None for series in first.values if series[0] in ENDPOINTS[name].recalls}
    assert read(name, page, last=unknown).values == first.values


@pytest.mark.parametrize("value", [1.1e18, -1.1e18, "1.1e18", "-1e300", 1e308, 10**18 + 10**3, 10**400], ids=repr)
def test_a_magnitude_beyond_all_counting_is_unknown(value):
    """So that sums and means of numbers are finite."""
    assert number(value) is None


@given(VALUES)
def test_a_number_is_zero_only_where_a_zero_was_sent(value):
    if number(value) == 0:
        assert str(value).lower().partition("e")[0].strip("+-0.") == ""
        assert not isinstance(value, bool)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", 12.0),
        ("-1.5e3", -1500.0),
        (3, 3.0),
        (True, None),
        ("1_0", None),
        (" 1", None),
        ("1e-400", None),
        ("-1e18", -1e18),
    ],
)
def test_a_number_may_be_written_as_a_decimal_string(value, expected):
    assert number(value) == expected


def test_ids_keep_all_their_digits():
    assert ident(7500000000000000001) == ident("7500000000000000001") == "7500000000000000001"
    assert ident(7.5e18) == ident(True) == ident(None) == ""


def test_false_in_a_string_is_false():
    assert [flag(value) for value in ("false", "true", 0, 1, False, 2, None, 1.0)] == [
        False,
        True,
        False,
        True,
        False,
        None,
        None,
        None,
    ]


def test_a_time_that_cannot_be_meant_is_unknown():
    assert [instant(value) for value in (0, -1, 1746057600000, "soon", 1e300)] == [None] * 5
    assert instant("1746057600") == datetime(2025, 5, 1, tzinfo=UTC)


def test_a_text_is_plain_or_in_an_object():
    assert [wording("a"), wording({"value": " a "}), wording({"text": "a"}), text(None)] == ["a", "a", "", ""]
