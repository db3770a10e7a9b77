"""Answers with anything in any place: they come to unknown numbers or to a failure, never to a number made up."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.envelope import open_answer
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Asked, Failure, Reading
from daemon.providers.payload import flag, ident, instant, number, text, wording

SAMPLES = Path(__file__).parents[1] / "samples"
AT = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
SAMPLE_OF = {
    "get_account_health_status": "tiktok_creator.get_account_health_status.json",
    "get_account_violation_list": "tiktok_creator.get_account_violation_list.json",
    "fetch_author_diagnosis": "douyin_creator.fetch_author_diagnosis.json",
    "fetch_creator_info_and_milestones": "tiktok_analytics.fetch_creator_info_and_milestones.json",
    "detect_fake_views": "tiktok_analytics.detect_fake_views.json",
    "video_detail_analytics": "keyapi.video_detail_analytics.json",
}
ASKED = Asked("a target", AT, uid="107955", video_id="7117191641181555995")


def page_of(name):
    endpoint = ENDPOINTS[name]
    body = (SAMPLES / SAMPLE_OF[name]).read_bytes()
    return open_answer(
        endpoint.provider, 200, body, content_type="application/json", retry_after=None, expected={}
    ).data


def read(name, *pages, **asked):
    return ENDPOINTS[name].read(list(pages), replace(ASKED, **asked))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1e-400", "1e999", "nan", "-99999", "00", "\u0661", "9" * 5000, 10**400, -99999, 5e-324])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner), max_leaves=8
)


def places(value, path=()):
    """Every place inside a JSON value, itself included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(value, path, new):
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


def found(value, path):
    for key in path:
        value = value[key]
    return value


@given(st.data(), st.sampled_from(sorted(SAMPLE_OF)), VALUES)
def test_an_answer_with_anything_in_any_place_comes_to_finite_numbers_or_a_failure(data, name, anything):
    page = page_of(name)
    path = data.draw(st.sampled_from(list(places(page))))
    answer = read(name, put(page, path, anything))

    assert isinstance(answer, (Reading, Failure))
    if isinstance(answer, Reading):
        assert all(value is None or math.isfinite(value) for value in answer.values.values())
        assert all(isinstance(word, str) for record in answer.records for word in record.words.values())


@given(st.sampled_from(sorted(SAMPLE_OF)), st.lists(VALUES, max_size=3))
def test_pages_of_anything_come_to_a_reading_or_a_failure(name, pages):
    assert isinstance(read(name, *pages), (Reading, Failure))
    assert isinstance(ENDPOINTS["get_account_violation_list"].more(pages), bool)


@pytest.mark.parametrize("junk", [None, "", "n/a", [], {}, -99999, "NaN", "1e-400"], ids=repr)
@pytest.mark.parametrize("name", SAMPLE_OF)
def test_what_is_no_number_never_becomes_a_zero(name, junk):
    page = page_of(name)
    before = read(name, page).values
    leaves = [path for path in places(page) if not isinstance(found(page, path), (dict, list))]

    for path in leaves:
        answer = read(name, put(page, path, junk))
        after = answer.values if isinstance(answer, Reading) else {}
        made_up = {key for key, value in after.items() if value == 0 and before.get(key) != 0}
        assert made_up == set(), path


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


def test_the_evidence_holds_no_part_of_the_envelope():
    for name in SAMPLE_OF:
        kept = json.dumps(read(name, page_of(name)).payload)
        assert not any(word in kept for word in ("params", "cache_url", "REDACTED", "router"))
