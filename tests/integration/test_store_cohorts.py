"""What videos had at an age: kept across restarts, for the newest videos and the watched ones, and told again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.desk import Desk
from daemon.explain import explained, known_now, known_then, names
from daemon.show_backtest import facts
from daemon.show_explain import explanation
from rules.cohorts import KEPT, among_peers, own, peers
from rules.values import Subject, Target
from storage.cohorts import Passage
from storage.records import FoundVideo, Listing, Noted
from storage.store import Store
from tests.stored import HOUR, MEI, NOW, TOTALS, Past

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAY_S, HOUR_S = 86_400.0, 3_600.0
ACCOUNT = Target("tiktok/account/mei", Subject.ACCOUNT, "mei", "tiktok")


def video(number):
    return Target(f"tiktok/video/{number}", Subject.VIDEO, f"clip {number}", "tiktok", account=ACCOUNT.key)


def passage(number, age_s=DAY_S, metric="views", value=None):
    born = T0 + number * HOUR
    return Passage(ACCOUNT.key, metric, age_s, video(number).key, born, float(number) if value is None else value)


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "a.db")
    store.sync_targets([ACCOUNT, *map(video, range(KEPT + 10))], T0)
    yield store
    store.close()


def kept(store, age_s=DAY_S, metric="views"):
    return [each.value for each in store.passages([metric]) if each.age_s == age_s]


def test_what_was_written_with_a_judgement_is_read_again_the_oldest_video_first(store):
    written = [passage(2), passage(1), passage(1, HOUR_S, value=0.5)]
    store.commit_judgement([], T0, 0, written)
    assert store.passages(["views"]) == [passage(1, HOUR_S, value=0.5), passage(1), passage(2)]
    assert store.passages(["likes"]) == []


def test_what_is_written_twice_is_there_once(store):
    store.commit_judgement([], T0, 0, [passage(1)])
    store.commit_judgement([], T0, 0, [passage(1, value=7.0)])
    assert kept(store) == [7.0]


def test_a_judgement_that_is_undone_leaves_nothing_of_it(store):
    strange = replace(passage(1), video="tiktok/video/strange")
    with pytest.raises(KeyError):
        store.commit_judgement([], T0, 0, [passage(1), strange])
    assert kept(store) == []


def test_of_an_account_the_newest_videos_at_an_age_are_kept_and_all_that_are_watched(store):
    store.commit_judgement([], T0, 0, [passage(number) for number in range(KEPT + 5)])
    assert kept(store) == [float(number) for number in range(KEPT + 5)]
    store.sync_targets([ACCOUNT, video(0)], T0)
    store.commit_judgement([], T0, 0, [passage(KEPT + 5), passage(KEPT + 5, HOUR_S), passage(3, HOUR_S)])
    assert kept(store) == [0.0, *(float(number) for number in range(6, KEPT + 6))]
    assert kept(store, HOUR_S) == [3.0, float(KEPT + 5)]


# --- in the daemon ---------------------------------------------------------------------------------------------------

RULE = "  - { name: below, on: video, when: cohort(tiktok_video_views) <= -2, on_first_sight: tell }\n"
CLIPS = [Target(f"tiktok/video/{number}", Subject.VIDEO, f"clip {number}", "tiktok") for number in range(1, 7)]
LOW = CLIPS[0]


@pytest.fixture
def past(tmp_path):
    """Six videos that were published 30 hours ago, and polled from six hours later on."""
    found = Past(tmp_path / "creatorwatch.db")
    listed = tuple(FoundVideo(clip.key.rpartition("/")[2], NOW - 30 * HOUR) for clip in CLIPS)
    found.plan((MEI, "get_account_health_status"), *((clip, TOTALS) for clip in CLIPS), interval=6 * HOUR)
    found.store.commit_polls([], "me", noted=Noted(found=[Listing(MEI.key, "tiktok", listed, NOW - 24 * HOUR)]))
    for hours in (24, 17, 10, 4, 1):
        for number, clip in enumerate(CLIPS):
            views = (900.0 + 20 * number if number else 4.0) * (30 - hours)
            found.see(clip, TOTALS, hours, tiktok_video_views=views)
    yield found
    found.store.close()


def start(past):
    """A desk, as after a start; to be used before the store changes."""
    _, config = past.config(RULE)
    desk = Desk(config, past.store, config.providers, lambda _: None)
    desk.watchlist.renew(past.store.identities(), past.store.discovered(), NOW)
    desk.remember(NOW)
    return desk


def finding(desk):
    view = desk.recent.view(LOW.key)
    return among_peers("tiktok_video_views", view["tiktok_video_views"][()], view, NOW.timestamp())


def test_after_a_crash_what_was_passed_is_read_off_the_windows_and_after_the_judgement_off_the_table(past):
    crashed = start(past)
    assert past.store.passages(["tiktok_video_views"]) == []
    [fired] = crashed.judge.look_at_everything(NOW)
    assert (fired.alert.target, fired.alert.rule) == (LOW.key, "below")
    assert {each.age_s / HOUR_S for each in past.store.passages(["tiktok_video_views"])} == {6, 12, 24}
    with closing(sqlite3.connect(past.path)) as connection:
        connection.execute("delete from sample where at_ms < ?", [int((NOW - 2 * HOUR).timestamp() * 1000)])
        connection.commit()
    restarted = start(past)
    assert finding(restarted) == finding(crashed)
    assert finding(restarted).score < -2
    assert restarted.judge.look_at_everything(NOW) == []


def test_a_changed_file_compares_as_before(past):
    desk = start(past)
    desk.judge.look_at_everything(NOW)
    before = finding(desk)
    _, config = past.config(RULE + "  - { name: few, on: video, when: 'delta(tiktok_video_views, 10d) < 1' }\n")
    assert desk.adopt(config, NOW) == []
    assert finding(desk) == before
    assert before is not None


def test_a_file_that_compares_nothing_costs_nothing(past):
    _, config = past.config("  - { name: few, on: video, when: tiktok_video_views < 1 }\n")
    desk = Desk(config, past.store, config.providers, lambda _: None)
    desk.watchlist.renew(past.store.identities(), past.store.discovered(), NOW)
    desk.remember(NOW)
    desk.judge.look_at_everything(NOW)
    assert past.store.passages(["tiktok_video_views"]) == []
    names = {own("tiktok_video_views"), peers("tiktok_video_views"), "published_at"}
    assert not names & desk.recent.view(LOW.key).keys()


@pytest.mark.parametrize("hours", [None, 0])
def test_an_explanation_shows_what_was_expected_at_the_age(past, capsys, hours):
    _, config = past.config(RULE)
    with closing(Store.sketch(past.path)) as sketch:
        meant = names(config, sketch, NOW)[LOW.key]
        known = known_now(config, sketch, NOW) if hours is None else known_then(config, sketch, meant, NOW)
        explanation(meant, NOW, list(explained(meant, config, known, sketch)))
    said = capsys.readouterr().out
    assert " at the age of 1 d, saw 96 (score -" in said
    assert "published_at = " in said


def test_a_backtest_compares_the_videos_that_were_polled(past):
    report = past.backtest(past.config(RULE))
    (found,) = facts(report)["files"]
    assert (found["not_replayed"], found["not_judged"]) == ([], [])
    assert [(each.rule, each.target, NOW - each.began) for each in report.ran[0].tally.incidents] == [
        ("below", LOW.key, DAY)
    ]
