"""A video's own ratio, an account's own past month, and other videos of the same age."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.detector_peers import MILESTONES_S, WINDOW_ROLL_OFF, at_age, cohort, inflation, milestone, slump
from rules.detectors import Finding
from rules.values import Window

HOUR, DAY = 3_600.0, 86_400.0
START = 20_454 * DAY


def video(ratios: list[float], views_a_day: float = 20_000) -> tuple[Window, Window]:
    """Likes and views, polled every six hours; ``ratios`` are the likes of each new view, by the day."""
    likes, views, liked = Window(), Window(), 0.0
    for look in range(len(ratios) * 4 + 1):
        likes.add(START + look * 6 * HOUR, float(int(liked)))
        views.add(START + look * 6 * HOUR, views_a_day * look / 4)
        liked += ratios[min(look // 4, len(ratios) - 1)] * views_a_day / 4
    return likes, views


def inflated(likes: Window, views: Window) -> Finding | None:
    return inflation(likes, views, DAY, likes.times_s[-1])


def test_views_that_nobody_likes_are_inflated():
    found = inflated(*video([0.05] * 5 + [0.004]))
    assert found is not None
    assert found.score >= 6
    assert found.saw == pytest.approx(80, abs=1)
    assert found.low < 1_000 < found.high
    assert found.span_s == DAY


@pytest.mark.parametrize(
    ("why", "ratios", "views"),
    [
        ("as ever", [0.05] * 6, 20_000),
        ("half is a new audience", [0.05] * 5 + [0.025], 20_000),
        ("too few views", [0.05] * 5 + [0.0], 4_000),
    ],
)
def test_views_are_not_inflated(why, ratios, views):
    found = inflated(*video(ratios, views))
    assert found is not None
    assert found.score == 0


def test_the_ratio_is_that_of_the_two_weeks_before_the_span():
    likes, views = video([0.05] * 10 + [0.01] * 14 + [0.002])
    found, lately = inflated(likes, views), inflated(*video([0.01] * 14 + [0.002]))
    assert found is not None
    assert found == lately


def test_without_fifty_likes_the_ratio_is_not_known():
    assert inflated(*video([0.0004] * 5 + [0.0])) is None
    assert inflated(*video([0.0008] * 5 + [0.0])) is not None


def test_likes_that_were_taken_away_are_fewer_than_none():
    likes, views = video([0.05] * 6)
    likes.add(likes.times_s[-1] + 6 * HOUR, likes.values[-1] - 3_000)
    views.add(views.times_s[-1] + 6 * HOUR, views.values[-1] + 5_000)
    found = inflated(likes, views)
    assert found is not None
    assert found.score > 6
    assert found.saw < 0


def daily(*values: float) -> Window:
    """One look a day, at 05:00 UTC: an hour after the numbers of the day before are there."""
    return Window((START + (day * 24 + 5) * HOUR, value) for day, value in enumerate(values))


def slumped(rank: Window, own: Window) -> Finding:
    found = slump(rank, own, 28 * DAY, own.times_s[-1])
    assert found is not None
    return found


def test_half_of_the_own_value_lost_with_the_rank_at_the_bottom_is_a_slump():
    found = slumped(daily(*[0.5] * 25, 0.08, 0.06, 0.05), daily(*[100] * 25, 60, 50, 40))
    assert found.score == pytest.approx(0.6)
    assert (found.saw, found.low, found.high) == (40, 100, 100)
    assert not found.grounds


@pytest.mark.parametrize(
    ("why", "ranks"),
    [("only two days", [0.08, 0.06]), ("not the last", [0.05, 0.05, 0.05, 0.2]), ("not low enough", [0.1, 0.11, 0.1])],
)
def test_a_rank_that_was_not_at_the_bottom_for_three_days_says_nothing(why, ranks):
    start = [0.5] * (28 - len(ranks))
    assert slumped(daily(*start, *ranks), daily(*[100] * 25, 60, 50, 40)).score == 0


def test_a_hit_that_leaves_the_window_of_seven_days_is_named():
    own = [100] * 10 + [300] * 7 + [40, 40, 40]
    assert slumped(daily(*[0.5] * 17, 0.05, 0.05, 0.05), daily(*own)).grounds == (WINDOW_ROLL_OFF,)


def test_several_looks_at_one_data_day_count_once():
    ranks, owns = Window(), Window()
    for look in range(28 * 4):
        low = look >= 4 * 26  # the number of a day is there at 04:00 and stays until 04:00
        ranks.add(START + (look * 6 + 5) * HOUR, 0.05 if low else 0.5)
        owns.add(START + (look * 6 + 5) * HOUR, 20 if low else 100)
    assert slumped(ranks, owns).score == 0  # eight looks, but two data days


def test_what_was_not_known_on_one_look_of_a_day_is_taken_from_another():
    owns = daily(*[100] * 25, 60, 50, 40)
    for later, number in enumerate((math.nan, -99_999.0), 1):
        owns.times_s.insert(26 + later, owns.times_s[26] + later * HOUR)
        owns.values.insert(26 + later, number)
    assert slumped(daily(*[0.5] * 25, 0.08, 0.06, 0.05), owns).score == pytest.approx(0.6)


def test_half_of_the_span_is_needed():
    assert slump(daily(*[0.05] * 13), daily(*[40] * 13), 28 * DAY, START + 13 * DAY) is None


def test_a_video_that_does_ten_times_as_well_as_others_of_its_age_stands_out():
    peers = [800, 1_000, 1_200, 900, 1_500, 700, 1_100]
    found = cohort(10_000, DAY, peers)
    assert found is not None
    assert found.score > 4
    assert found.low < 1_000 < found.high < 10_000
    assert found.span_s == DAY
    usual, poor = cohort(1_000, DAY, peers), cohort(50, DAY, peers)
    assert usual is not None
    assert poor is not None
    assert usual.score == pytest.approx(0)
    assert poor.score < -4


def test_five_peers_are_needed():
    assert cohort(1_000, DAY, [1_000] * 4) is None
    assert cohort(1_000, DAY, [1_000] * 5) is not None


@given(st.lists(st.floats(0, 1e9), min_size=5, max_size=30), st.floats(0, 1e9), st.floats(0, 1e9))
def test_the_more_views_the_better_it_does(peers, one, other):
    low, high = (cohort(value, DAY, peers) for value in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert low.score <= high.score
    assert 0 <= low.low <= low.high < math.inf


@pytest.mark.parametrize(("age_s", "passed"), [(0, None), (HOUR, HOUR), (5 * HOUR, 3 * HOUR), (999 * DAY, 14 * DAY)])
def test_videos_are_compared_at_the_last_milestone_they_passed(age_s, passed):
    assert milestone(age_s) == passed
    assert list(MILESTONES_S) == sorted(MILESTONES_S)


def test_what_a_video_had_at_an_age_lies_between_two_looks():
    window = Window([(START, 0.0), (START + 2 * HOUR, 300.0), (START + 4 * HOUR, 500.0)])
    assert at_age(window, START, 3 * HOUR) == 400
    assert at_age(window, START, 5 * HOUR) is None
    assert at_age(window, START - 9 * HOUR, HOUR) is None
    assert at_age(Window(), START, HOUR) is None
