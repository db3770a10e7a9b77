"""When the source is not believed: many targets that do the same at once, and fields that changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.store import Store
from tests.acceptance.blind import (
    DAYS,
    HEALTH,
    HOURS,
    MINUTES,
    account,
    asked,
    firing,
    known,
    renew,
    until,
    watching,
    with_cookie,
)
from tests.acceptance.conftest import RULES

# --- many at once -------------------------------------------------------------------------------------------------

MANY = 30
NUMBERED = [account(f"a{number}", str(5000 + number), "wu") for number in range(MANY)]
OPEN = ", ".join(f"{{platform: tiktok, id: a{n}, name: A{n}, uid: '{5000 + n}'}}" for n in range(MANY))
MOVES = """
  - name: fans-lost
    on: account
    when: delta(follower_count, 6h) <= -1% * follower_count
    severity: warning
    summary: "{name} lost fans"
    effect: "look why"
    to: [managers]
  - name: fans-won
    on: account
    when: delta(follower_count, 6h) >= 2% * follower_count
    severity: warning
    summary: "{name} won fans"
    effect: "look why"
    to: [managers]
"""


async def crowd(tell, accounts: list[str], more: str = "", scenarios: dict | None = None):
    """A population of shop creators, each with a cookie that is fine."""
    story = await tell(", ".join(accounts), scenarios=scenarios or {"*": "calm"}, more=more)
    for number in range(len(accounts)):
        renew(story, f"a{number}", f"a{number}")
    return story


def strike(story, fault: str, numbers=range(MANY)) -> None:
    for number in numbers:
        story.world.faults |= {f"a{number}": fault, str(5000 + number): fault}


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_purge_of_everybody_is_one_incident_of_the_provider_and_nobodys_alert(
    tell, managers, operators, guarded
):
    more = "guard: {hold: 8h}" if guarded else "guard: false"
    story = await tell(OPEN, scenarios={"*": "platform-purge"}, rules=RULES + MOVES, more=more)
    story.clock.advance(14.5 * DAYS)
    async with story.daemon():
        await story.live(1.5 * DAYS, 10 * MINUTES)
        assert story.alerts() == []
    if guarded:
        assert managers.got == []
        assert operators.titles() == ["▲ HIGH: TikHub is not believed", "✔ RESOLVED: TikHub is not believed"]
        assert "follower_count of fetch_creator_info_and_milestones: " in operators.got[0]["message"]
        assert "fell together" in operators.got[0]["message"]
    else:
        assert len([title for title in managers.titles() if "lost fans" in title and title[0] == "▲"]) == MANY
        assert operators.got == []


async def test_while_everybody_is_doubted_business_alerts_hold_and_are_told_when_the_doubt_is_over(tell, managers):
    story = await tell(OPEN, scenarios={"*": "platform-purge"}, rules=RULES + MOVES, more="guard: {hold: 2h}")
    story.clock.advance(14.5 * DAYS)
    async with story.daemon():
        await until(story, lambda: firing(story) == ["source-doubted"], 1 * DAYS, 10 * MINUTES)
        assert managers.got == []
        await until(story, lambda: managers.got != [], 6 * HOURS, 10 * MINUTES)
        assert "source-doubted" not in firing(story)


async def test_the_bought_fans_of_one_among_many_are_told_as_ever(tell, managers, operators):
    story = await tell(OPEN, scenarios={"5003": "bought-fans"}, rules=RULES + MOVES)
    story.clock.advance(14.5 * DAYS)
    async with story.daemon():
        await story.live(2 * DAYS, 10 * MINUTES)
    assert managers.titles() == ["▲ WARNING: A3 won fans", "✔ RESOLVED: A3 won fans"]
    assert operators.got == []


async def test_a_great_move_of_one_is_told_as_soon_as_four_others_were_looked_at(tell, managers, operators):
    story = await crowd(tell, NUMBERED, scenarios={"*": "calm", "a3": "violation-ladder"})
    async with watching(story):
        await story.live(11.5 * HOURS, 10 * MINUTES)
        await until(story, lambda: managers.got != [], 2 * HOURS)
        lately = [(at, whom) for at, whom in asked(story, HEALTH) if story.clock.now() - at <= MINUTES]
    assert managers.titles() == ["▲ WARNING: A3 has 9 violation points"]
    assert min(lately)[1] == "a3"
    assert len({whom for _, whom in lately} - {"a3"}) >= 4
    assert operators.got == []


@pytest.mark.parametrize("fault", ["empty-200", "cookie-expired", "bad-json", "not-found", "wrong-identity"])
async def test_everybody_who_fails_at_once_is_one_incident_as_long_as_it_lasts(tell, managers, operators, fault):
    story = await crowd(tell, NUMBERED)
    async with watching(story):
        await story.live(6 * HOURS, 10 * MINUTES)
        strike(story, fault)
        begin = story.clock.now()
        await story.live(2 * HOURS, MINUTES)
        await story.live(34 * HOURS, 30 * MINUTES)
        assert firing(story) == ["source-doubted"]
        refused = with_cookie(story, begin)
    assert managers.got == []
    assert operators.titles() == ["▲ HIGH: TikHub is not believed"]
    if fault in ("empty-200", "cookie-expired"):
        assert len(refused) <= MANY * 10, "all are spared as if each had expired"


async def test_an_incident_that_goes_on_for_more_than_a_day_goes_on_over_a_restart(tell, managers, operators):
    story = await crowd(tell, NUMBERED)
    async with watching(story):
        await story.live(6 * HOURS, 10 * MINUTES)
        strike(story, "cookie-expired")
        await story.live(30 * HOURS, 30 * MINUTES)
    async with watching(story):
        await story.live(26 * HOURS, 30 * MINUTES)
        assert firing(story) == ["source-doubted"]
    assert managers.got == []
    assert operators.titles() == ["▲ HIGH: TikHub is not believed"]


async def test_when_the_cookies_of_all_work_again_everything_resumes_at_the_first_that_does(tell, managers, operators):
    story = await crowd(tell, NUMBERED)
    async with watching(story):
        await story.live(6 * HOURS, 10 * MINUTES)
        strike(story, "cookie-expired")
        await story.live(2 * HOURS, MINUTES)
        await story.live(16 * HOURS, 10 * MINUTES)
        story.world.faults.clear()
        await until(story, lambda: 1.0 in known(story, "cookie_ok").values(), 6 * HOURS)
        await story.live(3 * MINUTES, MINUTES)
        assert set(known(story, "cookie_ok").values()) == {1.0}
        await story.live(26 * HOURS, 30 * MINUTES)
        assert story.alerts() == []
    assert managers.got == []
    assert operators.titles() == ["▲ HIGH: TikHub is not believed", "✔ RESOLVED: TikHub is not believed"]


async def test_a_few_expired_cookies_among_many_are_told_to_their_owners(tell, managers, operators):
    story = await crowd(tell, NUMBERED)
    async with watching(story):
        await story.live(6 * HOURS, 10 * MINUTES)
        strike(story, "cookie-expired", range(3))
        await story.live(4 * HOURS, MINUTES)
    assert sorted(managers.titles()) == [f"▲ HIGH: A{number}: the cookie has expired" for number in range(3)]
    assert operators.got == []


# --- a field that changed -----------------------------------------------------------------------------------------

ALONE, SIX = NUMBERED[:1], NUMBERED[:6]
CLIMBS = {"*": "calm", "a0": "violation-ladder"}
DOUBTED = "▲ HIGH: TikHub is not believed"


@pytest.mark.parametrize("accounts", [ALONE, SIX], ids=["one", "six"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [("field-gone", "field violation_score is no more"), ("field-text", "field violation_score was number, is text")],
)
async def test_a_field_that_is_gone_holds_the_rules_on_it_alone_until_it_is_back(
    tell, managers, operators, accounts, fault, said
):
    story = await crowd(tell, accounts, scenarios=CLIMBS)
    async with watching(story):
        await story.live(35 * HOURS, 10 * MINUTES)
        before = managers.titles()
        story.world.faults[HEALTH] = fault
        await story.live(14 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == {(HEALTH, "violation_score")}
        assert known(story, "score_shown") == {(f"a{number}",): 1.0 for number in range(len(accounts))}
    async with watching(story):  # a restart keeps it
        await story.live(2 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == {(HEALTH, "violation_score")}
        assert managers.titles() == before == [f"▲ {words}" for words in LADDER[:2]]
        assert operators.titles() == [DOUBTED]
        for words in (f"incident {HEALTH} violation_score", "creatorwatch trust violation_score", said):
            assert words in operators.got[0]["message"]
        story.world.faults.clear()
        await story.live(8 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == frozenset()
    assert operators.titles() == [DOUBTED, "✔ RESOLVED: TikHub is not believed"]
    assert managers.titles()[2:] == ["▲ HIGH: A0 has 18 violation points"], "what is true then is told"


LADDER = ["WARNING: A0 has 9 violation points", "HIGH: A0 has 12 violation points"]


async def test_whoever_says_that_the_new_is_right_ends_the_quarantine_within_a_look(tell, operators):
    story = await crowd(tell, SIX)
    async with watching(story):
        await story.live(1 * DAYS, 10 * MINUTES)
        story.world.faults[HEALTH] = "field-gone"
        await until(story, lambda: operators.got != [], 12 * HOURS, 10 * MINUTES)
        another_process = Store.open(story.config.database)
        another_process.release(HEALTH, "violation_score")
        another_process.close()
        await story.live(timedelta(seconds=30), timedelta(seconds=30))
        assert story.app._recent.withheld() == frozenset()
        await story.live(1 * DAYS, 10 * MINUTES)
    assert operators.titles() == [DOUBTED, "✔ RESOLVED: TikHub is not believed"]


async def test_points_a_hundred_times_as_large_ban_nobody_and_neither_do_points_afterwards(tell, managers, operators):
    story = await crowd(tell, SIX, scenarios=CLIMBS)
    async with watching(story):
        await story.live(35 * HOURS, 10 * MINUTES)
        assert managers.titles() == [f"▲ {words}" for words in LADDER]
        story.world.faults[HEALTH] = "scale-100"
        await story.live(10 * HOURS, 10 * MINUTES)
        story.world.faults.clear()
        await story.live(2 * HOURS, 10 * MINUTES)
    assert [title for title in managers.titles()[2:] if "points" not in title] == []


async def test_a_share_a_hundred_times_as_large_is_not_believed(tell, managers, operators):
    story = await tell('{platform: douyin, id: xiao, name: Xiao, cookie: "${file:xiao.cookie}"}')
    renew(story, "xiao", "xiao")
    async with watching(story):
        await story.live(5 * DAYS, HOURS)
        story.world.faults["fetch_author_diagnosis"] = "scale-100"
        await story.live(4 * DAYS, HOURS)
        assert story.app._recent.withheld() == {("fetch_author_diagnosis", "author_rank")}
    assert managers.got == []
    assert operators.titles() == [DOUBTED]


async def test_a_migration_of_many_to_the_rating_is_told_to_the_operators_and_crosses_nothing(
    tell, managers, operators
):
    story = await crowd(tell, NUMBERED[:12], scenarios={"*": "scheme-migration"})
    async with watching(story):
        await story.live(3 * DAYS, 30 * MINUTES)
    assert managers.got == []
    assert operators.titles()[0] == DOUBTED
    assert {title.partition(": ")[0] for title in operators.titles()[1:]} <= {"▲ INFO", "✔ RESOLVED"}
