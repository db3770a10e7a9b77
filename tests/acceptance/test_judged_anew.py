"""A rule that says something else by now judges what was seen again: by a reload, in its preview, at the next start."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from daemon.preview import Preview, count, preview
from storage.store import Store
from tests.acceptance.test_reloading import AT_ONCE, FANS, HOUR, LADDERS, MIA, POINTS, at_work, stored
from tests.acceptance.test_watching import LEO, MEI, firing, rule, total

MINUTE = timedelta(minutes=1)
NOBODY = "follower_count > 1000000000"


@pytest.mark.parametrize(
    ("who", "written", "old", "new"),
    [
        (LEO, FANS, "follower_count > 1", NOBODY),
        (MEI, POINTS, "violation_score >= 6", "violation_score >= 999"),
    ],
)
async def test_the_end_of_an_alert_that_the_newest_number_raised_is_known_before(who, written, old, new, tell):
    story = await tell(who, rules=written, scenarios=LADDERS)
    async with at_work(story) as daemon:
        while not story.alerts():
            await story.live(HOUR)
        daemon.edit(old, new)
        config, at = daemon.read(), story.clock.now()
        with closing(Store.sketch(config.database)) as sketch:
            said = preview(config, sketch, at)
        assert said == Preview(0, 1) == count(await daemon.app.adopt(config, story.clock), config.book)


async def test_a_start_with_another_file_judges_at_once_what_is_stored(tell, managers):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * HOUR)
        daemon.edit("follower_count > 1", NOBODY)
        story.config = daemon.read()
    asked = total(story)
    async with at_work(story):
        assert firing(story, "fans") == set()
        await story.live(MINUTE, MINUTE)
        assert total(story) == asked
    assert [title[0] for title in managers.titles()] == ["▲", "✔"]


async def test_a_start_with_the_same_file_changes_no_alert(tell):
    story = await tell(MEI, rules=POINTS + FANS, scenarios=LADDERS)
    async with at_work(story):
        await story.live(30 * HOUR)
    before = stored(story, "SELECT * FROM alert")
    async with at_work(story):
        await story.live(MINUTE, MINUTE)
        assert stored(story, "SELECT * FROM alert") == before != []


async def test_an_account_with_another_number_is_judged_anew_by_it_and_no_other_is(tell):
    story = await tell(f"{LEO}, {MIA}", rules=rule("fans", "account", "follower_count > fake_limit", more=AT_ONCE))
    async with at_work(story) as daemon:
        await daemon.change("tier-a: { fake_limit: 50 }", "tier-a: { fake_limit: 1000000000 }")
        await story.live(2 * HOUR)
        untouched = "SELECT alert.* FROM alert JOIN target ON target.id = target_id WHERE key LIKE '%mia'"
        before = stored(story, untouched)
        await daemon.change("id: leo,", "id: leo, tags: [tier-a],")
        assert daemon.said[-1] == "rules.yaml is in force: opens 0, closes 1"
        assert stored(story, untouched) == before
    assert firing(story, "fans") == {"tiktok/account/mia"}
