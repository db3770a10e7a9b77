"""What is read of a TikTok account and its videos besides the shop: who it is, totals, comment keywords."""

from __future__ import annotations

import json

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reading, Reason
from daemon.providers.endpoint import Page
from tests.recorded import PUBLIC_VIDEO, answer_of, asked_of, plain, read, read_sample

# --- the account, as the shop sees it --------------------------------------------------------------------------------


def test_the_recorded_account_is_read():
    reading = read("get_creator_account_info", answer_of("get_creator_account_info"))

    assert plain(reading) == {
        ("shop_account_official",): 0.0,
        ("shop_user_type",): 1.0,
        ("shop_permissions",): 2.0,
        ("shop_permission", "1"): 1.0,
        ("shop_permission", "2"): 1.0,
    }
    assert reading.records[0].words == {
        "handle": "creator_handle",
        "nickname": "Creator",
        "region": "us",
        "partner": "",
    }


@pytest.mark.parametrize(("listed", "expected"), [([], 0.0), (None, None), ({}, None), ([1, None], None)])
def test_permissions_are_counted_only_if_all_are_listed(listed, expected):
    page = answer_of("get_creator_account_info") | {"permission_list": listed}
    assert plain(read("get_creator_account_info", page))["shop_permissions",] == expected


@pytest.mark.parametrize("listed", [None, {}, [2, None]], ids=repr)
def test_permissions_that_are_not_all_listed_are_unknown_and_not_taken_away(listed):
    page = answer_of("get_creator_account_info") | {"permission_list": listed}
    last = {("shop_permission", (("permission", "1"),)): 1.0, ("shop_permission", (("permission", "3"),)): None}
    values = plain(read("get_creator_account_info", page, last=last))

    assert (values["shop_permission", "1"], values["shop_permission", "3"]) == (None, None)
    assert values.get(("shop_permission", "2")) == (1.0 if isinstance(listed, list) else None)


def test_a_permission_that_the_list_lacks_has_ended():
    page = answer_of("get_creator_account_info") | {"permission_list": [2]}
    values = plain(read("get_creator_account_info", page, last={("shop_permission", (("permission", "1"),)): 1.0}))
    assert ("shop_permission", "1") not in values


def test_a_cookie_of_another_account_is_found_out():
    page = answer_of("get_creator_account_info")

    assert read("get_creator_account_info", page, uid="5").reason is Reason.WRONG_IDENTITY
    assert isinstance(read("get_creator_account_info", page, uid=""), Reading)
    assert read("get_creator_account_info", {"user_type": 1}).reason is Reason.BAD_PAYLOAD


# --- videos ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ["fetch_video_metrics", "fetch_video_metrics.observed"])
def test_the_recorded_totals_are_read_and_the_daily_arrays_are_not(sample):
    reading = read_sample(f"tiktok_analytics.{sample}")

    assert plain(reading) == {
        ("tiktok_video_views",): 1555500.0,
        ("tiktok_video_likes",): 11571.0,
        ("tiktok_video_comments",): 6920.0,
        ("tiktok_video_favorites",): 1243.0,
    }
    assert reading.records[0].words["title"] == "Overview"


def test_one_missing_total_is_unknown_and_no_total_is_a_failure():
    assert plain(read("fetch_video_metrics", {"likes": {"value": 0}})) == {
        ("tiktok_video_views",): None,
        ("tiktok_video_likes",): 0.0,
        ("tiktok_video_comments",): None,
        ("tiktok_video_favorites",): None,
    }
    assert read("fetch_video_metrics", {"likes": {}}).reason is Reason.BAD_PAYLOAD


def test_of_comments_only_their_number_is_kept():
    reading = read("fetch_comment_keywords", answer_of("fetch_comment_keywords"))
    kept = json.dumps(reading.payload) + repr(reading)

    assert plain(reading) == {
        ("comment_keywords",): 2.0,
        ("comment_keyword_comments", "tik tok"): 1.0,
        ("comment_keyword_comments", "go viral"): 1.0,
    }
    assert not any(word in kept for word in ("ollie", "7332627012203414560", "700 likes", "7502621950457463574"))
    assert reading.records == ()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], {("comment_keywords",): 0.0}),
        (
            [{"key_word": "a"}, {"key_word": "b", "comments": []}],
            {
                ("comment_keywords",): 2.0,
                ("comment_keyword_comments", "a"): None,
                ("comment_keyword_comments", "b"): 0.0,
            },
        ),
        ([{}], {("comment_keywords",): None}),
    ],
)
def test_keywords_are_counted_only_if_all_have_a_name(rows, expected):
    assert plain(read("fetch_comment_keywords", {"item_id": PUBLIC_VIDEO, "key_words": rows})) == expected


@pytest.mark.parametrize("name", ["fetch_video_metrics", "fetch_comment_keywords"])
def test_an_answer_about_another_video_is_refused(name):
    assert read(name, answer_of(name), video_id="5").reason is Reason.WRONG_IDENTITY
    assert read(name, {"item_id": PUBLIC_VIDEO}).reason is Reason.BAD_PAYLOAD


@pytest.mark.parametrize("name", ["fetch_video_metrics", "fetch_comment_keywords"])
def test_a_video_is_asked_about_by_its_id_alone(name):
    request = ENDPOINTS[name].ask([asked_of(name)], "c", Page(1))
    assert (dict(request.query), request.json) == ({"item_id": PUBLIC_VIDEO}, None)
