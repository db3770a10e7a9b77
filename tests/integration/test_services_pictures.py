"""A picture by apprise, where a service takes one: the way that a chart goes."""

from __future__ import annotations

import base64

import pytest

from daemon.channels import _load, _tame
from daemon.replies import Undelivered, overheard
from tests.services import slack, telegram
from tests.services.loopback import routed, server_side
from tests.services.slack import SlackApi
from tests.services.telegram import Telegram
from tests.services.web import Answer

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "chart.png"
    path.write_bytes(PICTURE)
    return str(path)


async def test_telegram_gets_the_picture_with_the_text_below_it(trusted, monkeypatch, picture):
    with routed(Telegram(server_side(trusted)), monkeypatch) as service:
        assert _tame(_load(telegram.URL)).notify(body="<b>小明</b> &lt;3", body_format="html", attach=picture)
        assert (service.accepted[0].text, service.accepted[0].photo) == ("小明 <3", PICTURE)


async def test_slack_gets_the_picture_in_three_steps_and_the_text_by_itself(trusted, monkeypatch, picture):
    with routed(SlackApi(server_side(trusted)), monkeypatch) as service:
        assert _tame(_load(slack.BOT_URL)).notify(body="*小明*", body_format="markdown", attach=picture)
        assert (len(service.accepted), service.files) == (1, [("chart.png", PICTURE)])


async def test_a_picture_that_is_not_taken_is_a_failure_with_a_reason(trusted, monkeypatch, picture):
    with routed(Telegram(server_side(trusted)), monkeypatch) as service, overheard() as replies:
        service.fault = Answer(413, "")
        succeeded = _tame(_load(telegram.URL)).notify(body="x", attach=picture)
    assert replies.failure(bool(succeeded)).reason is Undelivered.REFUSED
