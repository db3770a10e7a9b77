"""`creatorwatch deliveries` and `creatorwatch notify-test`: what was sent to whom, and whether each channel works."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from daemon.clock import SystemClock
from tests.delivered import BUSY, MINUTE, Bench, Service
from tests.running import creatorwatch

FILE = """\
accounts: [{ platform: tiktok, id: mei, uid: "1" }]
channels: { console: { url: "console://" }, hook: { url: "${HOOK}", language: zh }, chat: { url: "console://" } }
rules: [{ name: points, on: account, when: violation_score >= 9 }]
"""


@pytest.fixture
def cli(tmp_path, web):
    """Runs a command in the folder of rules.yaml."""
    (tmp_path / "rules.yaml").write_text(FILE)
    return lambda *arguments: creatorwatch(tmp_path, *arguments, HOOK=f"json://{web.address}/?token=t0ps3cret")


@pytest.fixture
async def sent(tmp_path):
    """What a daemon has sent: one letter arrived late, one waits, mail got one two days ago."""
    chat, mail = Service(), Service("mail")
    bench, now = Bench(tmp_path / "creatorwatch.db", chat, mail), SystemClock().now() - 60 * MINUTE
    bench.move("old", 1, now - timedelta(days=2), "mail")
    await bench.at(now - timedelta(days=2))
    chat.fail(BUSY)
    bench.move("a", 2, now)
    await bench.at(now)
    chat.work()
    await bench.at(now + 30 * MINUTE)
    chat.fail()
    bench.move("b", 3, now + 40 * MINUTE)
    await bench.at(now + 40 * MINUTE)
    bench.store.close()


def test_every_letter_that_was_tried_within_a_day_is_listed_with_how_that_ended(cli, sent):
    said = cli("deliveries")
    assert said.returncode == 0, said.stderr
    late, waits = (
        next(line for line in said.stdout.splitlines() if name in line) for name in ("HIGH: a", "CRITICAL: b")
    )
    assert re.search(r"chat +2\.2 +▲ HIGH: a +sent +2 +30 min +5 ms", late)
    assert re.search(r"chat +3\.3 +▲ CRITICAL: b +unreachable +is tried again +1 +3 ms", waits)
    assert "old" not in said.stdout


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (("--failed",), ["▲ CRITICAL: b"]),
        (("--since", "3d", "--channel", "mail"), ["▲ WARNING: old"]),
        (("--since", "3d", "--limit", "2"), ["▲ CRITICAL: b", "▲ HIGH: a"]),
    ],
)
def test_the_list_can_be_narrowed(cli, sent, options, titles):
    listed = json.loads(cli("deliveries", "--json", *options).stdout)
    assert [each["title"] for each in listed] == titles


def test_a_letter_in_json_has_all_that_is_known_of_it(cli, sent):
    listed = json.loads(cli("deliveries", "--json").stdout)
    assert {name: listed[1][name] for name in ("id", "channel", "late_s", "attempts", "standing", "outcome")} == {
        "id": "2.2",
        "channel": "chat",
        "late_s": 1800.0,
        "attempts": 2,
        "standing": "sent",
        "outcome": "sent",
    }
    assert (listed[0]["standing"], listed[0]["outcome"], listed[0]["status"]) == ("waiting", "unreachable", None)


def test_an_unknown_channel_and_a_missing_database_are_said(cli, sent, tmp_path):
    wrong = cli("deliveries", "--channel", "chatt")
    assert (wrong.returncode, "did you mean" in wrong.stderr) == (2, True)
    (tmp_path / "creatorwatch.db").unlink()
    assert cli("deliveries").returncode == 1


# --- notify-test ---------------------------------------------------------------------------------------------------


def test_each_channel_is_sent_a_message_that_says_that_it_is_a_test_in_its_language(cli, web):
    said = cli("notify-test")
    assert said.returncode == 0, said.stderr
    assert "[i] ▲ INFO: a test of the channel console" in said.stdout
    assert re.search(r"hook +JSON +sent +\d+ ms", said.stdout)
    [posted] = web.posted
    message = json.loads(posted.body)
    assert message["title"] == "▲【提示】渠道 hook 测试消息"
    assert "没有发生任何异常" in message["message"]


def test_only_the_named_channels_are_tested_and_json_stays_json(cli, web):
    said = cli("notify-test", "console", "--json")
    [trial] = json.loads(said.stdout)
    assert (trial["channel"], trial["outcome"]) == ("console", "sent")
    assert web.posted == []


@pytest.mark.parametrize(("status", "outcome"), [(429, "busy 429"), (403, "refused 403"), (503, "server 503")])
def test_a_channel_that_does_not_take_it_is_said_with_what_it_answered_and_nothing_secret(cli, web, status, outcome):
    web.status = status
    said = cli("notify-test")
    assert said.returncode == 1
    assert re.search(rf"hook +JSON +{outcome}", said.stdout)
    assert re.search(r"chat +sent", said.stdout)
    assert "t0ps3cret" not in said.stdout + said.stderr


def test_a_channel_that_is_not_there_is_a_mistake_of_the_command(cli):
    said = cli("notify-test", "hok")
    assert said.returncode == 2
    assert "hook" in said.stderr
