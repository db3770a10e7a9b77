from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from daemon.simulator.world import SCENARIOS, World, name_account

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
STEP = timedelta(hours=12)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def scores_by_step(world, identity, steps):
    return [world.health(identity, STARTED + n * STEP)["violation_score"] for n in range(steps)]


def followers(world, identity, at):
    return world.creator(identity, at)["creator_info"]["follower_count"]


def views(world, identity, at):
    return world.videos([identity], at)[0]["total_views_cnt"]


def test_any_other_cookie_names_a_stable_account_that_does_not_show_it():
    name = name_account("sessionid=secret")

    assert name == name_account("sessionid=secret") != name_account("sessionid=other")
    assert "secret" not in name


def test_an_unknown_story_or_fault_is_refused_by_name():
    with pytest.raises(ValueError, match="bad-story, worse-fault"):
        World(started=STARTED, scenarios={"*": "bad-story"}, faults={"*": "worse-fault"})


def test_a_story_is_given_or_named_by_the_identity_or_calm():
    world = World(started=STARTED, scenarios={"7": "private"})

    found = [world.scenario(who).name for who in ("7", "bought-fans-2", "ann")]

    assert found == ["private", "bought-fans", "calm"]


@pytest.mark.parametrize("story", SCENARIOS)
def test_the_same_seed_tells_the_same_story_and_another_seed_another(story):
    def tell(seed):
        world, at = World(started=STARTED, seed=seed), STARTED + 40 * HOUR
        who = f"{story}-1"
        numbers = world.creator(who, at), world.diagnosis(who, at), world.videos([who], at)
        return *numbers, world.health(who, at), world.violations(who, 1, at), world.fake_views(who, "default", at)

    assert tell(1) == tell(1)
    assert tell(1) != tell(2)


def test_the_violation_ladder_climbs_a_rung_a_step_and_falls_to_zero():
    world = World(started=STARTED)

    assert scores_by_step(world, "violation-ladder", 10) == [6, 9, 12, 15, 18, 21, 24, 0, 0, 0]


def test_every_rung_adds_a_record_that_can_be_appealed_for_thirty_days():
    world = World(started=STARTED)

    pages = [world.violations("violation-ladder", 1, STARTED + n * STEP) for n in range(8)]

    assert [page["total"] for page in pages] == [2, 3, 4, 5, 6, 7, 8, 8]
    top, struck = pages[6]["records"], pages[7]["records"]
    assert {record["appeal_valid_time"] - record["violation_time"] for record in top} == {30 * 86_400}
    assert all(record["can_appeal"] and record["record_status"] == 1 for record in top)
    assert not any(record["can_appeal"] or record["record_status"] == 1 for record in struck)
    assert {record["record_id"] for record in pages[0]["records"]} < {record["record_id"] for record in top}
    assert all(all(record["violation_info"].values()) for record in top)


def test_the_appeal_window_closes_eight_days_after_the_start():
    world = World(started=STARTED)

    def record(at):
        return world.violations("appeal-window", 1, at)["records"][0]

    assert record(STARTED)["appeal_valid_time"] == (STARTED + 8 * DAY).timestamp()
    assert record(STARTED + 8 * DAY - HOUR)["can_appeal"]
    assert not record(STARTED + 8 * DAY)["can_appeal"]
    assert world.health("appeal-window", STARTED)["violation_score"] == 3


def test_the_fake_wave_rises_and_falls():
    world = World(started=STARTED)

    analyses = [world.fake_views("fake-wave", "default", STARTED + n * STEP)["fake_view_analysis"] for n in range(7)]

    assert [analysis["fake_score"] for analysis in analyses] == [12, 45, 72, 85, 55, 40, 40]
    assert [analysis["is_suspicious"] for analysis in analyses] == [False, False, True, True, True, False, False]


def test_ranks_are_steady_for_29_days_and_then_slump_in_three_dimensions():
    world, noon = World(started=STARTED), timedelta(hours=4, minutes=1)
    days = [world.diagnosis("rank-slump", STARTED + n * DAY + noon)["data"] for n in range(35)]
    falling = ("Interact", "PlayCnt", "NewFans")

    steady, slumped = days[:28], days[29:]

    assert all(0.3 <= day[name]["AuthorRank"] <= 0.8 for day in steady for name in day)
    assert all(day[name]["AuthorRank"] <= 0.08 for day in slumped for name in falling)
    for name in falling:
        usual = statistics.median(day[name]["OwnValue"] for day in steady)
        assert all(0.3 * usual < day[name]["OwnValue"] < 0.45 * usual for day in slumped)
    assert all(day["PlayFinishRatio"]["AuthorRank"] >= 0.3 for day in slumped)


def test_the_diagnosis_changes_at_noon_of_shanghai_only():
    world, noon = World(started=STARTED), datetime(2026, 3, 5, 4, 0, tzinfo=UTC)

    def told(at):
        return world.diagnosis("ann", at)

    assert told(noon) == told(noon + DAY - timedelta(seconds=1))
    assert told(noon - timedelta(seconds=1)) != told(noon) != told(noon + DAY)


def test_organic_growth_is_20_to_60_followers_in_any_three_hours_with_a_daily_rhythm():
    world = World(started=STARTED)
    counts = [followers(world, "bought-fans", STARTED + n * HOUR) for n in range(15 * 24)]

    gains = [after - before for before, after in zip(counts, counts[3:], strict=False)]

    assert 47_000 <= counts[0] <= 49_000
    assert min(gains) >= 20
    assert max(gains) <= 60
    by_hour = [statistics.mean(gains[hour::24]) for hour in range(24)]
    assert max(by_hour) - min(by_hour) > 10


def test_bought_fans_come_a_thousand_an_hour_for_six_hours_without_likes():
    world, bought = World(started=STARTED), STARTED + 15 * DAY
    counts = [followers(world, "bought-fans", bought + n * HOUR) for n in range(-1, 9)]

    gains = [after - before for before, after in pairwise(counts)]

    assert all(1_000 <= gain <= 1_030 for gain in gains[1:7])
    assert all(gain < 30 for gain in (gains[0], *gains[7:]))
    likes = [world.creator("bought-fans", bought + n * HOUR)["creator_info"]["like_count"] for n in range(-6, 7, 6)]
    assert likes[2] - likes[1] < 2 * (likes[1] - likes[0])


def test_a_viral_video_brings_views_and_followers_together():
    world, viral = World(started=STARTED), STARTED + 15 * DAY

    def gained(count):
        usual = count(world, "viral-video", viral) - count(world, "viral-video", viral - DAY)
        return (count(world, "viral-video", viral + DAY) - count(world, "viral-video", viral)) / usual

    assert gained(followers) > 20
    assert gained(views) > 20


def test_the_scheme_migrates_from_points_to_a_rating_and_adds_no_violation():
    world = World(started=STARTED)

    assert scores_by_step(world, "scheme-migration", 4) == [3, 3, 200, 200]
    totals = [world.violations("scheme-migration", 1, STARTED + n * STEP)["total"] for n in range(4)]
    assert totals == [1, 1, 1, 1]


def test_a_healthy_rating_is_200_and_shown():
    health = World(started=STARTED).health("chr-healthy", STARTED + 9 * DAY)

    assert (health["violation_score"], health["is_show_score"]) == (200, True)
    assert health["risk_info"]["risk_level_text"] == "Healthy"


def test_a_private_account_shows_zero():
    info = World(started=STARTED).creator("private", STARTED)["creator_info"]

    assert (info["follower_count"], info["like_count"]) == (0, 0)


@pytest.mark.parametrize("who", ["ann", "ben", "cleo", "7014352645545116698"])
def test_a_calm_account_alarms_nobody(who):
    world = World(started=STARTED)

    for day in range(0, 40, 4):
        at = STARTED + day * DAY
        health = world.health(who, at)
        assert 0 <= health["violation_score"] <= 3
        assert health["risk_info"]["risk_level_text"] == "Healthy"
        assert not any(record["can_appeal"] for record in world.violations(who, 1, at)["records"])
        assert world.fake_views(who, "default", at)["fake_view_analysis"]["fake_score"] < 20
        assert 1 < followers(world, who, at + DAY) / followers(world, who, at) < 1.02


@pytest.mark.parametrize("story", sorted(SCENARIOS.keys() - {"private", "removed", "platform-purge"}))
def test_totals_never_fall(story):
    world = World(started=STARTED)
    instants = [STARTED + n * timedelta(minutes=50) for n in range(-100, 700)]

    rows = [world.videos([story], at)[0] for at in instants]
    info = [world.creator(story, at)["creator_info"] for at in instants]

    for name in ("total_views_cnt", "total_digg_cnt", "total_comments_cnt", "total_shares_cnt"):
        assert all(before[name] <= after[name] for before, after in pairwise(rows)), name
    for name in ("follower_count", "like_count"):
        assert all(0 < before[name] <= after[name] for before, after in pairwise(info)), name


def test_increments_are_what_the_totals_gained_and_both_providers_agree():
    world, at = World(started=STARTED), STARTED + 9 * DAY
    row = world.videos(["viral-video"], at)[0]

    assert row["total_views_7d_cnt"] == row["total_views_cnt"] - views(world, "viral-video", at - 7 * DAY)
    judged = world.fake_views("viral-video", "default", at)["video_metrics"]
    assert (judged["total_views"], judged["total_likes"]) == (row["total_views_cnt"], row["total_digg_cnt"])


def test_some_videos_have_uncollected_favorites():
    favorites = [row["total_favorites_cnt"] for row in World(started=STARTED).videos([*map(str, range(40))], STARTED)]

    assert 0 < favorites.count(-99999) < 20
    assert all(count > 0 for count in favorites if count != -99999)


def test_a_faster_world_reaches_the_same_day_sooner():
    slow, fast = World(started=STARTED), World(started=STARTED, speed=24)

    assert followers(fast, "ann", STARTED + DAY) == followers(slow, "ann", STARTED + 24 * DAY)
    assert scores_by_step(fast, "violation-ladder", 2) == [6, 0]
    deadline = fast.violations("appeal-window", 1, STARTED)["records"][0]["appeal_valid_time"]
    assert deadline == (STARTED + 8 * DAY / 24).timestamp()
