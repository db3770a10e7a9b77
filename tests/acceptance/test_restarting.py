"""A restart tells nobody anything: what the daemon says of itself is as true right after it as before."""

from __future__ import annotations

from datetime import timedelta

from tests.acceptance.test_reloading import AT_ONCE, FANS, HOUR
from tests.acceptance.test_watching import LEO, rule

MINUTE = timedelta(minutes=1)
MONEY = rule("money", "provider", "budget_used >= 0.01", more=AT_ONCE)
ITSELF = rule("bytes", "daemon", "database_bytes >= 1", more=AT_ONCE) + rule(
    "works", "daemon", "rule_healthy == 1", more=AT_ONCE
)


async def test_a_restart_neither_ends_nor_tells_again_what_is_said_of_money_and_of_the_daemon(tell, managers):
    story = await tell(LEO, rules=MONEY + ITSELF + FANS, more="budget: {tikhub: {day: 0.05}}")
    async with story.daemon():
        await story.live(2 * HOUR)
    told = managers.titles()
    assert "\u25b2 WARNING: TikHub: money" in told
    assert len(told) == 7, "of money, of the database, of each rule, of Leo"
    for _ in range(2):
        async with story.daemon():
            await story.live(2 * MINUTE, MINUTE)
    assert managers.titles() == told
