"""The recent past in memory: what is kept, what ends, and who cannot be seen."""

from __future__ import annotations

import math

import pytest

from daemon.providers.answer import Reason
from daemon.recent import KEPT, PATIENCE, PATIENCE_FOR_ABSENCE, Look, Recent

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
    assert ("follower_count", ()) not in recent.watches[1].last()


def test_a_failed_poll_blinds_its_own_series_until_the_next_success(recent):
    fans(recent, HOUR, 10.0)
    recent.see(3, HOUR, [("violation_score", ())], [3.0])
    recent.miss(1)
    view = recent.view("tiktok/account/a")
    assert (view["follower_count"][()].blind, view["violation_score"][()].blind) == (True, False)
    fans(recent, 2 * HOUR, 11.0)
    assert view["follower_count"][()].blind is False


def states(recent, target):
    view = recent.view(target)
    return {metric: windows[()].values[-1] for metric, windows in view.items() if () in windows}


@pytest.mark.parametrize(
    ("reason", "account"),
    [
        (None, {"visible": 1.0, "cookie_ok": 1.0}),
        (Reason.COOKIE, {"visible": 1.0, "cookie_ok": 0.0}),
        (Reason.BAD_PAYLOAD, {"visible": 0.0, "cookie_ok": 1.0}),
        (Reason.SERVER, {}),
        (Reason.BALANCE, {}),
    ],
)
def test_a_failure_is_blamed_on_the_one_who_has_to_act(recent, reason, account):
    recent.note([Look(3, HOUR, reason, "why")])
    assert states(recent, "tiktok/account/a") == account


def test_one_failing_endpoint_is_not_hidden_by_the_success_of_another(recent):
    recent.note([Look(3, HOUR, None)])
    recent.note([Look(1, HOUR + 1, Reason.BAD_PAYLOAD)])
    assert recent.note([Look(3, 2 * HOUR, None)]) == set()
    assert states(recent, "tiktok/account/a")["visible"] == 0.0
    recent.note([Look(1, 3 * HOUR, None)])
    assert states(recent, "tiktok/account/a")["visible"] == 1.0


def test_one_failing_endpoint_is_not_a_provider_that_is_down(recent):
    recent.note([Look(3, HOUR, None)])
    for step in range(9):
        recent.note([Look(1, 2 * HOUR + step, Reason.SERVER)])
    view = recent.view("provider/tikhub")
    assert view["provider_up"][()].values[-1] == 1.0
    assert view["endpoint_up"][(("endpoint", "fetch_creator_info_and_milestones"),)].values[-1] == 0.0
    recent.note([Look(3, 3 * HOUR, Reason.SERVER)])
    assert view["provider_up"][()].values[-1] == 0.0


def test_a_target_that_alone_is_refused_for_long_is_blind_itself(recent):
    recent.watch(7, "tiktok/account/b", "fetch_creator_info_and_milestones", 3 * HOUR)
    for step in range(PATIENCE):
        assert "visible" not in states(recent, "tiktok/account/b")
        recent.note([Look(7, step * HOUR + 1, Reason.SERVER), Look(1, step * HOUR + 2, None)])
    assert states(recent, "tiktok/account/b")["visible"] == 0.0


def test_one_answer_in_a_group_shows_that_the_provider_is_there(recent):
    recent.note([Look(1, HOUR, Reason.SERVER, ""), Look(3, HOUR, None, "")])
    assert states(recent, "provider/tikhub")["provider_up"] == 1.0
    up = recent.view("provider/tikhub")["endpoint_up"]
    assert up[(("endpoint", "fetch_creator_info_and_milestones"),)].values[-1] == 0.0


def test_a_provider_that_is_back_leaves_the_endpoints_not_asked_yet_unknown(recent):
    recent.note([Look(1, HOUR, Reason.SERVER, ""), Look(3, HOUR, Reason.SERVER, "")])
    recent.note([Look(3, 2 * HOUR, None, "")])
    up = recent.view("provider/tikhub")["endpoint_up"]
    assert math.isnan(up[(("endpoint", "fetch_creator_info_and_milestones"),)].values[-1])


def test_nothing_is_news_while_all_goes_well(recent):
    recent.note([Look(3, HOUR, None, "")])
    assert recent.note([Look(3, 2 * HOUR, None, "")]) == set()
    assert len(recent.view("provider/tikhub")["provider_up"][()].times_s) == 1


def test_the_reason_of_a_failure_is_kept_for_the_message_until_it_is_over(recent):
    recent.note([Look(3, HOUR, Reason.COOKIE, "HTTP 200 without data")])
    [record] = recent.failures("tiktok/account/a")
    assert record.words == {
        "endpoint": "get_account_health_status",
        "reason": "cookie",
        "detail": "HTTP 200 without data",
    }
    recent.note([Look(3, 2 * HOUR, None, "")])
    assert recent.failures("tiktok/account/a") == []


def test_a_row_the_provider_has_not_collected_yet_makes_a_video_invisible_only_after_days(recent):
    recent.watch(9, "tiktok/video/1", "video_detail_analytics", 6 * HOUR)
    for step in range(PATIENCE_FOR_ABSENCE):
        assert states(recent, "tiktok/video/1") == {}
        recent.note([Look(9, step * HOUR + 1, Reason.EMPTY)])
    assert states(recent, "tiktok/video/1") == {"video_visible": 0.0}


def test_what_the_newest_look_did_not_see_is_not_shown_as_known(recent):
    fans(recent, HOUR, 10.0)
    recent.miss(1)
    assert not [each for each in recent.latest() if each[1][0] == "follower_count"]
