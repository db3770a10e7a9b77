"""The plan is made anew for the accounts of which something new is known, and is then what it would be for all."""

from __future__ import annotations

from datetime import timedelta

from daemon.plan import lines
from daemon.watchlist import Watchlist
from tests.acceptance.test_watching import LIST, PLAYS, watch

MINUTES, HOURS = timedelta(minutes=1), timedelta(hours=1)
THREE = ", ".join(f'{{platform: douyin, id: {name}, cookie: "${{COOKIE}}"}}' for name in ("ann", "ben", "cleo"))
LEO = "{platform: tiktok, id: leo, handle: leo}"
RULES = PLAYS + "  - {name: fans, on: account, when: follower_count > 1, summary: fans}\n"


def planned(story) -> set[tuple[str, str]]:
    return {(line.target, line.endpoint) for line in story.app._store.remembered()}


def wanted(story) -> set[tuple[str, str]]:
    """The lines that follow from all that is known."""
    store, watchlist = story.app._store, Watchlist(story.config, story.config.providers)
    watchlist.renew(store.identities(), store.discovered(), story.clock.now())
    every = lines(story.config, watchlist, story.config.providers)
    return {(line.watched.target.key, line.endpoint.name) for line in every}


async def test_the_plan_is_always_what_follows_from_all_that_is_known_though_it_is_made_for_a_few(tell):
    story = await tell(f"{THREE}, {LEO}", rules=RULES, more="discover: {newer_than: 90d, at_most: 4}")
    watch(story, LIST, fetch_item_list=HOURS / 2)
    came, went = set(), set()
    async with story.daemon() as app:
        for _ in range(4 * 24 * 6):
            before, whole = planned(story), app._judge._followed
            await story.live(10 * MINUTES, 10 * MINUTES)
            assert planned(story) == wanted(story)
            assert {(each.target, each.endpoint.name) for each in app._recent.watches.values()} == planned(story)
            if app._judge._followed == whole:
                came |= planned(story) - before
                went |= before - planned(story)
    assert len({target for target, _ in came}) > 10, "the rest of the fleet was not looked at"
    assert went
