"""Who an account is, and its followers, without a cookie: only of the account asked for, and only exact numbers."""

from __future__ import annotations

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Ids, Reading, Reason
from daemon.providers.endpoint import Page
from tests.recorded import SEC_UID, answer_of, asked_of, plain, read

TIKTOK, DOUYIN, DOUYIN_IDS = (
    "tiktok_handler_user_profile",
    "douyin_handler_user_profile",
    "douyin_handler_user_profile_v2",
)
NOBODY = {"uid": "", "sec_uid": "", "handle": ""}


def user(name, **fields):
    return {"user": {**answer_of(name)["user"], **fields}}


def sent(name, **ids):
    request = ENDPOINTS[name].ask([asked_of(name, **{**NOBODY, **ids})], "", Page(1))
    assert request.json is None
    return dict(request.query)


# --- whom ------------------------------------------------------------------------------------------------------------


def test_a_tiktok_account_is_named_in_one_way_the_surest_that_is_known():
    assert sent(TIKTOK, uid="1", sec_uid="2", handle="3") == {"user_id": "1"}
    assert sent(TIKTOK, sec_uid="2", handle="3") == {"sec_user_id": "2"}
    assert sent(TIKTOK, handle="3") == {"unique_id": "3"}


def test_a_douyin_account_is_named_by_its_long_id_and_before_that_by_its_handle():
    assert sent(DOUYIN, uid="1", sec_uid="2", handle="3") == {"sec_user_id": "2"}
    assert sent(DOUYIN_IDS, uid="1", sec_uid="2", handle="3") == {"unique_id": "3"}


def test_a_profile_tells_the_ids_and_the_handle_of_now():
    assert read(TIKTOK, answer_of(TIKTOK)).ids == Ids("107955", SEC_UID, "tiktok")
    assert read(DOUYIN, answer_of(DOUYIN)).ids == Ids("100000000000", SEC_UID, "handle")
    assert read(DOUYIN_IDS, answer_of(DOUYIN)).ids == Ids("100000000000", SEC_UID, "handle")


@pytest.mark.parametrize(
    ("known", "is_it"),
    [
        ({"uid": "107955"}, True),
        ({"uid": "5"}, False),
        ({"uid": "107955", "handle": "renamed-since"}, True),
        ({"uid": "107955", "sec_uid": "another"}, True),
        ({"sec_uid": SEC_UID}, True),
        ({"sec_uid": "another"}, False),
        ({"sec_uid": "another", "handle": "tiktok"}, False),
        ({"handle": "TikTok"}, True),
        ({"handle": "tiktok2"}, False),
        ({}, False),
    ],
)
def test_an_answer_is_believed_by_the_surest_id_that_is_known(known, is_it):
    answer = read(TIKTOK, answer_of(TIKTOK), **{**NOBODY, **known})
    assert isinstance(answer, Reading) if is_it else answer.reason is Reason.WRONG_IDENTITY


@pytest.mark.parametrize("name", [TIKTOK, DOUYIN, DOUYIN_IDS])
def test_an_answer_that_names_nobody_is_refused(name):
    page = answer_of(DOUYIN)
    assert read(name, {"user": {**page["user"], "uid": ""}}).reason is Reason.BAD_PAYLOAD
    assert read(name, {"user": {**page["user"], "uid": "5"}}).reason is Reason.WRONG_IDENTITY


def test_a_handle_that_nobody_has_in_the_answer_is_not_taken_for_another():
    page = user(DOUYIN, unique_id="")
    assert read(DOUYIN_IDS, page, **{**NOBODY, "handle": "handle"}).reason is Reason.WRONG_IDENTITY


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_the_recorded_profiles_are_read():
    assert plain(read(TIKTOK, answer_of(TIKTOK))) == {
        ("tiktok_follower_count",): 89812099.0,
        ("tiktok_following_count",): 3.0,
        ("tiktok_video_count",): 1000.0,
        ("tiktok_like_count",): 382411162.0,
    }
    assert plain(read(DOUYIN, answer_of(DOUYIN))) == {
        ("douyin_follower_count",): 1234.0,
        ("douyin_follower_max",): 1250.0,
        ("douyin_follower_count_all_apps",): 1300.0,
        ("douyin_following_count",): 10.0,
        ("douyin_work_count",): 20.0,
        ("douyin_like_count",): 5678.0,
    }


def test_what_only_looks_up_ids_has_no_numbers_of_its_own():
    reading = read(DOUYIN_IDS, answer_of(DOUYIN))
    assert (reading.values, ENDPOINTS[DOUYIN_IDS].metrics) == ({}, ())


def test_a_sentinel_is_no_number():
    assert plain(read(DOUYIN, user(DOUYIN, aweme_count=-1)))["douyin_work_count",] is None


HIDDEN = [
    {"secret": 1},
    {"is_ban": True},
    {"secret": 1, "follower_count": 5},
    {"follower_count": 0, "total_favorited": 5},
    {"follower_count": 0, "total_favorited": 0, "max_follower_count": 7},
]


@pytest.mark.parametrize("name", [TIKTOK, DOUYIN])
@pytest.mark.parametrize("fields", HIDDEN)
def test_the_followers_of_a_hidden_account_are_not_a_number(name, fields):
    assert read(name, user(name, **fields)).reason is Reason.EMPTY


@pytest.mark.parametrize("name", [TIKTOK, DOUYIN])
def test_zero_followers_are_believed_only_of_an_account_that_never_had_any(name):
    newcomer = user(name, follower_count=0, total_favorited=0, max_follower_count=0)
    followers = ENDPOINTS[name].metrics[0].name

    assert plain(read(name, newcomer))[followers,] == 0.0
    assert read(name, newcomer, last={(followers, ()): 7.0}).reason is Reason.EMPTY
    assert ENDPOINTS[name].recalls == {followers}


@pytest.mark.parametrize("name", [TIKTOK, DOUYIN])
@pytest.mark.parametrize("missing", [None, "", "n/a", {}])
def test_a_missing_follower_count_is_no_reading(name, missing):
    assert read(name, user(name, follower_count=missing)).reason is Reason.BAD_PAYLOAD
