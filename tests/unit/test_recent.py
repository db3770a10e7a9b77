"""The recent past in memory: what is kept, what ends, and who cannot be seen."""

from __future__ import annotations

import math

import pytest

from daemon.recent import KEPT, Recent

HOUR = 3600.0
DAY = 24 * HOUR


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
