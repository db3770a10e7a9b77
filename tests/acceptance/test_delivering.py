"""A channel that fails, as people live through it: others say so, and what it missed it is told in one message."""

from __future__ import annotations

from datetime import timedelta

HOURS = timedelta(hours=1)
PEOPLE = [f"mei-{number}" for number in range(12)]
ACCOUNTS = ", ".join(f'{{platform: tiktok, id: {name}, name: {name}, cookie: "${{COOKIE}}"}}' for name in PEOPLE)
RULES = """
  - {name: points, on: account, when: violation_score >= 9, on_first_sight: tell, to: [managers],
      summary: "{name} has many points"}
  - {name: channel-down, on: daemon, when: channel_ok == 0, for: 30m, on_first_sight: tell, to: [managers, operators],
      summary: "{channel} takes no messages"}
"""


async def test_others_say_that_a_channel_is_down_and_it_is_told_all_that_it_missed_at_once(tell, managers, operators):
    story = await tell(ACCOUNTS, scenarios=dict.fromkeys(PEOPLE, "violation-ladder"), rules=RULES, more="guard: false")
    async with story.daemon():
        managers.status = 503
        await story.live(30 * HOURS, every=HOURS / 2)
        assert managers.got == []
        assert operators.titles() == ["▲ WARNING: managers takes no messages"]
        managers.status = 200
        await story.live(2 * HOURS, every=HOURS / 2)
    [told] = managers.titles()
    assert told.startswith("While JSON could not be reached for ")
    assert told.endswith(f": {len(PEOPLE)} still on")
    assert operators.titles()[1:] == ["✔ RESOLVED: managers takes no messages"]
