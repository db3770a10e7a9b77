"""Who hears what, and when: routes, quiet hours, digests, groups, stand-ins, reminders, escalation; in virtual time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.acceptance.blind import HEALTH, HOURS, MINUTES
from tests.acceptance.test_living import EVER, MEI, NONE, SIX, account, bodies, every, rewrite, state

NIGHTS = 'times: {nights: {from: "22:00", to: "08:00"}}\n'
HIGH, CRITICAL = "severity: high", "severity: critical"


def rule(more: str = HIGH, when: str = "violation_score >= 6", name: str = "points") -> str:
    return f'  - {{name: {name}, on: account, when: "{when}", on_first_sight: tell, {more}}}\n'


async def routed(tell, routes: str, rules: str = "", accounts: str = MEI, at: int = 12):
    """A story that begins at an hour of the day, whose accounts are asked about their points every hour."""
    story = await tell(accounts, scenarios={"*": NONE}, step=EVER, rules=rules or rule(), more=routes)
    every(story, 1 * HOURS, HEALTH)
    now = story.clock.now()
    story.clock.advance((now.replace(hour=at, minute=0, second=0, microsecond=0) - now) % timedelta(days=1))
    return story


async def pass_time(story, span: timedelta):
    await story.live(span, 5 * MINUTES)


async def test_news_of_the_night_is_told_in_the_morning_and_says_why_it_waited(tell, managers):
    story = await routed(tell, NIGHTS + "routes: [{to: [managers], quiet: nights}]", at=21)
    async with story.daemon():
        await pass_time(story, 2 * HOURS)
        state(story, SIX, "mei")
        await pass_time(story, 8.9 * HOURS)
        assert managers.got == []
        await pass_time(story, 0.3 * HOURS)
    assert [title.partition(" (")[0] for title in managers.titles()] == ["▲ HIGH: Mei: points"]
    assert "nights" in managers.titles()[0] + bodies(managers)[0]


async def test_what_came_and_went_in_the_night_is_told_as_that_in_the_morning(tell, managers):
    story = await routed(tell, NIGHTS + "routes: [{to: [managers], quiet: nights}]", at=21)
    async with story.daemon():
        await pass_time(story, 2 * HOURS)
        state(story, SIX, "mei")
        await pass_time(story, 3 * HOURS)
        state(story, NONE, "mei")
        await pass_time(story, 7 * HOURS)
    assert len(managers.got) == 1
    assert "Mei: points" in managers.titles()[0]
    assert "Came and went" in managers.titles()[0]


@pytest.mark.parametrize(
    ("routes", "more"),
    [
        ("routes: [{to: [managers], quiet: {times: nights, passes: critical}}]", CRITICAL),
        ("routes: [{to: [managers], quiet: nights}]", HIGH + ", passes_quiet: high"),
    ],
)
async def test_what_is_grave_enough_is_told_at_night(tell, managers, routes, more):
    story = await routed(tell, NIGHTS + routes, rule(more), at=21)
    async with story.daemon():
        await pass_time(story, 2 * HOURS)
        state(story, SIX, "mei")
        await pass_time(story, 2 * HOURS)
    assert len(managers.got) == 1


async def test_news_held_by_quiet_hours_survives_a_restart(tell, managers):
    story = await routed(tell, NIGHTS + "routes: [{to: [managers], quiet: nights}]", at=21)
    async with story.daemon():
        await pass_time(story, 2 * HOURS)
        state(story, SIX, "mei")
        await pass_time(story, 2 * HOURS)
    async with story.daemon():
        await pass_time(story, 6 * HOURS)
        assert managers.got == []
        await pass_time(story, 2 * HOURS)
    assert len(managers.got) == 1


async def test_maintenance_holds_what_it_matches(tell, managers):
    leo = account("leo", "204")
    maintenance = "maintenance: [{match: 'account == \"mei\"', from: 2020-01-01T00:00, until: 2099-01-01T00:00}]"
    story = await routed(tell, "routes: [{to: [managers]}]\n" + maintenance, accounts=f"{MEI}, {leo}")
    async with story.daemon():
        state(story, SIX, "mei", "leo")
        await pass_time(story, 3 * HOURS)
    assert {title.partition(" (")[0] for title in managers.titles()} == {"▲ HIGH: Leo: points"}


async def test_a_stand_in_is_told_instead(tell, managers, operators):
    routes = "routes: [{to: [owner]}]\ndelegations: [{owner: lin, to: wu, from: 2020-01-01, until: 2099-01-01}]"
    story = await routed(tell, routes, accounts=account("mei", "107955", ", owner: lin"))
    async with story.daemon():
        state(story, SIX, "mei")
        await pass_time(story, 3 * HOURS)
    assert (len(managers.got), len(operators.got)) == (1, 0)


async def test_who_was_told_before_a_stand_in_came_is_told_that_it_is_over(tell, managers, operators):
    story = await routed(
        tell,
        "routes: [{to: [owner]}]\ndelegations: [{owner: lin, to: wu, from: 2097-01-01, until: 2099-01-01}]",
        accounts=account("mei", "107955", ", owner: lin"),
    )
    rewrite(story, "2097-01-01", str((story.clock.now() + timedelta(days=1)).date()))
    async with story.daemon():
        state(story, SIX, "mei")
        await pass_time(story, 3 * HOURS)
        assert (len(managers.got), len(operators.got)) == (0, 1)
        await story.live(timedelta(days=1), 30 * MINUTES)
        state(story, NONE, "mei")
        await pass_time(story, 3 * HOURS)
    assert [title.split(":")[0] for title in operators.titles()] == ["▲ HIGH", "✔ RESOLVED"]
    assert [title.split(":")[0] for title in managers.titles()] == ["▲ HIGH", "✔ RESOLVED"]


async def test_what_nobody_acknowledged_is_told_to_more_and_all_are_told_that_it_is_over(tell, managers, operators):
    story = await routed(tell, "routes: [{to: [managers], escalate_after: 2h, escalate_to: [operators]}]")
    async with story.daemon():
        state(story, SIX, "mei")
        while not managers.got:
            await pass_time(story, 5 * MINUTES)
        await pass_time(story, 1.9 * HOURS)
        assert (len(managers.got), len(operators.got)) == (1, 0)
        await pass_time(story, 0.2 * HOURS)
        assert (len(managers.got), len(operators.got)) == (1, 1)
        state(story, NONE, "mei")
        await pass_time(story, 2 * HOURS)
    assert [title.split(":")[0] for title in managers.titles()] == ["▲ HIGH", "✔ RESOLVED"]
    assert [title.split(":")[0] for title in operators.titles()] == ["▲ HIGH", "✔ RESOLVED"]


async def test_news_of_the_night_escalates_by_day_when_nobody_acknowledged_it_also_after_a_restart(
    tell, managers, operators
):
    routes = "routes: [{to: [managers], quiet: nights, escalate_after: 2h, escalate_to: [operators]}]"
    story = await routed(tell, NIGHTS + routes, at=21)
    async with story.daemon():
        await pass_time(story, 2 * HOURS)
        state(story, SIX, "mei")
        await pass_time(story, 4 * HOURS)
    async with story.daemon():
        await pass_time(story, 6.5 * HOURS)
        assert (len(managers.got), len(operators.got)) == (1, 0)
    async with story.daemon():
        await pass_time(story, 1 * HOURS)
    assert (len(managers.got), len(operators.got)) == (1, 1)
    assert "nobody acknowledged it for 2 h" in bodies(operators)[0]


async def test_an_alert_is_told_again_as_often_as_was_said_and_then_no_more(tell, managers):
    story = await routed(tell, "routes: [{to: [managers], remind: [1h, 4h]}]")
    async with story.daemon():
        state(story, SIX, "mei")
        while not managers.got:
            await pass_time(story, 5 * MINUTES)
        told = [1]
        for _ in range(24):
            await pass_time(story, 0.5 * HOURS)
            told.append(len(managers.got))
    assert told[-1] == 3
    assert sorted(set(told)) == [1, 2, 3]


async def test_what_happens_to_one_account_within_a_moment_is_one_message(tell, managers):
    leo = account("leo", "204")
    rules = rule() + rule(when="violation_score >= 5", name="more-points")
    routes = "routes: [{to: [managers], group_by: [account], group_wait: 10m}]"
    story = await routed(tell, routes, rules, accounts=f"{MEI}, {leo}")
    async with story.daemon():
        state(story, SIX, "mei", "leo")
        await pass_time(story, 3 * HOURS)
    assert len(managers.got) == 2
    assert all("points" in body and "more-points" in body for body in bodies(managers))


async def test_a_digest_comes_when_it_is_due(tell, managers):
    story = await routed(tell, 'routes: [{to: [managers], digest: "0 9 * * *"}]', at=12)
    async with story.daemon():
        state(story, SIX, "mei")
        await pass_time(story, 20 * HOURS)
        assert managers.got == []
        await pass_time(story, 2 * HOURS)
    assert len(managers.got) == 1


async def test_whoever_delivers_is_told_when_a_letter_is_written_and_not_before(tell, managers):
    story = await routed(tell, "routes: [{to: [managers]}]")
    async with story.daemon() as app:
        await pass_time(story, HOURS)
        assert not app.watch.owing.is_set()
        state(story, SIX, "mei")
        await pass_time(story, 3 * HOURS)
        assert app.watch.owing.is_set()
    assert len(managers.got) == 1
