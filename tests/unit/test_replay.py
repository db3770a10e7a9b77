"""What the daemon would do, without a store: the same windows and the same docket, told what was seen and when."""

from __future__ import annotations

from cProfile import Profile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers import METRICS
from daemon.replay import Replay
from rules.building import build_book
from rules.directory import Delegation, Directory
from rules.models import RuleModel
from rules.posting import STRAIGHTFORWARD, Telling
from rules.routes import Quiet, Route, Routes
from rules.selectors import alerts, compile_selector
from rules.timetable import Once
from rules.values import Change, News, Record, Subject, Target
from tests.told import read

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEI = Target("tiktok/account/1", Subject.ACCOUNT, "Mei", "tiktok", owner="lin", account="tiktok/account/1")
CLIP = Target("tiktok/video/9", Subject.VIDEO, "Clip", "tiktok", account="tiktok/account/1")
HEALTH, LIST = "get_account_health_status", "get_video_list_analytics"
VIOLATIONS, FAKE = "get_account_violation_list", "detect_fake_views"
POINTS = {"name": "points", "on": "account", "when": "violation_score >= 9", "on_first_sight": "tell"}


def replay(*rules, channels=("console",), records=None, telling=STRAIGHTFORWARD):
    book = build_book([RuleModel(**rule) for rule in rules], METRICS, channels)
    told = {"telling": telling} | ({} if records is None else {"records": records})
    found = Replay(book, {MEI.key: MEI, CLIP.key: CLIP}, channels, **told)
    found.watch(MEI.key, HEALTH, 7200)
    return found


def points(replayed, hour, number):
    replayed.see(MEI.key, HEALTH, NOW + hour * HOUR, {("violation_score", ()): number})
    return replayed.look(NOW + hour * HOUR)


def changes(outcomes):
    return [step.change for outcome in outcomes for step in outcome.transitions]


def test_an_alert_begins_and_ends_and_its_channel_is_told_both():
    replayed = replay(POINTS)
    fired, silent, over = (points(replayed, hour, number) for hour, number in enumerate((9.0, 9.0, 3.0)))
    assert changes(fired) == [Change.B_FIRED]
    assert silent == []
    assert changes(over) == [Change.G_RESOLVED]
    news = [[(letter.channel, letter.story.news) for letter in each.owed] for each in fired + over]
    assert news == [[("console", News.FIRED)], [("console", News.RESOLVED)]]
    assert all(alert.over for alert in replayed.docket.alerts(MEI.key))


def test_what_was_seen_is_judged_once():
    replayed = replay({**POINTS, "for_polls": 2})
    assert changes(points(replayed, 0, 9.0)) == [Change.A_PENDING]
    assert replayed.look(NOW + HOUR) == []
    assert changes(points(replayed, 2, 9.0)) == [Change.C_CONFIRMED]


def test_a_failed_poll_moves_no_alert_and_a_rule_may_say_what_it_is_to_mean():
    replayed = replay(POINTS, {**POINTS, "name": "blind", "unknown": "fire"})
    points(replayed, 0, 3.0)
    replayed.miss(MEI.key, HEALTH)
    assert [each.alert.rule for each in replayed.look(NOW + HOUR)] == ["blind"]


def test_a_failed_list_leaves_the_videos_unseen_whose_numbers_it_brings():
    replayed = replay({"name": "few", "on": "video", "when": "shop_listed_video_views < 1", "unknown": "fire"})
    replayed.watch(MEI.key, LIST, 3600)
    replayed.watch(CLIP.key, LIST, 3600)
    replayed.see(CLIP.key, LIST, NOW, {("shop_listed_video_views", ()): 5.0})
    assert replayed.look(NOW) == []
    replayed.miss(MEI.key, LIST)
    assert [each.alert.target for each in replayed.look(NOW + HOUR)] == [CLIP.key]


def test_time_alone_begins_a_rule_on_a_deadline():
    replayed = replay({"name": "soon", "on": "account", "when": "until(appeal_deadline) < 24h"})
    replayed.watch(MEI.key, VIOLATIONS, 6 * 3600)
    closes = (NOW + 30 * HOUR).timestamp()
    replayed.see(MEI.key, VIOLATIONS, NOW, {("appeal_deadline", (("record", "r1"),)): closes})
    found = [replayed.look(NOW), *(replayed.tick(NOW + hour * HOUR) for hour in (5, 6, 7, 8))]
    assert [changes(each) for each in found] == [[], [], [], [Change.B_FIRED], []]


def test_time_alone_begins_a_rule_to_which_numbers_say_something_that_grew_too_old():
    replayed = replay({**POINTS, "unknown": "fire", "for": "24h"})
    points(replayed, 0, 3.0)
    found = [changes(replayed.tick(NOW + hour * HOUR)) for hour in (5, 6, 7, 30, 31)]
    assert found == [[], [], [Change.A_PENDING], [], [Change.C_CONFIRMED]]


def test_an_alert_of_an_account_mutes_those_of_its_videos_until_it_is_over():
    few = {"name": "few", "on": "video", "when": "shop_listed_video_views < 1", "on_first_sight": "tell"}
    replayed = replay({**POINTS, "inhibits": ["few"]}, few)
    replayed.watch(CLIP.key, LIST, 3600)
    points(replayed, 0, 9.0)
    replayed.see(CLIP.key, LIST, NOW + HOUR, {("shop_listed_video_views", ()): 0.0})
    (muted,) = replayed.look(NOW + HOUR)
    assert (changes([muted]), muted.owed, muted.alert.past.held) == ([Change.B_FIRED], [], "muted by points of Mei")
    points(replayed, 2, 3.0)
    (told,) = replayed.tick(NOW + 3 * HOUR)
    assert (told.alert.rule, told.owed[0].story.news) == ("few", News.FIRED)


def test_what_the_daemon_says_itself_is_judged_only_when_it_changes():
    replayed = replay({"name": "unseen", "on": "account", "when": "visible == 0", "on_first_sight": "tell"})
    replayed.state(MEI.key, "visible", NOW, 0.0)
    assert changes(replayed.look(NOW)) == [Change.B_FIRED]
    replayed.state(MEI.key, "visible", NOW + HOUR, 0.0)
    assert replayed.look(NOW + HOUR) == []


def test_messages_carry_the_words_of_the_records_that_are_handed_in():
    words = [Record("violation", "r1", {"reason": "false claims"})]
    replayed = replay({**POINTS, "records": "violation"}, records=lambda target, kind: words)
    (fired,) = points(replayed, 0, 9.0)
    assert "false claims" in read(fired.owed[0]).body


def test_what_is_not_watched_cannot_be_seen():
    with pytest.raises(LookupError, match="detect_fake_views of tiktok/account/1 is not watched"):
        replay(POINTS).miss(MEI.key, FAKE)


def test_an_alert_ends_when_what_it_rests_on_is_not_asked_any_more_and_begins_anew_when_it_is():
    replayed = replay(POINTS)
    asked = {(MEI.key, HEALTH): 7200.0}
    points(replayed, 0, 9.0)
    (ended,) = replayed.follow({MEI.key: MEI}, {(MEI.key, VIOLATIONS): 7200.0}, NOW + HOUR)
    assert (changes([ended]), ended.owed[0].story.news) == ([Change.X_GONE], News.RESOLVED)
    assert replayed.follow({MEI.key: MEI}, asked, NOW + 2 * HOUR) == []
    assert changes(points(replayed, 3, 9.0)) == [Change.B_FIRED]


def test_an_alert_ends_with_its_target():
    replayed = replay(POINTS)
    points(replayed, 0, 9.0)
    assert changes(replayed.follow({CLIP.key: CLIP}, {}, NOW + HOUR)) == [Change.X_GONE]
    assert replayed.docket.targets == {CLIP.key: CLIP}


# --- videos come and go -----------------------------------------------------------------------------------------------


SEEN = {"name": "seen", "on": "video", "when": "tiktok_video_views > 100", "on_first_sight": "tell"}
TOTALS = "fetch_video_metrics"


def clip(number):
    return Target(f"tiktok/video/{number}", Subject.VIDEO, f"clip {number}", "tiktok", account=MEI.key)


def of_all(replayed, watched, asked, at, _keys):
    return replayed.follow(watched, asked, at)


def of_changed(replayed, watched, asked, at, keys):
    return replayed.follow(watched, {line: each for line, each in asked.items() if line[0] in keys}, at, keys)


def lived(moves, follow):
    """What follows of days on which videos come (views), or go (None)."""
    book = build_book([RuleModel(**SEEN, promote={"at_least": 2, "share": 0.5})], METRICS, ["console"])
    replayed, watched, asked, told = Replay(book, {}, ["console"]), {MEI.key: MEI}, {(MEI.key, HEALTH): 7200.0}, []
    told += follow(replayed, watched, asked, NOW, {MEI.key})
    for day, (number, views) in enumerate(moves, 1):
        key, at = clip(number).key, NOW + 24 * day * HOUR
        watched, asked = dict(watched), {line: each for line, each in asked.items() if line[0] != key}
        watched.pop(key, None)
        if views is not None:
            watched[key], asked[key, TOTALS] = clip(number), 7200.0
        told += follow(replayed, watched, asked, at, {key})
        if views is not None:
            replayed.see(key, TOTALS, at, {("tiktok_video_views", ()): views})
        told += replayed.look(at) + replayed.tick(at + HOUR)
    return [(each.alert.rule, each.alert.target, each.transitions) for each in told]


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, 5.0, 500.0])), max_size=12))
def test_to_follow_what_changed_comes_to_the_same_as_to_follow_all_anew(moves):
    assert lived(moves, of_changed) == lived(moves, of_all)


def calls(videos, work):
    """How many functions are called for each of so many videos."""
    profile = Profile()
    profile.runcall(work, videos)
    return sum(each.callcount for each in profile.getstats()) / videos


def test_a_video_that_comes_or_goes_makes_no_work_about_the_others():
    def come_and_go(videos):
        moves = [(number, 5.0) for number in range(videos)] + [(number, None) for number in range(videos)]
        return lived(moves, of_changed)

    assert calls(80, come_and_go) < 1.2 * calls(20, come_and_go)


# --- the way back -------------------------------------------------------------------------------------------------

GRAVE = Route("grave", compile_selector('severity == "critical"', alerts("`match`", [])), to=("console",))
DAILY = Route("daily", to=("console", "owner"), digest=lambda at: at.replace(hour=9) + timedelta(days=1))


def bundles(outcomes):
    return [(letter.channel, letter.bundle) for each in outcomes for letter in each.owed]


def test_the_end_of_an_alert_goes_the_way_that_its_beginning_went():
    replayed = replay(POINTS, telling=Telling(Routes((GRAVE, DAILY))))
    fired, over = points(replayed, 0, 9.0), points(replayed, 1, 3.0)
    assert bundles(fired) == bundles(over) == [("console", "digest daily")]


def test_the_end_goes_by_the_same_way_to_whoever_was_told_also_if_another_stands_in_by_now():
    night = Quiet("night", Once(NOW, NOW + 12 * HOUR))
    routes = Routes((Route("plain", GRAVE.match, to=("owner",)), Route("held", to=("owner",), quiet=night)))
    away = Delegation("lin", "wu", NOW + HOUR, NOW + 24 * HOUR)
    people = Directory({"lin": ("console",), "wu": ("deputy",)}, (away,))
    replayed = replay(POINTS, channels=("console", "deputy"), telling=Telling(routes, people))
    fired, over = points(replayed, 0, 9.0), points(replayed, 1, 3.0)
    assert bundles(fired) == bundles(over) == [("console", "quiet night")]
