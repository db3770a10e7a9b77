"""What keeps news back or stops it, and what is told afterwards: silences, mutes, acknowledgements, reminders."""

from __future__ import annotations

from tests.acceptance.blind import HOURS, MINUTES, until
from tests.acceptance.house import (
    BETTER,
    LADDER,
    ON,
    OVER,
    SIX,
    THREE,
    WORSE,
    heads,
    heard,
    house,
    passes,
    sees,
    told_of,
)
from tests.acceptance.test_living import NONE, bodies, state
from tests.acceptance.test_reloading import at_work
from tests.acceptance.test_saying import lin, say, silence

DAY = 24 * HOURS
TO_LIN = "routes: [{to: [lin]}]"
AGAIN, AGAIN_WORSE = "↻ WARNING", "↻ CRITICAL"
NEWS = [*told_of(ON, "Mei"), *told_of(OVER, "Mei")]


# --- silences -----------------------------------------------------------------------------------------------------


async def test_a_silence_is_for_what_it_matches_by_tag_owner_and_severity_and_for_nothing_else(tell, inboxes):
    story = await house(tell, inboxes, "routes: [{to: [boss]}]")
    async with story.daemon():
        await passes(story, 2)
        silence(story, 48, 'tag == "tier-a" or owner == "wu" and severity <= "warning"')
        await sees(story, THREE, "mei", "leo", "ana")
        assert heard(inboxes) == {"boss": told_of(ON, "Ana")}
        await sees(story, SIX, "mei", "leo", "ana")
    assert sorted(heads(inboxes["boss"])[1:]) == told_of(WORSE, "Ana", "Leo")


async def test_a_silence_that_runs_out_while_nobody_is_there_holds_nothing_at_the_next_start(tell, inboxes):
    story = await house(tell, inboxes, TO_LIN)
    async with story.daemon():
        await passes(story, 2)
        silence(story, 6)
        await sees(story, THREE, "mei", "ana")
        await sees(story, NONE, "ana")
    assert inboxes["lin"].got == []
    story.clock.advance(12 * HOURS)
    async with story.daemon():
        await passes(story, 0.2)
        assert heads(inboxes["lin"]) == told_of(ON, "Mei")
        assert "a launch" in bodies(inboxes["lin"])[0]
        await sees(story, NONE, "mei")
    assert heads(inboxes["lin"]) == NEWS


async def test_what_rose_in_a_silence_is_told_at_its_end_from_where_it_was_known_and_in_the_morning_if_that_is_night(
    tell, inboxes
):
    nights = 'times: {nights: {from: "22:00", to: "08:00"}}\nroutes: [{to: [lin], quiet: nights}, {to: [boss]}]'
    story = await house(tell, inboxes, nights)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei")
        assert heads(inboxes["lin"]) == told_of(ON, "Mei")
        silence(story, 10)  # until 02:00
        await sees(story, SIX, "mei", hours=15.5)
        assert len(inboxes["lin"].got) == 1
        await passes(story, 1)
    assert heads(inboxes["lin"])[1:] == told_of(WORSE, "Mei")
    assert "(held until 08:00: nights)" in inboxes["lin"].titles()[1]
    assert "Level: warned → banned" in bodies(inboxes["lin"])[1]


# --- mutes --------------------------------------------------------------------------------------------------------

GRAVER = """\
  - {name: worst, on: account, when: violation_score >= 6, inhibits: [points], on_first_sight: tell, to: [boss],
     severity: critical, summary: "{name} is banned"}
"""


async def test_who_was_told_before_a_mute_is_told_the_end_in_it_after_a_restart(tell, inboxes):
    ladder = LADDER.replace("violation_score >= 6, severity", "violation_score >= 100, severity")
    story = await house(tell, inboxes, TO_LIN, ladder + GRAVER)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei")
        await sees(story, SIX, "mei", "ana")
        assert heard(inboxes)["lin"] == told_of(ON, "Mei")
    async with story.daemon():
        await sees(story, NONE, "mei", "ana")
    assert heads(inboxes["lin"]) == NEWS
    assert len(inboxes["boss"].got) == 4


# --- acknowledgements, reminders, escalation ----------------------------------------------------------------------

URGENT = """
times: {nights: {from: "22:00", to: "08:00"}}
routes:
  - {to: [lin], remind: [1h, 3h], escalate_after: 2h, escalate_to: [boss], quiet: {times: nights, passes: critical}}
"""


async def fires(story, inbox, points, *names):
    """Let accounts have so many points, until somebody is told."""
    state(story, points, *names)
    before = len(inbox.got)
    await until(story, lambda: len(inbox.got) >= before + len(names), 2 * HOURS, 5 * MINUTES)


def acknowledge(story):
    (alert,) = story.alerts()
    say(story, lambda spoken: spoken.acknowledge(alert.id, lin(story)))


async def test_whoever_an_alert_escalated_to_hears_all_that_becomes_of_it_and_reminders_end(tell, inboxes):
    story = await house(tell, inboxes, URGENT, at=6)
    lin_, boss = inboxes["lin"], inboxes["boss"]
    async with story.daemon():
        await passes(story, 2)
        await fires(story, lin_, SIX, "mei")
        await passes(story, 2.2)
        assert (heads(lin_)[1:], heads(boss)) == (told_of(AGAIN_WORSE, "Mei"), told_of(WORSE, "Mei"))
    async with story.daemon():
        await passes(story, 5)
        assert heads(lin_)[2:] == heads(boss)[1:] == told_of(AGAIN_WORSE, "Mei")
        await fires(story, lin_, THREE, "mei")
        await fires(story, lin_, NONE, "mei")
    assert heads(lin_)[3:] == heads(boss)[2:] == [*told_of(BETTER, "Mei"), *told_of(OVER, "Mei")]


async def test_who_says_that_they_know_is_left_alone_until_it_rises_though_that_is_at_night(tell, inboxes):
    story = await house(tell, inboxes, URGENT, at=18)
    lin_, boss = inboxes["lin"], inboxes["boss"]
    async with story.daemon():
        await passes(story, 2)
        await fires(story, inboxes["lin"], THREE, "mei")
        acknowledge(story)
        await passes(story, 4)
        assert (heads(lin_), boss.got) == (told_of(ON, "Mei"), [])
    async with story.daemon():
        await fires(story, lin_, SIX, "mei")  # at night
        await passes(story, 4)
    assert heads(lin_)[1:] == [*told_of(WORSE, "Mei"), *told_of(AGAIN_WORSE, "Mei") * 2]
    assert heads(boss) == [*told_of(WORSE, "Mei"), *told_of(AGAIN_WORSE, "Mei")]


async def test_an_acknowledgement_ends_with_its_alert_and_the_next_is_news_to_all(tell, inboxes):
    story = await house(tell, inboxes, URGENT, at=8)
    async with story.daemon():
        await passes(story, 2)
        await fires(story, inboxes["lin"], THREE, "mei")
        acknowledge(story)
        await sees(story, NONE, "mei", hours=3)
        await fires(story, inboxes["lin"], THREE, "mei")
        await passes(story, 2.5)
    assert heads(inboxes["lin"]) == [*NEWS, *told_of(ON, "Mei"), *told_of(AGAIN, "Mei")]
    assert heads(inboxes["boss"]) == told_of(ON, "Mei")


async def test_what_was_to_be_reminded_of_at_night_is_reminded_of_in_one_message_in_the_morning(tell, inboxes):
    story = await house(tell, inboxes, URGENT.replace("remind: [1h, 3h]", "remind: [1h, 2h, 3h, 4h, 5h]"), at=18)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei", "leo", hours=2)
        before = len(inboxes["lin"].got)
        await passes(story, 9.9)
        assert len(inboxes["lin"].got) == before
        await passes(story, 1.1)
    assert heads(inboxes["lin"])[before:] == ["Open alerts: 2 still on"]
    morning = inboxes["lin"].got[before]["message"]
    assert [morning.count(f"WARNING: {name}") for name in ("Mei", "Leo")] == [1, 1]


async def test_what_a_new_file_says_of_reminders_counts_for_what_is_on(tell, inboxes):
    story = await house(tell, inboxes, TO_LIN)
    async with at_work(story) as daemon:
        await passes(story, 2)
        await sees(story, THREE, "mei")
        await daemon.change(TO_LIN, "routes: [{to: [lin], remind: [4h], escalate_after: 5h, escalate_to: [boss]}]")
        await passes(story, 6)
        await daemon.change(", escalate_after: 5h, escalate_to: [boss]", "")
        await sees(story, NONE, "mei")
    assert heads(inboxes["lin"]) == [*told_of(ON, "Mei"), *told_of(AGAIN, "Mei"), *told_of(OVER, "Mei")]
    assert heads(inboxes["boss"]) == NEWS
