"""Whom the daemon watches: rosters, accounts that are known by a handle, videos that are found, and those that go."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest

from daemon.config import Override
from daemon.providers import ENDPOINTS
from daemon.simulator.people import People
from storage.store import Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

LIST, OVERVIEW, SHOP_LIST, FAKE = (
    "fetch_item_list",
    "fetch_item_overview_data",
    "get_video_list_analytics",
    "detect_fake_views",
)
TIKTOK_PROFILE, CREATOR = "tiktok_handler_user_profile", "fetch_creator_info_and_milestones"
DOUYIN_LOOK_UP, DOUYIN_PROFILE = "douyin_handler_user_profile_v2", "douyin_handler_user_profile"

LEO = "{platform: tiktok, id: leo, name: Leo, handle: leo, owner: lin}"
YU = "{platform: douyin, id: yu, name: Yu, handle: yu, owner: lin}"
XIAO = '{platform: douyin, id: xiao, name: Xiao, owner: lin, cookie: "${COOKIE}"}'
MEI = '{platform: tiktok, id: mei, name: Mei, owner: lin, cookie: "${COOKIE}"}'


def rule(name: str, about: str, when: str, to: str = "managers", more: str = "") -> str:
    return f"  - {{name: {name}, on: {about}, when: '{when}', summary: '{{name}}: {name}', to: [{to}]{more}}}\n"


FANS = rule("fans", "account", "follower_count > 1")
PLAYS = rule("plays", "video", "douyin_plays > 1", more=", on_first_sight: tell")
UNSEEN = rule("unseen", "account", "visible == 0", "operators", ", for_polls: 2, records: failure")
GONE = rule("gone", "video", 'video_state{state="removed"} == 1 or video_state{state="private"} == 1', "owner")
REMOVED = rule("removed", "video", 'video_state{state="removed"} == 1', "owner")
PRIVATE = rule("private", "video", 'video_state{state="private"} == 1', "owner")
BACK = rule("back", "video", 'video_state{state="restored"} == 1', "owner")


def calls(story, name: str) -> int:
    """How often an endpoint was asked."""
    return story.simulator.calls[ENDPOINTS[name].path]


def asked_together(story, name: str) -> list[list[str]]:
    """Whom each call of an endpoint was about, the first first."""
    return [who.split(",") for path, who in story.simulator.requests if path == ENDPOINTS[name].path]


def asked(story, name: str) -> list[str]:
    """Whom it was asked about, the first first."""
    return [who for call in asked_together(story, name) for who in call]


def total(story) -> int:
    return sum(story.simulator.calls.values())


def watch(story, *collect: str, **every: timedelta) -> None:
    """Ask as often as said, and ask these endpoints too."""
    overrides = {name: Override(interval, 1000.0) for name, interval in every.items()}
    story.config = replace(
        story.config, overrides={**story.config.overrides, **overrides}, collect=frozenset(collect), guard=None
    )


def firing(story, rule_name: str) -> set[str]:
    """The targets of which a rule says something now."""
    return {row.target for row in story.alerts() if row.rule == rule_name and row.level}


def query(story, sql: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(story.config.database)
    rows = connection.execute(sql, values).fetchall()
    connection.close()
    return rows


def looks(story, target: str) -> int:
    """How many answers about a target are stored."""
    joined = "sample join schedule on schedule.id = schedule_id join target on target.id = target_id"
    return query(story, f"select count(*) from {joined} where key = ?", target)[0][0]


def identity(story, account: str):
    store = Store.open(story.config.database, readonly=True)
    found = store.identities().get(account)
    store.close()
    return found


# --- rosters -------------------------------------------------------------------------------------------------------


ROSTER: Mapping[str, str] = {
    "平台": "tiktok",
    "id": "mei",
    "name": "Mei",
    "owner": "lin",
    "tags": "tier-a",
    "cookie": "${file:cookies/mei}",
}


def write_roster(path) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([ROSTER, ROSTER.values()])
        return
    book = openpyxl.Workbook()
    for row in (list(ROSTER), list(ROSTER.values())):
        book.active.append(row)
    book.save(path)


@pytest.mark.parametrize("file", ["accounts.csv", "accounts.xlsx"])
async def test_an_account_of_a_roster_is_watched_like_one_of_the_file_and_its_owner_learns_where_the_cookie_goes(
    tell, tmp_path, managers, operators, file
):
    write_roster(tmp_path / file)
    story = await tell(more=f"roster: {file}", scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(14 * HOUR)
        story.world.faults["mei"] = "cookie-expired"
        await story.live(6 * HOUR)
    assert managers.titles()[0] == "▲ WARNING: Mei has 9 violation points"
    assert "Who: Mei (tiktok/account/mei), owner lin" in managers.got[0]["message"]
    assert operators.news() == ["▲ HIGH: Mei: the cookie has expired"]
    assert "${file:cookies/mei}" in operators.got[0]["message"]
    assert query(story, "select tags from target where key = 'tiktok/account/mei'") == [('["tier-a"]',)]


# --- handles -------------------------------------------------------------------------------------------------------


async def test_a_handle_is_looked_up_once_and_everything_else_is_asked_by_the_id(tell, managers):
    story = await tell(LEO, rules=FANS, handles={"leo": "204"})
    async with story.daemon():
        await story.live(12 * HOUR)
    async with story.daemon():
        await story.live(12 * HOUR)
    assert asked(story, TIKTOK_PROFILE) == ["leo"]
    assert set(asked(story, CREATOR)) == {"204"}
    assert managers.news() == ["▲ WARNING: Leo: fans"]


async def test_a_douyin_handle_becomes_a_sec_uid_by_which_the_followers_are_asked(tell, managers):
    sec_uid = "MS4wLjABAAAA204"
    story = await tell(YU, rules=rule("fans", "account", "douyin_follower_count > 1"), handles={"yu": "204"})
    async with story.daemon():
        await story.live(12 * HOUR)
    async with story.daemon():
        await story.live(12 * HOUR)
    assert asked(story, DOUYIN_LOOK_UP) == ["yu"]
    assert set(asked(story, DOUYIN_PROFILE)) == {sec_uid}
    assert managers.news() == ["▲ WARNING: Yu: fans"]
    assert f"https://www.douyin.com/user/{sec_uid}" in managers.got[0]["message"]


async def test_an_answer_about_somebody_else_gives_an_account_no_id_and_is_told(tell, managers, operators):
    story = await tell(LEO, rules=FANS + UNSEEN, handles={"leo": "204"})
    async with story.daemon():
        story.world.faults["leo"] = "wrong-identity"
        await story.live(12 * HOUR)
        assert identity(story, "tiktok/account/leo") is None
        assert calls(story, CREATOR) == 0
        assert operators.news() == ["▲ WARNING: Leo: unseen"]
        assert "about another account" in operators.got[0]["message"]
        story.world.clear()
        await story.live(12 * HOUR)
    assert identity(story, "tiktok/account/leo").uid == "204"
    assert operators.titles()[1:] == ["✔ RESOLVED: Leo: unseen"]
    assert managers.news() == ["▲ WARNING: Leo: fans"]


async def test_an_answer_about_another_uid_changes_no_number_and_no_id_and_is_told(tell, managers, operators):
    many = rule("many", "account", "delta(follower_count, 24h) > 1000 or delta(follower_count, 24h) < 0")
    story = await tell(LEO, rules=many + UNSEEN, handles={"leo": "204"})
    async with story.daemon():
        await story.live(2 * DAY)
        before = looks(story, "tiktok/account/leo")
        story.world.faults["204"] = "wrong-identity"
        await story.live(1 * DAY)
        assert looks(story, "tiktok/account/leo") == before
    assert identity(story, "tiktok/account/leo").uid == "204"
    assert managers.titles() == []
    assert operators.news() == ["▲ WARNING: Leo: unseen"]


async def test_an_account_that_was_renamed_stays_the_same_and_its_new_handle_is_learned(tell, managers, operators):
    story = await tell(LEO, rules=rule("fans", "account", "tiktok_follower_count > 1") + UNSEEN, handles={"leo": "204"})
    async with story.daemon():
        await story.live(6 * HOUR)
        story.world.people = People({"leo.new": "204", "leo": "205"})
        await story.live(12 * HOUR)
    assert asked(story, TIKTOK_PROFILE)[0] == "leo"
    assert set(asked(story, TIKTOK_PROFILE)[1:]) == {"204"}
    assert identity(story, "tiktok/account/leo").handle == "leo.new"
    assert (managers.news(), operators.news()) == (["▲ WARNING: Leo: fans"], [])
    async with story.daemon() as app:
        assert app._watchlist["tiktok/account/leo"].target.link == "https://www.tiktok.com/@leo.new"


# --- videos are found ----------------------------------------------------------------------------------------------


def published(story, account: str, within: timedelta) -> list[str]:
    """The videos of an account that are no older than that, the newest first."""
    now = story.clock.now()
    return [clip.video_id for clip in story.world.library(account, now - within, now)]


def keys(*videos: str) -> set[str]:
    return {f"douyin/video/{video}" for video in videos}


async def test_a_rule_on_videos_fires_for_those_that_one_list_call_an_hour_finds_and_nothing_else_is_asked(
    tell, managers
):
    story = await tell(XIAO, rules=PLAYS, more="discover: {newer_than: 10d}")
    watch(story, fetch_item_list=HOUR)
    async with story.daemon():
        await story.live(1 * DAY)
        mine = published(story, "xiao", 10 * DAY - HOUR)
        assert len(mine) >= 4
        assert keys(*mine) <= firing(story, "plays")
        assert set(story.simulator.calls) - {ENDPOINTS["canary"].path} == {ENDPOINTS[LIST].path}
        assert 24 <= calls(story, LIST) <= 25
    assert len(set(managers.titles())) == len(managers.got) >= 4
    assert "owner lin" in managers.got[0]["message"]


async def test_the_videos_of_a_shop_creator_are_found_by_its_list(tell, managers):
    views = rule("views", "video", "shop_listed_video_views > 1")
    story = await tell(MEI, rules=views, more="discover: true")
    watch(story)
    async with story.daemon():
        await story.live(6 * DAY, every=3 * HOUR)
        found = firing(story, "views")
        assert {f"tiktok/video/{one}" for one in published(story, "mei", 4 * DAY)} <= found
    assert set(story.simulator.calls) - {ENDPOINTS["canary"].path} == {ENDPOINTS[SHOP_LIST].path}
    assert len(found) >= 2


async def test_the_numbers_of_the_first_videos_are_there_a_turn_after_they_were_found(tell):
    story = await tell(XIAO, rules=PLAYS, more="discover: true")
    async with story.daemon():
        await story.live(2 * HOUR)
        assert len(firing(story, "plays")) >= 10
        assert calls(story, LIST) == 2


async def test_a_list_is_asked_again_soon_after_the_answer_that_names_a_new_video(tell):
    story = await tell(XIAO, rules=PLAYS, more="discover: true")
    async with story.daemon():
        await story.live(14 * DAY)
    times = [call.at for call in story.simulator.answered if call.path == ENDPOINTS[LIST].path]
    newest = [story.world.library("xiao", at - 30 * DAY, at)[0].published for at in times]
    waits = [after - at for at, after, one in zip(times, times[1:], newest, strict=False) if at - one < DAY]
    assert len(waits) > 14
    assert max(waits) <= 5.5 * HOUR


async def test_a_call_about_several_videos_is_full_of_those_of_one_account_and_is_one_to_the_pace(tell):
    names = [f"xiao{number}" for number in range(5)]
    accounts = [XIAO.replace("id: xiao", f"id: {name}").replace("COOKIE", name.upper()) for name in names]
    story = await tell(", ".join(accounts), rules=PLAYS, more="discover: {newer_than: 20d}")
    watch(story, OVERVIEW, fetch_item_list=12 * HOUR, fetch_item_overview_data=DAY)
    overrides = {**story.config.overrides, OVERVIEW: Override(DAY, 1.0)}
    story.config = replace(story.config, overrides=overrides)
    async with story.daemon():
        await story.live(2 * DAY, every=HOUR / 2)
    library, now = story.world.library, story.clock.now()
    mine = [{clip.video_id for clip in library(name, now - 30 * DAY, now)} for name in names]
    sent = [set(call) for call in asked_together(story, OVERVIEW)]
    assert all(any(videos <= own for own in mine) for videos in sent)
    assert max(map(len, sent)) == 10
    assert len(sent) <= sum(map(len, sent)) / 4
    assert len(set().union(*sent)) == len(query(story, "select 1 from schedule where endpoint = ?", OVERVIEW))


async def test_no_more_videos_are_watched_than_the_newest_at_most(tell):
    story = await tell(XIAO, rules=PLAYS, more="discover: {newer_than: 30d, at_most: 3}")
    watch(story, fetch_item_list=HOUR)
    async with story.daemon():
        await story.live(3 * HOUR)
        assert firing(story, "plays") == keys(*published(story, "xiao", 30 * DAY)[:3])
        await story.live(5 * DAY)
        assert firing(story, "plays") == keys(*published(story, "xiao", 30 * DAY)[:3])


async def test_a_video_that_has_become_too_old_leaves_with_a_message_and_its_history_stays(tell, managers):
    story = await tell(XIAO, rules=PLAYS, more="discover: {newer_than: 4d}")
    watch(story, fetch_item_list=HOUR)
    async with story.daemon():
        await story.live(3 * HOUR)
        oldest = published(story, "xiao", 4 * DAY)[-1]
        [key] = keys(oldest)
        assert key in firing(story, "plays")
        await story.live(4 * DAY)
        assert key not in firing(story, "plays")
        kept = looks(story, key)
        await story.live(1 * DAY)
        assert looks(story, key) == kept > 2
    [ended] = [each for each in managers.got if oldest in each["title"] and each["title"].startswith("✔")]
    assert "it is no longer watched" in ended["message"]


async def test_found_videos_are_watched_after_a_restart_without_a_call(tell, managers):
    story = await tell(XIAO, rules=PLAYS, more="discover: true")
    watch(story, fetch_item_list=HOUR)
    async with story.daemon():
        await story.live(3 * HOUR)
    before, told = total(story), len(managers.got)
    fired = firing(story, "plays")
    async with story.daemon() as app:
        await app.watch.step(story.clock.now())
        assert fired <= app._watchlist.targets().keys()
        assert total(story) == before
        await story.live(2 * HOUR)
    assert firing(story, "plays") >= fired
    assert len(managers.got) == told


# --- videos that go, and come back ---------------------------------------------------------------------------------


@pytest.fixture
async def gone(tell):
    """A story in which the videos of an account are found and followed, hour by hour, and one of them."""
    story = await tell(XIAO, rules=PLAYS + REMOVED + PRIVATE + BACK, more="discover: true")
    watch(story, OVERVIEW, fetch_item_list=HOUR, fetch_item_overview_data=2 * HOUR)
    async with story.daemon():
        await story.live(6 * HOUR)
        video = published(story, "xiao", 20 * DAY)[2]
        story.video, story.key = video, f"douyin/video/{video}"
        assert story.key in firing(story, "plays")
        yield story


@pytest.mark.parametrize("how", ["removed", "private"])
async def test_a_video_that_is_not_shown_once_is_not_gone(gone, operators, how):
    gone.world.scenarios[gone.video] = how
    await gone.live(1 * HOUR)
    gone.world.clear()
    await gone.live(1 * HOUR)
    gone.world.scenarios[gone.video] = how
    await gone.live(1 * HOUR)
    gone.world.clear()
    await gone.live(3 * HOUR)
    assert operators.titles() == []


@pytest.mark.parametrize("how", ["removed", "private"])
async def test_a_video_that_is_gone_is_told_once_asked_about_by_one_line_a_week_and_its_alert_holds(
    gone, managers, operators, how
):
    told = len(managers.got)
    gone.world.scenarios[gone.video] = how
    await gone.live(3 * HOUR)
    assert operators.titles() == [f"▲ WARNING: {gone.video}: {how}"]
    before = asked(gone, OVERVIEW).count(gone.video)
    await gone.live(8 * DAY, every=2 * HOUR)
    assert 1 <= asked(gone, OVERVIEW).count(gone.video) - before <= 2
    assert operators.titles() == [f"▲ WARNING: {gone.video}: {how}"]
    assert gone.key in firing(gone, "plays")
    assert not [title for title in managers.titles()[told:] if gone.video in title]


@pytest.mark.parametrize("how", ["removed", "private"])
async def test_a_video_that_is_back_is_told_as_over_and_as_restored_and_asked_about_at_once(gone, operators, how):
    gone.world.scenarios[gone.video] = how
    await gone.live(2 * DAY)
    before = asked(gone, OVERVIEW).count(gone.video)
    gone.world.clear()
    await gone.live(1 * HOUR)
    assert operators.titles()[1:] == [f"✔ RESOLVED: {gone.video}: {how}", f"▲ WARNING: {gone.video}: back"]
    await gone.live(1 * HOUR)
    assert asked(gone, OVERVIEW).count(gone.video) == before + 1
    assert operators.titles()[3:] == [f"✔ RESOLVED: {gone.video}: back"]


async def test_a_restart_forgets_no_video_that_is_gone_and_asks_nothing_about_one_that_is_back(tell, operators):
    story = await tell(XIAO, rules=PLAYS + REMOVED + BACK, more="discover: true")
    watch(story, OVERVIEW, fetch_item_list=HOUR, fetch_item_overview_data=2 * HOUR)
    async with story.daemon():
        await story.live(6 * HOUR)
        video = published(story, "xiao", 20 * DAY)[2]
        story.world.scenarios[video] = "removed"
        await story.live(6 * HOUR)
    async with story.daemon():
        await story.live(1 * DAY)
    assert operators.titles() == [f"▲ WARNING: {video}: removed"]
    story.world.clear()
    async with story.daemon():
        await story.live(2 * HOUR)
    before = total(story)
    async with story.daemon() as app:
        await app.watch.step(story.clock.now())
    assert total(story) == before
    assert operators.titles()[1:] == [
        f"✔ RESOLVED: {video}: removed",
        f"▲ WARNING: {video}: back",
        f"✔ RESOLVED: {video}: back",
    ]


async def test_a_video_without_a_list_is_gone_after_two_answers_and_looked_for_once_a_week(tell, operators):
    video = '{platform: tiktok, id: "7612345678901234567", name: Dance, owner: lin}'
    story = await tell(videos=video, rules=rule("fake", "video", "fake_score > 101") + GONE + BACK)
    watch(story, detect_fake_views=6 * HOUR)
    async with story.daemon():
        await story.live(1 * DAY)
        story.world.scenarios["7612345678901234567"] = "removed"
        await story.live(8 * HOUR)
        assert operators.news() == ["▲ WARNING: Dance: gone"]
        before = calls(story, FAKE)
        await story.live(6 * DAY, every=2 * HOUR)
        assert calls(story, FAKE) - before <= 1
        story.world.clear()
        await story.live(9 * DAY, every=2 * HOUR)
    assert operators.titles()[1:3] == ["✔ RESOLVED: Dance: gone", "▲ WARNING: Dance: back"]
    assert operators.titles()[3:] == ["✔ RESOLVED: Dance: back"]
