"""A backtest follows what the daemon followed: what was in the plan at each moment, and who mutes whom."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from daemon.backtest import groups
from daemon.explain import known_then
from daemon.schedule import UNPLANNED
from rules.values import Subject, Target
from storage.records import POLLED, FoundVideo, Listing, Noted, Polled
from storage.store import Store
from tests.stored import FILE, HEALTH, HOUR, LEO, MEI, NOW, POINTS, TOTALS, Past, times

DAY = 24 * HOUR
SEEN = "  - { name: seen, on: video, when: tiktok_video_views > 100, on_first_sight: tell, to: [owner]%s }\n"
PROMOTED = SEEN % ", promote: { at_least: 3, share: 50% }"
TIKHUB = Target("provider/tikhub", Subject.PROVIDER, "TikHub", "")
BALANCE, FAKE = "get_user_info", "detect_fake_views"
BROKE = "  - { name: broke, on: provider, when: balance_usd < 1, on_first_sight: tell, to: [console]%s }\n"


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


def video(number):
    return Target(f"tiktok/video/{number}", Subject.VIDEO, f"clip {number}", "tiktok", account=MEI.key)


def find(past, hours, *published):
    """So many hours ago a list tells of videos, the numbers 1, 2 ..., that were published so many hours ago."""
    clips = [video(number) for number, _ in enumerate(published, 1)]
    past.plan((MEI, HEALTH), *((clip, TOTALS) for clip in clips))
    found = [FoundVideo(str(number), NOW - age * HOUR) for number, age in enumerate(published, 1)]
    past.store.commit_polls([], "me", noted=Noted(found=[Listing(MEI.key, "tiktok", found, NOW - hours * HOUR)]))
    return clips


def views(past, clips, *told):
    for hours, number in told:
        for clip in clips:
            past.see(clip, TOTALS, hours, tiktok_video_views=number)


def letters(report):
    return [(each.rule, each.channel, (NOW - each.at) / HOUR) for each in report.ran[0].tally.told]


# --- videos come, and grow too old ----------------------------------------------------------------------------------


def test_a_video_is_followed_until_it_is_too_old_and_then_its_alert_ends_and_that_is_told(past):
    clips = find(past, 40, 30 * 24 + 10)
    views(past, clips, (30, 5.0), (20, 500.0), (8, 500.0))
    report = past.backtest(past.config(SEEN % ""))
    assert times(report) == [(clips[0].key, 20, 9.5)]
    assert letters(report) == [("seen", "managers", 20), ("seen", "managers", 9.5)]


def test_a_video_that_left_the_plan_long_ago_is_replayed_as_it_was(past):
    clips = find(past, 80 * 24, 82 * 24)
    views(past, clips, (79 * 24, 5.0), (78 * 24, 500.0))
    past.plan((MEI, HEALTH))
    report = past.backtest(past.config(SEEN % ""), days=90)
    assert times(report) == [(clips[0].key, 78 * 24, 78 * 24 - 6.5)]


def test_numbers_of_a_video_that_was_too_old_by_then_are_not_judged(past):
    clips = find(past, 40, 300 * 24)
    views(past, clips, (30, 5.0), (20, 500.0))
    assert times(past.backtest(past.config(SEEN % ""))) == []


def test_of_more_videos_than_at_most_only_the_newest_are_followed(past):
    text = FILE.replace("discover: true", "discover: {{ newer_than: 30d, at_most: 2 }}")
    clips = find(past, 40, 50, 60, 70)
    views(past, clips, (30, 5.0), (20, 500.0))
    assert {key for key, *_ in times(past.backtest(past.config(SEEN % "", text=text)))} == {
        each.key for each in clips[:2]
    }


def test_videos_that_are_not_watched_any_more_do_not_count_among_those_of_which_a_share_is_promoted(past):
    old, young = [300 * 24] * 12, [48] * 4
    clips = find(past, 90 * 24, *old, *young)
    views(past, clips[:12], (80 * 24, 5.0))
    views(past, clips[12:], (20, 5.0), (10, 500.0))
    assert letters(past.backtest(past.config(PROMOTED))) == [("seen-of-account", "managers", 10)]


def test_nothing_is_said_of_a_video_before_it_was_there(past):
    clips = find(past, 19, 20)
    past.points(MEI, (60, 1.0), (3, 1.0))
    views(past, clips, (18, 5.0))
    new = "  - { name: new, on: video, when: until(published_at) > -19h, on_first_sight: tell }\n"
    assert times(past.backtest(past.config(new + SEEN % ""))) == [(clips[0].key, 17.5, 0.5)]


# --- lines leave the plan -------------------------------------------------------------------------------------------


def test_an_alert_on_numbers_that_are_not_asked_for_any_more_ends_when_they_are_not_known_any_more(past):
    past.plan((MEI, HEALTH), (LEO, HEALTH))
    past.points(LEO, (30, 3.0), (20, 12.0))
    past.plan((MEI, HEALTH))
    past.points(MEI, (30, 1.0), (3, 1.0))
    report = past.backtest(past.config())
    assert times(report) == [(LEO.key, 20, 13.5)]
    assert letters(report)[-2:] == [("points", "console", 13.5), ("points", "managers", 13.5)]


def over(past, clip, hours, score):
    """So many hours ago a line brought its last numbers: nothing is due any more."""
    for claim in past.store.claim(FAKE, NOW, NOW + HOUR, "me", 100):
        at, values = NOW - hours * HOUR, {("fake_score", ()): score}
        past.store.commit_polls([Polled(claim.schedule_id, at, POLLED, None, values, interval=UNPLANNED)], "me")


def test_a_line_that_is_over_has_no_replay_begin_months_earlier(past):
    past.plan((video(1), FAKE))
    over(past, video(1), 31 * 24, 10.0)
    find(past, 40 * 24, 41 * 24)
    _, config = past.config("  - { name: fake, on: video, when: fake_score > 60, for_polls: 2 }\n")
    with closing(Store.open(past.path, readonly=True)) as store:
        (group,) = groups(config, store, NOW).values()
    assert group.slowest == timedelta(days=4)


def test_an_alert_on_a_line_that_was_over_when_it_left_the_plan_ends_three_usual_intervals_after_its_last_poll(past):
    past.plan((video(1), FAKE))
    over(past, video(1), 20 * 24, 90.0)
    find(past, 21 * 24, 22 * 24)
    fake = "  - { name: fake, on: video, when: fake_score > 60, on_first_sight: tell }\n"
    assert times(past.backtest(past.config(fake))) == [(video(1).key, 20 * 24, 8 * 24 - 0.5)]


def test_what_was_polled_of_a_line_before_it_left_long_ago_is_no_alert_that_is_on(past):
    past.plan((MEI, HEALTH), (LEO, HEALTH))
    past.points(LEO, (3000, 12.0))
    past.plan((MEI, HEALTH))
    past.points(MEI, (3, 1.0))
    report = past.backtest(past.config(), days=1)
    assert (times(report), report.polls) == ([], 1)


# --- an alert on a provider mutes -----------------------------------------------------------------------------------


def test_an_alert_on_a_provider_mutes_the_accounts_whose_numbers_come_from_it(past):
    past.plan((MEI, HEALTH), (LEO, HEALTH), (TIKHUB, BALANCE))
    past.see(TIKHUB, BALANCE, 12, balance_usd=0.5)
    past.see(TIKHUB, BALANCE, 5, balance_usd=40.0)
    past.points(MEI, (13, 3.0), (8, 9.0))
    past.points(LEO, (13, 9.0))
    muted = past.backtest(past.config(POINTS + BROKE % ", inhibits: ['*']"))
    assert times(muted) == [(LEO.key, 13, None), (TIKHUB.key, 12, 5), (MEI.key, 8, None)]
    others = [("points", "console", 13), ("points", "managers", 13), ("broke", "console", 12), ("broke", "console", 5)]
    assert letters(muted) == [*others, ("points", "managers", 4.5)]
    assert muted.polls == 5
    loud = past.backtest(past.config(POINTS + BROKE % ""))
    assert letters(loud) == [*others[:3], ("points", "managers", 8), others[3]]


def test_of_the_past_it_is_said_which_alert_on_a_provider_muted_others(past):
    past.plan((MEI, HEALTH), (TIKHUB, BALANCE))
    past.see(TIKHUB, BALANCE, 12, balance_usd=0.5)
    past.points(MEI, (13, 3.0), (8, 9.0))
    _, config = past.config(POINTS + BROKE % ", inhibits: [points]")
    with closing(Store.open(past.path, readonly=True)) as store:
        docket = known_then(config, store, MEI, NOW - 7 * HOUR).docket
    assert [docket.why_muted(rule, MEI.key) for rule in docket.rules(MEI.key)] == ["muted by broke of TikHub"]
