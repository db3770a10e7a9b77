"""Answers about a Douyin account that are empty, odd or hostile: unknown numbers or a failure, never a made-up one."""

from __future__ import annotations

import pytest

from daemon.providers.answer import Reading, Reason
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


@pytest.mark.parametrize("step_s", [1, 5, 7])
def test_of_a_long_curve_the_first_minute_becomes_series_and_all_of_it_is_kept(step_s):
    seconds = range(0, 90 * step_s, step_s)
    curve = [{"key": f"{s // 60:02}:{s % 60:02}", "value": 0.5} for s in reversed(seconds)]
    page = {"analysis_trend": {"current_item": curve, "similar_author": []}}
    reading = read("fetch_item_watch_trend", page)
    comments = {"total_count": 9, "bullet_distribution": [{"time_point": s, "count": 1} for s in reversed(seconds)]}

    first = {f"00:{s:02}" for s in seconds if s < 60}
    assert {moment for _, moment in plain(reading)} == first
    assert reading.payload == page
    counted = plain(read("fetch_item_danmaku_analysis", comments))
    assert {int(key[1]) for key in counted if key[0] == "danmaku_count"} == {s for s in seconds if s < 60}


@pytest.mark.parametrize("moment", ["1:00", "01:00", "60", "00:60", "soon", "-1:00", "", None])
def test_a_moment_that_is_not_of_the_first_minute_has_no_series(moment):
    page = {"analysis_trend": {"current_item": [{"key": moment, "value": 0.5}]}}
    assert read("fetch_item_watch_trend", page).values == {}


# --- a part that is missing ------------------------------------------------------------------------------------------

SERIES = {
    "fetch_item_watch_trend": [("watch_retention_similar", (("moment", "00:01"),))],
    "fetch_item_danmaku_analysis": [
        ("danmaku_count", (("second", "5"),)),
        ("danmaku_ratio", (("second", "5"),)),
        ("danmaku_word_count", (("sentiment", "positive"), ("word", "a"))),
    ],
    "fetch_item_audience_portrait": [
        ("portrait_ratio", (("dimension", "age"), ("group", "18-23"))),
        ("portrait_tgi", (("dimension", "gender"), ("group", "male"))),
    ],
    "fetch_item_audience_others": [
        ("viewer_fan_ratio", ()),
        ("viewer_stranger_ratio", ()),
        ("viewer_interest_ratio", (("keyword", "food"),)),
    ],
}
WITHOUT = {
    "fetch_item_watch_trend": ({"analysis_trend": {"current_item": []}},),
    "fetch_item_danmaku_analysis": ({"total_count": 3},),
    "fetch_item_audience_portrait": ({"gender": {"ratio_list": []}},),
    "fetch_item_audience_others": (
        {"audience_distribution": {"fan_list": []}},
        {"audience_keyword": {"keyword_list": []}},
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_a_part_that_an_answer_lacks_is_unknown_and_has_not_ended(name):
    last = dict.fromkeys(SERIES[name], 0.5)
    found = [read(name, page, last=last).values for page in WITHOUT[name]]

    assert {series for values in found for series in values.keys() & last.keys()} == last.keys()
    assert {values[series] for values in found for series in values.keys() & last.keys()} == {None}


def test_a_field_without_a_name_may_be_any_that_was_known():
    known = {("vertical_involved", (("vertical", name),)): 1.0 for name in ("food", "travel")}
    name = "fetch_item_analysis_involved_vertical"

    assert plain(read(name, {"primary_verticals": ["food", None]}, last=known)) == {
        ("vertical_involved", "food"): 1.0,
        ("vertical_involved", "travel"): None,
    }
    assert plain(read(name, {"primary_verticals": ["food"]}, last=known)) == {("vertical_involved", "food"): 1.0}


@pytest.mark.parametrize("name", SERIES)
def test_a_part_that_is_there_and_empty_has_no_series(name):
    whole = {
        "fetch_item_watch_trend": {"analysis_trend": {"current_item": [], "similar_author": []}},
        "fetch_item_danmaku_analysis": {"total_count": 3, "bullet_distribution": [], "hot_words": []},
        "fetch_item_audience_portrait": {"age": [], "gender": {"ratio_list": [], "tgi_list": []}},
        "fetch_item_audience_others": {
            "audience_distribution": {"fan_list": []},
            "audience_keyword": {"keyword_list": []},
        },
    }
    last = dict.fromkeys(SERIES[name], 0.5)
    assert not read(name, whole[name], last=last).values.keys() & last.keys()


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


def test_of_the_overviews_of_several_videos_each_has_its_own_and_none_has_that_of_another():
    rows = [{"item_id": "5", "review": {"status": 2}}, {"item_id": 6}]
    page = {"items": rows, "status_code": 0}

    assert read("fetch_item_overview_data", page, video_id="5").payload == {"items": rows[:1], "status_code": 0}
    assert read("fetch_item_overview_data", page, video_id="6").payload == {"items": rows[1:], "status_code": 0}
    assert read("fetch_item_overview_data", page, video_id="7").reason is Reason.NOT_FOUND


@pytest.mark.parametrize("page", [{"items": {}}, {"items": []}, {"items": [{}]}, {"data": 5}, [1]], ids=repr)
def test_an_overview_that_names_no_video_is_kept_as_it_came(page):
    assert read("fetch_item_overview_data", page) == Reading({}, payload=page)
