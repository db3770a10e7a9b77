"""What is read of a shop creator's account: its score, in the scheme it was made in, and its violation records."""

from __future__ import annotations

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from tests.recorded import answer_of, plain, read


def only(value):
    return {(name,): number for name, number in value.items()}


# --- account health --------------------------------------------------------------------------------------------------


def health(score, level="Healthy", shown=True, before=None, option="auto"):
    page = {
        "risk_info": {"risk_level_text": level},
        "is_show_score": shown,
        "violation_score": score,
        "creator_status": 0,
    }
    last = {} if before is None else {("health_scheme", ()): before}
    values = plain(read("get_account_health_status", page, last=last, options={"health_scheme": option}))
    names = ("violation_score", "health_rating", "health_scheme", "health_scheme_unclear")
    return tuple(values.get((name,)) for name in names)


def test_on_one_scheme_there_is_no_series_of_the_other_and_on_none_both_are_unknown():
    for score, level, present in ((3, "Healthy", {"violation_score"}), (200, "Healthy", {"health_rating"})):
        page = {"risk_info": {"risk_level_text": level}, "is_show_score": True, "violation_score": score}
        names = {name for (name, _) in read("get_account_health_status", page).values}
        assert names & {"violation_score", "health_rating"} == present


def test_the_recorded_account_health_is_read():
    reading = read("get_account_health_status", answer_of("get_account_health_status"))

    assert plain(reading) == only(
        {
            "violation_score": 0.0,
            "health_scheme": 0.0,
            "health_scheme_unclear": 0.0,
            "score_shown": 1.0,
            "creator_status": 0.0,
        }
    )
    assert [(record.kind, record.id, record.words["text"]) for record in reading.records] == [
        ("health", "risk_level", "Healthy")
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((200,), (None, 200, 1, 0)),
        ((49,), (None, 49, 1, 0)),
        ((0,), (0, None, 0, 0)),
        ((24,), (24, None, 0, 0)),
        ((25,), (None, None, None, 1)),
        ((12, "Warning"), (None, None, None, 1)),
        ((0, "At risk"), (None, None, None, 1)),
        ((12, "Warning", True, 0.0), (12, None, 0, 0)),
        ((48, "Warning", True, 0.0), (48, None, 0, 0)),
        ((200, "Healthy", True, 0.0), (None, 200, 1, 0)),
        ((0, "Healthy", True, 1.0), (0, None, 0, 0)),
        ((0, "At risk", True, 1.0), (None, 0, 1, 0)),
        ((1200, "Healthy", True, 0.0), (None, None, 0, 0)),
        ((200, "Healthy", True, None, "points"), (None, None, 0, 0)),
        ((12, "Warning", True, None, "points"), (12, None, 0, 0)),
        ((0, "Healthy", True, None, "chr"), (None, 0, 1, 0)),
        ((5000,), (None, None, 1, 0)),
        ((-1,), (None, None, None, None)),
        ((None,), (None, None, None, None)),
        (("12", "Warning", True, 0.0), (12, None, 0, 0)),
    ],
)
def test_a_score_is_read_in_the_scheme_it_was_made_in(asked, expected):
    assert health(*asked) == expected


@pytest.mark.parametrize(
    ("rating", "score", "scheme"), [(900, 12, None), (124, 24, 1.0), (125, 24, None), (900, 25, 1.0), (48, 0, 1.0)]
)
def test_a_rating_that_falls_to_what_could_be_points_is_unclear(rating, score, scheme):
    page = {"risk_info": {"risk_level_text": "At risk"}, "is_show_score": True, "violation_score": score}
    last = {("health_scheme", ()): 1.0, ("health_rating", ()): float(rating)}
    values = plain(read("get_account_health_status", page, last=last))
    assert (values["health_scheme",], values["health_scheme_unclear",]) == (scheme, float(scheme is None))


def test_a_hidden_score_is_unknown_and_keeps_its_scheme():
    assert health(0, shown=False) == (None, None, None, None)
    assert health(0, shown=False, before=1.0) == (None, None, 1.0, 0.0)


def test_an_object_without_any_health_field_is_no_health():
    assert read("get_account_health_status", {"segments": []}).reason is Reason.BAD_PAYLOAD


# --- violations ------------------------------------------------------------------------------------------------------


def violation(record_id, **fields):
    row = {"record_id": record_id, "record_status": 1, "can_appeal": True, "appeal_status": 0}
    return row | {"appeal_valid_time": 1746057600} | fields


def violations(*rows, **fields):
    return {"records": list(rows), "total": len(rows), "has_more": False} | fields


def test_the_recorded_violation_list_is_read():
    reading = read("get_account_violation_list", answer_of("get_account_violation_list"))

    record = "7500000000000000001"
    assert plain(reading) == {
        ("violations_active",): 1.0,
        ("violations_total",): 1.0,
        ("violation_active", record): 1.0,
        ("appeal_open", record): 1.0,
        ("appeal_deadline", record): 1746057600.0,
    }
    assert reading.records[0].words == {
        "reason": "Misleading functionality",
        "detail": "",
        "suggestion": "Edit the caption",
        "policy_url": "https://example.invalid/policy",
        "type": "Video violation",
        "enforcement": "Violation points assigned; Commission withheld",
        "violation_time": "2025-04-01T00:00:00+00:00",
        "appeal_deadline": "2025-05-01T00:00:00+00:00",
    }


def test_a_record_on_two_pages_is_one_record():
    pages = (violations(violation("1"), violation(2), total=3), violations(violation("2"), violation("3")))
    reading = read("get_account_violation_list", *pages)

    assert plain(reading)["violations_active",] == 3.0
    assert plain(reading)["violations_total",] == 3.0
    assert [record.id for record in reading.records] == ["1", "2", "3"]
    assert reading.payload == list(pages)


def test_no_violations_are_a_known_zero():
    assert plain(read("get_account_violation_list", violations())) == only(
        {"violations_active": 0.0, "violations_total": 0.0}
    )


@pytest.mark.parametrize(
    ("fields", "is_open", "deadlines"),
    [
        ({"can_appeal": False}, 0.0, []),
        ({"appeal_status": 1}, 0.0, []),
        ({"appeal_valid_time": 0}, 1.0, [None]),
        ({"can_appeal": None}, None, [1746057600.0]),
    ],
)
def test_a_deadline_exists_only_while_an_appeal_may_be_open(fields, is_open, deadlines):
    values = plain(read("get_account_violation_list", violations(violation("1", **fields))))

    assert values["appeal_open", "1"] == is_open
    assert [value for (name, *_), value in values.items() if name == "appeal_deadline"] == deadlines


def test_a_record_of_unknown_status_makes_the_count_unknown():
    odd = violation("2", record_status=None)
    values = plain(read("get_account_violation_list", violations(violation("1"), odd)))
    assert values["violations_active",] is None
    assert values["violation_active", "1"] == 1.0


@pytest.mark.parametrize("odd", [{"record_status": 1}, "not a record", violation(""), violation(None)], ids=repr)
def test_a_record_that_cannot_be_told_from_another_strikes_no_record(odd):
    answer = read("get_account_violation_list", violations(violation("1"), odd))
    assert answer.reason is Reason.BAD_PAYLOAD


@pytest.mark.parametrize("later", [(), (violations(violation("1")),)])
def test_an_empty_list_of_some_records_strikes_no_record(later):
    answer = read("get_account_violation_list", violations(total=1), *later)
    assert answer.reason is Reason.BAD_PAYLOAD


def test_an_enforcement_may_be_one_text():
    page = violations(violation("1", enforcement_title="Commission withheld"))
    assert read("get_account_violation_list", page).records[0].words["enforcement"] == "Commission withheld"


def test_the_list_goes_on_only_while_it_says_so():
    more = ENDPOINTS["get_account_violation_list"].more

    assert [more(page) for page in ({"has_more": True}, {"has_more": "false"}, {}, None)] == [
        True,
        False,
        False,
        False,
    ]


def test_a_page_without_its_list_is_no_empty_list():
    assert read("get_account_violation_list", violations(), {"total": 0}).reason is Reason.BAD_PAYLOAD
