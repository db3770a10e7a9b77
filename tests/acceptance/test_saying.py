"""What people say of alerts, as stories: silences that hold and end, acknowledgements that lapse, links that act."""

from __future__ import annotations

import contextlib
import re
from contextlib import closing
from datetime import timedelta

import httpx

from daemon.web import WebServer, build
from storage.silences import How, Speaker, What, Wish
from storage.store import Store
from tests.acceptance.blind import HEALTH, HOURS, MINUTES
from tests.acceptance.test_living import EVER, MEI, NONE, SIX, bodies, every, points, rewrite, rule, state

KEY = "0123456789abcdef0123456789abcdef"
LINKS = 'links: {url: "https://alerts.example.com", key: "${file:link.key}"}'


def say(story, words):
    """Let another process say something; what comes of it."""
    with closing(Store.open(story.config.database)) as store:
        return words(store.spoken)


def lin(story):
    return Speaker("lin", story.clock.now(), How.CLI)


def silence(story, hours=4, condition='rule == "points"', awaits=()):
    wish = Wish(condition, story.clock.now() + hours * HOURS, "a launch", frozenset(awaits))
    return say(story, lambda spoken: spoken.silence(wish, lin(story)))


def trail(story):
    found = say(story, lambda spoken: spoken.trail(story.clock.now() - 1000 * HOURS))
    return [(each.what, each.how) for each in reversed(found)]


def posted(story):
    """All letters that were written, those that wait too, in order of alerts."""
    with closing(Store.open(story.config.database, readonly=True)) as store:
        ids = [row.id for row in store.alerts(10)]
        return [each for alert_id in ids for each in store.posted(alert_id, story.clock.now())]


# --- silences -----------------------------------------------------------------------------------------------------


async def test_a_silence_that_ends_tells_what_is_still_on_and_nothing_of_what_is_over(tell, managers):
    story = await points(tell)
    async with story.daemon():
        silence(story, hours=6)
        state(story, SIX, "mei")
        await story.live(5 * HOURS)
        assert managers.titles() == []
        assert [row.level for row in story.alerts()] == [1]
        await story.live(2 * HOURS)
        assert managers.titles() == ["▲ WARNING: Mei: points"]
        state(story, NONE, "mei")
        await story.live(2 * HOURS)
        silence(story, hours=6)
        state(story, SIX, "mei")
        await story.live(2 * HOURS)
        state(story, NONE, "mei")
        await story.live(6 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points", "✔ RESOLVED: Mei: points"]


async def test_who_was_told_before_a_silence_is_told_the_end_during_it(tell, managers):
    story = await points(tell, start=SIX)
    async with story.daemon():
        await story.live(2 * HOURS)
        silence(story, hours=24)
        state(story, NONE, "mei")
        await story.live(3 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points", "✔ RESOLVED: Mei: points"]


async def test_a_silence_until_resolved_outlives_a_restart_and_ends_with_what_it_was_made_for(tell, managers):
    story = await points(tell, start=SIX)
    async with story.daemon():
        await story.live(2 * HOURS)
        silence(story, hours=30 * 24, awaits=[row.id for row in story.alerts()])
    async with story.daemon():
        await story.live(2 * HOURS)
        assert len(say(story, lambda spoken: spoken.silences(story.clock.now()))) == 1
        state(story, NONE, "mei")
        await story.live(3 * HOURS)
        assert say(story, lambda spoken: spoken.silences(story.clock.now())) == []
        state(story, SIX, "mei")
        await story.live(3 * HOURS)
    assert managers.titles() == [f"{word}: Mei: points" for word in ("▲ WARNING", "✔ RESOLVED", "▲ WARNING")]
    assert trail(story) == [(What.SILENCED, How.CLI), (What.ENDED, How.DAEMON)]


async def test_a_silence_that_is_ended_by_hand_holds_nothing_from_the_next_look_on(tell, managers):
    story = await points(tell)
    async with story.daemon():
        made = silence(story, hours=600)
        state(story, SIX, "mei")
        await story.live(3 * HOURS)
        assert managers.titles() == []
        assert say(story, lambda spoken: spoken.end_silence(made.id, lin(story)))
        await story.live(1 * MINUTES, 1 * MINUTES)
    assert managers.titles() == ["▲ WARNING: Mei: points"]


async def test_what_waits_for_the_end_of_quiet_hours_is_not_told_either_once_it_is_silenced(tell, managers):
    nights = 'times: {nights: {from: "00:00", to: "12:00"}}\nroutes: [{quiet: nights}]'
    story = await tell(MEI, scenarios={"*": NONE}, step=EVER, rules=rule("violation_score >= 6"), more=nights)
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon():
        state(story, SIX, "mei")
        await story.live(3 * HOURS)
        assert len(posted(story)) == 1
        silence(story, hours=24)
        await story.live(23 * HOURS)
        assert (managers.titles(), posted(story)) == ([], [])
    async with story.daemon():
        await story.live(12 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points (held until 12:00: nights)"]


async def test_what_a_silence_took_back_before_anybody_was_told_escalates_only_after_somebody_was(tell):
    nights = 'times: {nights: {from: "00:00", to: "12:00"}}\n'
    routes = "routes: [{to: [managers], quiet: nights, escalate_after: 3h, escalate_to: [operators]}]"
    heard = rule("violation_score >= 6").replace(", to: [managers]", "")
    story = await tell(MEI, scenarios={"*": NONE}, step=EVER, rules=heard, more=nights + routes)
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon():
        state(story, SIX, "mei")
        await story.live(3 * HOURS)
        silence(story, hours=14)
        await story.live(16 * HOURS)
        assert (told(story), told(story, "operators")) == (["fired"], [])
        await story.live(2 * HOURS)
    assert (told(story), told(story, "operators")) == (["fired"], ["fired"])


async def test_who_silenced_an_alert_and_why_is_told_to_our_own_people_and_not_to_clients(tell, managers, operators):
    heard = rule("violation_score >= 6").replace("[managers]", "[managers, operators]")
    story = await tell(MEI, scenarios={"*": NONE}, step=EVER, rules=heard)
    rewrite(story, "  operators: {url", "  operators: {audience: clients, url")
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon():
        silence(story, hours=3)
        state(story, SIX, "mei")
        await story.live(6 * HOURS)
    assert "Why held: silenced by lin: a launch" in bodies(managers)[-1]
    assert "silenced" not in bodies(operators)[-1]


async def test_what_a_silence_does_not_match_is_told(tell, managers):
    story = await points(tell)
    async with story.daemon():
        silence(story, condition='rule == "points" and account == "leo"')
        state(story, SIX, "mei")
        await story.live(2 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]


async def test_a_silence_that_has_something_to_hold_is_not_forgotten(tell):
    story = await points(tell, start=SIX)
    async with story.daemon():
        await story.live(2 * HOURS)
        busy, idle = silence(story, hours=600), silence(story, hours=600, condition='rule == "others"')
        await story.live(8 * 24 * HOURS, 6 * HOURS)
    matched = {row.id: row.matched for row in say(story, lambda spoken: spoken.silences(story.clock.now()))}
    assert matched[idle.id] == idle.begins
    assert story.clock.now() - matched[busy.id] <= 6 * HOURS


async def test_a_digest_of_our_own_people_lists_silences_that_may_be_forgotten_until_they_are_ended(
    tell, managers, operators
):
    heard = rule("violation_score >= 6").replace("[managers]", "[managers, operators]")
    routes = 'routes: [{digest: "0 9 * * *"}]'
    story = await tell(MEI, scenarios={"*": NONE}, step=EVER, rules=heard, more=routes)
    rewrite(story, "  operators: {url", "  operators: {audience: clients, url")
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon():
        idle = silence(story, hours=600, condition='rule == "others"')
        silence(story, hours=24, condition='rule == "over by then"')
        await story.live(8 * DAY, 6 * HOURS)
        silence(story, hours=600, condition='rule == "new"')
        state(story, SIX, "mei")
        await story.live(1 * DAY)
        body = bodies(managers)[-1]
        assert "Silences that may be forgotten (`creatorwatch silence --end ID` ends one)" in body
        assert '1: rule == "others", by lin, since 2026-03-02 01:00 UTC (a launch)' in body
        assert "over by then" not in body + bodies(operators)[-1]
        assert "new" not in body
        assert "Silences" not in bodies(operators)[-1]
        assert say(story, lambda spoken: spoken.end_silence(idle.id, lin(story)))
        state(story, NONE, "mei")
        await story.live(1 * DAY)
    assert (len(managers.got), "Silences" in bodies(managers)[-1]) == (2, False)


# --- acknowledgements ---------------------------------------------------------------------------------------------

LADDER = """\
  - name: ladder
    on: account
    to: [managers]
    on_first_sight: tell
    levels:
      watch: {when: violation_score >= 12}
      act: {when: violation_score >= 15, severity: critical}
"""
ROUTES = "routes: [{remind: [3h, 6h, 9h], escalate_after: 12h, escalate_to: [operators]}]"
DAY = 24 * HOURS


async def climbing(tell, more=ROUTES):
    """Points that rise to 12 on the third day, and to 15 on the fourth; asked every hour."""
    story = await tell(MEI, scenarios={"mei": SIX}, step=DAY, rules=LADDER, more=more)
    every(story, 1 * HOURS, HEALTH)
    return story


def told(story, channel="managers"):
    """What a channel was told, in order."""
    return [each.news.value for each in posted(story) if each.channel == channel]


async def test_who_acknowledges_at_12_points_is_not_reminded_until_15_and_then_it_begins_anew(tell):
    story = await climbing(tell)
    async with story.daemon():
        await story.live(2 * DAY + 2 * HOURS)
        assert told(story) == ["fired"]
        (alert,) = story.alerts()
        known, _ = say(story, lambda spoken: spoken.acknowledge(alert.id, lin(story)))
        assert known.level == 1
        await story.live(20 * HOURS)
        assert (told(story), told(story, "operators")) == (["fired"], [])
        await story.live(10 * HOURS)
        assert (told(story), told(story, "operators")) == (["fired", "climbed", "reminded", "reminded"], [])
        await story.live(10 * HOURS)
    assert told(story, "operators") == ["fired"]
    assert trail(story) == [(What.ACKNOWLEDGED, How.CLI), (What.LAPSED, How.DAEMON)]
    assert say(story, lambda spoken: spoken.acks()) == []


async def test_what_is_silenced_does_not_escalate_before_it_is_over_and_not_at_all_if_somebody_knows_by_then(tell):
    story = await climbing(tell, more="routes: [{escalate_after: 2h, escalate_to: [operators]}]")
    async with story.daemon():
        await story.live(2 * DAY + 2 * HOURS)
        silence(story, hours=8, condition='rule == "ladder"')
        await story.live(5 * HOURS)
        (alert,) = story.alerts()
        say(story, lambda spoken: spoken.acknowledge(alert.id, lin(story)))
        await story.live(6 * HOURS)
        assert told(story, "operators") == []
        await story.live(15 * HOURS)
    assert (told(story), told(story, "operators")) == (["fired", "climbed"], ["fired"])


async def test_a_reminder_that_fell_due_in_quiet_hours_is_not_sent_if_somebody_knows_by_their_end(tell):
    nights = 'times: {nights: {from: "04:00", to: "20:00"}}\nroutes: [{quiet: nights, remind: [3h, 24h]}]'
    story = await climbing(tell, more=nights)
    async with story.daemon():
        await story.live(2 * DAY + 6 * HOURS)
        (alert,) = story.alerts()
        say(story, lambda spoken: spoken.acknowledge(alert.id, lin(story)))
        await story.live(14 * HOURS)
    assert told(story) == ["fired"]


async def test_what_nobody_acknowledges_is_told_again_and_to_more(tell):
    story = await climbing(tell)
    async with story.daemon():
        await story.live(2 * DAY + 20 * HOURS)
    assert told(story) == ["fired", "reminded", "reminded", "reminded"]
    assert told(story, "operators") == ["fired"]


async def test_an_acknowledgement_outlives_a_restart_and_ends_with_the_alert(tell):
    story = await tell(MEI, scenarios={"mei": SIX}, step=DAY, rules=LADDER.replace(">= 15", ">= 100"), more=ROUTES)
    every(story, 1 * HOURS, HEALTH)
    async with story.daemon():
        await story.live(2 * DAY + 2 * HOURS)
        (alert,) = story.alerts()
        say(story, lambda spoken: spoken.acknowledge(alert.id, lin(story)))
    async with story.daemon():
        await story.live(4 * DAY)
        assert told(story) == ["fired"]
        await story.live(2 * DAY)
    assert told(story) == ["fired", "resolved"]
    assert trail(story) == [(What.ACKNOWLEDGED, How.CLI), (What.LAPSED, How.DAEMON)]


# --- links --------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def proxy(story):
    """The daemon's pages on a port, as a proxy shows them to people."""

    async def follow(token, acts):
        story.clock.advance(timedelta(seconds=1))  # people are not so fast that they are too many
        return await story.app.link_pages.answer(token, acts, story.clock.now())

    server = WebServer(build(story.app.metrics.render, lambda: (True, {}), follow))
    url = await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client
    await server.stop()


def linked(inbox):
    """The paths of the links in the newest message: to acknowledge, and to silence."""
    found = re.findall(r"https://alerts\.example\.com(/a/[\w-]+)", inbox.got[-1]["message"])
    return list(dict.fromkeys(found))


async def with_links(tell, tmp_path):
    (tmp_path / "link.key").write_text(KEY)
    return await climbing(tell, more=f"{ROUTES}\n{LINKS}")


async def test_a_tap_on_the_link_of_a_message_acknowledges_it_once_and_fetching_it_does_nothing(
    tell, tmp_path, managers
):
    story = await with_links(tell, tmp_path)
    async with story.daemon(), proxy(story) as people:
        await story.live(2 * DAY + 2 * HOURS)
        assert "Acknowledge: https://alerts.example.com/a/" in managers.got[-1]["message"]
        acknowledge, _ = linked(managers)
        for _ in range(3):
            assert "<button>Acknowledge</button>" in (await people.get(acknowledge)).text
        assert trail(story) == []
        answers = [(await people.post(acknowledge)).text for _ in range(3)]
        assert "Acknowledged by managers, 2026-03-04 03:00 UTC" in answers[0]
        assert set(answers) == {answers[0]}
        assert trail(story) == [(What.ACKNOWLEDGED, How.LINK)]
        await story.live(20 * HOURS)
    assert told(story) == ["fired"]


async def test_a_tap_silences_an_alert_for_four_hours_but_not_what_is_graver(tell, tmp_path, managers):
    story = await with_links(tell, tmp_path)
    async with story.daemon(), proxy(story) as people:
        await story.live(2 * DAY + 2 * HOURS)
        _, silenced = linked(managers)
        assert "Silenced by managers until 2026-03-04 07:00 UTC" in (await people.post(silenced)).text
        await people.post(silenced)
        (made,) = say(story, lambda spoken: spoken.silences(story.clock.now()))
        assert made.condition == (
            'rule == "ladder" and on == "account" and platform == "tiktok" and id == "mei" and (level == "watch")'
        )
        await story.live(3 * HOURS)
        assert told(story) == ["fired"]
        await story.live(2 * HOURS)
        assert told(story) == ["fired", "reminded", "reminded"]
    assert trail(story) == [(What.SILENCED, How.LINK), (What.ENDED, How.DAEMON)]


async def test_a_link_of_an_alert_that_has_risen_or_is_over_does_nothing_and_says_so(tell, tmp_path, managers):
    story = await with_links(tell, tmp_path)
    async with story.daemon(), proxy(story) as people:
        await story.live(2 * DAY + 2 * HOURS)
        links = linked(managers)
        await story.live(1 * DAY)
        assert ["It has risen" in (await people.post(link)).text for link in links] == [True, True]
        higher = linked(managers)
        await story.live(5 * DAY)
        assert "✔ RESOLVED" in managers.got[-1]["title"]
        assert linked(managers) == []
        assert ["It is over" in (await people.post(link)).text for link in (*links, *higher)] == [True] * 4
        await story.live(5 * DAY)
        assert [(await people.post(link)).status_code for link in links] == [403, 403]
    assert trail(story) == []


async def test_without_a_key_there_are_no_links_and_no_pages(tell, managers):
    story = await climbing(tell, more=f"{ROUTES}\n{LINKS}")
    assert "messages have no links: there is no file link.key" in story.config.notes
    async with story.daemon(), proxy(story) as people:
        await story.live(2 * DAY + 2 * HOURS)
        assert linked(managers) == []
        assert (await people.get("/a/any")).status_code == 404
