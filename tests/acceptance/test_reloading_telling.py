"""Every key that says who hears what, when and how, taken up by the daemon that runs."""

from __future__ import annotations

import pytest

from tests.acceptance.blind import HEALTH, HOURS, MINUTES
from tests.acceptance.test_living import EVER, NONE, SIX, account, bodies, every, rewrite, state
from tests.acceptance.test_reloading import at_work

ACCOUNTS = f"{account('mei', '107955', ', owner: lin')}, {account('leo', '204', ', owner: lin')}"
RULE = '  - {name: points, on: account, when: "violation_score >= 6", on_first_sight: tell, severity: high}\n'
ROUTES = "routes: [{to: [owner]}]"
ALWAYS = "times: {always: {days: [mon-sun]}}\n"
HOLIDAYS = "holidays: {all: [2026-03-01..2026-04-01]}\ntimes: {free: {also: [all]}}\n"
EVER_ON = "from: 2020-01-01T00:00, until: 2099-01-01T00:00"
OWN = "charts: False}\nrules"
"""The end of what the file says of the owner's channel."""


async def begin(tell, more=ROUTES):
    """A daemon that asks about two accounts, whose owner is told by the operators' channel."""
    story = await tell(ACCOUNTS, scenarios={"*": NONE}, step=EVER, rules=RULE, more=f"{more}\nzone: UTC")
    every(story, 1 * HOURS, HEALTH)
    (story.config.base / "link.key").write_text("0123456789abcdef0123456789abcdef")
    (story.config.base / "body.j2").write_text("said by a file")
    return story


async def change_and_fire(story, old, new):
    """Let the daemon take up a change, and then see six points of both accounts."""
    async with at_work(story) as daemon:
        await story.live(2 * HOURS, 10 * MINUTES)
        await daemon.change(old, new)
        assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]
        state(story, SIX, "mei", "leo")
        await story.live(3 * HOURS, 5 * MINUTES)


@pytest.mark.parametrize(
    ("new", "managers_hear", "owner_hears"),
    [
        (f"{ROUTES} # and nothing else", 0, 2),
        ("routes: [{to: [managers]}]", 2, 0),
        ("routes: [{match: 'account == \"mei\"', to: [managers]}, {to: [owner]}]", 1, 1),
        ("routes: [{to: [managers], continue: true}, {to: [owner]}]", 2, 2),
        ("operators: [managers]\nroutes: [{match: 'account == \"mei\"', to: [owner]}]", 1, 1),
        (f"{ROUTES}\ndelegations: [{{owner: lin, to: wu, from: 2020-01-01, until: 2099-01-01}}]", 2, 0),
        (f"{ALWAYS}{ROUTES}\nmaintenance: [{{times: always}}]", 0, 0),
        (f"{ROUTES}\nmaintenance: [{{match: 'account == \"mei\"', {EVER_ON}}}]", 0, 1),
        (f"{ALWAYS}routes: [{{to: [owner], quiet: always}}]", 0, 0),
        (f"{ALWAYS}routes: [{{times: always, to: [managers]}}, {{to: [owner]}}]", 2, 0),
        (f"{HOLIDAYS}routes: [{{to: [owner], quiet: free}}]", 0, 0),
        ("routes: [{to: [owner], group_by: [rule], group_wait: 1h}]", 0, 1),
        ('routes: [{to: [owner], digest: "0 * * * *"}]', 0, 1),
        ("routes: [{to: [owner], remind: [30m]}]", 0, 4),
        ("routes: [{to: [owner], escalate_after: 30m, escalate_to: [managers]}]", 2, 2),
    ],
)
async def test_who_hears_and_when_is_as_the_new_file_says(tell, managers, operators, new, managers_hear, owner_hears):
    await change_and_fire(await begin(tell), ROUTES, new)
    assert (len(managers.got), len(operators.got)) == (managers_hear, owner_hears)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            ROUTES,
            f'{ROUTES}\nlinks: {{url: "https://alerts.example.com", key: "${{file:link.key}}"}}',
            "example.com/a/",
        ),
        ("zone: UTC", "zone: Asia/Shanghai", "Asia/Shanghai"),
        (OWN, "zone: America/New_York}\nrules", "America/New_York"),
        (OWN, "language: zh}\nrules", "条件"),
        (OWN, "format: markdown}\nrules", "**"),
        (OWN, "template: words}\ntemplates: {words: {file: body.j2}}\nrules", "said by a file"),
    ],
)
async def test_messages_are_put_as_the_new_file_says(tell, operators, old, new, text):
    await change_and_fire(await begin(tell), old, new)
    assert text in bodies(operators)[0]


HELD = [
    f"{ROUTES}\nmaintenance: [{{{EVER_ON}}}]",
    f"{ALWAYS}routes: [{{to: [owner], quiet: always}}]",
    'routes: [{to: [owner], name: yearly, digest: "0 9 1 1 *"}]',
]


async def hold(story, operators):
    """Let both accounts have six points, and nobody hear of it."""
    await story.live(2 * HOURS, 10 * MINUTES)
    state(story, SIX, "mei", "leo")
    await story.live(3 * HOURS, 5 * MINUTES)
    assert operators.got == []


def check_both_are_told_at_once(operators):
    assert len(operators.got) == 1
    assert all(name in bodies(operators)[0] for name in ("Mei", "Leo"))


@pytest.mark.parametrize("held", HELD)
async def test_news_that_waits_is_told_when_a_new_file_lets_it_wait_no_longer(tell, operators, held):
    story = await begin(tell, held)
    async with at_work(story) as daemon:
        await hold(story, operators)
        await daemon.change(held, ROUTES)
        await story.live(5 * MINUTES, 1 * MINUTES)
    check_both_are_told_at_once(operators)


@pytest.mark.parametrize("held", HELD)
async def test_a_restart_with_another_file_lets_news_wait_no_longer_too(tell, operators, held):
    story = await begin(tell, held)
    async with story.daemon():
        await hold(story, operators)
    async with story.daemon():
        await story.live(5 * MINUTES, 1 * MINUTES)
        assert operators.got == []
    rewrite(story, held, ROUTES)
    async with story.daemon():
        await story.live(5 * MINUTES, 1 * MINUTES)
    check_both_are_told_at_once(operators)


@pytest.mark.parametrize("longer", ["quiet: longer", "digest: '30 9 * * *', quiet: longer"])
async def test_news_that_waits_is_not_told_within_quiet_hours_that_a_new_file_makes_longer(tell, operators, longer):
    hours = 'times: {{nights: {{from: "02:00", to: "{}"}}, longer: {{from: "02:00", to: "12:00"}}}}\n'.format("09:00")
    held = f"{hours}routes: [{{to: [owner], quiet: nights}}]"
    story = await begin(tell, held)
    story.clock.advance((story.clock.now().replace(hour=1, minute=0) - story.clock.now()) % (24 * HOURS))
    async with at_work(story) as daemon:
        await hold(story, operators)
        await daemon.change("quiet: nights", longer)
        await story.live(5 * HOURS, 10 * MINUTES)
        assert (story.clock.now().hour, operators.got) == (11, [])
        await story.live(2 * HOURS, 10 * MINUTES)
    check_both_are_told_at_once(operators)


async def test_news_that_something_else_holds_now_waits_for_that(tell, operators):
    both = f"{ALWAYS}routes: [{{to: [owner], quiet: always}}]\nmaintenance: [{{{EVER_ON}}}]"
    story = await begin(tell, both)
    async with at_work(story) as daemon:
        await hold(story, operators)
        await daemon.change(both, f"{ALWAYS}routes: [{{to: [owner], quiet: always}}]")
        await story.live(5 * MINUTES, 1 * MINUTES)
        assert operators.got == []
        await daemon.change("quiet: always", "quiet: {times: always, passes: high}")
        await story.live(5 * MINUTES, 1 * MINUTES)
    check_both_are_told_at_once(operators)
