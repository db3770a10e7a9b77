"""What happens between two steps: lines that leave under way, answers that come too early, a disk that is busy."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.config import Override
from daemon.providers.endpoint import Provider
from tests.acceptance.blind import DAYS, HOURS, MINUTES, account, asked, known, renew, watching
from tests.acceptance.test_crash import until as happens
from tests.acceptance.test_spending import video_id, written
from tests.acceptance.test_watching import calls, published, query, rule

LIST, SHOP_LIST = "fetch_item_list", "get_video_list_analytics"
FANS, FAKE, STATS = "fetch_creator_info_and_milestones", "detect_fake_views", "video_detail_analytics"
MEI = '{platform: tiktok, id: mei, name: Mei, owner: lin, uid: "107955", cookie: "${COOKIE}"}'
CROWD = [f"{{platform: tiktok, id: b{number}, name: B{number}, uid: '{6000 + number}'}}" for number in range(12)]
SECOND = timedelta(seconds=1)


def ask_every(story, **intervals: timedelta) -> None:
    overrides = {name: Override(interval, 1000.0) for name, interval in intervals.items()}
    story.config = replace(story.config, overrides={**story.config.overrides, **overrides})


async def ask(story, after: timedelta) -> None:
    """One turn without the look at what time alone can change."""
    story.clock.advance(after)
    await story.app.watch.poll(story.clock.now())
    await story.app.watch.settle()


@contextlib.contextmanager
def locked(story):
    """Another process writes to the database."""
    connection = sqlite3.connect(story.config.database, isolation_level=None)
    connection.execute("begin immediate")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


@contextlib.contextmanager
def refusing(story, table: str):
    """Nothing can be stored in a table."""
    query(story, f"create trigger busy before insert on {table} begin select raise(abort, 'busy'); end")
    try:
        yield
    finally:
        query(story, "drop trigger busy")


# --- lists --------------------------------------------------------------------------------------------------------


async def test_a_great_move_of_a_listed_video_asks_for_the_lists_of_others_and_never_about_a_video(tell, managers):
    names = [f"d{number}" for number in range(6)]
    people = [f'{{platform: douyin, id: {name}, sec_uid: "MS4wLjABAAAA{name}", cookie: "${{C}}"}}' for name in names]
    more = "discover: {newer_than: 10d, at_most: 5}"
    story = await tell(", ".join(people), rules=rule("plays", "video", "douyin_plays > 1"), more=more)
    ask_every(story, **{LIST: 6 * HOURS})
    story.clock.advance(20 * DAYS)
    mine = published(story, "d0", 9 * DAYS)[1]
    story.world.scenarios[mine] = "viral-video"
    async with story.daemon():
        await story.live(9 * HOURS, 5 * MINUTES)
        del story.world.scenarios[mine]  # most of its plays were never there
        moved = story.clock.now()
        await story.live(7 * HOURS, 5 * MINUTES)
    [seen] = [at for at, whom in asked(story, LIST, moved) if whom == "d0"]
    besides = {whom for at, whom in asked(story, LIST, seen) if at <= seen + 5 * MINUTES}
    assert len(besides) >= 5, "the lists of four others are asked for at once"
    over = [each["message"] for each in managers.got if each["title"].startswith("✔")]
    assert all("it is no longer watched" in message for message in over)


@pytest.mark.parametrize("restarts", [False, True])
async def test_while_the_list_of_an_account_is_refused_the_rules_on_its_videos_hold(tell, managers, restarts):
    views = rule("views", "video", "shop_listed_video_views > 1 and fake_score >= 0", more=", on_first_sight: tell")
    story = await tell(MEI, rules=views, more="discover: {newer_than: 30d}")
    ask_every(story, **{SHOP_LIST: 6 * HOURS, FAKE: HOURS})
    story.world.faults[FAKE] = "http-500"
    async with contextlib.AsyncExitStack() as life:
        await life.enter_async_context(story.daemon())
        await story.live(7 * HOURS, 10 * MINUTES)
        assert known(story, "shop_listed_video_views")
        story.world.faults["mei"] = "cookie-expired"
        await story.live(7 * HOURS, 10 * MINUTES)
        assert known(story, "shop_listed_video_views") == {}
        if restarts:
            await life.aclose()
            await life.enter_async_context(story.daemon())
        del story.world.faults[FAKE]
        await story.live(3 * HOURS, 10 * MINUTES)
        assert known(story, "fake_score")
        assert known(story, "shop_listed_video_views") == {}
        assert managers.got == []
        story.world.faults.clear()
        await story.live(7 * HOURS, 10 * MINUTES)
        assert len(known(story, "shop_listed_video_views")) == len(managers.got) > 0


# --- on the way ---------------------------------------------------------------------------------------------------


async def test_a_video_that_leaves_the_plan_while_it_is_asked_about_costs_the_others_no_answer(tell):
    story = await tell(MEI, rules=rule("views", "video", "views > 1"), more="discover: {newer_than: 10d}", slow_s=0.3)
    ask_every(story, **{SHOP_LIST: DAYS, STATS: HOURS})
    async with story.daemon() as app:
        await story.live(3 * HOURS, 10 * MINUTES)
        watched = published(story, "mei", 10 * DAYS)
        leaves = story.world.born(watched[-1]) + 10 * DAYS
        story.clock.advance(leaves - MINUTES - story.clock.now())
        began = story.clock.now()
        story.world.faults["*"] = "slow"
        await app.watch.poll(began)
        story.clock.advance(2 * MINUTES)
        await app.watch.look(story.clock.now())
        await app.watch.settle()
        story.world.faults.clear()
        await story.live(30 * MINUTES, MINUTES)
    began_ms = int(began.timestamp() * 1000)
    about = "sample join schedule on schedule.id = schedule_id where endpoint = ? and at_ms = ?"
    assert query(story, f"select count(*) from {about}", STATS, began_ms) == [(len(watched) - 1,)]
    videos = Counter(video for _, whom in asked(story, STATS, began) for video in whom.split(","))
    assert set(videos.values()) == {1}
    assert written(story, Provider.KEYAPI)[0] == calls(story, STATS)


async def test_an_answer_that_comes_while_the_next_calls_are_chosen_stops_none_of_them_half_way(tell):
    story = await tell(", ".join(CROWD), rules=rule("fans", "account", "follower_count > 1"))
    async with story.daemon() as app:
        story.clock.advance(5 * SECOND)
        story.world.faults["*"] = "rate-limited"
        await app.watch.poll(story.clock.now())
        first = len(app.watch._calls)
        assert 0 < first < len(CROWD)
        story.clock.advance(5 * SECOND)
        with locked(story):
            second = asyncio.create_task(app.watch.poll(story.clock.now()))
            await happens(lambda: calls(story, FANS) == first)
            await asyncio.sleep(0.2)  # and is taken in, if anything takes it in now
        await second
        await app.watch.settle()
        assert calls(story, FANS) == len(CROWD)
        assert query(story, "select count(*) from schedule where owner is not null") == [(0,)]


async def test_a_key_that_is_accepted_again_is_found_out_by_whatever_is_answered(tell):
    many = [f"{{platform: tiktok, id: b{number}, uid: '{6000 + number}'}}" for number in range(40)]
    story = await tell(", ".join(many), rules=rule("fans", "account", "follower_count > 1"))
    story.world.faults["*"] = "not-found"
    async with watching(story):
        await story.live(7 * HOURS, 5 * MINUTES)
        story.simulator._site.tokens = frozenset({"another"})
        await story.live(4 * HOURS, MINUTES)
        story.simulator._site.tokens = None
        back = story.clock.now()
        await story.live(17 * MINUTES, MINUTES)
        assert len(asked(story, FANS, back)) > 20, "after the first that is answered, whatever that says, all go on"


# --- a disk that is busy ------------------------------------------------------------------------------------------


async def test_one_answer_is_one_proof_however_often_what_follows_from_it_cannot_be_stored(tell, operators):
    gone, fine = video_id(20 * HOURS, 0), video_id(20 * HOURS, 1)
    videos = ", ".join(f'{{platform: tiktok, id: "{each}"}}' for each in (gone, fine))
    told = rule("fake", "video", "fake_score >= 0", "operators", ", on_first_sight: tell")
    story = await tell("", videos, rules=told)
    ask_every(story, **{FAKE: HOURS})
    async with story.daemon() as app:
        story.world.faults[gone] = "not-found"
        with refusing(story, "alert"):
            await ask(story, MINUTES)
            assert app._standings.sights[f"tiktok/video/{gone}"].proofs == 1
            assert known(story, "fake_score").keys() == {(fine,)}
            assert operators.got == []
        await story.live(30 * SECOND, 30 * SECOND)
        assert operators.titles() == [f"▲ WARNING: {fine}: fake"]
        assert app._standings.sights[f"tiktok/video/{gone}"].proofs == 1
    assert len(asked(story, FAKE)) == 2


async def test_what_was_seen_is_in_the_windows_though_a_doubt_about_it_cannot_be_stored(tell, managers):
    lost = rule("lost", "account", "delta(follower_count, 6h) <= -1% * follower_count")
    story = await tell(", ".join(CROWD), scenarios={"*": "platform-purge"}, rules=lost)
    story.clock.advance(14.5 * DAYS)
    async with story.daemon():
        await story.live(0.5 * DAYS, 10 * MINUTES)
        with refusing(story, "incident"):
            for _ in range(72):
                await ask(story, 10 * MINUTES)
        known_now = known(story, "follower_count")
        assert managers.got == [], "it is doubted all the same"
    async with story.daemon():
        assert known(story, "follower_count") == known_now
        assert len(known_now) == len(CROWD)


# --- what was not sent --------------------------------------------------------------------------------------------


TOLD = {
    "balance-402": ["▲ CRITICAL: TikHub refuses the key, or its balance is used up"],
    "http-500": ["▲ CRITICAL: TikHub does not answer"],
}


@pytest.mark.parametrize("fault", TOLD)
async def test_lines_that_wait_for_a_cookie_do_not_end_what_is_told_of_their_provider(tell, managers, operators, fault):
    names = ["mei", "ana", *(f"b{number}" for number in range(12))]
    people = [account(name, str(6000 + number), "wu") for number, name in enumerate(names)]
    story = await tell(", ".join(people), scenarios={"*": "calm"})
    for name in names:
        renew(story, name, name)
    async with watching(story):
        await story.live(HOURS, 10 * MINUTES)
        story.world.faults = dict.fromkeys(names[:2], "cookie-expired")
        await story.live(4 * HOURS, 5 * MINUTES)
        assert len([title for title in managers.titles() if "the cookie has expired" in title]) == 2
        story.world.faults = {"*": fault}
        await story.live(8 * HOURS, 2 * MINUTES)
    async with watching(story):
        await story.live(4 * HOURS, 2 * MINUTES)
    assert [title for title in operators.titles() if "TikHub" in title] == TOLD[fault]
