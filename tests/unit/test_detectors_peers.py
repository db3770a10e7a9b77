"""A video's own ratio, an account's own past month, and other videos of the same age."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.detector_peers import (
    MILESTONES_S,
    WINDOW_ROLL_OFF,
    at_age,
    cohort,
    inflation,
    inflation_depth_s,
    milestone,
    slump,
    slump_depth_s,
)
from rules.detector_tails import scarcity
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


def grown(before: float, since: float) -> Window:
    """What grew by so much in the ten days before the last, and since."""
    return Window([(START, 0.0), (START + 10 * DAY, before), (START + 11 * DAY, before + since)])


@pytest.mark.parametrize(
    ("liked", "likes", "views", "known", "few"),
    [
        (50, 0, 5_000, True, True),
        (49, 0, 5_000, False, False),
        (50, 0, 4_999, True, False),
        (5_000, 149, 5_000, True, True),
        (5_000, 150, 5_000, True, False),  # three tenths of the usual 500
        (50_000, 0, 5_000, True, True),
        (50_001, 0, 5_000, False, False),  # nobody likes twice
    ],
)
def test_likes_are_too_few_from_the_documented_limits_on_and_as_improbable_as_their_distribution_says(
    liked, likes, views, known, few
):
    found = inflated(grown(liked, likes), grown(50_000, views))
    assert (found is not None) is known
    if found is not None:
        mean = liked / 50_000 * views
        sd = math.sqrt(mean + 0.02 * mean**2)
        assert found.score == pytest.approx(scarcity(likes, mean, 0.02) if few else 0.0)
        assert (found.low, found.high) == pytest.approx((max(0.0, mean - 2 * sd), mean + 2 * sd))
        assert (found.score > 0, found.saw) == (few, likes)


def test_of_likes_or_views_that_are_not_known_nothing_is_said():
    for blind in (0, 1):
        windows = video([0.05] * 5 + [0.004])
        windows[blind].blind = True
        assert inflated(*windows) is None


def test_what_is_read_reaches_back_over_the_span_and_what_is_learned_from():
    assert (inflation_depth_s(DAY), inflation_depth_s(20 * DAY)) == (15 * DAY, 40 * DAY)
    assert (slump_depth_s(DAY), slump_depth_s(28 * DAY)) == (6 * DAY, 28 * DAY)


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


def test_a_rank_of_exactly_a_tenth_is_at_the_bottom():
    assert slumped(daily(*[0.5] * 25, 0.1, 0.1, 0.1), daily(*[100] * 25, 60, 50, 40)).score == pytest.approx(0.6)


def test_the_last_three_data_days_are_those_that_are_known():
    ranks = [0.5] * 22 + [0.5, math.nan, 0.5, 0.5, 0.05, 0.05]
    assert slumped(daily(*ranks), daily(*[100] * 25, 60, 50, 40)).score == 0
    ranks[-3:] = [0.05, math.nan, 0.05]
    assert slumped(daily(*ranks[:-4], 0.05, *ranks[-3:]), daily(*[100] * 25, 60, 50, 40)).score == pytest.approx(0.6)


@pytest.mark.parametrize(("hour", "is_new_day"), [(27.99, False), (28, True)])
def test_a_data_day_begins_at_four_in_the_morning(hour, is_new_day):
    ranks = daily(*[0.5] * 25, 0.05, 0.05)
    ranks.add(START + (26 * 24 + hour) * HOUR, 0.05)
    assert (slumped(ranks, daily(*[100] * 25, 40, 40)).score > 0) is is_new_day


@given(st.lists(st.integers(0, 1_000), min_size=14, max_size=27))
def test_what_is_usual_is_the_median_of_the_data_days_and_the_loss_a_share_of_it(owns):
    found = slumped(daily(*[0.05] * len(owns)), daily(*owns))
    middle = sorted(owns)[len(owns) // 2]
    spread = 1.4826 * sorted(abs(own - middle) for own in owns)[len(owns) // 2]
    assert found.score == pytest.approx(max(0.0, 1 - owns[-1] / middle) if middle else 0.0)
    assert (found.low, found.high) == pytest.approx((max(0.0, middle - 2 * spread), middle + 2 * spread))
    assert (found.saw, found.span_s) == (owns[-1], DAY)


@pytest.mark.parametrize(
    ("back", "risen", "named"),
    [(7, 100, True), (8, 100, True), (6, 100, False), (9, 100, False), (7, 99, False), (7, 0, False)],
)
def test_an_old_hit_is_a_rise_of_half_the_fall_about_a_week_before_it(back, risen, named):
    own = daily(*[300] * (27 - back), *[300 + risen] * back, 300 + risen - 200)
    assert (slumped(daily(*[0.05] * 28), own).grounds == (WINDOW_ROLL_OFF,)) is named


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
    assert slump(daily(*[0.05] * 14), daily(*[40] * 14), 28 * DAY, START + 14 * DAY) is not None


@pytest.mark.parametrize(("days", "is_known"), [([0, 1, *range(16, 28)], True), ([0, *range(16, 28)], False)])
def test_a_data_day_without_a_number_is_none_and_the_first_of_the_span_is_one(days, is_known):
    owns = daily(*[40 if day in days else math.nan for day in range(28)])
    assert (slump(daily(*[0.05] * 28), owns, 28 * DAY, owns.times_s[-1]) is not None) is is_known


def test_of_a_rank_or_a_value_that_is_not_known_nothing_is_said():
    for blind in (0, 1):
        windows = daily(*[0.05] * 28), daily(*[40] * 28)
        windows[blind].blind = True
        assert slump(*windows, 28 * DAY, windows[1].times_s[-1]) is None
    assert slump(daily(*[0.05] * 2), daily(*[40] * 28), 28 * DAY, START + 28 * DAY) is None


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


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=30), st.integers(0, 10**6))
def test_a_video_is_as_many_robust_deviations_of_the_logarithm_from_the_median(peers, value):
    logs = sorted(math.log(1 + peer) for peer in peers)
    middle = logs[len(logs) // 2]
    spread = max(0.25, 1.4826 * sorted(abs(log - middle) for log in logs)[len(logs) // 2])
    found = cohort(value, DAY, peers)
    assert found is not None
    assert found.score == pytest.approx((math.log(1 + value) - middle) / spread, abs=1e-9)
    low, high = (max(0.0, math.exp(middle + side * spread) - 1) for side in (-2, 2))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12, abs=1e-6)
    assert (found.saw, found.is_age) == (value, True)


def test_the_ages_of_comparison_are_those_of_the_documents_and_each_is_passed_when_it_is_reached():
    hours = (1, 2, 3, 6, 12, 24, 36, 48, 72, 5 * 24, 7 * 24, 14 * 24)
    assert tuple(each * HOUR for each in hours) == MILESTONES_S
    assert [milestone(age_s) for age_s in MILESTONES_S] == list(MILESTONES_S)
    assert [milestone(age_s - 1) for age_s in MILESTONES_S] == [None, *MILESTONES_S[:-1]]


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


def test_what_a_video_had_in_a_pause_is_known_if_that_was_no_longer_than_it_may_be():
    window = Window([(START, 100.0), (START + 3 * HOUR, 400.0)], fresh_for_s=3 * HOUR)
    assert [at_age(window, START - HOUR, age_s) for age_s in (HOUR, 2 * HOUR, 4 * HOUR)] == [100, 200, 400]
    window.fresh_for_s -= 1
    assert [at_age(window, START - HOUR, age_s) for age_s in (2 * HOUR, 4 * HOUR)] == [None, 400]
    window.pause_for_s = 3 * HOUR
    assert at_age(window, START - HOUR, 2 * HOUR) == 200
