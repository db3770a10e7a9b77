"""What is asked and read of a Douyin account and its videos, besides the diagnosis."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Found, Reading, Reason, Videos
from daemon.providers.endpoint import Need, Page
from tests.recorded import DOUYIN_VIDEO, answer_of, asked_of, plain, read

AT = datetime(2026, 3, 10, 17, 30, 0, 123_000, tzinfo=UTC)  # in Beijing it is 01:30 of the 11th
ITEM = DOUYIN_VIDEO
FIRST = Page(1)


def sample(name):
    return plain(read(name, answer_of(name)))


def sent(name, page=FIRST, **asked):
    return dict(ENDPOINTS[name].ask([asked_of(name, at=AT, **asked)], "a-cookie", page).json)


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["play_source", "audience_portrait", "audience_others", "danmaku_analysis", "search_keyword"]
)
def test_a_video_is_asked_about_by_its_id_and_the_cookie_alone(name):
    assert sent(f"fetch_item_{name}") == {"cookie": "a-cookie", "item_id": ITEM}
    assert ENDPOINTS[f"fetch_item_{name}"].needs == {Need.COOKIE, Need.VIDEO_ID}


def test_retention_is_what_is_asked_of_the_watch_trend():
    assert sent("fetch_item_watch_trend") == {"cookie": "a-cookie", "item_id": ITEM, "analysis_type": 1}


def test_the_list_is_asked_for_thirty_days_in_milliseconds_without_those_who_took_part():
    assert sent("fetch_item_list") == {
        "cookie": "a-cookie",
        "start_time": 1770571800123,
        "end_time": 1773163800123,
        "count": 100,
        "order_by": 1,
        "fields": "metrics,review,visibility",
        "need_cooperation": False,
        "need_long_article": True,
    }


def test_an_overview_is_asked_for_with_all_seven_blocks():
    blocks = "metrics,review,play_info,dou_plus,integrated_incentive,incentive_life,content_analysis"
    assert sent("fetch_item_overview_data") == {"cookie": "a-cookie", "ids": ITEM, "fields": blocks}
    two = [asked_of("fetch_item_overview_data", video_id=video) for video in "12"]
    assert ENDPOINTS["fetch_item_overview_data"].ask(two, "c", FIRST).json["ids"] == "1,2"


def test_the_analyses_are_asked_for_the_ninety_days_up_to_yesterday_in_beijing():
    days = {"cookie": "a-cookie", "start_date": "20251211", "end_date": "20260310"}
    options = {"verticals": "动物, 美食,"}
    chosen = days | {"primary_verticals": ["动物", "美食"], "genres": [1, 2, 3, 4, 5, 8]}

    assert sent("fetch_item_analysis_involved_vertical") == days
    assert sent("fetch_item_analysis_overview", options=options) == chosen
    assert sent("fetch_item_analysis_item_performance", options=options) == chosen | {"metric_type": 1}
    assert (datetime(2026, 3, 10) - datetime(2025, 12, 11)).days + 1 == 90


def test_the_file_is_asked_for_thirty_days_in_milliseconds_and_of_every_kind():
    assert sent("fetch_item_list_download") == {
        "cookie": "a-cookie",
        "min_cursor": 1770571800123,
        "max_cursor": 1773163800123,
        "type_filters": [1, 2, 3, 4, 5, 8],
        "need_long_article": True,
    }


def test_the_analyses_are_asked_only_where_their_fields_are_said():
    for name in ("fetch_item_analysis_overview", "fetch_item_analysis_item_performance"):
        assert ENDPOINTS[name].needs == {Need.COOKIE, Need.VERTICALS}


def test_live_sessions_are_asked_for_thirty_days_and_today_in_beijing():
    assert sent("fetch_live_room_history_list") == {
        "cookie": "a-cookie",
        "start_date": "2026-02-09",
        "end_date": "2026-03-11",
        "limit": 400,
        "need_living": 1,
        "download": 0,
    }


# --- the recorded answers --------------------------------------------------------------------------------------------


def test_the_recorded_list_is_read_a_video_at_a_time():
    assert sample("fetch_item_list") == {
        ("items_listed",): 1.0,
        ("douyin_plays", ITEM): 12345.0,
        ("douyin_likes", ITEM): 678.0,
        ("douyin_comments", ITEM): 90.0,
        ("douyin_shares", ITEM): 45.0,
        ("douyin_favorites", ITEM): 123.0,
        ("douyin_review_status", ITEM): 2.0,
        ("douyin_public", ITEM): 1.0,
    }


def listed(*ids, more=False, **fields):
    return {"items": [{"item_id": one, "metrics": {"play_count": 5}} for one in ids], "has_more": more} | fields


def test_all_pages_are_one_list_that_is_complete_for_thirty_days():
    pages = listed("1", "2", more=True, cursor=7), listed("2", "3")
    reading = read("fetch_item_list", *pages, at=AT)

    assert reading.videos == Videos(
        (Found("1"), Found("2"), Found("3")), datetime(2026, 2, 8, 17, 30, 0, 123_000, tzinfo=UTC)
    )
    assert plain(reading)["items_listed",] == 3.0
    assert plain(reading)["douyin_plays", "3"] == 5.0
    assert reading.payload == list(pages)


@pytest.mark.parametrize("end", [{"has_more": True}, {"has_more": None}, {"items": [{"metrics": {}}]}])
def test_a_list_without_a_certain_end_is_no_proof_that_a_video_is_gone(end):
    assert read("fetch_item_list", listed("1") | end).videos.since is None


def test_the_next_page_begins_at_the_cursor_and_without_one_there_is_none():
    more = ENDPOINTS["fetch_item_list"].more
    first = sent("fetch_item_list")

    assert sent("fetch_item_list", Page(2, listed("1", more=True, cursor=7))) == first | {"cursor": 7}
    assert sent("fetch_item_list", Page(3, listed("1", more=True, cursor="x"))) == first | {"cursor": "x"}
    assert [
        more(page)
        for page in (
            listed("1", more=True, cursor=7),
            listed("1", more="true", cursor="0"),
            listed("1", more=True),
            listed("1", more=True, cursor=""),
            listed("1", cursor=7),
            None,
        )
    ] == [True, True, False, False, False, False]


def test_the_file_is_counted_and_its_rows_are_kept():
    rows = [{"作品ID": "1", "播放量": 5}, {}, {"作品ID": "2"}]
    reading = read("fetch_item_list_download", rows)

    assert plain(reading) == {("items_exported",): 2.0}
    assert reading.payload == [rows[0], rows[2]]
    assert plain(read("fetch_item_list_download", [])) == {("items_exported",): 0.0}
    assert read("fetch_item_list_download", {"a": 1}).reason is Reason.BAD_PAYLOAD


def test_the_recorded_play_sources_are_read():
    assert sample("fetch_item_play_source") == {
        ("play_source_ratio", "1128", "homepage_hot"): 0.8543689320388349,
        ("play_source_change", "1128", "homepage_hot"): 0.8543689320388349,
        ("play_source_ratio", "1128", "familiar"): 0.05825242718446602,
        ("play_source_change", "1128", "familiar"): 0.05825242718446602,
        ("play_source_ratio", "1128", "search"): 0.04854368932038835,
        ("play_source_change", "1128", "search"): 0.04854368932038835,
    }


def test_the_recorded_retention_is_read():
    assert sample("fetch_item_watch_trend") == {
        ("watch_retention", "00:00"): 0.2653,
        ("watch_retention", "00:01"): 0.2653,
        ("watch_retention", "00:05"): 0.0272,
        ("watch_retention", "00:10"): 0.1429,
        ("watch_retention_similar", "00:00"): 0.1594,
        ("watch_retention_similar", "00:01"): 0.2229,
    }


def test_the_recorded_keywords_are_shares_of_one():
    assert sample("fetch_item_search_keyword") == {
        ("search_count",): 3520.0,
        ("search_keyword_count", "搞笑视频"): 1250.0,
        ("search_keyword_ratio", "搞笑视频"): 0.355,
        ("search_keyword_count", "热门音乐"): 850.0,
        ("search_keyword_ratio", "热门音乐"): pytest.approx(0.242),
        ("search_keyword_count", "舞蹈教学"): 620.0,
        ("search_keyword_ratio", "舞蹈教学"): pytest.approx(0.176),
    }


def test_the_recorded_bullet_comments_are_read():
    assert sample("fetch_item_danmaku_analysis") == {
        ("danmaku_total",): 2156.0,
        ("danmaku_peak_s",): 12.0,
        ("danmaku_count", "5"): 328.0,
        ("danmaku_ratio", "5"): 0.152,
        ("danmaku_count", "12"): 562.0,
        ("danmaku_ratio", "12"): pytest.approx(0.261),
        ("danmaku_count", "18"): 445.0,
        ("danmaku_ratio", "18"): pytest.approx(0.206),
        ("danmaku_word_count", "positive", "哈哈哈"): 156.0,
        ("danmaku_word_count", "positive", "精彩"): 98.0,
        ("danmaku_word_count", "positive", "学到了"): 76.0,
    }


def test_the_recorded_portrait_is_read_in_groups_and_empty_dimensions_have_none():
    values = sample("fetch_item_audience_portrait")

    assert {key[2]: value for key, value in values.items() if key[1] == "gender"} == {
        "male": 135.47066238136884,
        "female": 54.49489346627035,
    }
    assert values["portrait_ratio", "gender", "male"] == 0.7612903225806451
    assert values["portrait_ratio", "active", "-1"] == 0.05063291139240506
    assert values["portrait_ratio", "age", "50-"] == 0.11612903225806452
    assert values["portrait_tgi", "age", "-18"] == 563.217280988937
    assert values["portrait_ratio", "province", "浙江"] == 0.24050632911392406
    assert values["portrait_tgi", "province", "湖北"] == 164.36825973059874
    assert len(values) == 4 + 2 * (2 + 4 + 6)
    assert {key[1] for key in values} == {"active", "gender", "province", "age"}


def test_the_recorded_audience_is_read():
    assert sample("fetch_item_audience_others") == {
        ("viewer_fan_ratio",): 0.156,
        ("viewer_stranger_ratio",): 0.844,
        ("viewer_interest_ratio", "美食"): 0.35,
        ("viewer_interest_ratio", "旅游"): 0.28,
        ("viewer_interest_ratio", "生活"): 0.22,
        ("viewer_interest_ratio", "娱乐"): 0.15,
    }


def test_the_recorded_fields_are_series():
    assert sample("fetch_item_analysis_involved_vertical") == {
        ("vertical_involved", "动物"): 1.0,
        ("vertical_involved", "美食"): 1.0,
        ("vertical_involved", "旅游"): 1.0,
    }


ROOM = "75746809889xxxxxx"
SESSION = {
    ("live_rooms",): 1.0,
    ("live_room_started", ROOM): datetime(2025, 11, 20, 5, 51, 15, tzinfo=UTC).timestamp(),
    ("live_room_ended", ROOM): datetime(2025, 11, 20, 5, 52, 20, tzinfo=UTC).timestamp(),
    ("live_room_duration_s", ROOM): 65.0,
    ("live_room_status", ROOM): 4.0,
    ("live_room_views", ROOM): 1.0,
    ("live_room_viewers", ROOM): 1.0,
    ("live_room_peak_viewers", ROOM): 1.0,
    ("live_room_average_watch", ROOM): 0.5666666666666667,
    ("live_room_likes", ROOM): 0.0,
    ("live_room_commenters", ROOM): 0.0,
    ("live_room_new_followers", ROOM): 0.0,
    ("live_room_consumers", ROOM): 1.0,
    ("live_room_fan_consumers", ROOM): 1.0,
    ("live_room_earn_score", ROOM): 1.0,
}


def test_the_recorded_session_is_read_at_each_depth_that_the_document_leaves_open():
    page = answer_of("fetch_live_room_history_list")
    deeper = {"data": {"code": 0, "componentID": "", "data": page}, "meta": ""}

    assert page.keys() == {"series"}
    assert sample("fetch_live_room_history_list") == SESSION
    assert plain(read("fetch_live_room_history_list", deeper)) == SESSION
    (record,) = read("fetch_live_room_history_list", deeper).records
    assert (record.kind, record.id, record.words["duration"]) == ("live_room", ROOM, "1分钟5秒")


@pytest.mark.parametrize("name", ["item_overview_data", "item_analysis_item_performance", "item_analysis_overview"])
def test_an_answer_without_a_list_of_fields_is_kept_and_gives_no_number(name):
    page = answer_of(f"fetch_{name}")
    assert read(f"fetch_{name}", page) == Reading({}, payload=page)
    assert ENDPOINTS[f"fetch_{name}"].metrics == ()
