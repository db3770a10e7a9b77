"""How news arrives: later, elsewhere, in parts, or all at once; and never not at all."""

from __future__ import annotations

import pytest

from tests.acceptance.blind import HOURS, MINUTES
from tests.acceptance.house import LADDER, ON, OVER, SIX, THREE, WORSE, heads, house, passes, sees, told_of
from tests.acceptance.test_living import NONE, account, rewrite
from tests.services.hook import Hook
from tests.services.loopback import make_certificate, routed, running, server_side
from tests.services.telegram import MAX_TEXT, Telegram
from tests.services.telegram import URL as TELEGRAM
from tests.services.web import Answer

DAY = 24 * HOURS
MANY = [f"m{number:02}" for number in range(60)]
CROWD = ", ".join(account(name, str(7000 + number), ", owner: lin") for number, name in enumerate(MANY))


@pytest.fixture
def hook():
    with running(Hook()) as service:
        yield service


@pytest.fixture
def telegram(tmp_path, monkeypatch):
    both = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(both))
    with routed(Telegram(server_side(both)), monkeypatch) as service:
        yield service


async def to_managers(tell, inboxes, url, more="", routes="routes: [{to: [managers]}]", **story):
    """A story whose managers have this address."""
    story = await house(tell, inboxes, f"guard: false\n{routes}", **story)
    text = (story.config.base / "rules.yaml").read_text(encoding="utf-8")
    before = next(line for line in text.splitlines() if line.startswith("  managers: {url"))
    (story.config.base / "address").write_text(url, encoding="utf-8")
    rewrite(story, before, f'  managers: {{url: "${{file:address}}"{more}}}')
    return story


# --- a channel that is away ---------------------------------------------------------------------------------------

DOWN = """\
  - {name: down, on: daemon, when: channel_ok == 0, for: 30m, on_first_sight: tell, severity: high, to: [operators],
     summary: "{channel} is down"}
"""


async def test_after_a_day_of_attempts_another_is_told_instead_and_all_learn_the_end(
    tell, inboxes, managers, operators
):
    story = await to_managers(tell, inboxes, managers.url, ", fallback: boss", rules=LADDER + DOWN)
    boss = inboxes["boss"]
    async with story.daemon():
        await passes(story, 2)
        managers.status = 503
        await sees(story, THREE, "mei")
        assert heads(operators) == ["▲ HIGH: managers is down"]
        await story.live(20 * HOURS, 10 * MINUTES)
        assert (boss.got, managers.got) == ([], [])
        await story.live(4 * HOURS, 10 * MINUTES)
        assert boss.titles() == ["▲ WARNING: Mei (could not be told to managers)"]
        managers.status = 200
        await passes(story, 2)
        assert heads(managers) == told_of(ON, "Mei")
        await sees(story, NONE, "mei")
    assert heads(boss)[1:] == heads(managers)[1:] == told_of(OVER, "Mei")
    assert heads(operators)[1:] == ["✔ RESOLVED: managers is down"]


async def test_who_stands_in_and_hears_of_it_anyway_is_told_nothing_that_is_true_no_more(tell, inboxes, managers):
    both = "routes: [{to: [managers, boss]}]"
    story = await to_managers(tell, inboxes, managers.url, ", fallback: boss", routes=both)
    async with story.daemon():
        await passes(story, 2)
        managers.status = 503
        await sees(story, THREE, "mei")
        await story.live(18 * HOURS, 10 * MINUTES)
        await sees(story, SIX, "mei")
        await story.live(30 * HOURS, 10 * MINUTES)
        assert inboxes["boss"].titles() == [*told_of(ON, "Mei"), *told_of(WORSE, "Mei")]
        managers.status = 200
        await passes(story, 3)
        await sees(story, NONE, "mei")
    assert heads(inboxes["boss"])[2:] == told_of(OVER, "Mei")
    assert heads(managers) == [*told_of(WORSE, "Mei"), *told_of(OVER, "Mei")]


async def test_who_stands_in_is_not_told_that_something_is_on_which_was_over_long_before(tell, inboxes, managers):
    story = await to_managers(tell, inboxes, managers.url, ", fallback: boss")
    async with story.daemon():
        await passes(story, 2)
        managers.status = 503
        await sees(story, THREE, "mei")
        await story.live(18 * HOURS, 10 * MINUTES)
        await sees(story, NONE, "mei")
        await story.live(8 * HOURS, 10 * MINUTES)
        assert inboxes["boss"].got == []
        managers.status = 200
        await passes(story, 3)
    assert heads(managers) == ["✔ Came and went: WARNING: Mei"]
    assert story.alerts() == []


async def test_a_channel_that_asks_for_time_gets_it_and_says_later_what_it_said(tell, inboxes, hook):
    story = await to_managers(tell, inboxes, f"json://127.0.0.1:{hook.server_port}/")
    async with story.daemon():
        await passes(story, 2)
        hook.fault = hook.busy(3000)
        await sees(story, THREE, "mei", hours=1)
        tries = len(hook.asked)
        began = story.clock.now()
        while len(hook.asked) == tries:
            await passes(story, 0.1)
        assert story.clock.now() - began <= 60 * MINUTES
        assert len(hook.asked) == tries + 1 == 2
        hook.fault = None
        await passes(story, 1)
    [told] = hook.accepted
    assert told.title.startswith("▲ WARNING: Mei (delayed ")
    assert told.title.endswith(": JSON 429)")


async def test_attempts_are_ever_further_apart_and_a_refusal_holds_up_no_other_news(tell, inboxes, hook):
    story = await to_managers(tell, inboxes, f"json://127.0.0.1:{hook.server_port}/")
    hook.answer = lambda asked: Answer(400) if "Mei" in asked.json["title"] else Hook.answer(hook, asked)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei")
        await story.live(3 * HOURS, MINUTES)
        tried = len(hook.asked)
        assert 6 <= tried <= 16
        await sees(story, THREE, "leo")
        assert [each.title.partition(" (")[0] for each in hook.accepted] == told_of(ON, "Leo")


# --- a backlog ----------------------------------------------------------------------------------------------------


async def test_what_waited_for_a_channel_and_then_for_a_daemon_is_one_message(tell, inboxes, managers):
    story = await to_managers(tell, inboxes, managers.url, accounts=CROWD)
    managers.status = 503
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, *MANY[:20])
        await sees(story, SIX, *MANY[:5])
        await sees(story, NONE, *MANY[15:20])
    managers.status = 200
    story.clock.advance(5 * HOURS)
    async with story.daemon():
        await passes(story, 1)
    [told] = managers.titles()
    assert told.startswith("While JSON could not be reached for ")
    assert told.endswith(": 15 still on, 5 came and went")


async def test_what_was_held_is_told_once_though_nobody_was_there_when_the_night_was_over(tell, inboxes):
    nights = 'times: {nights: {from: "22:00", to: "08:00"}}\nroutes: [{to: [boss], quiet: nights}]'
    story = await house(tell, inboxes, nights, at=21)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, "mei", "leo")
    story.clock.advance(9 * HOURS)  # 10:00
    async with story.daemon():
        await passes(story, 1)
    assert inboxes["boss"].titles() == ["Held during nights: 2 still on (delayed 2 h 5 min)"]


# --- limits of a channel ------------------------------------------------------------------------------------------


async def test_a_channel_gets_no_more_than_its_rate_and_all_of_it_in_the_end(tell, inboxes, managers):
    story = await to_managers(tell, inboxes, managers.url, ", rate: 2/h", accounts=CROWD)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, *MANY[:6], hours=0)
        counts = []
        for _ in range(60):
            await passes(story, 1 / 12)
            counts.append(len(managers.got))
    assert all(later - now <= 2 for now, later in zip(counts, counts[12:], strict=False)), counts
    assert sorted(heads(managers)) == told_of(ON, *(name.title() for name in MANY[:6]))


async def test_a_population_is_one_table_in_as_few_parts_as_the_service_takes(tell, inboxes, telegram):
    grouped = "routes: [{to: [managers], group_by: [rule], group_wait: 1h}]"
    story = await to_managers(tell, inboxes, TELEGRAM, routes=grouped, accounts=CROWD)
    async with story.daemon():
        await passes(story, 2)
        await sees(story, THREE, *MANY, hours=3)
    texts = [said.text for said in telegram.accepted]
    assert len(texts) == 2
    assert ["60 still on" in text for text in texts] == [True, True]
    assert ["(1/2)" in texts[0], "(2/2)" in texts[1]] == [True, True]
    assert all(len(text) <= MAX_TEXT for text in texts)
    assert [name for name in MANY if sum(f": {name.title()}," in text for text in texts) == 1] == MANY
