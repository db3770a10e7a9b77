"""A video that hardly anybody is shown, among others of its account and age: told, also after a restart."""

from __future__ import annotations

from rules.cohorts import among_peers
from tests.acceptance.blind import HOURS, firing, known
from tests.acceptance.conftest import START

MEI = '{platform: tiktok, id: mei, name: Mei, uid: "107955", handle: mei}'
IDS = [str(int((START - age * HOURS).timestamp()) << 32) for age in (1, 12, 12.5, 13, 13.5, 14, 14.5)]
"""One that was published an hour before the start, and six half a day before it: an id says when."""
LOW, KEY = IDS[0], f"tiktok/video/{IDS[0]}"
VIDEOS = ", ".join(
    f'{{platform: tiktok, id: "{one}", account: mei, name: Clip {place}}}' for place, one in enumerate(IDS)
)
RULE = (
    "  - {name: below, on: video, when: cohort(views) <= -2, on_first_sight: tell, "
    'to: [managers], summary: "{name} does worse than others"}\n'
)


def finding(story):
    view, at_s = story.app._recent.view(KEY), story.clock.now().timestamp()
    return among_peers("views", view["views"][()], view, at_s)


async def test_a_video_that_hardly_anybody_is_shown_is_told_with_what_others_had_until_it_catches_up(tell, managers):
    story = await tell(MEI, VIDEOS, scenarios={LOW: "held-back"}, rules=RULE)
    async with story.daemon():
        await story.live(29 * HOURS)
        assert managers.titles() == ["▲ WARNING: Clip 0 does worse than others"]
        assert " at the age of 1 d, saw " in managers.got[0]["message"]
        assert known(story, "published_at")[LOW,] == int(LOW) >> 32
        before = finding(story)
        assert before.score < -2
        assert before.saw < before.low
    async with story.daemon():
        assert finding(story) == before
        await story.live(16 * HOURS)
        assert firing(story) == ["below"]
        assert finding(story).span_s == 36 * 3600
        story.world.scenarios.clear()
        await story.live(44 * HOURS)
    assert managers.titles()[1:] == ["✔ RESOLVED: Clip 0 does worse than others"]


async def test_a_video_whose_others_are_too_few_is_compared_with_nobody(tell, managers):
    story = await tell(MEI, VIDEOS.partition(', {platform: tiktok, id: "' + IDS[5])[0], {LOW: "held-back"}, RULE)
    async with story.daemon():
        await story.live(29 * HOURS)
        assert finding(story) is None
    assert managers.got == []
