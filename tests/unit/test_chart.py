"""Charts: what is drawn, and what can be seen of it."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.chart import DAY_S, MOST_POINTS, History, chart, gapped, thinned, ticks, time_ticks
from daemon.drawing import HEIGHT, LINES, WIDTH, _drawable, draw
from daemon.providers import METRICS
from rules.book import RuleBook
from rules.building import build_book
from rules.models import RuleModel
from rules.story import Amount, Band, Change, Ending, Who
from rules.values import News, Unit
from rules.wording import Speech
from rules.words import Language
from rules.words_zh import CHINESE
from tests.told import NOON, a_story

NOON_S, HOUR_S = NOON.timestamp(), 3_600.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
POINTS = Change("violation_score", Unit.POINTS, Amount(12.0, Unit.POINTS))


def levels(**conditions):
    written = {name: {"when": when, "severity": "high"} for name, when in conditions.items()}
    book = build_book([RuleModel.model_validate({"name": "r", "on": "account", "levels": written})], METRICS, ["team"])
    assert isinstance(book, RuleBook), book
    return book.rules[0].levels


def seen(*values, every_s=HOUR_S):
    """Numbers up to noon."""
    start = NOON_S - (len(values) - 1) * every_s
    return [(start + number * every_s, value) for number, value in enumerate(values)]


def a_history(*values, own=(), change=POINTS, **more):
    return History(change, seen(*values), NOON - timedelta(days=7), 3 * HOUR_S, 3 * HOUR_S, own, **more)


def told(**more):
    return replace(a_story(level="high", **more), who=Who("小明", "k"))


def pixels(made, colour):
    """The places of a colour in the picture of a chart, as (column, row)."""
    picture = Image.open(io.BytesIO(draw(json.loads(made.as_line())))).convert("RGB")
    wanted = tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
    flat = list(picture.get_flattened_data())
    return {(place % WIDTH, place // WIDTH) for place, each in enumerate(flat) if each == wanted}


# --- what is drawn ----------------------------------------------------------------------------------------------


def test_a_chart_says_whose_number_it_is_and_when_in_the_language_and_on_the_clock_of_the_channel():
    own = levels(high="violation_score >= 12")
    made = chart(told(), a_history(9.0, 12.0, own=own), Speech(Language.ZH, SHANGHAI))
    assert (made.title, made.below) == ("小明: 违规分", "▲ 北京时间 2026-11-21 20:00")
    assert made.lines == [("严重 >= 12", 12.0, "high")]


def test_a_share_is_written_in_percent_on_the_axis_and_on_its_line():
    change = Change("fake_views_ratio", Unit.RATIO, Amount(0.3, Unit.RATIO))
    made = chart(told(), a_history(0.1, 0.3, change=change), Speech())
    assert [text for _, text in made.y_ticks] == ["10 %", "15 %", "20 %", "25 %", "30 %"]


@pytest.mark.parametrize("values", [(), (9.0,), (math.nan, math.nan, 9.0)])
def test_there_is_no_chart_of_a_number_that_was_known_less_than_twice(values):
    assert chart(told(), a_history(*values), Speech()) is None


def test_a_number_that_was_not_known_is_a_gap_and_never_zero():
    made = chart(told(), a_history(8.0, math.nan, 9.0), Speech())
    assert [value for _, value in made.points] == [8.0, None, 9.0]
    assert made.range[0] > 0


def test_a_number_does_not_count_for_longer_than_it_is_fresh():
    history = History(POINTS, [(0.0, 8.0), (100.0, 9.0)], NOON, pause_s=30.0, fresh_s=20.0)
    assert gapped(history, 200.0) == [(0.0, 8.0), (30.0, None), (100.0, 9.0), (120.0, 9.0)]


def test_a_threshold_that_is_far_away_does_not_press_the_curve_to_a_line():
    own = levels(high="violation_score >= 12", critical="violation_score >= 100000")
    made = chart(told(), a_history(9.0, 12.0, own=own), Speech())
    assert [value for _, value, _ in made.lines] == [12.0]


def test_what_was_expected_begins_where_the_number_was():
    band = Band("violation_score", low=0.5, high=2.0, saw=3.0, span_s=2 * HOUR_S)
    made = chart(told(bands=(band,)), a_history(8.0, 9.0, 10.0, 12.0), Speech())
    assert made.band == [(NOON_S - 2 * HOUR_S, 9.0, 9.0), (NOON_S, 9.5, 11.0)]


def test_what_was_expected_at_an_age_is_not_added_to_what_there_was():
    band = Band("violation_score", low=2.0, high=4.0, saw=12.0, span_s=DAY_S, by_age=True)
    made = chart(told(bands=(band,)), a_history(8.0, 12.0), Speech())
    assert {(low, high) for _, low, high in made.band} == {(2.0, 4.0)}


def test_of_what_is_over_its_beginning_is_marked_too():
    over = told(news=News.RESOLVED, ending=Ending(2 * HOUR_S, "high"))
    made = chart(over, a_history(9.0, 12.0, 12.0, 8.0), Speech())
    assert made.moments == [NOON_S - 2 * HOUR_S, NOON_S]


LOOKS = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=3_000)


@given(LOOKS)
def test_a_thinned_course_keeps_its_lowest_its_highest_its_order_and_that_there_is_a_gap(values):
    points = [(float(number), value) for number, value in enumerate(values)]
    kept = thinned(points, MOST_POINTS)
    known = [value for value in values if value is not None]
    left = [value for _, value in kept if value is not None]
    assert len(kept) <= MOST_POINTS
    assert list(kept) == sorted(set(kept) & set(points), key=lambda point: point[0])
    assert (min(left, default=0), max(left, default=0)) == (min(known, default=0), max(known, default=0))
    assert (None in values) == (None in [value for _, value in kept])


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12))
def test_a_scale_has_two_to_seven_round_numbers_within(bottom, height):
    top = bottom + height
    if top - bottom < abs(bottom) * 1e-9 or top == bottom:
        return
    found = ticks(bottom, top)
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))


@given(st.integers(0, 10**9), st.floats(120, 400 * DAY_S), st.sampled_from([UTC, SHANGHAI, ZoneInfo("Europe/Berlin")]))
def test_an_axis_of_time_has_a_few_round_times_within(start, width_s, zone):
    found = time_ticks(1e9 + start, 1e9 + start + width_s, zone)
    assert len(found) <= 10
    assert all(1e9 + start <= at_s <= 1e9 + start + width_s for at_s, _ in found)
    there = [datetime.fromtimestamp(at_s, zone) for at_s, _ in found]
    assert all(each.second == 0 and (each.minute % 5 == 0 or width_s < 2_400) for each in there)


# --- what is seen -----------------------------------------------------------------------------------------------


def test_a_picture_has_the_right_size_in_pixels_and_bytes():
    made = chart(told(), a_history(*range(168), own=levels(high="violation_score >= 12")), Speech())
    png = draw(json.loads(made.as_line()))
    assert Image.open(io.BytesIO(png)).size == (WIDTH, HEIGHT) == (800, 360)
    assert len(png) < 60_000


def test_a_threshold_is_a_line_across_the_picture_and_without_it_there_is_none():
    own = levels(high="violation_score >= 12")
    rows = [row for _, row in pixels(chart(told(), a_history(9.0, 15.0, own=own), Speech()), LINES["high"])]
    assert max(map(rows.count, set(rows))) > WIDTH / 3
    assert not pixels(chart(told(), a_history(9.0, 15.0), Speech()), LINES["high"])


def test_where_nothing_was_known_no_curve_is_seen():
    columns = {}
    for middle in (9.0, math.nan):
        made = chart(told(), a_history(9.0, *[middle] * 8, 9.0), Speech())
        columns[math.isnan(middle)] = {column for column, _ in pixels(made, "#1f6fb4")}
    assert len(columns[False]) > 0.8 * WIDTH
    assert len(columns[True]) < 0.2 * WIDTH


def test_a_name_with_dollars_emoji_and_line_ends_is_drawn_as_it_is():
    odd = replace(told(), who=Who("$x^{2$ 😀\n小明\x00", "k"))
    assert draw(json.loads(chart(odd, a_history(9.0, 12.0), Speech()).as_line())).startswith(b"\x89PNG")


def test_the_font_has_every_character_of_our_chinese_words():
    words = "".join(
        [*CHINESE.texts.values(), *CHINESE.names.values(), *CHINESE.units.values(), *CHINESE.zones.values()]
    )
    assert _drawable(words) == words
