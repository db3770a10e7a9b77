"""When news is told: nights, holidays, maintenance, digests on the clock of a place, and groups."""

from __future__ import annotations

from tests.acceptance.blind import HOURS
from tests.acceptance.house import (
    ANA,
    LEO,
    MEI,
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
from tests.acceptance.test_living import NONE, account, bodies

DAY = 24 * HOURS
ZOE = account("zoe", "406", ", owner: wu")


# --- quiet hours --------------------------------------------------------------------------------------------------


async def test_the_morning_tells_in_one_message_what_is_on_what_climbed_what_came_and_went_and_what_is_over(
    tell, inboxes
):
    nights = 'times: {nights: {from: "22:00", to: "08:00"}}\nroutes: [{to: [boss], quiet: nights}]'
    story = await house(tell, inboxes, nights, accounts=f"{MEI}, {LEO}, {ANA}, {ZOE}", at=18)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei", "zoe")
        assert heads(inboxes["boss"]) == told_of(ON, "Mei", "Zoe")
        await sees(story, SIX, "mei", "leo", hours=4)
        await sees(story, THREE, "ana")
    async with story.daemon():
        await sees(story, NONE, "ana", "zoe", hours=3)
        assert len(inboxes["boss"].got) == 2
        await passes(story, 2)
    [held] = inboxes["boss"].got[2:]
    assert held["title"] == "Held during nights: 1 still on, 1 climbed, 1 came and went, 1 over"
    assert [line.split(",")[0].strip() for line in held["message"].splitlines()[:8]] == [
        "Still on",
        "CRITICAL: Leo",
        "Climbed",
        "CRITICAL: Mei",
        "Came and went",
        "WARNING: Ana",
        "Over",
        "RESOLVED: Zoe",
    ]


HOLIDAYS = """
zone: Asia/Shanghai
holidays: {feast: [2026-03-03..2026-03-04]}
times:
  nights: {from: "22:00", to: "08:00", also: [feast]}
  office: {days: [mon-fri], from: "09:00", to: "18:00", but_not: [feast]}
"""


async def test_on_holidays_the_office_is_closed_and_what_is_not_grave_waits_until_they_are_over(tell, inboxes):
    routes = "routes: [{times: office, to: [lin]}, {to: [duty], quiet: {times: nights, passes: critical}}]"
    everybody = f"{MEI}, {LEO}, {ANA}, {ZOE}"
    story = await house(tell, inboxes, HOLIDAYS + routes, accounts=everybody, at=2)  # Monday, 10:00 in Shanghai
    lin, duty = inboxes["lin"], inboxes["duty"]
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei")
        assert heard(inboxes) == {"lin": told_of(ON, "Mei")}
        await sees(story, NONE, "mei", hours=20)  # Tuesday, 10:00: a holiday
        await sees(story, THREE, "leo", "zoe")
        await sees(story, SIX, "ana")
        assert (heads(lin)[2:], heads(duty)) == ([], told_of(WORSE, "Ana"))
        await story.live(41 * HOURS, 1 * HOURS)  # Thursday, 07:00
        assert len(duty.got) == 1
        await passes(story, 1.1)
    assert duty.titles()[1:] == ["Held during nights: 2 still on"]
    assert heads(lin) == [*told_of(ON, "Mei"), *told_of(OVER, "Mei")]


# --- maintenance --------------------------------------------------------------------------------------------------

SWEEP = """
times: {sweep: {days: [tue], from: "02:00", to: "04:00", zone: Asia/Shanghai}}
maintenance: [{times: sweep, match: 'severity <= "warning"', why: the weekly sweep}]
routes: [{match: 'owner == "lin"', to: [lin]}, {to: [wu]}]
"""


async def test_maintenance_comes_again_every_week_and_holds_whichever_way_news_goes(tell, inboxes):
    story = await house(tell, inboxes, SWEEP, at=17)
    counts = []
    for _week in (1, 2):
        async with story.daemon():
            await passes(story, 1.25)  # 02:15 in Shanghai, on Tuesday
            await sees(story, THREE, "mei", "leo", hours=1.5)
            counts.append([len(inboxes[name].got) for name in ("lin", "wu")])
            await passes(story, 0.5)
            counts.append([len(inboxes[name].got) for name in ("lin", "wu")])
            await sees(story, NONE, "mei", "leo")
            await story.live(7 * DAY - 6 * HOURS, 1 * HOURS)
            await passes(story, 0.75)
    assert counts == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert "the weekly sweep" in inboxes["lin"].titles()[0]
    assert heads(inboxes["wu"]) == [*told_of(ON, "Leo"), *told_of(OVER, "Leo")] * 2


# --- digests and groups -------------------------------------------------------------------------------------------


async def test_a_digest_comes_at_nine_by_the_clock_of_its_place_also_when_summer_time_begins(tell, inboxes):
    daily = 'routes: [{name: daily, to: [boss], digest: {cron: "0 9 * * mon-fri", zone: America/New_York}}]'
    story = await house(tell, inboxes, daily, at=0)
    boss = inboxes["boss"]
    async with story.daemon():
        await story.live(3 * DAY, 1 * HOURS)  # Friday
        await sees(story, THREE, "mei", "leo")
        await passes(story, 11.9)
        assert boss.got == []
        await passes(story, 0.2)  # 14:00, which is 09:00 in New York
        assert boss.titles() == ["Digest daily: 2 still on"]
        await sees(story, NONE, "mei", hours=2.9)
        await sees(story, SIX, "leo", hours=2)
        await story.live(65 * HOURS, 1 * HOURS)
        await passes(story, 0.75)
        assert len(boss.got) == 1
        await passes(story, 0.3)  # 13:00 on Monday, which is 09:00 in New York by now
    assert boss.titles()[1:] == ["Digest daily: 1 climbed, 1 over"]


async def test_what_is_alike_comes_in_one_message_by_owner_and_by_rule(tell, inboxes):
    both = """
routes:
  - {to: [boss], group_by: [owner], group_wait: 1h, continue: true}
  - {to: [duty], group_by: [rule], group_wait: 1h}
"""
    story = await house(tell, inboxes, both)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei", "leo", "ana")
    assert sorted(inboxes["boss"].titles()) == ["lin: 2 still on", "▲ WARNING: Leo"]
    assert inboxes["duty"].titles() == ["points: 3 still on"]
    assert all(f"WARNING: {name}, none → warned" in bodies(inboxes["duty"])[0] for name in ("Mei", "Leo", "Ana"))
