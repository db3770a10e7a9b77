"""Money that runs short: what is put off stays so, and the end of the balance is reckoned from when it was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from daemon.config import Override
from storage.records import Attempt
from tests.acceptance.test_spending import turns, video_id

MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOURCES = "fetch_item_play_source"
ENDS = ("provider/tikhub", "balance_ends_at")


async def test_a_turn_that_was_put_off_to_spare_money_is_not_brought_forward_when_the_plan_is_made_anew(tell):
    people = [f"{{platform: douyin, id: d{n}, cookie: '${{COOKIE}}'}}" for n in range(10)]
    videos = [f'{{platform: douyin, id: "{video_id(20 * DAYS, n)}", account: d{n}}}' for n in range(10)]
    story = await tell(", ".join(people), ", ".join(videos), more="budget: {tikhub: {day: 10, soft: 50%}}")
    hourly = {**story.config.overrides, SOURCES: Override(HOURS, 1000.0)}
    story.config = replace(story.config, overrides=hourly, collect=frozenset({SOURCES}))
    story.clock.advance(15 * HOURS)
    async with story.daemon() as app:
        await story.live(10 * MINUTES, MINUTES)
        app._store.open_calls([Attempt("tikhub", "x", 1, Decimal("8.5"))], story.clock.now())
        before = len(turns(story, SOURCES))
        await story.live(7.5 * HOURS, 5 * MINUTES)
        assert len(turns(story, SOURCES)) - before <= 2 * 10, "the turn that was fixed already, and one more"


async def test_when_the_balance_ends_is_unknown_while_the_provider_does_not_say_what_is_left(tell):
    people = [f'{{platform: tiktok, id: p{n}, uid: "{1000 + n}"}}' for n in range(30)]
    story = await tell(", ".join(people))
    story.simulator._site.spent_usd = Decimal(46)
    async with story.daemon() as app:

        def said() -> float:
            return next(number for target, key, number in app._recent.latest() if (target, key[0]) == ENDS)

        await story.live(2 * DAYS, 2 * HOURS)
        ends_s = said()
        assert 8 * DAYS < timedelta(seconds=ends_s - story.clock.now().timestamp()) < 30 * DAYS
        story.world.faults["get_user_info"] = "http-500"
        await story.live(4 * HOURS, 2 * HOURS)
        assert str(said()) == "nan"
        story.world.faults.clear()
        await story.live(1 * DAYS, 2 * HOURS)
        assert abs(said() - ends_s) < 3 * DAYS.total_seconds()
