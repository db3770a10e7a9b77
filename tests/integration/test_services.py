"""What each service takes and refuses, and what a channel makes of it."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from email.utils import format_datetime

import pytest

from daemon.channels import NotSent, Sent, Undelivered, open_channel
from daemon.clock import SystemClock
from daemon.markup import escaped
from daemon.scribe import Scribe
from rules.story import RecordWords, Story, Who, Word
from rules.values import News, Severity
from rules.wording import Markup, Message
from tests.services import china, discord, slack, telegram
from tests.services.china import DingTalk, Feishu, WeCom
from tests.services.discord import Discord
from tests.services.hook import Hook
from tests.services.loopback import routed, running, server_side
from tests.services.slack import SlackApi, SlackHook
from tests.services.telegram import Telegram
from tests.services.web import Answer, HangsUp, Silent, Slow

URLS = {
    Telegram: telegram.URL,
    SlackHook: slack.HOOK_URL,
    SlackApi: slack.BOT_URL,
    Discord: discord.URL,
    Feishu: china.FEISHU_URL,
    DingTalk: china.DINGTALK_URL,
    WeCom: china.WECOM_URL,
}
NICKNAME = (
    '<b>小明</b> *_`[x](http://evil.example)`_* @everyone <@all> <!channel> <at user_id="all"></at> &amp; Jürgen 😀'
)
REASON = "低质内容 ~~和~~ \\ | #1 > {x} = 1 - 2 + 3!"
NOON = SystemClock().now()
BETWEEN = {Markup.TEXT: "\n", Markup.MARKDOWN: "\n\n", Markup.HTML: "<br/>\n"}
SECRETS = (
    telegram.TOKEN,
    slack.HOOK,
    slack.BOT_TOKEN,
    discord.TOKEN,
    china.FEISHU_TOKEN,
    china.DINGTALK_TOKEN,
    china.DINGTALK_SECRET,
    china.WECOM_KEY,
)


@pytest.fixture(params=URLS, ids=lambda service: service.__name__)
def service(request, trusted, monkeypatch):
    with routed(request.param(server_side(trusted)), monkeypatch) as service:
        yield service


@pytest.fixture
def hook():
    with running(Hook()) as service:
        yield service


def channel_to(service, **more):
    url = URLS.get(type(service)) or f"json://127.0.0.1:{service.server_port}/"
    return open_channel("them", url, **more)


def about(nickname=NICKNAME, reason=REASON, *notes):
    record = RecordWords("violation", "v1", (Word("reason", reason),))
    who = Who(nickname, "tiktok/account/1", "tiktok", "lin")
    return Story(News.FIRED, Severity.HIGH, NOON, "r", who, (nickname, ": 12"), records=(record,), notes=notes)


def written(channel, *stories):
    return Scribe({}, {}).write(stories or (about(),), "them", channel.markup)


def squeezed(text):
    """Without its spaces: where a line is parted there may be one less."""
    return "".join(text.replace("\u200b", "").split())


def read(said):
    """All that a person reads of a message."""
    return f"{getattr(said, 'title', '')}\n{getattr(said, 'shown', said.text)}"


async def test_a_message_arrives_as_it_was_meant_whoever_gave_himself_which_name(service):
    channel = channel_to(service)
    assert isinstance(await channel.send(written(channel), "7.1"), Sent)
    text = read(service.accepted[0]).replace("\u200b", "")
    assert len(service.accepted) == 1
    assert [each for each in (NICKNAME, REASON, "id: 7.1") if each not in text] == []


async def test_a_nickname_wakes_up_nobody(service):
    channel = channel_to(service)
    assert isinstance(await channel.send(written(channel), "7.1"), Sent)
    assert not getattr(service.accepted[0], "calls", ())


@pytest.mark.parametrize("letter", ["x", "ü", "质", "😀", "<", "*"])
async def test_a_long_message_arrives_whole_in_parts_that_the_service_takes(service, letter):
    channel = channel_to(service)
    for length in (2_000, 21_000):
        lines = [f"{number:06} {letter * 43}" for number in range(length // 50)]
        body = BETWEEN[channel.markup].join(escaped(line, channel.markup) for line in lines)
        message = Message("title", body, Severity.HIGH, News.FIRED, channel.markup)
        service.accepted.clear()
        assert isinstance(await channel.send(message, "7.1"), Sent)
        text = squeezed("".join(getattr(said, "shown", said.text) for said in service.accepted))
        assert [line for line in [*lines, "id: 7.1"] if squeezed(line) not in text] == []


async def test_a_title_longer_than_any_service_takes_is_cut_with_a_mark_or_arrives_whole(service):
    channel = channel_to(service)
    title = "标" * 400
    result = await channel.send(Message(title, "body", Severity.HIGH, News.FIRED, channel.markup), "7.1")
    assert isinstance(result, Sent)
    text = "\n".join(map(read, service.accepted))
    assert text.count("标") == 400 or "标…" in text


async def test_one_line_without_a_space_is_too_long_for_no_service(service):
    channel = channel_to(service)
    result = await channel.send(Message("t", "质" * 9_000, Severity.HIGH, News.FIRED, channel.markup), "7.1")
    assert isinstance(result, Sent)
    assert sum(read(said).count("质") for said in service.accepted) == 9_000


@pytest.mark.parametrize("markup", list(Markup))
async def test_every_service_takes_every_format(service, markup):
    channel = channel_to(service)
    message = Scribe({}, {}).write([about()], "them", markup)
    assert isinstance(await channel.send(message, "7.1"), Sent)
    text = read(service.accepted[0])
    assert [each for each in ("Jürgen 😀", "低质内容", "id: 7.1") if each not in text] == []


async def test_busy_is_busy_and_nothing_is_sent_after_it(service):
    service.fault = service.busy(17)
    result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.BUSY
    assert result.status in {200, 429}
    assert result.retry_after_s == (17 if result.status == 429 else None)
    assert len(service.asked) == 1


def about_nothing():
    return Message("title", "body", Severity.HIGH, News.FIRED)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, Undelivered.REFUSED),
        (503, Undelivered.SERVER),
    ],
)
async def test_a_status_says_whether_it_can_get_better(service, status, reason):
    service.fault = Answer(status, "no", {"Retry-After": "30"})
    result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (reason, status)
    assert result.retry_after_s == (30 if reason is Undelivered.SERVER else None)


async def test_a_service_that_does_not_answer_is_a_timeout(service):
    service.fault = Silent()
    result = await channel_to(service, timeout_s=0.3).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.TIMEOUT, None)


async def test_the_patience_that_a_url_names_is_kept_and_its_end_is_a_timeout(hook):
    hook.fault = Silent()
    result = await open_channel("them", f"json://127.0.0.1:{hook.server_port}/?rto=0.2").send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.TIMEOUT
    assert result.latency_ms < 5_000


async def test_a_connection_that_is_closed_without_an_answer_is_failed(service):
    service.fault = HangsUp()
    result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.FAILED, None)


async def test_a_slow_answer_is_an_answer(service):
    service.fault = Slow(0.4)
    result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, Sent)
    assert result.latency_ms >= 400


async def test_a_certificate_that_nobody_vouches_for_is_unreachable(service, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.UNREACHABLE
    assert service.asked == []


async def test_no_secret_comes_out_of_what_fails(service, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    said = []
    for fault in (None, service.busy(3), Answer(404, "no"), Answer(500, "no"), HangsUp()):
        service.fault = fault
        said.append(repr(await channel_to(service).send(about_nothing(), "7.1")))
    shown = caplog.text + "".join(capfd.readouterr()) + "".join(said)
    assert [secret for secret in SECRETS if secret in shown] == []


# Whom the service does not know, in a URL that apprise takes.
STRANGERS = {
    Telegram: telegram.URL.replace("abcdefg", "zyxwvut"),
    SlackHook: slack.HOOK_URL.replace("TIiaj", "XXXXX"),
    SlackApi: slack.BOT_URL.replace("abc124", "abc999"),
    Discord: discord.URL.replace("JHZ7", "XXXX"),
    Feishu: china.FEISHU_URL.replace("0a1b", "ffff"),
    DingTalk: china.DINGTALK_URL.replace("SEC0a", "SECff"),
    WeCom: china.WECOM_URL.replace("0a1b", "ffff"),
}


async def test_a_key_that_the_service_does_not_know_is_refused_even_with_a_200(service):
    result = await open_channel("them", STRANGERS[type(service)]).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.REFUSED
    assert service.accepted == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (china.feishu(19001, "param invalid"), Undelivered.REFUSED),
        (china.feishu(2200, "internal error"), Undelivered.SERVER),
        (china.feishu(11232, "frequency limited"), Undelivered.BUSY),
    ],
)
async def test_a_200_with_a_code_of_feishu_is_not_delivered(trusted, monkeypatch, answer, reason):
    with routed(Feishu(server_side(trusted)), monkeypatch) as service:
        service.fault = answer
        result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (reason, 200)


@pytest.mark.parametrize("service", [DingTalk, WeCom], ids=lambda each: each.__name__, indirect=True)
async def test_a_service_that_says_it_is_ill_in_a_200_is_asked_again(service):
    service.fault = china.errcode(-1, "system busy")
    result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.SERVER


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ratelimited", Undelivered.BUSY),
        ("internal_error", Undelivered.SERVER),
        ("channel_not_found", Undelivered.REFUSED),
    ],
)
async def test_an_error_of_slack_in_a_200_says_which(trusted, monkeypatch, error, reason):
    with routed(SlackApi(server_side(trusted)), monkeypatch) as service:
        service.fault = slack.no(error)
        result = await channel_to(service).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (reason, 200)


async def test_slack_takes_long_messages_in_blocks_too(trusted, monkeypatch):
    with routed(SlackHook(server_side(trusted)), monkeypatch) as service:
        message = Message("标" * 200, "x " * 4_000, Severity.HIGH, News.FIRED, Markup.MARKDOWN)
        result = await open_channel("them", slack.HOOK_URL + "/?blocks=yes").send(message, "7.1")
        assert isinstance(result, Sent)
        assert sum(read(said).count("x") for said in service.accepted) == 4_000


@pytest.mark.parametrize("style", ["?format=markdown", "?format=markdown&mdv=v1", "?format=markdown&mdv=v2"])
async def test_telegram_reads_markdown_right_whichever_of_its_two_a_url_names(trusted, monkeypatch, style):
    with routed(Telegram(server_side(trusted)), monkeypatch) as service:
        message = Scribe({}, {}).write([about()], "them", Markup.MARKDOWN)
        result = await open_channel("them", telegram.URL + style).send(message, "7.1")
        assert isinstance(result, Sent)
        assert [each for each in (NICKNAME, REASON) if each not in read(service.accepted[0])] == []


@pytest.mark.parametrize(
    ("wrong", "mode"), [("<b>x", "HTML"), ("<p>x</p>", "HTML"), ("*x", "Markdown"), ("x.", "MarkdownV2")]
)
def test_the_telegram_here_refuses_what_telegram_refuses(wrong, mode):
    with pytest.raises(telegram.EntityError):
        telegram.parsed(wrong, mode)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7.0), ("-7", 0.0), ("inf", 86_400.0), ("99999999", 86_400.0), ("soon", None), ("nan", None), ("", None)],
)
async def test_the_wait_is_between_nothing_and_a_day(hook, told, seconds):
    hook.fault = Answer(429, "", {"Retry-After": told})
    result = await channel_to(hook).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.retry_after_s) == (Undelivered.BUSY, seconds)


async def test_a_date_to_wait_for_is_counted_on_the_services_own_clock(hook):
    at = SystemClock().now().replace(microsecond=0)
    until = format_datetime(at + timedelta(seconds=90), usegmt=True)
    hook.fault = Answer(429, "", {"Retry-After": until})
    result = await channel_to(hook).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert 80 <= result.retry_after_s <= 90


@pytest.mark.parametrize(
    "body",
    ["[" * 60_000, '{"retry_after": true', "null", '{"parameters": 7}', f'{{"retry_after": 5, "x": "{"a" * 70_000}"}}'],
)
async def test_an_answer_that_makes_no_sense_is_an_answer(hook, body):
    hook.fault = Answer(429, body)
    result = await channel_to(hook).send(about_nothing(), "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.retry_after_s) == (Undelivered.BUSY, None)


async def test_a_code_in_the_answer_of_a_hook_of_ones_own_is_no_error(hook):
    assert isinstance(await channel_to(hook).send(about_nothing(), "7.1"), Sent)
    assert (hook.accepted[0].title, hook.accepted[0].kind) == ("title", "failure")


async def test_one_channels_answers_are_not_anothers(hook):
    with running(Hook()) as busy:
        busy.fault = Slow(0.2)
        hook.fault = Answer(404, "no")
        results = await asyncio.gather(*(channel_to(each).send(about_nothing(), "7.1") for each in (busy, hook) * 4))
    assert [type(result) for result in results] == [Sent, NotSent] * 4


# --- a message that not all have got ---------------------------------------------------------------------------------


def titled(title, body="body", *stories):
    return Message(title, body, Severity.HIGH, News.FIRED, stories=stories)


class Moody(Telegram):
    """A second chat takes nothing while ``is_out``; the request of the number ``ill`` fails."""

    is_out, ill = True, 0

    def message(self, asked):
        if len(self.asked) == self.ill:
            return telegram.no(500, "Internal Server Error")
        if str(asked.json["chat_id"]) == "-100999":
            if self.is_out:
                return telegram.no(403, "Forbidden: bot was kicked from the supergroup chat")
            asked.json["chat_id"] = telegram.CHAT
            return self.keep(asked.json["text"], asked.json.get("parse_mode", ""), telegram.MAX_TEXT)
        return super().message(asked)


@pytest.fixture
def moody(trusted, monkeypatch):
    with routed(Moody(server_side(trusted)), monkeypatch) as service:
        yield service


async def test_who_has_got_a_message_does_not_get_it_again_when_another_did_not(moody):
    channel = open_channel("them", f"{telegram.URL}-100999/")
    for late in ("", " (delayed 5 min)", " (delayed 20 min)"):
        assert isinstance(await channel.send(titled(f"Points{late}"), "7.1"), NotSent)
    moody.is_out = False
    assert isinstance(await channel.send(titled("Points (delayed 1 h)"), "7.1"), Sent)
    assert [squeezed(said.text) for said in moody.accepted] == ["Pointsbodyid:7.1"] * 2


async def test_a_message_in_parts_goes_on_where_it_failed_in_the_words_in_which_it_was_begun(moody):
    channel = open_channel("them", telegram.URL)
    words = [f"{number:04}" for number in range(2_000)]
    moody.ill = 2
    assert isinstance(await channel.send(titled("t", " ".join(words)), "7.1"), NotSent)
    assert isinstance(await channel.send(titled("t (delayed 42 min: Telegram 500)", " ".join(words)), "7.1"), Sent)
    assert sorted(word for said in moody.accepted for word in said.text.split() if word.isdigit()) == words


async def test_a_no_in_a_200_is_no_arrival_at_the_next_attempt_either(service):
    channel = channel_to(service)
    service.fault = service.busy(17)
    assert isinstance(await channel.send(about_nothing(), "7.1"), NotSent)
    service.fault = None
    assert isinstance(await channel.send(about_nothing(), "7.1"), Sent)
    assert len(service.accepted) == 1


async def test_other_news_under_the_same_id_goes_to_everybody(moody):
    channel = open_channel("them", f"{telegram.URL}-100999/")
    for name in ("Mei", "Leo"):
        assert isinstance(await channel.send(titled(name, "body", about(name)), "7.1-9.4"), NotSent)
    assert [squeezed(said.text)[:3] for said in moody.accepted] == ["Mei", "Leo"]


async def test_what_was_not_got_by_anybody_is_told_in_the_words_of_now(hook):
    hook.fault = Answer(503, "")
    channel = channel_to(hook)
    assert isinstance(await channel.send(titled("Points"), "7.1"), NotSent)
    hook.fault = None
    assert isinstance(await channel.send(titled("Points (delayed 42 min)"), "7.1"), Sent)
    assert [said.title for said in hook.accepted] == ["Points (delayed 42 min)"]
