"""What the provider says of the key, and of itself: money, expiry, scopes, and an answer that must be right."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from daemon.providers.answer import Reason
from tests.recorded import answer_of, plain, read


def info(**changes):
    page = copy.deepcopy(answer_of("get_user_info"))
    for fields in page.values():
        fields.update({name: value for name, value in changes.items() if name in fields})
    return page


def test_the_recorded_key_is_read():
    assert plain(read("get_user_info", answer_of("get_user_info"))) == {
        ("balance_usd",): 12.39,
        ("key_active",): 1.0,
        ("key_scope", "/api/v1/tiktok/"): 1.0,
        ("key_scope", "/api/v1/douyin/"): 1.0,
        ("key_scope", "/api/v1/tikhub/user/"): 1.0,
    }


def test_neither_the_mail_address_nor_the_name_of_the_key_is_kept():
    payload = read("get_user_info", info(email="who@example.invalid", api_key_name="of-a-person")).payload

    assert "who@example.invalid" not in repr(payload)
    assert "of-a-person" not in repr(payload)
    assert payload["user_data"]["balance"] == 12.34


@pytest.mark.parametrize(
    ("expires", "known"),
    [
        ("2026-05-01T00:00:00", datetime(2026, 5, 1, tzinfo=UTC).timestamp()),
        ("2026-05-01T02:00:00+02:00", datetime(2026, 5, 1, tzinfo=UTC).timestamp()),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC).timestamp()),
        ("soon", None),
        (0, None),
        ("", None),
    ],
)
def test_a_key_that_expires_says_when_and_one_that_cannot_be_read_is_unknown(expires, known):
    assert plain(read("get_user_info", info(expires_at=expires)))["key_expires_at",] == known


def test_a_key_that_never_expires_has_no_such_series():
    assert ("key_expires_at",) not in plain(read("get_user_info", info(expires_at=None)))


def test_a_key_of_which_nothing_is_said_of_its_end_is_not_one_that_never_expires():
    page = info()
    del page["api_key_data"]["expires_at"]
    assert plain(read("get_user_info", page))["key_expires_at",] is None


@pytest.mark.parametrize("scopes", [None, "/api/", [{"scope": "/api/"}]], ids=repr)
def test_scopes_that_are_not_listed_are_unknown_and_not_taken_away(scopes):
    known = ("key_scope", (("scope", "/api/v1/tiktok/"),))
    last = {known: 1.0, ("key_scope", (("scope", "/api/v1/douyin/"),)): None}
    values = read("get_user_info", info(api_key_scopes=scopes), last=last).values

    assert {values[series] for series in last} == {None}
    assert known not in read("get_user_info", info(api_key_scopes=["/api/v1/douyin/"]), last=last).values


@pytest.mark.parametrize(("status", "active"), [(1, 1.0), ("1", 1.0), (0, 0.0), (2, 0.0), (None, None), ("ok", None)])
def test_only_the_one_code_is_active(status, active):
    assert plain(read("get_user_info", info(api_key_status=status)))["key_active",] == active


@pytest.mark.parametrize("field", ["balance", "free_credit"])
def test_half_a_balance_is_no_balance(field):
    assert plain(read("get_user_info", info(**{field: None})))["balance_usd",] is None
    assert plain(read("get_user_info", info(**{field: 0})))["balance_usd",] > 0
    assert read("get_user_info", {"user_data": {"balance": 1}}).reason is Reason.BAD_PAYLOAD


# --- the canary ------------------------------------------------------------------------------------------------------


def canary(exact="427682", rounded=427700):
    return plain(
        read("canary", {"userInfo": {"statsV2": {"followerCount": exact}, "stats": {"followerCount": rounded}}})
    )


def test_the_recorded_canary_sings_the_exact_count():
    assert plain(read("canary", answer_of("canary"))) == {("canary_ok",): 1.0, ("canary_follower_count",): 427682.0}


@pytest.mark.parametrize(
    ("exact", "rounded", "ok"),
    [
        ("427682", 427700, 1.0),
        (1949999, 1900000, 1.0),
        ("0", 0, 0.0),
        ("4276820", 427700, 0.0),
        ("4276", 427700, 0.0),
        (None, 427700, 0.0),
        ("427682", None, 0.0),
        ("many", 427700, 0.0),
    ],
)
def test_the_canary_is_ill_unless_the_exact_and_the_rounded_count_agree(exact, rounded, ok):
    assert canary(exact, rounded)["canary_ok",] == ok


def test_an_answer_in_another_form_makes_the_canary_ill_and_its_count_unknown():
    assert plain(read("canary", {"user": {}})) == {("canary_ok",): 0.0, ("canary_follower_count",): None}


def test_the_rounded_count_never_stands_in_for_the_exact_one():
    assert canary(None, 427700)["canary_follower_count",] is None
