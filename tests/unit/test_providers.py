"""What each of the first endpoints asks, and what it reads from answers that are whole, partial or odd."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Failure, Reason
from daemon.providers.endpoint import Page
from daemon.providers.payload import digest
from tests.recorded import KEYAPI_VIDEO, answer_of, asked_of, plain, read


def only(value):
    return {(name,): number for name, number in value.items()}


def test_what_is_asked_follows_the_target_and_the_page():
    violations, fake, info, keyapi = (
        ENDPOINTS[name]
        for name in (
            "get_account_violation_list",
            "detect_fake_views",
            "fetch_creator_info_and_milestones",
            "video_detail_analytics",
        )
    )
    one = asked_of("video_detail_analytics")
    product = replace(one, video_id="5", options={"content_category": "product"})

    assert violations.ask([one], "c", Page(3)).json == {"cookie": "c", "page": 3}
    assert fake.ask([product], "", Page(1)).query == {"item_id": "5", "content_category": "product"}
    assert fake.ask([one], "", Page(1)).query["content_category"] == "default"
    assert info.ask([one], "", Page(1)).query == {"user_id": "107955"}
    assert keyapi.ask([one, product], "", Page(1)).query == {"video_ids": f"{KEYAPI_VIDEO},5"}


# --- diagnosis -------------------------------------------------------------------------------------------------------


def test_the_recorded_diagnosis_is_read_in_both_nestings():
    page = answer_of("fetch_author_diagnosis")
    values = plain(read("fetch_author_diagnosis", page))

    assert values == plain(read("fetch_author_diagnosis", {"code": 0, "data": page}))
    assert len(values) == 25
    assert {name: value for (name, dimension), value in values.items() if dimension == "Interact"} == {
        "own_value": 0.0052,
        "author_rank": 0.2633,
        "similar_rank": 0.5169,
        "similar_count": 1494654282.0,
        "similar_value": 0.0909,
    }
    assert values["own_value", "NewFans"] == 2.0
    assert values["author_rank", "PlayCnt"] == 0.8427
    assert values["own_value", "PlayFinishRatio"] == 0.1545
    assert values["similar_rank", "PublishActivation"] == 0.5675
    assert values["similar_count", "PublishActivation"] is None


def test_a_missing_dimension_is_unknown_and_a_loss_of_fans_is_a_number():
    values = plain(read("fetch_author_diagnosis", {"NewFans": {"OwnValue": -3, "AuthorRank": 1.2}}))

    assert values["own_value", "NewFans"] == -3.0
    assert values["author_rank", "NewFans"] is None
    assert values["own_value", "Interact"] is None
    assert len(values) == 25


def test_a_diagnosis_without_dimensions_is_empty():
    assert read("fetch_author_diagnosis", {"code": 0, "data": {}}).reason is Reason.EMPTY


@pytest.mark.parametrize(
    ("at", "measured"),
    [
        ("2026-03-10T03:59:59+00:00", "2026-03-08T16:00:00+00:00"),
        ("2026-03-10T04:00:00+00:00", "2026-03-09T16:00:00+00:00"),
        ("2026-03-10T15:59:00+00:00", "2026-03-09T16:00:00+00:00"),
        ("2026-03-10T16:01:00+00:00", "2026-03-09T16:00:00+00:00"),
    ],
)
def test_a_diagnosis_describes_the_newest_day_that_is_complete_in_beijing(at, measured):
    instant = ENDPOINTS["fetch_author_diagnosis"].measured(datetime.fromisoformat(at))
    assert instant.isoformat() == measured


# --- creator info ----------------------------------------------------------------------------------------------------


def creator(followers, likes, uid="107955", **fields):
    return {"user_id": uid, "creator_info": {"follower_count": followers, "like_count": likes}} | fields


def test_the_recorded_creator_info_is_read():
    reading = read("fetch_creator_info_and_milestones", answer_of("fetch_creator_info_and_milestones"))

    assert plain(reading) == only({"follower_count": 89812099.0, "like_count": 382411162.0})
    assert [record.words["title"] for record in reading.records] == [
        "Reached 1 million followers",
        "Started posting on TikTok",
    ]
    assert len({record.id for record in reading.records}) == 2


def test_a_milestone_may_be_an_object_with_a_value():
    row = {"milestone": 6, "milestone_title": {"value": "Reached 1 million"}, "milestone_year": {"value": 2015}}
    words = read("fetch_creator_info_and_milestones", creator(1, 1, milestones=[row])).records[0].words

    assert (words["title"], words["year"]) == ("Reached 1 million", "2015")


def test_numbers_of_another_account_are_refused():
    assert read("fetch_creator_info_and_milestones", creator(5, 5, uid=107956)).reason is Reason.WRONG_IDENTITY
    assert plain(read("fetch_creator_info_and_milestones", creator(5, 5, uid=107955)))["follower_count",] == 5.0


def test_zero_followers_are_believed_only_of_an_account_that_never_had_any():
    before = {("follower_count", ()): 7.0}
    newcomer = read("fetch_creator_info_and_milestones", creator(0, 0))
    hidden = read("fetch_creator_info_and_milestones", creator(0, 0), last=before)
    liked = read("fetch_creator_info_and_milestones", creator(0, 12))

    assert plain(newcomer)["follower_count",] == 0.0
    assert (hidden.reason, liked.reason) == (Reason.EMPTY, Reason.EMPTY)
    assert "private" in hidden.detail


def test_a_missing_total_is_no_zero_and_a_negative_one_is_unknown():
    lacking = {"user_id": "107955", "creator_info": {"like_count": 5}}

    assert read("fetch_creator_info_and_milestones", lacking).reason is Reason.BAD_PAYLOAD
    assert plain(read("fetch_creator_info_and_milestones", creator(9, -977433948)))["like_count",] is None


# --- fake views ------------------------------------------------------------------------------------------------------


def test_the_recorded_fake_view_analysis_is_read():
    reading = read("detect_fake_views", answer_of("detect_fake_views"))

    values = plain(reading)
    components = {key[1]: values.pop(key) for key in list(values) if key[0] == "fake_component"}
    assert values == only(
        {
            "fake_score": 7.16,
            "fake_view_ratio": 0.05,
            "fake_views_estimated": 7970745.0,
            "fake_suspicious": 0.0,
            "judged_views": 159414915.0,
            "judged_likes": 15817234.0,
            "judged_comments": 392493.0,
            "judged_favorites": 1051470.0,
            "judged_shares": 1312741.0,
            "judged_like_ratio": 0.09922,
            "judged_comment_ratio": 0.00246,
            "judged_favorite_ratio": 0.0066,
            "judged_share_ratio": 0.00823,
            "traffic_pool_tier": 8.0,
            "traffic_pool_expected_tier": 8.0,
            "organic_views_estimated": 148000807.0,
            "creator_trust_score": 100.0,
            "creator_age_s": 3733.94 * 86400,
            "judged_creator_followers": 89827771.0,
        }
    )
    assert components == {
        "engagement": 0.0,
        "distribution": 10.0,
        "consistency": 0.0,
        "creator_credibility": 0.0,
        "content_authenticity": 34.0,
        "follower_correlation": 35.0,
        "racing_mechanism": 0.0,
        "fan_growth": 45.0,
    }
    assert [record.kind for record in reading.records] == ["suspicious_feature", "suspicious_feature", "fake_analysis"]
    assert reading.records[2].words == {
        "confidence_level": "Minimal",
        "main_detection_reason": "Statistical View Anomalies",
    }


def test_an_analysis_of_nothing_but_a_score_has_all_else_unknown():
    values = plain(read("detect_fake_views", {"fake_view_analysis": {"fake_score": 61}}))

    assert values.pop(("fake_score",)) == 61.0
    assert len(values) == 26
    assert set(values.values()) == {None}


def test_a_score_off_its_scale_is_unknown_and_a_missing_one_is_no_reading():
    assert plain(read("detect_fake_views", {"fake_view_analysis": {"fake_score": 101}}))["fake_score",] is None
    assert read("detect_fake_views", {"fake_view_analysis": {}}).reason is Reason.BAD_PAYLOAD


def test_a_suspicious_feature_keeps_its_id_from_poll_to_poll():
    page = {"fake_view_analysis": {"fake_score": 1}, "suspicious_features": ["a", "b"]}
    first, second = (read("detect_fake_views", page).records for _ in range(2))

    assert [record.id for record in first] == [record.id for record in second]
    assert first[0].id == digest("a") != first[1].id


# --- KeyAPI ----------------------------------------------------------------------------------------------------------


def test_the_recorded_video_analytics_are_read():
    values = plain(read("video_detail_analytics", answer_of("video_detail_analytics")))

    assert values == only(
        {
            "views": 211100.0,
            "likes": 18200.0,
            "comments": 939.0,
            "shares": 1649.0,
            "favorites": None,
            "views_1d": 0.0,
            "views_7d": 0.0,
            "views_30d": 0.0,
            "likes_1d": 0.0,
            "likes_7d": 0.0,
            "likes_30d": 0.0,
            "sales_estimated": 0.0,
            "sales_value_estimated": 0.0,
        }
    )


def test_rows_are_joined_by_id_and_an_absent_id_is_no_zero():
    page = [{"video_id": "2", "total_views_cnt": 22}, {"video_id": 1, "total_views_cnt": "11"}]

    assert [plain(read("video_detail_analytics", page, video_id=i))["views",] for i in ("1", "2")] == [11.0, 22.0]
    assert read("video_detail_analytics", page, video_id="1").payload == page[1]
    assert read("video_detail_analytics", page, video_id="3") == Failure(
        Reason.EMPTY, "the provider has no row for this video yet"
    )
    assert read("video_detail_analytics", [{"total_views_cnt": 1}], video_id="").reason is Reason.EMPTY


def test_a_total_cannot_be_negative_and_an_increment_can():
    row = {"video_id": "1", "total_views_cnt": -5, "total_views_1d_cnt": -5, "total_views_7d_cnt": -99999}
    values = plain(read("video_detail_analytics", [row], video_id="1"))

    assert [values[name,] for name in ("views", "views_1d", "views_7d")] == [None, -5.0, None]


def test_an_object_in_place_of_the_list_is_refused():
    assert read("video_detail_analytics", {"video_id": "1"}).reason is Reason.BAD_PAYLOAD
