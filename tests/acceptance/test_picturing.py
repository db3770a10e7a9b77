"""What is sent with a chart, and what `preview` says of it beforehand."""

from __future__ import annotations

import base64
import contextlib
import re
import time
from datetime import timedelta

from daemon.channels import open_channel
from daemon.easel import Easel
from daemon.explain import known_now
from daemon.rehearsal import rehearse, shown
from daemon.scribe import Scribe
from storage.store import Store
from tests.acceptance.test_stories import MEI

HOUR = timedelta(hours=1)
PNG = b"\x89PNG\r\n\x1a\n"


async def until_told(story, inbox, words):
    """Let time pass until a message has these words in its title; that message."""
    for _ in range(100):
        await story.live(HOUR)
        found = [message for message in inbox.got if words in message["title"]]
        if found:
            return found[0]
    raise AssertionError("waited in vain")


def previewed(story, rule, channel, url):
    """The title and the body that a channel would be given, as the database is now."""
    at = story.clock.now()
    with contextlib.closing(Store.sketch(story.config.database)) as store:
        known = known_now(story.config, store, at)
        [target] = [each for each in known.docket.targets.values() if each.key == "tiktok/account/mei"]
        [chosen] = [each for each in known.docket.rules(target.key) if each.name == rule]
        found = rehearse(chosen, target, known, store)
    scribe = Scribe(story.config.voices, story.config.letterheads)
    opened = open_channel(channel, url)
    text = shown(found, opened, scribe, known)
    opened.close()
    return found, text


def without_id(text):
    return re.sub(r"id: \S+", "id", text)


async def test_a_preview_is_what_the_daemon_sends_and_says_who_hears_it(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        sent = await until_told(story, managers, "9 violation points")
    found, text = previewed(story, "violation-points", "managers", managers.url)
    assert (text.title, without_id(text.body)) == (sent["title"], without_id(sent["message"]))
    assert found.alert.id is not None
    assert sent["attachments"] == []  # `charts: false`
    assert "managers" in [each.channel for each in found.audience.hearers]


async def test_a_preview_of_what_is_not_on_writes_nothing_and_speaks_of_the_first_level(tell, managers):
    story = await tell(MEI)
    async with story.daemon():
        await story.live(6 * HOUR)
    found, text = previewed(story, "violation-points", "managers", managers.url)
    assert (found.alert.id, found.story.level, managers.got) == (None, "warned", [])
    assert "violation points" in text.title
    assert story.alerts() == []


async def test_a_message_brings_its_chart_where_that_is_wanted(tell, managers, monkeypatch):
    monkeypatch.setattr("daemon.deliver.WAIT_S", 30.0)  # the first takes as long as this machine needs
    story = await tell(MEI, scenarios={"mei": "violation-ladder"}, charts=True)
    async with story.daemon():
        sent = await until_told(story, managers, "12 violation points")
    [file] = sent["attachments"]
    assert base64.b64decode(file["base64"]).startswith(PNG)


async def test_a_message_goes_without_its_chart_and_in_time_where_nothing_can_draw(tell, managers, monkeypatch):
    monkeypatch.setattr("daemon.app.Easel", lambda: Easel(("/no/such/program",)))
    story = await tell(MEI, scenarios={"mei": "violation-ladder"}, charts=True)
    began_s = time.monotonic()
    async with story.daemon():
        sent = await until_told(story, managers, "9 violation points")
    assert sent["attachments"] == []
    assert time.monotonic() - began_s < 60


async def test_a_message_that_failed_once_goes_without_its_chart(tell, managers, monkeypatch):
    monkeypatch.setattr("daemon.deliver.WAIT_S", 30.0)
    story = await tell(MEI, scenarios={"mei": "violation-ladder"}, charts=True)
    async with story.daemon():
        managers.status = 500
        while not any(alert.level for alert in story.alerts()):
            await story.live(HOUR)
        managers.status = 200
        sent = await until_told(story, managers, "violation points")
    assert sent["attachments"] == []
    assert "delayed" in sent["title"]
