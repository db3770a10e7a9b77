"""Mail with STARTTLS and a login, on a real server that wants both."""

from __future__ import annotations

import logging
import threading

import pytest

from daemon.channels import NotSent, Sent, Undelivered, open_channel
from rules.values import News, Severity
from rules.wording import Markup, Message
from tests.services.loopback import server_side
from tests.services.mail import PASSWORD, MailService

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TITLE = '▲ 违规 <b>小明</b> & "Jürgen" 😀'
BODY = "violation_score = 12 <limit & 9>\n原因: *低质* 内容 😀\nhttps://www.tiktok.com/@x"
MESSAGE = Message(TITLE, BODY, Severity.HIGH, News.FIRED)


@pytest.fixture
def mail(certificate):
    service = MailService(server_side(certificate))
    service.start()
    yield service
    service.stop()


async def test_a_mail_goes_over_starttls_with_a_login_and_arrives_as_it_is(mail, trusted):
    assert isinstance(await open_channel("mail", mail.url + "&format=text").send(MESSAGE, "7.1"), Sent)
    said = mail.handler.accepted[0]
    assert (said.title, said.to) == (TITLE, ("ops@example.com",))
    assert [line for line in (*BODY.splitlines(), "id: 7.1") if line not in said.text] == []


async def test_a_mail_of_a_line_longer_than_smtp_allows_arrives_whole(mail, trusted):
    for markup in Markup:
        message = Message("long", "质" * 30_000, Severity.HIGH, News.FIRED, markup)
        assert isinstance(await open_channel("mail", mail.url + f"&format={markup}").send(message, "7.1"), Sent)
        said = mail.handler.accepted[-1]
        assert max(said.text.count("质"), said.html.count("质")) == 30_000


@pytest.mark.parametrize(
    ("answer", "reason", "status"),
    [
        ("554 spam", Undelivered.REFUSED, 554),
        ("552 too big", Undelivered.REFUSED, 552),
        ("451 try again", Undelivered.SERVER, 451),
        ("421 shutting down", Undelivered.SERVER, 421),
    ],
)
async def test_what_the_server_says_to_a_mail_is_known(mail, trusted, answer, reason, status):
    mail.handler.fault = answer
    result = await open_channel("mail", mail.url).send(MESSAGE, "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (reason, status)


async def test_a_password_that_is_wrong_is_refused_and_stays_secret(mail, trusted, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    result = await open_channel("mail", mail.url.replace(PASSWORD, f"{PASSWORD}x")).send(MESSAGE, "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.REFUSED, 535)
    assert PASSWORD not in caplog.text + "".join(capfd.readouterr()) + repr(result)


async def test_a_recipient_that_the_server_does_not_know_is_refused(mail, trusted):
    result = await open_channel("mail", mail.url.replace("ops@example.com", "x@refused.example")).send(MESSAGE, "7.1")
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.REFUSED, 550)


async def test_a_recipient_gets_a_mail_once_however_often_another_is_refused(mail, trusted):
    both = mail.url.replace("ops@example.com", "ops@example.com,x@refused.example")
    channel = open_channel("mail", both)
    for _ in range(3):
        assert isinstance(await channel.send(MESSAGE, "7.1"), NotSent)
    assert [said.to for said in mail.handler.accepted] == [("ops@example.com",)]


async def test_no_password_goes_to_a_server_whose_certificate_nobody_vouches_for(mail):
    result = await open_channel("mail", mail.url).send(MESSAGE, "7.1")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.UNREACHABLE
    assert mail.handler.accepted == []


async def test_a_mail_server_that_says_nothing_is_a_timeout(deaf):
    url = f"mailto://127.0.0.1:{deaf.getsockname()[1]}?from=watch@example.com&to=ops@example.com"
    result = await open_channel("mail", url, timeout_s=0.3).send(MESSAGE, "7.1")
    deaf.close()
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.TIMEOUT


async def test_a_mail_server_that_hangs_up_in_the_middle_is_failed(deaf):
    def hang_up():
        connection, _ = deaf.accept()
        with connection:
            connection.sendall(b"220 hello\r\n")
            connection.recv(100)

    thread = threading.Thread(target=hang_up)
    thread.start()
    url = f"mailto://127.0.0.1:{deaf.getsockname()[1]}?from=watch@example.com&to=ops@example.com"
    result = await open_channel("mail", url).send(MESSAGE, "7.1")
    thread.join()
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.FAILED, None)


async def test_a_mail_server_that_falls_silent_in_the_middle_is_a_timeout(deaf):
    done = threading.Event()

    def fall_silent():
        connection, _ = deaf.accept()
        with connection:
            connection.sendall(b"220 hello\r\n")
            done.wait(20)

    thread = threading.Thread(target=fall_silent)
    thread.start()
    url = f"mailto://127.0.0.1:{deaf.getsockname()[1]}?from=watch@example.com&to=ops@example.com&cto=0.3"
    result = await open_channel("mail", url).send(MESSAGE, "7.1")
    done.set()
    thread.join()
    assert isinstance(result, NotSent)
    assert (result.reason, result.status) == (Undelivered.TIMEOUT, None)
