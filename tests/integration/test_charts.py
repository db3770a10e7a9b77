"""Charts on their way: drawn by a process beside the daemon, sent by real channels, and in nobody's way."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from daemon.channels import open_channel
from daemon.chart import Chart
from daemon.courier import Sent
from daemon.easel import Easel
from daemon.explain import known_now
from daemon.illustrator import WAIT_S, Illustrator, history
from daemon.rehearsal import rehearse
from daemon.scribe import Scribe, Voice
from rules.values import News, Severity
from rules.wording import Message
from storage.store import Store
from tests.services import discord, slack, telegram
from tests.services.discord import Discord
from tests.services.hook import Hook
from tests.services.loopback import routed, running, server_side
from tests.services.mail import MailService
from tests.services.slack import SlackApi, SlackHook
from tests.services.telegram import Telegram
from tests.services.web import Answer
from tests.stored import HEALTH, MEI, NOW, POINTS, Past

PNG = b"\x89PNG\r\n\x1a\n"
A_CHART = Chart("t", "b", (0.0, 9.0), (0.0, 9.0), [(0.0, 1.0), (5.0, 3.0)], [("l", 2.0, "high")], [], [9.0], [], [])
MESSAGE = Message("a title", "some words", Severity.HIGH, News.FIRED, picture=PNG)
HANGS = (sys.executable, "-c", "import time; time.sleep(60)")
BREAKS = (sys.executable, "-c", "raise SystemExit(3)")
RAVES = (sys.executable, "-c", "import sys; sys.stdin.readline(); print('no picture at all', flush=True)")
REFUSES = (sys.executable, "-c", "import sys; sys.stdin.readline(); sys.stdout.buffer.write(bytes(4))")
SCRIBE = Scribe({}, {})


@asynccontextmanager
async def an_easel(*command, **more):
    easel = Easel(command, **more) if command else Easel(**more)
    yield easel
    await easel.close()


# --- the process that draws ---------------------------------------------------------------------------------------


async def test_charts_are_drawn_one_after_the_other_by_one_process_that_goes_when_nobody_wants_any():
    async with an_easel(idle_s=0.5) as easel:
        drawn = await asyncio.gather(*(easel.draw(A_CHART) for _ in range(3)))
        process = easel._process
        assert all(each.startswith(PNG) for each in drawn)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert (await easel.draw(A_CHART)).startswith(PNG)
        assert easel._process.pid != process.pid


@pytest.mark.parametrize("command", [BREAKS, RAVES, REFUSES, ("/no/such/program",)])
async def test_a_drawer_that_breaks_draws_nothing_and_raises_nothing(command):
    async with an_easel(*command) as easel:
        assert await easel.draw(A_CHART) is None


async def test_a_chart_that_cannot_be_drawn_spoils_no_other():
    async with an_easel() as easel:
        assert await easel.draw(replace(A_CHART, points=[])) is None
        assert (await easel.draw(A_CHART)).startswith(PNG)


async def test_a_chart_that_nobody_waits_for_any_more_does_not_get_into_the_next_message():
    other = replace(A_CHART, title="another, which is longer")
    async with an_easel() as easel:
        wanted = await easel.draw(A_CHART)
        slow = asyncio.create_task(easel.draw(other))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        slow.cancel()
        assert await easel.draw(A_CHART) == wanted


async def test_the_process_is_told_no_secret(monkeypatch):
    monkeypatch.setenv("TIKHUB_TOKEN", "sk-very-secret")
    async with an_easel() as easel:
        await easel.draw(A_CHART)
        with open(f"/proc/{easel._process.pid}/environ", "rb") as environ:  # noqa: ASYNC230, PTH123 - of a process
            assert b"sk-very-secret" not in environ.read()
    assert os.environ["TIKHUB_TOKEN"] == "sk-very-secret"


# --- a message and its chart --------------------------------------------------------------------------------------


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    found.plan((MEI, HEALTH))
    found.points(MEI, *((hours, 8.0 if hours > 30 else 9.0) for hours in range(400, 0, -2)))
    yield found
    found.store.close()


@pytest.fixture
def known(past):
    _, config = past.config(POINTS)
    store = Store.sketch(past.path)
    found = known_now(config, store, NOW)
    rule = next(each for each in found.docket.rules(MEI.key) if each.name == "points")
    story = rehearse(rule, found.docket.targets[MEI.key], found, store).story
    yield found, store, story
    store.close()


@pytest.fixture
def illustrate(known):
    """A message of what is known as a channel gets it from an easel, and how long that took in seconds."""
    found, store, story = known

    async def on_writer(work):
        return work()

    async def illustrated(easel, scribe=SCRIBE, writer=on_writer, url="json://127.0.0.1:9/", **more):
        channel = open_channel("hook", url)
        illustrator = Illustrator(easel, store, found.recent, lambda: found.docket, writer)
        message = scribe.write([replace(story, **more)], "hook", channel.markup, NOW)
        began_s = time.monotonic()
        message = await illustrator.illustrate(message, channel, scribe, began_s + WAIT_S)
        channel.close()
        return message, time.monotonic() - began_s

    return illustrated


def test_a_chart_shows_a_week_of_what_was_stored(known):
    found, store, story = known
    past = history(story, found.docket, found.recent, store)
    assert [value for _, value in past.points] == [8.0] * 70 + [9.0] * 15
    assert [level.when.threshold.value for level in past.levels] == [9.0]


async def test_a_message_brings_its_chart_and_says_the_same(illustrate):
    async with an_easel() as easel:
        await easel.draw(A_CHART)  # the first takes as long as matplotlib takes to be imported
        message, _ = await illustrate(easel)
        plain, _ = await illustrate(easel, Scribe({"hook": Voice(charts=False)}, {}))
    assert message.picture.startswith(PNG)
    assert plain.picture is None
    assert message == plain


async def test_a_channel_whose_service_takes_no_files_makes_no_work(illustrate):
    async with an_easel(*BREAKS) as easel:
        for url in ("console://", "feishu://abcdefghijklmnopqrstuvwxyz0123456789", slack.HOOK_URL):
            message, _ = await illustrate(easel, url=url)
            assert message.picture is None
        assert easel._process is None


async def test_a_reminder_has_no_chart(illustrate):
    async with an_easel() as easel:
        await easel.draw(A_CHART)
        assert (await illustrate(easel, news=News.REMINDED))[0].picture is None


@pytest.mark.parametrize("command", [HANGS, BREAKS, RAVES, REFUSES, ("/no/such/program",)])
async def test_whatever_the_drawer_does_the_message_goes_within_two_seconds(illustrate, command):
    async with an_easel(*command) as easel:
        message, took_s = await illustrate(easel)
    assert message.picture is None
    assert "violation_score" in message.body
    assert took_s < WAIT_S + 0.5


async def test_a_writer_that_is_busy_or_breaks_holds_up_no_message(illustrate):
    async def busy(work):
        await asyncio.sleep(60)

    async def broken(work):
        raise RuntimeError("the disk is full")

    async with an_easel() as easel:
        for writer in (busy, broken):
            message, took_s = await illustrate(easel, writer=writer)
            assert message.picture is None
            assert took_s < WAIT_S + 0.5


async def test_a_story_of_a_rule_or_target_that_is_no_more_goes_without_a_chart(illustrate, known):
    async with an_easel() as easel:
        assert (await illustrate(easel, rule="gone"))[0].picture is None
        assert (await illustrate(easel, who=replace(known[2].who, key="tiktok/account/gone")))[0].picture is None


# --- the services -------------------------------------------------------------------------------------------------


async def test_a_web_hook_gets_the_chart_with_the_text():
    with running(Hook()) as hook:
        channel = open_channel("hook", f"json://127.0.0.1:{hook.server_port}/")
        assert isinstance(await channel.send(MESSAGE, "7.1"), Sent)
        channel.close()
    [file] = hook.asked[0].json["attachments"]
    assert (file["filename"], file["mimetype"]) == ("chart.png", "image/png")
    assert base64.b64decode(file["base64"]) == PNG


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_a_mail_has_the_chart_in_it(certificate, trusted):
    service = MailService(server_side(certificate))
    service.start()
    channel = open_channel("mail", service.url)
    assert isinstance(await channel.send(MESSAGE, "7.1"), Sent)
    channel.close()
    service.stop()
    [said] = service.handler.accepted
    assert said.pictures == (("chart.png", PNG),)
    assert "some words" in said.text + said.html


async def test_telegram_and_slack_get_the_chart(trusted, monkeypatch):
    with routed(Telegram(server_side(trusted)), monkeypatch) as service:
        assert isinstance(await open_channel("t", telegram.URL).send(MESSAGE, "7.1"), Sent)
        assert service.accepted[0].photo == PNG
    with routed(SlackApi(server_side(trusted)), monkeypatch) as service:
        assert isinstance(await open_channel("s", slack.BOT_URL).send(MESSAGE, "7.1"), Sent)
        assert service.files == [("chart.png", PNG)]


class Strict(SlackApi):
    """Takes texts, and no files: as where the bot lacks the scope files:write, or where files are out of order."""

    answer_to_files = slack.no("missing_scope")

    def make_room(self, asked):
        return self.answer_to_files


@pytest.mark.parametrize("answer", [slack.no("missing_scope"), Answer(503, "")])
async def test_a_slack_that_takes_no_files_gets_the_text_once(trusted, monkeypatch, answer):
    with routed(Strict(server_side(trusted)), monkeypatch) as service:
        service.answer_to_files = answer
        assert isinstance(await open_channel("s", slack.BOT_URL).send(MESSAGE, "7.1"), Sent)
        assert (len(service.accepted), service.files) == (1, [])


async def test_a_slack_hook_gets_the_text_alone(trusted, monkeypatch):
    with routed(SlackHook(server_side(trusted)), monkeypatch) as service:
        assert isinstance(await open_channel("s", slack.HOOK_URL).send(MESSAGE, "7.1"), Sent)
        assert len(service.accepted) == 1


async def test_a_service_that_takes_no_picture_gets_the_text_all_the_same():
    class Picky(Hook):
        def answer(self, asked):
            return Answer(413, "") if asked.json["attachments"] else super().answer(asked)

    with running(Picky()) as hook:
        channel = open_channel("hook", f"json://127.0.0.1:{hook.server_port}/")
        assert isinstance(await channel.send(MESSAGE, "7.1"), Sent)
        channel.close()
        assert [said.text for said in hook.accepted] == ["some words\n\nid: 7.1"]


@pytest.mark.parametrize(("picky", "pictures"), [(False, [PNG]), (True, [])])
async def test_discord_gets_the_text_once_and_then_the_chart_if_it_takes_it(trusted, monkeypatch, picky, pictures):
    with routed(Discord(server_side(trusted)), monkeypatch) as service:
        service.picky = picky
        assert isinstance(await open_channel("d", discord.URL).send(MESSAGE, "7.1"), Sent)
        assert (len(service.accepted), service.pictures) == (1, pictures)
