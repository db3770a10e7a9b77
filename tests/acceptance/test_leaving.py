"""Targets that leave the watchlist leave nothing in memory; what is stored of them counts when they are back."""

from __future__ import annotations

from datetime import timedelta

from tests.acceptance.test_reloading import at_work
from tests.acceptance.test_watching import FAKE, FANS, GONE, LEO, asked, firing, rule

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DANCE = '{platform: tiktok, id: "7612345678901234567", name: Dance, owner: lin}'
SEEN = rule("fake", "video", "fake_score > 101") + GONE


async def test_nothing_is_said_of_accounts_that_left_a_roster_and_all_of_those_that_stay(tell):
    story = await tell(LEO, rules=FANS)
    roster = story.config.base / "people.csv"
    roster.write_text("platform,id,handle\ntiktok,ann,ann\n", encoding="utf-8")
    async with at_work(story) as daemon:
        await daemon.change("videos: []", "roster: [people.csv]")
        for name in ("ben", "mia", "zoe"):
            await story.live(2 * HOUR)
            roster.write_text(f"platform,id,handle\ntiktok,{name},{name}\n", encoding="utf-8")
            await daemon.look()
        await story.live(2 * HOUR)
        targets = daemon.app._watchlist.targets().keys()
        assert {"tiktok/account/leo", "tiktok/account/zoe", "provider/tikhub", "daemon"} <= targets
        assert {target for target, _, _ in daemon.app._recent.latest()} <= targets
        said = {(target, key[0]) for target, key, _ in daemon.app._recent.latest()}
    assert {("tiktok/account/leo", "visible"), ("provider/tikhub", "provider_up"), ("daemon", "config_ok")} <= said


async def test_a_video_that_was_gone_when_it_left_is_gone_when_it_is_watched_again_without_a_call(tell):
    story = await tell(videos=DANCE, rules=SEEN)
    async with at_work(story) as daemon:
        await story.live(HOUR)
        story.world.faults["7612345678901234567"] = "not-found"
        await story.live(3 * DAY)
        assert firing(story, "gone") == {"tiktok/video/7612345678901234567"}
        await daemon.change(f"videos: [{DANCE}]", "videos: []")
        await story.live(3 * HOUR)
        assert firing(story, "gone") == set()
        assert not daemon.app._standings.sights
        calls = len(asked(story, FAKE))
        await daemon.change("videos: []", f"videos: [{DANCE}]")
        assert firing(story, "gone") == {"tiktok/video/7612345678901234567"}
        assert len(asked(story, FAKE)) == calls
