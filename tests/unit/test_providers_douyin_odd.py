"""Answers about a Douyin account that are empty, odd or hostile: unknown numbers or a failure, never a made-up one."""

from __future__ import annotations

import pytest

from daemon.providers.answer import Reason
from tests.recorded import plain, read

# --- what is missing, hidden or about somebody else ------------------------------------------------------------------

EMPTY = {
    "fetch_item_list": ({"items": [], "has_more": False}, {("items_listed",): 0.0}),
    "fetch_item_play_source": ({"play_source": []}, {}),
    "fetch_item_watch_trend": ({"analysis_trend": {"current_item": []}}, {}),
    "fetch_item_audience_portrait": ({"age": [], "gender": {"ratio_list": [], "tgi_list": []}}, {}),
    "fetch_item_audience_others": ({"audience_distribution": {"fan_list": []}}, {}),
    "fetch_item_danmaku_analysis": ({"total_count": 0}, {("danmaku_total",): 0.0, ("danmaku_peak_s",): None}),
    "fetch_item_search_keyword": ({"keywords": []}, {("search_count",): None}),
    "fetch_item_analysis_involved_vertical": ({"primary_verticals": []}, {}),
    "fetch_live_room_history_list": ({"series": []}, {("live_rooms",): 0.0}),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_list_is_a_reading_and_a_missing_one_is_not(name):
    page, values = EMPTY[name]

    assert plain(read(name, page)) == values
    assert read(name, {"status": 1}).reason is Reason.BAD_PAYLOAD


def test_a_row_without_a_name_has_no_series_and_makes_the_count_unknown():
    values = plain(read("fetch_item_list", {"items": [{"metrics": {"play_count": 3}}, {"item_id": 5}]}))

    assert values["items_listed",] is None
    assert {key[1:] for key in values} == {(), ("5",)}
    assert values["douyin_plays", "5"] is None


def test_a_ratio_out_of_its_range_is_unknown():
    rows = [{"app_id": 1, "key": "search", "value": 85.4, "history_difference": -0.2}]
    words = [{"keyword": "a", "count": 1, "percentage": 101}, {"keyword": "b", "count": 1, "percentage": 5e-324}]
    found = plain(read("fetch_item_search_keyword", {"keywords": words}))

    assert plain(read("fetch_item_play_source", {"play_source": rows})) == {
        ("play_source_ratio", "1", "search"): None,
        ("play_source_change", "1", "search"): -0.2,
    }
    assert [found["search_keyword_ratio", word] for word in "ab"] == [None, None]


def test_of_a_long_curve_the_first_minute_becomes_series_and_all_of_it_is_kept():
    page = {"analysis_trend": {"current_item": [{"key": f"{n // 60:02}:{n % 60:02}", "value": 0.5} for n in range(90)]}}
    reading = read("fetch_item_watch_trend", page)

    assert len(reading.values) == 60
    assert ("watch_retention", "00:59") in plain(reading)
    assert reading.payload == page


@pytest.mark.parametrize(
    ("words", "length_s"),
    [
        ("1小时2分钟5秒", 3725.0),
        ("2小时", 7200.0),
        ("0秒", 0.0),
        ("", None),
        ("5", None),
        ("1 minute", None),
        (65, None),
    ],
)
def test_a_length_in_words_becomes_seconds(words, length_s):
    page = {"series": [{"roomID": "1", "liveDurationWithoutPause": words}]}
    assert plain(read("fetch_live_room_history_list", page))["live_room_duration_s", "1"] == length_s


@pytest.mark.parametrize("end", ["", "-", "1970-01-01 08:00:00", "2025-11-31 00:00:00", "0001-01-01 00:00:00", 0])
def test_a_session_that_is_on_has_no_end(end):
    page = {"series": [{"roomID": "1", "endTime": end}]}
    assert plain(read("fetch_live_room_history_list", page))["live_room_ended", "1"] is None


def test_an_overview_of_another_video_is_refused():
    assert read("fetch_item_overview_data", {"items": [{"item_id": "5"}]}).reason is Reason.WRONG_IDENTITY
    assert read("fetch_item_overview_data", {"items": {}}).values == {}
