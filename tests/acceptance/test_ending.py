"""The end of a process: what it had begun to tell."""

from __future__ import annotations

import asyncio
import threading
import time

from storage.store import Store
from tests.acceptance.blind import HEALTH, HOURS, MINUTES
from tests.acceptance.test_living import ANA, EVER, LEO, MEI, NONE, SIX, every, rule, state

TOM = LEO.replace("leo", "tom").replace("Leo", "Tom").replace("204", "406").replace("LEO", "TOM")


class Slow(threading.Event):
    """What lets a channel answer after two seconds."""

    def wait(self, timeout=None):
        time.sleep(2)
        return True


async def owed(story, letters):
    """Wait until so many letters are written."""
    while len(story.alerts()) < letters:
        await asyncio.wait_for(story.app.watch.owing.wait(), 30)
        story.app.watch.owing.clear()


async def test_what_left_before_the_end_is_known_to_have_left_though_an_answer_was_still_awaited(tell, managers):
    story = await tell(
        f"{MEI}, {LEO}, {ANA}, {TOM}", scenarios={"*": NONE}, step=EVER, rules=rule("violation_score >= 6")
    )
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon() as app:
        await story.live(2 * HOURS, 10 * MINUTES)
        state(story, SIX, "leo", "ana", "tom")
        story.world.faults["mei"] = "timeout"
        managers.answering = Slow()
        story.clock.advance(1 * HOURS)
        await app.watch.poll(story.clock.now())
        await owed(story, 3)
        app.watch.deliver(story.clock.now())
    store = Store.open(story.config.database, readonly=True)
    waiting = store.counts().outbox_waiting
    store.close()
    assert len(managers.got) + waiting == 3
