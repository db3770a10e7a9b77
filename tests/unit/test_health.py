"""Who can be seen at all: providers, endpoints, accounts and videos, by how their polls end."""

from __future__ import annotations

import math

import pytest

from daemon.health import PATIENCE, PATIENCE_FOR_ABSENCE, Health, Look
from daemon.providers import METRICS
from daemon.providers.answer import Reason
from daemon.recent import Recent

HOUR = 3600.0


@pytest.fixture
def recent():
    recent = Recent({})
    recent.watch(1, "tiktok/account/a", "fetch_creator_info_and_milestones", 3 * HOUR)
    recent.watch(2, "tiktok/account/a", "get_account_violation_list", 6 * HOUR)
    recent.watch(3, "tiktok/account/a", "get_account_health_status", 2 * HOUR)
    return recent


@pytest.fixture
def health(recent):
    health = Health(recent)
    for line in recent.watches:
        health.watch(line)
    return health


def states(recent, target):
    view = recent.view(target)
    return {metric: windows[()].values[-1] for metric, windows in view.items() if () in windows}


@pytest.mark.parametrize(
    ("reason", "account"),
    [
        (None, {"visible": 1.0}),
        (Reason.COOKIE, {"visible": 1.0}),
        (Reason.BAD_PAYLOAD, {"visible": 0.0}),
        (Reason.SERVER, {}),
        (Reason.BALANCE, {}),
    ],
)
def test_a_failure_is_blamed_on_the_one_who_has_to_act(recent, health, reason, account):
    health.note([Look(3, HOUR, reason, "why")])
    assert states(recent, "tiktok/account/a") == account


def test_one_failing_endpoint_is_not_hidden_by_the_success_of_another(recent, health):
    health.note([Look(3, HOUR, None)])
    health.note([Look(1, HOUR + 1, Reason.BAD_PAYLOAD)])
    assert health.note([Look(3, 2 * HOUR, None)]) == set()
    assert states(recent, "tiktok/account/a")["visible"] == 0.0
    health.note([Look(1, 3 * HOUR, None)])
    assert states(recent, "tiktok/account/a")["visible"] == 1.0


def test_one_failing_endpoint_is_not_a_provider_that_is_down(recent, health):
    health.note([Look(3, HOUR, None)])
    for step in range(9):
        health.note([Look(1, 2 * HOUR + step, Reason.SERVER)])
    view = recent.view("provider/tikhub")
    assert view["provider_up"][()].values[-1] == 1.0
    assert view["endpoint_up"][(("endpoint", "fetch_creator_info_and_milestones"),)].values[-1] == 0.0
    health.note([Look(3, 3 * HOUR, Reason.SERVER)])
    assert view["provider_up"][()].values[-1] == 0.0


def test_a_target_that_alone_is_refused_for_long_is_blind_itself(recent, health):
    recent.watch(7, "tiktok/account/b", "fetch_creator_info_and_milestones", 3 * HOUR)
    health.watch(7)
    for step in range(PATIENCE):
        assert "visible" not in states(recent, "tiktok/account/b")
        health.note([Look(7, step * HOUR + 1, Reason.SERVER), Look(1, step * HOUR + 2, None)])
    assert states(recent, "tiktok/account/b")["visible"] == 0.0


@pytest.mark.parametrize("reason", [Reason.BAD_PAYLOAD, Reason.NOT_FOUND, Reason.EMPTY, Reason.SERVER])
def test_what_is_asked_of_the_provider_about_itself_has_nobody_else_to_blame(recent, health, reason):
    recent.watch(8, "provider/tikhub", "canary", HOUR)
    health.watch(8)
    health.note([Look(3, HOUR, None)])
    health.note([Look(8, HOUR, reason, "why")])
    assert recent.view("provider/tikhub")["endpoint_up"][(("endpoint", "canary"),)].values[-1] == 0.0
    assert states(recent, "provider/tikhub") == {"provider_up": 1.0, "key_accepted": 1.0}
    assert [record.id for record in health.failures("provider/tikhub")] == ["canary"]


def test_a_failure_that_many_share_says_nothing_of_a_target(recent):
    health = Health(
        recent, lambda target, endpoint: (target, endpoint) == ("tiktok/account/a", "get_account_health_status")
    )
    for line in recent.watches:
        health.watch(line)
    health.note([Look(3, HOUR, Reason.BAD_PAYLOAD)])
    assert states(recent, "tiktok/account/a") == {}
    health.note([Look(1, HOUR, Reason.BAD_PAYLOAD)])
    assert states(recent, "tiktok/account/a") == {"visible": 0.0}


def test_one_answer_in_a_group_shows_that_the_provider_is_there(recent, health):
    health.note([Look(1, HOUR, Reason.SERVER, ""), Look(3, HOUR, None, "")])
    assert states(recent, "provider/tikhub")["provider_up"] == 1.0
    up = recent.view("provider/tikhub")["endpoint_up"]
    assert up[(("endpoint", "fetch_creator_info_and_milestones"),)].values[-1] == 0.0


def test_a_provider_that_is_back_leaves_the_endpoints_not_asked_yet_unknown(recent, health):
    health.note([Look(1, HOUR, Reason.SERVER, ""), Look(3, HOUR, Reason.SERVER, "")])
    health.note([Look(3, 2 * HOUR, None, "")])
    up = recent.view("provider/tikhub")["endpoint_up"]
    assert math.isnan(up[(("endpoint", "fetch_creator_info_and_milestones"),)].values[-1])


def test_nothing_is_news_while_all_goes_well(recent, health):
    health.note([Look(3, HOUR, None, "")])
    assert health.note([Look(3, 2 * HOUR, None, "")]) == set()
    assert len(recent.view("provider/tikhub")["provider_up"][()].times_s) == 1


def test_the_reason_of_a_failure_is_kept_for_the_message_until_it_is_over(recent, health):
    health.note([Look(3, HOUR, Reason.COOKIE, "HTTP 200 without data")])
    [record] = health.failures("tiktok/account/a")
    assert record.words == {
        "endpoint": "get_account_health_status",
        "reason": "cookie",
        "detail": "HTTP 200 without data",
    }
    health.note([Look(3, 2 * HOUR, None, "")])
    assert health.failures("tiktok/account/a") == []


def test_a_row_the_provider_has_not_collected_yet_makes_a_video_invisible_only_after_days(recent, health):
    recent.watch(9, "tiktok/video/1", "video_detail_analytics", 6 * HOUR)
    health.watch(9)
    for step in range(PATIENCE_FOR_ABSENCE):
        assert states(recent, "tiktok/video/1") == {}
        health.note([Look(9, step * HOUR + 1, Reason.EMPTY)])
    assert states(recent, "tiktok/video/1") == {"video_visible": 0.0}


@pytest.mark.parametrize("reason", [Reason.AUTH, Reason.BALANCE])
def test_a_refused_key_is_told_at_once_and_as_no_outage_and_no_target_is_blamed(recent, health, reason):
    health.note([Look(3, HOUR, None)])
    assert health.note([Look(3, 2 * HOUR, reason, "why")]) == {"provider/tikhub"}
    for step in range(PATIENCE):
        assert health.note([Look(3, (3 + step) * HOUR, reason, "why")]) <= {"provider/tikhub"}
    assert states(recent, "provider/tikhub") == {"provider_up": 1.0, "key_accepted": 0.0}
    assert states(recent, "tiktok/account/a") == {"visible": 1.0}
    assert [record.words["reason"] for record in health.failures("provider/tikhub")] == [reason.value]
    health.note([Look(3, 9 * HOUR, None)])
    assert states(recent, "provider/tikhub")["key_accepted"] == 1.0
    assert health.failures("provider/tikhub") == []


def test_what_was_not_sent_says_why_a_target_is_not_seen_and_shows_nobody(recent, health):
    health.note([Look(2, HOUR, Reason.BAD_PAYLOAD)])
    health.note([Look(1, HOUR + 1, Reason.SERVER), Look(3, HOUR + 1, Reason.SERVER)])
    for step in range(2 * PATIENCE):
        assert health.note([Look(2, (2 + step) * HOUR, Reason.COOKIE, "it was refused", sent=False)]) == set()
    assert states(recent, "provider/tikhub") == {"provider_up": 0.0, "key_accepted": 1.0}
    assert states(recent, "tiktok/account/a") == {"visible": 0.0}
    assert [record.words["detail"] for record in health.failures("tiktok/account/a")][-1] == "it was refused"


@pytest.mark.parametrize("sent", [True, False])
def test_one_outage_after_many_refusals_of_the_cookie_makes_no_target_blind(recent, health, sent):
    recent.watch(7, "tiktok/account/b", "fetch_creator_info_and_milestones", 3 * HOUR)
    health.watch(7)
    for step in range(2 * PATIENCE):
        health.note([Look(7, step * HOUR + 1, Reason.COOKIE, sent=sent)])
    health.note([Look(7, 20 * HOUR, Reason.TIMEOUT), Look(1, 20 * HOUR, None)])
    assert states(recent, "tiktok/account/b").get("visible") != 0.0


def test_the_states_that_are_noted_at_each_failure_are_those_that_for_polls_can_count(recent, health):
    recent.watch(9, "tiktok/video/7", "detect_fake_views", HOUR)
    health.watch(9)
    again = set()
    for reason in (Reason.BAD_PAYLOAD, Reason.SERVER, Reason.BALANCE):
        for hour in (2, 3):
            health.note([Look(line, hour * HOUR, reason) for line in (1, 2, 3, 9)])
        for target in ("tiktok/account/a", "tiktok/video/7", "provider/tikhub"):
            for name, windows in recent.view(target).items():
                again |= {name for window in windows.values() if list(window.values[-2:]) == [0.0, 0.0]}
    assert again == {metric.name for metric in METRICS.values() if metric.repeated}
