"""An alert has its line looked at oftener. That is no reason to doubt what was seen before; a blind time is."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.acceptance.blind import HEALTH, HOURS, MINUTES, account, asked, firing, renew, watching
from tests.acceptance.test_reloading import at_work
from tests.acceptance.test_watching import LEO, rule

MEI = account("mei", "107955", "wu")
HIGH = rule("high", "account", "min(violation_score, 12h) >= 0", more=", unknown: clear, on_first_sight: tell")


def closest(story) -> timedelta:
    """The least time between two looks at the account's health."""
    return min(later - earlier for (earlier, _), (later, _) in pairwise(asked(story, HEALTH)))


async def test_an_alert_over_a_window_stays_on_although_its_line_is_asked_oftener_also_after_a_restart(tell, managers):
    story = await tell(MEI, rules=HIGH)
    renew(story, "mei", "107955")
    for hours in (20, 20):
        async with watching(story):
            await story.live(hours * HOURS, 30 * MINUTES)
            assert firing(story) == ["high"]
    assert closest(story) <= 30 * MINUTES
    assert managers.titles() == ["▲ WARNING: Mei: high"]


async def test_a_blind_time_that_is_longer_than_usual_is_unknown_until_it_has_left_the_window(tell, managers):
    story = await tell(MEI, rules=HIGH)
    renew(story, "mei", "107955")
    async with watching(story):
        await story.live(20 * HOURS)
        story.world.faults[HEALTH] = "http-500"
        await story.live(7 * HOURS)
        story.world.faults.clear()
        await story.live(10 * HOURS)
        assert firing(story) == []
        await story.live(4 * HOURS)
        assert firing(story) == ["high"]


@pytest.mark.parametrize("every", ["12h", "1h"])
async def test_a_reload_that_has_a_line_asked_oftener_makes_nothing_unknown(tell, managers, every):
    fans = rule("fans", "account", "min(follower_count, 2d) >= 0", more=", unknown: clear, on_first_sight: tell")
    story = await tell(LEO, rules=fans)
    async with at_work(story) as daemon:
        creator = "fetch_creator_info_and_milestones: {rate_per_s: 1000"
        await daemon.change(creator, f"{creator}, interval: 12h")
        await story.live(96 * HOURS)
        await daemon.change("interval: 12h", f"interval: {every}")
        await story.live(60 * HOURS)
    assert managers.titles() == ["▲ WARNING: Leo: fans"]
