"""Who hears: by severity, tag, owner, label and time of day; the operators' own; who looks after whom; stand-ins."""

from __future__ import annotations

import pytest

from tests.acceptance.blind import HOURS, MINUTES, account, renew, watching
from tests.acceptance.house import (
    BETTER,
    LADDER,
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
from tests.acceptance.test_living import NONE, rewrite
from tests.acceptance.test_reloading import at_work

DAY = 24 * HOURS
WAYS = """
operators: [operators]
times: {office: {days: [mon-fri], from: "09:00", to: "18:00", zone: Asia/Shanghai}}
routes:
  - {name: gravest, match: 'severity == "critical"', to: [boss], continue: true}
  - {name: tier-a, match: 'tag == "tier-a"', to: [duty]}
  - {name: by-day, times: office, to: [owner]}
  - {name: of-wu, match: 'owner == "wu"', to: [managers]}
"""


# --- severity, tag, owner, label, time ----------------------------------------------------------------------------


async def test_severity_tag_owner_and_time_of_day_each_have_a_say_in_who_hears(tell, inboxes, managers, operators):
    story = await house(tell, inboxes, WAYS, at=2)  # 10:00 in Shanghai, on a Monday
    everybody = {**inboxes, "managers": managers, "operators": operators}
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei", "leo", "ana")
        assert heard(everybody) == {"duty": told_of(ON, "Mei"), "wu": told_of(ON, "Leo"), "lin": told_of(ON, "Ana")}
        await sees(story, SIX, "mei", "leo", "ana")
        assert sorted(heads(inboxes["boss"])) == told_of(WORSE, "Mei", "Leo", "Ana")
        assert [heads(inboxes[name])[1:] for name in ("duty", "wu", "lin")] == [
            told_of(WORSE, name) for name in ("Mei", "Leo", "Ana")
        ]
        assert managers.got == operators.got == []


async def test_after_hours_news_goes_to_others_who_are_told_then_of_what_is_on(tell, inboxes, managers, operators):
    story = await house(tell, inboxes, WAYS, at=2)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "leo", "ana")
        await passes(story, 3.75, 15 * MINUTES)
        assert managers.got == operators.got == []
        await passes(story, 0.5)  # it is 18:00
        assert (heads(managers), heads(operators)) == (told_of(ON, "Leo"), told_of(ON, "Ana"))
        await sees(story, NONE, "leo", "ana")
    over = {name: heads(inboxes[name])[1:] for name in ("wu", "lin")}
    assert over == {"wu": told_of(OVER, "Leo"), "lin": told_of(OVER, "Ana")}
    assert (heads(managers)[1:], heads(operators)[1:]) == (told_of(OVER, "Leo"), told_of(OVER, "Ana"))


async def test_the_next_shift_is_told_in_one_message_of_all_that_is_on(tell, inboxes, managers):
    kim = LEO.replace("leo", "kim").replace("Leo", "Kim").replace("204", "305")
    story = await house(tell, inboxes, WAYS, accounts=f"{LEO}, {kim}", at=2)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "leo", "kim")
        assert sorted(heads(inboxes["wu"])) == told_of(ON, "Kim", "Leo")
        await passes(story, 4.25, 15 * MINUTES)
    assert heads(managers) == ["Open alerts: 2 still on"]
    assert [name in managers.got[0]["message"] for name in ("Leo", "Kim")] == [True, True]


async def test_of_one_rule_each_label_may_go_another_way(tell, inboxes, managers):
    xiao = '{platform: douyin, id: xiao, name: Xiao, owner: lin, cookie: "${COOKIE}"}'
    rules = '  - {name: rank, on: account, when: "author_rank >= 0", on_first_sight: tell, severity: warning}\n'
    ways = "routes: [{match: 'dimension == \"NewFans\"', to: [boss]}, {match: 'severity <= \"warning\"', to: [wu]}]"
    story = await house(tell, inboxes, ways, rules, xiao)
    async with story.daemon():
        await story.live(2 * DAY, 1 * HOURS)
    others = ("Interact", "PlayCnt", "PlayFinishRatio", "PublishActivation")
    assert heads(inboxes["boss"]) == ["▲ WARNING: Xiao: rank, NewFans"]
    assert sorted(heads(inboxes["wu"])) == [f"▲ WARNING: Xiao: rank, {each}" for each in others]


# --- the operators' own -------------------------------------------------------------------------------------------

OWN = """\
  - {name: expired, on: cookie, when: cookie_ok == 0, severity: high, on_first_sight: tell}
  - {name: spent, on: provider, when: budget_used >= 0, severity: high, on_first_sight: tell, to: [lin]}
  - {name: grown, on: daemon, when: database_bytes >= 1, severity: critical, on_first_sight: tell}
"""
TO_ALL = """
operators: [operators]
budget: {tikhub: {day: 1000}}
routes:
  - {match: 'on == "daemon"', to: [brand, boss]}
  - {match: 'severity >= "high"', to: [brand, owner]}
  - {to: [brand, owner], escalate_after: 1h, escalate_to: [brand]}
"""


async def test_what_is_the_operators_own_goes_their_way_and_to_no_client_however_it_is_routed(
    tell, inboxes, operators, managers
):
    mei, leo = account("mei", "107955", "lin"), account("leo", "204", "wu")
    story = await house(tell, inboxes, TO_ALL, OWN + LADDER, f"{mei}, {leo}")
    for name in ("mei", "leo"):
        renew(story, name, name)
    async with watching(story):
        await passes(story, 2)
        story.world.faults["mei"] = "cookie-expired"
        await passes(story, 8, 10 * MINUTES)
        await sees(story, THREE, "leo")
        told = sorted(heads(operators))
        assert told == ["▲ HIGH: Mei: expired"]
        assert heads(inboxes["lin"]) == ["▲ HIGH: TikHub: spent, day"]
        assert heads(inboxes["boss"]) == ["▲ CRITICAL: creatorwatch: grown"]
        assert heads(inboxes["brand"]) == told_of(ON, "Leo")


# --- people who are away, and owners that change ------------------------------------------------------------------

AWAY = """
routes: [{to: [owner]}]
delegations: [{owner: lin, to: wu, from: 2026-03-04, until: 2026-03-05, zone: Asia/Shanghai}]
"""


async def test_a_stand_in_hears_of_what_is_on_from_the_first_day_and_both_hear_the_end(tell, inboxes):
    story = await house(tell, inboxes, AWAY)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei")
        await story.live(1 * DAY - 1 * HOURS, 30 * MINUTES)  # Tuesday, 15:00
        assert heard(inboxes) == {"lin": told_of(ON, "Mei")}
        await passes(story, 2)  # Wednesday in Shanghai
        assert heard(inboxes) == {"lin": told_of(ON, "Mei"), "wu": told_of(ON, "Mei")}
        await sees(story, SIX, "mei")
        assert heads(inboxes["lin"])[1:] == []
        assert heads(inboxes["wu"])[1:] == told_of(WORSE, "Mei")
        await sees(story, NONE, "mei")
    assert heads(inboxes["lin"])[1:] == heads(inboxes["wu"])[2:] == told_of(OVER, "Mei")


async def test_who_is_back_hears_of_what_began_meanwhile_and_is_told_the_end_as_the_stand_in_is(tell, inboxes):
    story = await house(tell, inboxes, AWAY)
    async with story.daemon():
        await story.live(2 * DAY, 1 * HOURS)
        await sees(story, THREE, "mei")
        assert heard(inboxes) == {"wu": told_of(ON, "Mei")}
        await story.live(2 * DAY, 1 * HOURS)
        assert heard(inboxes) == {"wu": told_of(ON, "Mei"), "lin": told_of(ON, "Mei")}
        await sees(story, NONE, "mei")
    ended = [*told_of(ON, "Mei"), *told_of(OVER, "Mei")]
    assert heard(inboxes) == {"wu": ended, "lin": ended}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("to: [lin]", "to: [wu]"),
        ("routes: [{to: [lin]}]", "routes: [{match: 'severity == \"critical\"', to: [lin]}, {to: [wu]}]"),
        ("owner: lin, tags: [tier-a]", "owner: wu, tags: [tier-a]"),
        ("routes: [{to: [lin]}]", "routes: [{to: [lin], times: never}, {to: [wu]}]\ntimes: {never: {days: [sun]}}"),
    ],
)
async def test_who_hears_from_now_on_is_told_what_is_on_and_who_heard_before_is_told_its_end(tell, inboxes, old, new):
    ways = "routes: [{to: [owner]}]" if old.startswith("owner") else "routes: [{to: [lin]}]"
    story = await house(tell, inboxes, ways)
    async with at_work(story) as daemon:
        await passes(story, 2)
        await sees(story, THREE, "mei")
        await daemon.change(old, new)
        await passes(story, 1)
        assert heard(inboxes) == {"lin": told_of(ON, "Mei"), "wu": told_of(ON, "Mei")}
    async with story.daemon():
        await sees(story, NONE, "mei")
    ended = [*told_of(ON, "Mei"), *told_of(OVER, "Mei")]
    assert heard(inboxes) == {"lin": ended, "wu": ended}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    on: account\n", "    on: account\n    only: 'name != \"Mei\"'\n"),
        ("  - name: points\n", "  - name: marks\n"),
        (f"{MEI}, ", ""),
    ],
)
@pytest.mark.parametrize("by_restart", [True, False])
async def test_an_end_says_how_bad_it_was_and_how_long_it_took_though_its_rule_or_account_is_no_more(
    tell, inboxes, old, new, by_restart
):
    story = await house(tell, inboxes, "routes: [{match: 'account == \"mei\"', to: [lin]}, {to: [wu]}]")
    async with at_work(story) as daemon:
        await passes(story, 2)
        await sees(story, SIX, "mei", hours=6)
        await sees(story, THREE, "mei", hours=2)
        assert heads(inboxes["lin"]) == [*told_of(WORSE, "Mei"), *told_of(BETTER, "Mei")]
        if not by_restart:
            await daemon.change(old, new)
            await passes(story, 0.1)
    if by_restart:
        rewrite(story, old, new)
    async with story.daemon():
        await passes(story, 0.1)
    ended = inboxes["lin"].got[2]
    assert ended["title"].partition(" (")[0] == "✔ RESOLVED: Mei"
    lines = ended["message"].splitlines()
    assert lines[:2] == ["Level: warned → none", "violation_score: 3"]
    assert lines[3].startswith("Lasted: 7 h ")
    assert lines[3].endswith("; peak: banned (violation_score 6)")
    assert lines[4] == "Why: it is no longer watched"
    assert "Who: Mei (tiktok/account/mei), owner lin" in lines
