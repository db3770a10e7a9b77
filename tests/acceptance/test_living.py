"""The life of an alert, each feature in one story: from the provider's answer to the reader's message."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.budget import Limits
from daemon.config import Override, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from tests.acceptance.blind import DAYS, HEALTH, HOURS, MINUTES, asked, firing
from tests.acceptance.test_reloading import at_work

EVER = timedelta(days=10_000)
NONE, SIX = "long-history", "violation-ladder"
"""While no step is over: an account with no violation points, and one with six."""


def account(name: str, uid: str, more: str = "") -> str:
    return (
        f"{{platform: tiktok, id: {name}, name: {name.title()}, uid: '{uid}', handle: {name}, "
        f'cookie: "${{COOKIE_{name.upper()}}}"{more}}}'
    )


MEI, LEO, ANA = account("mei", "107955"), account("leo", "204"), account("ana", "305")


def rule(when: str, more: str = "", name: str = "points") -> str:
    told = "" if "on_first_sight" in more else ", on_first_sight: tell"
    return f'  - {{name: {name}, on: account, when: "{when}", to: [managers]{told}{more}}}\n'


def every(story, interval: timedelta, *endpoints: str) -> None:
    """How often these endpoints are asked."""
    often = {name: Override(interval, 1000.0) for name in endpoints}
    story.config = replace(story.config, overrides={**story.config.overrides, **often})


def rewrite(story, before: str, after: str) -> None:
    """Change the file, for the next process."""
    path = story.config.base / "rules.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    story.config = replace(load(path, {}, METRICS, ENDPOINTS), overrides=story.config.overrides)


def bodies(inbox) -> list[str]:
    return [message["message"] for message in inbox.got]


def state(story, points: str, *names: str) -> None:
    """Let these accounts have no points, or six."""
    story.world.scenarios.update(dict.fromkeys(names, points))


async def points(tell, when="violation_score >= 6", more="", accounts=MEI, start=NONE, **world):
    """A rule on the points of accounts that are asked every hour."""
    story = await tell(accounts, scenarios={"*": start}, step=EVER, rules=rule(when, more), **world)
    every(story, 1 * HOURS, HEALTH)
    return story


# --- how an alert begins ------------------------------------------------------------------------------------------


async def suspected(tell):
    """A rule that confirms before six points are critical; the only endpoint that it reads is asked every six hours."""
    story = await points(tell, more=", severity: critical, confirm: true")
    every(story, 6 * HOURS, HEALTH)
    return story


async def see_six(story) -> int:
    """Live until six points were seen once; how many calls it took until then."""
    await story.live(12 * HOURS, 10 * MINUTES)
    before = len(asked(story, HEALTH))
    state(story, SIX, "mei")
    while len(asked(story, HEALTH)) == before:
        await story.live(MINUTES, MINUTES)
    return before + 1


async def test_a_critical_alert_is_told_when_one_more_look_that_is_bought_at_once_agrees(tell, managers):
    story = await suspected(tell)
    async with story.daemon():
        seen = await see_six(story)
        assert managers.got == []
        await story.live(2 * MINUTES, MINUTES)
        assert managers.titles() == ["▲ CRITICAL: Mei: points"]
        assert len(asked(story, HEALTH)) == seen + 1
        await story.live(5 * HOURS, 10 * MINUTES)
        assert len(asked(story, HEALTH)) == seen + 1


async def test_a_critical_alert_that_the_second_look_denies_is_told_to_nobody(tell, managers):
    story = await suspected(tell)
    async with story.daemon():
        seen = await see_six(story)
        state(story, NONE, "mei")
        await story.live(5 * HOURS, 10 * MINUTES)
        assert len(asked(story, HEALTH)) == seen + 1
    assert managers.got == []
    assert story.alerts() == []


async def test_without_money_for_the_second_look_the_alert_waits_for_it(tell, managers):
    story = await suspected(tell)
    async with story.daemon() as app:
        seen = await see_six(story)
        app._standings.purse.adopt({Provider.TIKHUB: Limits(Decimal("0.001"), None)})
        await story.live(1 * HOURS, MINUTES)
        assert (managers.got, len(asked(story, HEALTH))) == ([], seen)
        app._standings.purse.adopt({})
        await story.live(1 * MINUTES, MINUTES)
    assert managers.titles() == ["▲ CRITICAL: Mei: points"]


async def test_a_condition_must_hold_in_so_many_polls_in_a_row(tell, managers):
    story = await points(tell, more=", for_polls: 3")
    async with story.daemon():
        await story.live(3 * HOURS)
        state(story, SIX, "mei")
        await story.live(2 * HOURS)
        state(story, NONE, "mei")
        await story.live(1 * HOURS)
        state(story, SIX, "mei")
        await story.live(2 * HOURS)
        assert managers.got == []
        await story.live(1 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]


async def test_nothing_is_judged_before_the_past_reaches_back_far_enough(tell, managers):
    story = await points(tell, when="max(violation_score, 6h) >= 6", more=", min_history: 24h", start=SIX)
    async with story.daemon():
        await story.live(22 * HOURS)
        assert managers.got == []
        await story.live(5 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]


# --- what not knowing does ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "blind", "seen"),
    [
        ("hold", ["▲ WARNING: Leo: points"], ["▲ WARNING: Leo: points"]),
        ("fire", ["▲ WARNING: Leo: points", "▲ WARNING: Mei: points"], [*"▲▲", "✔ RESOLVED: Mei: points"]),
        ("clear", ["▲ WARNING: Leo: points", "✔ RESOLVED: Leo: points"], [*"▲✔", "▲ WARNING: Leo: points"]),
    ],
)
async def test_not_knowing_holds_an_alert_or_begins_or_ends_it_as_its_rule_says(tell, managers, unknown, blind, seen):
    story = await points(tell, more=f", unknown: {unknown}", accounts=f"{MEI}, {LEO}")
    state(story, SIX, "leo")
    async with story.daemon():
        await story.live(3 * HOURS)
        assert managers.titles() == ["▲ WARNING: Leo: points"]
        story.world.faults["*"] = "http-500"
        await story.live(6 * HOURS)
        assert managers.titles() == blind
        story.world.faults.clear()
        await story.live(6 * HOURS)
    assert len(managers.got) == len(seen)
    assert managers.titles()[-1] == seen[-1]


async def test_a_number_that_is_older_than_its_rule_allows_counts_as_unknown(tell, managers):
    story = await points(tell, more=", stale_after: 2h, unknown: clear", start=SIX)
    every(story, 12 * HOURS, HEALTH)
    async with story.daemon():
        await story.live(12 * HOURS, 10 * MINUTES)
        (seen,) = [at for at, _ in asked(story, HEALTH)][:1]
        assert [title[0] for title in managers.titles()] == ["▲", "✔"]
        assert story.clock.now() - seen > 2 * HOURS


# --- what is on already -------------------------------------------------------------------------------------------

THREE = f"{MEI}, {LEO}, {ANA}"
TITLES = {f"▲ WARNING: {name}: points" for name in ("Mei", "Leo", "Ana")}


async def test_what_is_on_at_first_sight_is_told_each_where_the_rule_says_so(tell, managers):
    story = await points(tell, accounts=THREE, start=SIX, more=", on_first_sight: tell")
    async with story.daemon():
        await story.live(3 * HOURS)
    assert len(managers.got) == 3
    assert set(managers.titles()) == TITLES


async def test_what_is_on_at_first_sight_is_summed_up_in_one_message(tell, managers):
    story = await points(tell, accounts=THREE, start=SIX, more=", on_first_sight: summary")
    async with story.daemon():
        await story.live(3 * HOURS, MINUTES)
    assert managers.titles() == ["3 alerts were on already at first sight"]
    assert {line for line in bodies(managers)[0].splitlines() if "points" in line} == TITLES


async def test_what_is_usual_at_first_sight_is_told_when_it_comes_back(tell, managers):
    story = await points(tell, accounts=THREE, start=SIX, more=", on_first_sight: baseline")
    async with story.daemon():
        await story.live(3 * HOURS)
        state(story, NONE, "mei")
        await story.live(3 * HOURS)
        assert managers.got == []
        state(story, SIX, "mei")
        await story.live(3 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]


async def test_after_a_restart_what_was_judged_before_is_told_and_not_taken_as_usual(tell, managers):
    story = await points(tell, accounts=THREE, more=", on_first_sight: baseline")
    async with story.daemon():
        await story.live(3 * HOURS)
    state(story, SIX, "mei", "leo", "ana")
    async with story.daemon():
        await story.live(3 * HOURS)
    assert set(managers.titles()) == TITLES


async def test_an_account_that_was_never_seen_before_a_restart_is_seen_for_the_first_time_after_it(tell, managers):
    story = await points(tell, accounts=THREE, start=SIX, more=", on_first_sight: baseline")
    story.world.faults["leo"] = "http-500"
    async with story.daemon():
        await story.live(3 * HOURS)
    story.world.faults.clear()
    async with story.daemon():
        await story.live(3 * HOURS)
    assert managers.got == []
    assert firing(story) == ["points"] * 3


async def test_a_rule_that_is_new_in_the_file_sees_old_accounts_for_the_first_time(tell, managers):
    story = await points(tell, accounts=THREE, start=SIX, when="violation_score >= 9")
    async with story.daemon():
        await story.live(3 * HOURS)
    new = rule("violation_score >= 6", ", on_first_sight: summary", name="new")
    rewrite(story, rule("violation_score >= 9"), rule("violation_score >= 9") + new)
    async with story.daemon():
        await story.live(3 * HOURS, MINUTES)
    assert managers.titles() == ["3 alerts were on already at first sight"]


async def test_a_rule_that_came_with_a_reload_and_judged_everybody_tells_what_comes_after_a_restart(tell, managers):
    story = await points(tell, accounts=THREE, when="violation_score >= 60")
    every(story, 6 * HOURS, HEALTH)
    new = rule("violation_score >= 6", ", on_first_sight: baseline", name="new")
    async with at_work(story) as daemon:
        await story.live(7 * HOURS, 10 * MINUTES)
        await daemon.change("rules:\n", "rules:\n" + new)
        story.config = daemon.read()
        await story.live(10 * MINUTES, MINUTES)
    every(story, 6 * HOURS, HEALTH)
    state(story, SIX, "mei", "leo", "ana")
    async with story.daemon():
        await story.live(1 * DAYS)
    assert sorted(managers.titles()) == [f"▲ WARNING: {name}: new" for name in ("Ana", "Leo", "Mei")]


# --- how an alert goes on, and ends -------------------------------------------------------------------------------


async def flip(story, times: int) -> None:
    """Six points for two hours, none for two hours, so often."""
    for _ in range(times):
        state(story, SIX, "mei")
        await story.live(2 * HOURS)
        state(story, NONE, "mei")
        await story.live(2 * HOURS)


async def test_an_alert_that_comes_and_goes_is_told_once_as_such_and_once_when_it_settles(tell, managers):
    story = await points(tell, more=", flapping: {times: 3, within: 12h}")
    async with story.daemon():
        await story.live(2 * HOURS)
        await flip(story, 6)
        before = list(managers.titles())
        await story.live(1 * DAYS)
    assert [title[0] for title in before] == ["▲", "✔", "▲", "✔", "↕"]
    assert before[-1] == "↕ WARNING: Mei: points (comes and goes)"
    assert managers.titles()[len(before) :] == ["✔ RESOLVED: Mei: points (settled)"]
    assert "\nLasted: " in bodies(managers)[-1]


async def test_a_level_with_a_condition_of_its_own_is_left_only_when_that_holds(tell, managers):
    levels = "low: violation_score >= 3, high: {when: violation_score >= 6, clear: violation_score < 3}"
    told = f"  - {{name: points, on: account, levels: {{{levels}}}, on_first_sight: tell, to: [managers]}}\n"
    story = await tell(MEI, scenarios={"mei": SIX}, step=EVER, rules=told)
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon():
        await story.live(3 * HOURS)
        state(story, "appeal-window", "mei")  # three points
        await story.live(6 * HOURS)
        assert managers.titles() == ["▲ HIGH: Mei: points high"]
        state(story, NONE, "mei")
        await story.live(3 * HOURS)
    assert managers.titles()[1:] == ["✔ RESOLVED: Mei: points high"]


async def test_the_end_tells_how_far_it_went_also_if_that_was_long_ago_and_before_a_restart(tell, managers):
    story = await points(tell, start=SIX, when="violation_score >= 3")
    async with story.daemon():
        await story.live(3 * HOURS)
        state(story, "appeal-window", "mei")  # three points
        await story.live(6 * HOURS)
    async with story.daemon():
        await story.live(3 * HOURS)
        state(story, NONE, "mei")
        await story.live(3 * HOURS)
    assert [title[0] for title in managers.titles()] == ["▲", "✔"]
    assert "(violation_score 6)" in bodies(managers)[-1]


async def test_an_end_must_last_before_it_is_told(tell, managers):
    story = await points(tell, more=", keep_firing: 6h", start=SIX)
    async with story.daemon():
        await story.live(2 * HOURS)
        state(story, NONE, "mei")
        await story.live(4 * HOURS)
        state(story, SIX, "mei")
        await story.live(4 * HOURS)
        state(story, NONE, "mei")
        await story.live(6 * HOURS)
        assert managers.titles() == ["▲ WARNING: Mei: points"]
        await story.live(3 * HOURS)
    assert managers.titles()[1:] == ["✔ RESOLVED: Mei: points"]


async def test_a_deadline_is_told_at_each_step_with_its_reason_what_was_done_where_to_go_and_the_time_left(
    tell, managers
):
    story = await tell(MEI, scenarios={"mei": "appeal-window"})
    async with story.daemon():
        await story.live(9 * DAYS, 1 * HOURS)
    own = [message for message in managers.got if "appeal window" in message["title"]]
    assert [each["title"].partition(":")[0] for each in own] == ["▲ WARNING", "▲ HIGH", "▲ CRITICAL", "✔ RESOLVED"]
    for each, left in zip(own, ("6 d 23 h", "2 d 23 h", "23 h"), strict=False):
        for words in ("reason: ", "enforcement: ", "policy url: https://", f"closes in {left}"):
            assert words in each["message"]


# --- whom it concerns ---------------------------------------------------------------------------------------------


async def test_a_rule_in_shadow_is_recorded_and_told_to_nobody(tell, managers):
    story = await points(tell, more=", shadow: true", start=SIX)
    async with story.daemon():
        await story.live(3 * HOURS)
        state(story, NONE, "mei")
        assert firing(story) == ["points"]
        await story.live(3 * HOURS)
    assert managers.got == []
    assert story.alerts() == []


async def test_a_rule_is_about_the_targets_that_it_chooses_and_about_no_other(tell, managers):
    both = f"{account('mei', '107955', ', tags: [tier-a]')}, {LEO}"
    story = await points(tell, more=""", only: 'tag == "tier-a" and name != "Leo"'""", accounts=both, start=SIX)
    async with story.daemon():
        await story.live(3 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]


async def test_a_number_that_is_another_for_a_tag_counts_and_is_the_one_in_the_message(tell, managers):
    both = f"{account('mei', '107955', ', tags: [tier-a]')}, {LEO}"
    story = await points(tell, when="9 * violation_score >= fake_limit", accounts=both, start=SIX)
    async with story.daemon():
        await story.live(3 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]
    assert "fake_limit (50)" in bodies(managers)[0]
