"""The pulse that readiness and the watchdog are told by."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from daemon.run import LATE, Ticks, whenever

AT = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_verb_that_stands_still_for_a_minute_is_late_and_the_others_are_not():
    ticks = Ticks()
    ticks.at = {"poll": AT, "deliver": AT + LATE}
    assert ticks.late(AT + LATE) == []
    assert ticks.late(AT + LATE + timedelta(seconds=1)) == ["poll"]


def test_a_clock_that_was_set_back_makes_every_verb_late():
    ticks = Ticks()
    ticks.at = {"poll": AT}
    assert ticks.late(AT - LATE - timedelta(seconds=1)) == ["poll"]


async def test_each_time_that_somebody_is_owed_news_a_tick_follows_at_once_and_else_none():
    told, came = asyncio.Event(), asyncio.Queue()

    async def tick():
        await came.put(told.is_set())

    task = asyncio.create_task(whenever(told, tick))
    for _ in range(2):
        told.set()
        assert await asyncio.wait_for(came.get(), 5.0) is False
    await asyncio.sleep(0)
    assert came.empty()
    task.cancel()
