"""The recent past in memory: what is kept, what ends, and who cannot be seen."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.recent import KEPT, STALE_AFTER_INTERVALS, Pauses, Recent
from rules.windows import changed, highest, lowest

HOUR = 3600.0
DAY = 24 * HOUR
MEI, HEALTH, POINTS = "tiktok/account/a", "get_account_health_status", ("violation_score", ())
SLOWEST, CLOSER, SPARED = 2 * HOUR, HOUR / 2, 8 * HOUR
READ = {"violation_score": DAY}


@pytest.fixture
def recent():
    recent = Recent({"follower_count": DAY, "violation_active": 0.0, "violation_score": 0.0})
    recent.watch(1, "tiktok/account/a", "fetch_creator_info_and_milestones", 3 * HOUR)
    recent.watch(2, "tiktok/account/a", "get_account_violation_list", 6 * HOUR)
    recent.watch(3, "tiktok/account/a", "get_account_health_status", 2 * HOUR)
    return recent


def fans(recent, at_s, number):
    recent.see(1, at_s, [("follower_count", ()), ("like_count", ())], [number, 7.0])


def test_only_what_rules_read_has_a_window_but_everything_has_a_newest_number(recent):
    fans(recent, HOUR, 10.0)
    assert set(recent.view("tiktok/account/a")) == {"follower_count"}
    assert ("tiktok/account/a", ("like_count", ()), 7.0) in list(recent.latest())


def test_a_window_reaches_back_as_far_as_rules_look_and_not_much_further(recent):
    for hour in range(100):
        fans(recent, hour * HOUR, float(hour))
    window = recent.view("tiktok/account/a")["follower_count"][()]
    assert 99 * HOUR - 2 * HOUR - DAY <= window.times_s[0] <= 99 * HOUR - DAY


def test_a_few_looks_are_kept_however_short_the_windows_are(recent):
    for hour in range(100):
        recent.see(3, hour * HOUR, [("violation_score", ())], [float(hour)])
    assert KEPT <= len(recent.view("tiktok/account/a")["violation_score"][()].values) <= KEPT + 1


def test_a_record_that_is_no_longer_listed_has_ended(recent):
    for number, listed in enumerate((["r1", "r2"], ["r2"])):
        recent.see(
            2, number * HOUR, [("violation_active", (("record", name),)) for name in listed], [1.0] * len(listed)
        )
    assert set(recent.view("tiktok/account/a")["violation_active"]) == {(("record", "r2"),)}


def test_an_unknown_number_is_a_gap_and_not_a_zero(recent):
    fans(recent, HOUR, None)
    assert math.isnan(recent.view("tiktok/account/a")["follower_count"][()].values[-1])
    assert recent.watches[1].last() == {("follower_count", ()): None}


def test_a_failed_poll_blinds_its_own_series_until_the_next_success(recent):
    fans(recent, HOUR, 10.0)
    recent.see(3, HOUR, [("violation_score", ())], [3.0])
    recent.miss(1)
    view = recent.view("tiktok/account/a")
    assert (view["follower_count"][()].blind, view["violation_score"][()].blind) == (True, False)
    fans(recent, 2 * HOUR, 11.0)
    assert view["follower_count"][()].blind is False


def test_what_the_newest_look_did_not_see_is_not_shown_as_known(recent):
    fans(recent, HOUR, 10.0)
    recent.miss(1)
    assert not [each for each in recent.latest() if each[1][0] == "follower_count"]


def test_what_is_not_believed_yet_is_kept_and_shown_to_rules_afterwards(recent):
    fans(recent, HOUR, 10.0)
    recent.suspend(1, suspended=True)
    fans(recent, 2 * HOUR, 99.0)
    window = recent.view("tiktok/account/a")["follower_count"][()]
    assert window.blind
    recent.miss(1)
    recent.suspend(1, suspended=False)
    assert window.blind, "the newest look failed"
    fans(recent, 3 * HOUR, 99.0)
    assert (window.blind, list(window.values)) == (False, [10.0, 99.0, 99.0])


def test_what_is_withheld_of_an_endpoint_stays_blind_whatever_one_line_says(recent):
    fans(recent, HOUR, 10.0)
    recent.suspend(1, suspended=True)
    recent.withhold("fetch_creator_info_and_milestones", "follower_count")
    recent.suspend(1, suspended=False)
    window = recent.view("tiktok/account/a")["follower_count"][()]
    assert window.blind
    recent.believe("fetch_creator_info_and_milestones", "follower_count")
    assert not window.blind


def test_when_a_number_was_last_known_is_looked_up_in_as_few_rows_as_it_takes(recent):
    fans(recent, 9 * HOUR, None)
    recent.see(3, 9 * HOUR, [("violation_score", ())], [None])
    read = []

    def past(schedule_id):
        for hour, number in ((9, math.nan), (8, math.nan), (7, 12.0), (6, 11.0)):
            read.append((schedule_id, hour))
            yield schedule_id, hour * HOUR, (("follower_count", ()), ("like_count", ())), [number, 7.0]

    recent.recollect([1, 2, 3], {"follower_count"}, past)
    known_s = {name: windows[()].known_s for name, windows in recent.view("tiktok/account/a").items() if windows}
    assert known_s == {"follower_count": 7 * HOUR, "violation_score": None}
    assert read == [(1, 9), (1, 8), (1, 7)]
    recent.recollect([1], {"follower_count"}, past)
    assert len(read) == 3


def test_nothing_is_left_of_targets_that_are_others_than_these(recent):
    fans(recent, HOUR, 10.0)
    recent.unwatch(1)
    for target in (MEI, "provider/tikhub"):
        recent.state(target, "visible", (), HOUR, 1.0)
    recent.forget_others({"provider/tikhub"})
    assert list(recent.latest()) == [("provider/tikhub", ("visible", ()), 1.0)]
    assert (recent.view(MEI), recent.measured(MEI)) == ({}, {})


# --- how long nothing may be seen -------------------------------------------------------------------------------------


class Looks:
    """The looks at one number that stays the same, and what is known of its last day at the newest."""

    def __init__(self, interval_s=SLOWEST, slowest_s=SLOWEST, needs=READ):
        self.recent, self.at_s = Recent(needs), 0.0
        self.recent.watch(1, MEI, HEALTH, interval_s, slowest_s)

    def see(self, after_s, *intervals_s):
        """One more look; the next is so far away, and usually as far away as the second says."""
        self.at_s += after_s
        self.recent.see(1, self.at_s, [POINTS], [5.0], *intervals_s)
        return self

    def day(self, pace_s, *intervals_s):
        for _ in range(int(DAY / pace_s)):
            self.see(pace_s, *(intervals_s or (pace_s, SLOWEST)))
        return self

    @property
    def allowed_s(self):
        return self.recent.view(MEI)["violation_score"][()].pause_for_s

    @property
    def known(self):
        window = self.recent.view(MEI)["violation_score"][()]
        answers = [of(window, DAY, self.at_s) for of in (lowest, highest, changed)]
        assert answers in ([5.0, 5.0, False], [None, None, None])
        return answers[0] is not None


@given(
    st.lists(st.tuples(st.sampled_from([SLOWEST, SLOWEST / 2, CLOSER, SPARED]), st.integers(1, 100)), min_size=1),
    st.integers(1, int(DAY)),
)
def test_what_was_seen_in_time_whatever_the_interval_was_is_known_and_what_was_not_is_unknown(paces, more_s):
    looks = Looks().see(0.0, SLOWEST, SLOWEST).day(SLOWEST)
    for interval_s, percent in paces:
        looks.see(looks.recent.watches[1].fresh_for_s // 100 * percent, interval_s, SLOWEST)
        assert looks.known
    longest_s = STALE_AFTER_INTERVALS * max(SLOWEST, *(interval_s for interval_s, _ in paces))
    assert not looks.see(longest_s + more_s, SLOWEST, SLOWEST).known


def test_an_alert_that_has_its_line_asked_oftener_makes_nothing_unknown():
    looks = Looks().see(0.0, SLOWEST, SLOWEST).day(SLOWEST)
    assert looks.see(SLOWEST, CLOSER, SLOWEST).known
    assert looks.day(CLOSER).see(SLOWEST, SLOWEST, SLOWEST).known


def test_a_pause_that_would_be_none_without_the_alert_is_none():
    looks = Looks().see(0.0, SLOWEST, SLOWEST).day(CLOSER).day(CLOSER)
    assert looks.see(STALE_AFTER_INTERVALS * SLOWEST, CLOSER, SLOWEST).known


def test_a_pause_of_more_than_three_of_the_slowest_intervals_is_a_pause_also_under_an_alert():
    looks = Looks().see(0.0, SLOWEST, SLOWEST).day(SLOWEST)
    assert not looks.see(STALE_AFTER_INTERVALS * SLOWEST + 1, CLOSER, SLOWEST).known
    assert looks.day(CLOSER).see(CLOSER, CLOSER, SLOWEST).known, "a day later it has left the window"


def test_a_newest_number_is_too_old_after_three_intervals_of_an_alert_and_not_of_the_slowest():
    looks = Looks().see(0.0, SLOWEST, SLOWEST).day(SLOWEST).see(SLOWEST, CLOSER, SLOWEST)
    looks.at_s += STALE_AFTER_INTERVALS * CLOSER
    assert looks.known
    looks.at_s += 1
    assert not looks.known


def test_a_restart_under_an_alert_makes_nothing_unknown():
    looks = Looks(interval_s=CLOSER)
    for _ in range(20):
        looks.see(SLOWEST)
    assert looks.known
    assert looks.see(CLOSER, CLOSER, SLOWEST).known


@pytest.mark.parametrize("slowest_s", [SLOWEST, CLOSER], ids=["money", "reload"])
def test_what_a_line_was_allowed_before_counts_for_as_long_as_windows_hold_it(slowest_s):
    looks = Looks(SPARED, SLOWEST).see(0.0, SPARED, SPARED).day(SPARED).day(SPARED)
    looks.see(SPARED, slowest_s, slowest_s)
    while looks.allowed_s > STALE_AFTER_INTERVALS * slowest_s:
        assert looks.known
        looks.see(slowest_s, slowest_s, slowest_s)
    assert looks.known
    assert looks.at_s == 2 * DAY + SPARED + DAY
    assert not looks.see(STALE_AFTER_INTERVALS * slowest_s + 1, slowest_s, slowest_s).known


def test_the_longest_of_several_paces_before_counts_until_it_has_left_and_then_the_next():
    looks = Looks().see(0.0, SPARED, SPARED).see(SPARED, SPARED / 2, SLOWEST)
    looks.see(SPARED / 2, SLOWEST, SLOWEST)
    looks.see(SLOWEST, SPARED / 2, SLOWEST).see(SPARED / 2, SLOWEST, SLOWEST)
    window = looks.recent.view(MEI)["violation_score"][()]
    allowed = [(looks.at_s, window.pause_for_s)]
    while window.pause_for_s > STALE_AFTER_INTERVALS * SLOWEST:
        looks.see(SLOWEST, SLOWEST, SLOWEST)
        if window.pause_for_s != allowed[-1][1]:
            allowed.append((looks.at_s, window.pause_for_s))
    assert allowed == [
        (18 * HOUR, STALE_AFTER_INTERVALS * SPARED),
        (SPARED + DAY, STALE_AFTER_INTERVALS * SPARED / 2),
        (18 * HOUR + DAY, STALE_AFTER_INTERVALS * SLOWEST),
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1), st.integers(0, 20))
def test_how_long_pauses_may_be_is_the_longest_of_what_they_might_be_since_a_time(paces, span_s):
    pauses, at_s, might = Pauses(3.0), 0, [(0, 3.0)]
    for after_s, now_s in paces:
        at_s += after_s
        pauses.become(float(now_s), at_s)
        might = [*might[:-1], (at_s, might[-1][1]), (math.inf, float(now_s))]
        assert pauses.longest_s(at_s - span_s) == max(long_s for until_s, long_s in might if until_s > at_s - span_s)


def test_what_was_allowed_before_counts_in_each_window_until_it_has_left_that_one():
    recent, other = Recent({"violation_score": DAY, "health_rating": HOUR}), ("health_rating", ())
    recent.watch(1, MEI, HEALTH, SPARED, SPARED)
    for hours, interval_s in ((0, SPARED), (8, SLOWEST), (10, SLOWEST), (12, SLOWEST)):
        recent.see(1, hours * HOUR, [POINTS, other], [5.0, 9.0], interval_s, SLOWEST)
    allowed_s = {metric: windows[()].pause_for_s for metric, windows in recent.view(MEI).items()}
    assert allowed_s["violation_score"] == STALE_AFTER_INTERVALS * SPARED
    assert allowed_s["health_rating"] == STALE_AFTER_INTERVALS * SLOWEST


@pytest.mark.parametrize("deeper", [{}, {"health_rating": 28 * DAY}], ids=["alone", "beside a deep one"])
def test_that_money_was_spared_weeks_ago_hides_no_hole_of_yesterday(deeper):
    recent, other, at_s = Recent({"violation_score": DAY, **deeper}), ("health_rating", ()), 0.0
    recent.watch(1, MEI, HEALTH, SPARED, SLOWEST)
    for pause_s in (*(6 * [SPARED]), *(20 * 12 * [SLOWEST]), 20 * HOUR):
        at_s += pause_s
        recent.see(1, at_s, [POINTS, other], [5.0, 9.0], SPARED if pause_s == SPARED else SLOWEST, SLOWEST)
    assert lowest(recent.view(MEI)["violation_score"][()], DAY, at_s) is None


def test_what_a_line_was_allowed_before_counts_also_for_a_rule_that_looks_back_to_it_for_the_first_time():
    looks = Looks(SPARED, SPARED, needs={"violation_score": 0.0}).see(0.0, SPARED, SPARED).day(SPARED, SPARED, SPARED)
    rows = [(1, hours * HOUR, (POINTS,), [5.0]) for hours in (0, 8, 16, 24, 26, 28)]
    looks.see(SLOWEST, SLOWEST, SLOWEST).see(SLOWEST, SLOWEST, SLOWEST)
    looks.recent.need({"violation_score": DAY}, lambda: rows)
    assert looks.known


def test_a_line_that_was_asked_seldom_to_spare_money_before_a_restart_was_not_asked_too_seldom_then():
    looks = Looks(SPARED, SLOWEST)
    for _ in range(4):
        looks.see(SPARED)
    assert looks.see(SPARED, SLOWEST, SLOWEST).known


def test_windows_that_are_filled_again_are_allowed_the_same_pauses():
    looks = Looks().see(0.0, SPARED, SPARED).day(SPARED).day(SPARED).see(SPARED, SLOWEST, SLOWEST)
    rows = [(1, hours * HOUR, (POINTS,), [5.0]) for hours in range(0, 57, 8)]
    looks.recent.need({"violation_score": 2 * DAY}, lambda: rows)
    assert looks.known
