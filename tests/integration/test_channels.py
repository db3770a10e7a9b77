"""Delivery through apprise, proved on real servers of this machine."""

from __future__ import annotations

import asyncio
import email
import email.policy
import io
import json
import logging
import math
import os
import re
import socket
import threading
import time
import urllib.parse

import pytest
from apprise.decorators import notify

from daemon.channels import NotSent, Sent, Undelivered, open_channel, problem_with
from rules.values import News, Severity
from rules.wording import Markup, Message

# Apprise's mail plugin imports imghdr (gone in Python 3.13, where it brings its own).
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TITLE = "违规扣分 🚨 @小明: 12 points"
BODY = "violation_score = 12 <limit & 9>\n原因: 低质内容 😀\nhttps://www.tiktok.com/@x"
MESSAGE = Message(TITLE, BODY, Severity.HIGH, News.FIRED)
SECRETS = ("hunter2", "abc-token", "path-secret")


def titled(severity, news=News.FIRED):
    return Message("title", "body", severity, news)


def mailto(port, to="ops@example.com"):
    return f"mailto://127.0.0.1:{port}?from=watch@example.com&to={to}"


def read_mail(envelope):
    return email.message_from_bytes(envelope.content, policy=email.policy.default)


def text_of(mail):
    return mail.get_body(("plain", "html")).get_content()


async def test_json_brings_title_body_and_type_unchanged(web):
    sent = await open_channel("hook", f"json://{web.address}/alerts").send(MESSAGE, "out-7")
    got = json.loads(web.posted[0].body)
    assert isinstance(sent, Sent)
    assert web.posted[0].path.rstrip("/") == "/alerts"
    assert (got["title"], got["type"]) == (TITLE, "failure")
    assert got["message"] == f"{BODY}\n\nid: out-7"


async def test_form_brings_title_body_and_type_unchanged(web):
    assert isinstance(await open_channel("hook", f"form://{web.address}").send(MESSAGE, "out-7"), Sent)
    got = dict(urllib.parse.parse_qsl(web.posted[0].body.decode()))
    assert (got["title"], got["type"]) == (TITLE, "failure")
    assert got["message"] == f"{BODY}\n\nid: out-7"


@pytest.mark.parametrize(
    ("url", "markup"),
    [("console://", "text"), ("json://localhost", "text"), ("mailto://u:p@example.com", "html")],
)
def test_a_channel_knows_what_its_service_takes_best(url, markup):
    assert open_channel("c", url).markup == markup


async def test_a_mail_in_html_is_html_and_in_markdown_is_made_of_it(smtp):
    for markup, body in ((Markup.HTML, "<b>Points</b>: 12 &lt;b&gt;"), (Markup.MARKDOWN, r"**Points**: 12 \<b\>")):
        message = Message(TITLE, body, Severity.HIGH, News.FIRED, markup)
        assert isinstance(await open_channel("mail", mailto(smtp.port)).send(message, "7"), Sent)
    for envelope in smtp.handler.envelopes:
        html = read_mail(envelope).get_body(("html",)).get_content()
        assert re.search(r"<(b|strong)>Points</(b|strong)>: 12 &lt;b&gt;", html)
        assert "id: 7" in html


@pytest.mark.parametrize("format_", ["text", "html"])
async def test_a_mail_has_title_as_subject_and_every_line_of_the_body(smtp, format_):
    sent = await open_channel("mail", mailto(smtp.port) + f"&format={format_}").send(MESSAGE, "out-7")
    mail = read_mail(smtp.handler.envelopes[0])
    assert isinstance(sent, Sent)
    assert mail["Subject"] == TITLE
    assert mail["To"].addresses[0].addr_spec == "ops@example.com"
    assert mail["From"].addresses[0].addr_spec == "watch@example.com"
    assert [line for line in [*BODY.splitlines(), "id: out-7"] if line not in text_of(mail)] == []


async def test_a_title_of_two_lines_cannot_add_a_mail_header(smtp):
    message = Message("one\r\nBcc: thief@example.com", "body", Severity.INFO, News.FIRED)
    assert isinstance(await open_channel("mail", mailto(smtp.port)).send(message, "1"), Sent)
    mail = read_mail(smtp.handler.envelopes[0])
    assert (mail["Subject"], mail["Bcc"]) == ("one Bcc: thief@example.com", None)


@pytest.mark.parametrize(
    ("message", "type_"),
    [
        (titled(Severity.INFO), "info"),
        (titled(Severity.WARNING), "warning"),
        (titled(Severity.HIGH, News.CLIMBED), "failure"),
        (titled(Severity.CRITICAL), "failure"),
        (titled(Severity.WARNING, News.DESCENDED), "warning"),
        (titled(Severity.CRITICAL, News.RESOLVED), "success"),
    ],
)
async def test_the_type_follows_severity_and_news(web, message, type_):
    await open_channel("hook", f"json://{web.address}").send(message, "1")
    assert json.loads(web.posted[0].body)["type"] == type_


async def test_five_mails_in_a_row_are_not_throttled(smtp):
    channel = open_channel("mail", mailto(smtp.port))
    started = time.perf_counter()
    results = await asyncio.gather(*(channel.send(MESSAGE, str(number)) for number in range(5)))
    assert all(isinstance(result, Sent) for result in results)
    assert len(smtp.handler.envelopes) == 5
    assert time.perf_counter() - started < 15  # throttled they take 4 s each, and the first none


async def test_messages_of_one_channel_keep_the_gap_and_the_order(web):
    channel = open_channel("hook", f"json://{web.address}", gap_s=0.1)
    started = time.perf_counter()
    await asyncio.gather(*(channel.send(MESSAGE, str(number)) for number in range(4)))
    assert time.perf_counter() - started >= 0.3
    assert [json.loads(posted.body)["message"][-1] for posted in web.posted] == list("0123")


async def test_an_urgent_channel_does_not_wait_for_a_hanging_one(web, deaf):
    hanging = [
        open_channel(f"hung{number}", f"json://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=60.0)
        for number in range(12)
    ]
    waiting = [asyncio.create_task(channel.send(MESSAGE, "1")) for channel in hanging]
    await asyncio.sleep(0.1)
    urgent = await open_channel("hook", f"json://{web.address}").send(MESSAGE, "2")
    assert isinstance(urgent, Sent)
    assert not any(task.done() for task in waiting)
    deaf.close()
    assert {type(result) for result in await asyncio.gather(*waiting)} == {NotSent}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Undelivered.REFUSED),
        (401, Undelivered.REFUSED),
        (404, Undelivered.REFUSED),
        (429, Undelivered.BUSY),
        (500, Undelivered.SERVER),
        (503, Undelivered.SERVER),
    ],
)
async def test_an_error_status_says_whether_it_can_get_better(web, status, reason):
    web.status = status
    result = await open_channel("hook", f"json://{web.address}").send(MESSAGE, "1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (reason, status)


async def test_a_redirect_to_a_login_page_is_not_a_delivery(web):
    web.status = 302
    result = await open_channel("hook", f"json://{web.address}").send(MESSAGE, "1")
    assert isinstance(result, NotSent)


@pytest.mark.parametrize("query", ["optional=yes", "retry=3&wait=1"])
async def test_no_setting_of_a_url_hides_or_repeats_a_failure(web, query):
    web.status = 500
    result = await open_channel("hook", f"json://{web.address}?{query}").send(MESSAGE, "1")
    assert isinstance(result, NotSent)
    assert len(web.posted) == 1


async def test_a_refused_connection_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for url in (f"json://127.0.0.1:{port}", mailto(port)):
        result = await open_channel("gone", url).send(MESSAGE, "1")
        assert isinstance(result, NotSent)
        assert result.reason is Undelivered.UNREACHABLE


async def test_a_server_that_hangs_is_a_timeout(deaf):
    channel = open_channel("hung", f"json://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.2)
    started = time.perf_counter()
    result = await channel.send(MESSAGE, "1")
    took_ms = 1000 * (time.perf_counter() - started)
    deaf.close()
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.TIMEOUT
    assert 190 <= result.latency_ms <= math.ceil(took_ms)


async def test_a_message_that_timed_out_in_the_queue_is_never_sent_later(deaf):
    channel = open_channel("hung", f"json://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.1)
    await channel.send(MESSAGE, "first")
    await channel.send(MESSAGE, "second")
    deaf.settimeout(0.3)
    connection, _ = deaf.accept()
    connection.close()
    with pytest.raises(TimeoutError):
        deaf.accept()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20"])
async def test_a_connection_closed_half_way_is_failed(deaf, answer):
    def hang_up():
        connection, _ = deaf.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=hang_up)
    thread.start()
    result = await open_channel("cut", f"json://127.0.0.1:{deaf.getsockname()[1]}").send(MESSAGE, "1")
    thread.join()
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.FAILED


@pytest.mark.parametrize("to", ["nobody@refused.example", "ops@example.com,nobody@refused.example"])
async def test_a_mail_that_one_recipient_does_not_get_is_not_sent(smtp, to):
    result = await open_channel("mail", mailto(smtp.port, to)).send(MESSAGE, "1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.REFUSED, 550)


async def test_a_plugin_that_raises_is_failed():
    @notify(on="breaks", name="breaks")
    def breaks(body, title, notify_type, *args, **kwargs):
        raise RuntimeError("hunter2")

    result = await open_channel("own", "breaks://").send(MESSAGE, "1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.FAILED


async def test_no_secret_of_a_url_comes_out(web, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for status in (200, 500):
        web.status = status
        url = f"json://user:hunter2@{web.address}/path-secret?+X-Token=abc-token"
        channel = open_channel("hook", url)
        result = await channel.send(MESSAGE, "1")
        shown = caplog.text + "".join(capfd.readouterr()) + repr(channel) + str(channel) + repr(result)
        assert [secret for secret in SECRETS if secret in shown] == []
    assert web.posted[0].headers["X-Token"] == "abc-token"


async def test_sending_writes_no_file(web, tmp_path, monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    await open_channel("hook", f"json://{web.address}").send(MESSAGE, "1")
    assert len(web.posted) == 1
    assert list(tmp_path.rglob("*")) == []


def test_a_url_that_works_has_no_problem():
    urls = ["console://", "json://127.0.0.1/x", mailto(25), "tgram://123456789:abcdefg_hijklmnop/-100123/"]
    assert [problem_with(url) for url in urls] == [None] * 4


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "not a URL: it must start with a scheme, as in mailto:// or console://"),
        ("hunter2", "not a URL: it must start with a scheme, as in mailto:// or console://"),
        ("console://hunter2", "console:// takes nothing after it"),
        ("jsn://user:hunter2@host", "unknown scheme jsn://, did you mean json://?"),
        ("qqqqqqqq://hunter2", "unknown scheme qqqqqqqq://"),
        ("tgram://hunter2", "tgram:// is known, but what follows it is incomplete or wrong"),
    ],
)
def test_a_bad_url_is_told_in_words_without_its_secret(url, problem, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    assert problem_with(url) == problem
    assert "hunter2" not in caplog.text + "".join(capfd.readouterr())


def test_opening_a_bad_url_raises_without_quoting_it():
    with pytest.raises(ValueError, match=r"^channel pager has a URL that cannot be opened$"):
        open_channel("pager", "tgram://hunter2")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


async def test_a_pipe_gets_plain_lines():
    out = io.StringIO()
    sent = await open_channel("me", "console://", out).send(MESSAGE, "out-7")
    assert isinstance(sent, Sent)
    assert out.getvalue() == "".join(
        [f"[!!] {TITLE}\n", *(f"    {line}\n" for line in BODY.splitlines()), "    id: out-7\n"]
    )


async def test_a_terminal_gets_bold_colours_and_no_wrapped_line(terminal):
    message = Message("t" * 300, "b" * 300, Severity.CRITICAL, News.FIRED)
    await open_channel("me", "console://", terminal).send(message, "1")
    assert terminal.getvalue() == (f"\x1b[1;37;41m[!!!] {'t' * 300}\x1b[0m\n    {'b' * 300}\n    id: 1\n")


async def test_the_end_of_an_alert_is_green(terminal):
    await open_channel("me", "console://", terminal).send(titled(Severity.CRITICAL, News.RESOLVED), "1")
    assert terminal.getvalue().startswith("\x1b[1;32m[ok] title\x1b[0m\n")


async def test_no_color_takes_the_colours_away(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    await open_channel("me", "console://", terminal).send(MESSAGE, "1")
    assert "\x1b[3" not in terminal.getvalue()
    assert ";3" not in terminal.getvalue()


async def test_a_nickname_can_neither_steer_the_terminal_nor_write_markup():
    out = io.StringIO()
    await open_channel("me", "console://", out).send(
        Message("[red]\x1b[2J :bomb:", "a\x1b]0;x\x07\x9b31m", Severity.INFO, News.FIRED), "1"
    )
    assert out.getvalue() == "[i] [red]\ufffd[2J :bomb:\n    a\ufffd]0;x\ufffd\ufffd31m\n    id: 1\n"


async def test_blocks_of_concurrent_messages_do_not_mix():
    out = io.StringIO()
    channel = open_channel("me", "console://", out)
    await asyncio.gather(*(channel.send(titled(Severity.INFO), str(number)) for number in range(20)))
    assert out.getvalue() == "".join(f"[i] title\n    body\n    id: {number}\n" for number in range(20))


async def test_a_pipe_that_nobody_reads_is_failed():
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w", encoding="utf-8")
    result = await open_channel("me", "console://", out).send(MESSAGE, "1")
    with pytest.raises(BrokenPipeError):
        out.close()
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.FAILED


async def test_a_stream_whose_encoding_lacks_a_character_is_failed():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    result = await open_channel("me", "console://", out).send(MESSAGE, "1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.FAILED
