"""Debian's prometheus-alertmanager as a channel."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from daemon.alertmanager import STAYS, Address
from daemon.channels import NotSent, Sent, Undelivered, open_channel, problem_with
from daemon.clock import SystemClock
from daemon.deliver import Deliverer
from daemon.repeating import Repeating
from daemon.scribe import Scribe
from rules.outcomes import Outcome, Owed, Transition
from rules.story import Story, Who
from rules.values import Alert, Change, Firing, News, Ok, Severity, Subject, Target
from storage.records import SENT, Delivery
from storage.store import Store
from tests.services.hook import Hook
from tests.services.loopback import running
from tests.services.web import Answer, HangsUp

NOW = SystemClock().now()
ANN = Who('小明 "Jürgen" 😀', "tiktok/account/1", "tiktok", "lin")
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class Alertmanager:
    """A real one, on a port of its own choice; ``start`` again is a restart."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None
        (folder / "config.yml").write_text(CONFIG)

    def start(self):
        log = (self.folder / "log").open("w")
        places = [f"--config.file={self.folder}/config.yml", f"--storage.path={self.folder}/data"]
        listen = [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        try:
            self.process = subprocess.Popen(["prometheus-alertmanager", *places, *listen], stderr=log, stdout=log)
        except FileNotFoundError:
            pytest.fail("this test needs prometheus-alertmanager (Debian: apt-get install prometheus-alertmanager)")
        finally:
            log.close()
        self.port = self.port or self.find_port()
        wait_for(self.is_ready)

    def find_port(self):
        found = wait_for(lambda: re.search(r"address=127\.0\.0\.1:(\d+)", (self.folder / "log").read_text()))
        return int(found[1])

    def is_ready(self):
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/-/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def alerts(self):
        """What is on, by the level."""
        return {each["labels"]["level"]: each for each in self.all()}

    def all(self):
        return httpx.get(f"http://127.0.0.1:{self.port}/api/v2/alerts", trust_env=False).json()


def wait_for(condition, most_s=10.0):
    until = time.monotonic() + most_s
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


@pytest.fixture
def alertmanager(tmp_path):
    program = Alertmanager(tmp_path)
    program.start()
    yield program
    program.stop()


def channel_to(alertmanager):
    return open_channel("am", f"alertmanager://127.0.0.1:{alertmanager.port}")


def about(news, told, stand, severity=Severity.HIGH, minutes=0, labels=(("policy", "spam"),)):
    ladder = ("high", "critical")
    return Story(
        news,
        severity,
        NOW - timedelta(hours=1) + timedelta(minutes=minutes),
        "violations",
        ANN,
        ("violation_score = 12",),
        level=ladder[abs(stand or told) - 1],
        ladder=ladder,
        told=told,
        stand=stand,
        labels=labels,
    )


FIRED = about(News.FIRED, 0, 1)
CLIMBED = about(News.CLIMBED, 1, 2, Severity.CRITICAL, minutes=5)
OVER = about(News.RESOLVED, 2, 0, Severity.INFO, minutes=9)


def told(channel, *stories):
    return Scribe({}, {}).write(stories, "am", channel.markup)


async def test_an_alert_that_fires_is_there_with_its_labels_and_words(alertmanager):
    channel = channel_to(alertmanager)
    assert isinstance(await channel.send(told(channel, FIRED), "7.1"), Sent)
    alert = alertmanager.alerts()["high"]
    assert alert["labels"] == {
        "alertname": "violations",
        "severity": "high",
        "level": "high",
        "target": "tiktok/account/1",
        "name": ANN.name,
        "owner": "lin",
        "platform": "tiktok",
        "policy": "spam",
    }
    assert alert["annotations"]["summary"] == told(channel, FIRED).title
    assert alert["annotations"]["id"] == "7.1"
    assert "owner lin" in alert["annotations"]["body"]
    assert datetime.fromisoformat(alert["startsAt"]) == FIRED.at


async def test_an_alert_that_was_told_with_others_has_not_the_words_about_all_of_them(alertmanager):
    channel = channel_to(alertmanager)
    other = about(News.FIRED, 0, 2, Severity.CRITICAL, labels=(("policy", "fakes"),))
    assert isinstance(await channel.send(told(channel, FIRED, other), "7.1-8.2"), Sent)
    assert [sorted(each["annotations"]) for each in alertmanager.alerts().values()] == [["id", "summary"]] * 2


def ends_at(alertmanager):
    return datetime.fromisoformat(alertmanager.alerts()["high"]["endsAt"])


async def test_what_is_on_ends_there_a_day_after_it_was_posted_last_as_whoever_posted_it_may_be_gone(alertmanager):
    channel, later = channel_to(alertmanager), NOW + timedelta(hours=3)
    await channel.repeat([], NOW)
    assert isinstance(await channel.send(told(channel, replace(FIRED, at=NOW - timedelta(days=5))), "7.1"), Sent)
    assert ends_at(alertmanager) == NOW + STAYS
    for at in (later, later + timedelta(hours=1)):
        await channel.repeat([told(channel, FIRED)], at)
        assert ends_at(alertmanager) == at + STAYS
    assert datetime.fromisoformat(alertmanager.alerts()["high"]["startsAt"]) == NOW - timedelta(days=5)


async def test_a_climb_ends_the_one_and_begins_the_other_since_the_same_time(alertmanager):
    channel = channel_to(alertmanager)
    for story in (FIRED, CLIMBED):
        assert isinstance(await channel.send(told(channel, story), "7.1"), Sent)
    alerts = alertmanager.alerts()
    assert list(alerts) == ["critical"]
    assert datetime.fromisoformat(alerts["critical"]["startsAt"]) == FIRED.at


async def test_what_is_over_is_over_there(alertmanager):
    channel = channel_to(alertmanager)
    for story in (FIRED, CLIMBED, OVER):
        assert isinstance(await channel.send(told(channel, story), "7.1"), Sent)
    assert alertmanager.alerts() == {}


async def test_what_comes_again_is_there_again(alertmanager):
    channel = channel_to(alertmanager)
    for story in (FIRED, OVER, about(News.FIRED, 0, 1, minutes=20)):
        assert isinstance(await channel.send(told(channel, story), "7.1"), Sent)
    assert list(alertmanager.alerts()) == ["high"]


async def test_of_two_label_sets_of_one_rule_one_ends_and_the_other_stays(alertmanager):
    channel = channel_to(alertmanager)
    other = (("level", "of its own"),)
    both = told(channel, FIRED, about(News.FIRED, 0, 2, Severity.CRITICAL, labels=other))
    assert isinstance(await channel.send(both, "7.1"), Sent)
    assert isinstance(await channel.send(told(channel, about(News.RESOLVED, 1, 0, Severity.INFO)), "7.2"), Sent)
    alerts = alertmanager.alerts()
    assert list(alerts) == ["critical"]
    assert alerts["critical"]["labels"]["exported_level"] == "of its own"


async def test_an_alertmanager_that_was_restarted_is_told_again_what_is_on(alertmanager):
    channel, repeating = channel_to(alertmanager), Repeating()

    async def standing(name):
        return [CLIMBED] if name == "am" else []

    await repeating.tell(channel, standing, Scribe({}, {}), NOW)
    alertmanager.stop()
    alertmanager.start()
    assert alertmanager.alerts() == {}
    await repeating.tell(channel, standing, Scribe({}, {}), NOW + channel.repeats_every - timedelta(seconds=1))
    assert alertmanager.alerts() == {}
    await repeating.tell(channel, standing, Scribe({}, {}), NOW + channel.repeats_every)
    assert list(alertmanager.alerts()) == ["critical"]


async def test_a_daemon_that_was_restarted_still_ends_what_the_last_one_posted(alertmanager):
    first = channel_to(alertmanager)
    assert isinstance(await first.send(told(first, FIRED), "7.1"), Sent)
    second = channel_to(alertmanager)
    await second.repeat([told(second, FIRED)], NOW)
    over = about(News.RESOLVED, 1, 0, Severity.INFO, minutes=9)
    assert isinstance(await second.send(told(second, over), "7.2"), Sent)
    assert alertmanager.alerts() == {}


async def test_a_thousand_alerts_are_told_again_whole(alertmanager):
    channel = channel_to(alertmanager)
    stories = [about(News.FIRED, 0, 1, labels=(("policy", f"p{number}"),)) for number in range(1_001)]
    assert isinstance(await channel.repeat([told(channel, each) for each in stories], NOW), Sent)
    assert len(alertmanager.all()) == 1_001


async def test_an_alertmanager_that_is_away_is_unreachable_and_what_ends_meanwhile_is_not_forgotten(alertmanager):
    channel = channel_to(alertmanager)
    assert isinstance(await channel.send(told(channel, FIRED), "7.1"), Sent)
    alertmanager.stop()
    result = await channel.send(told(channel, about(News.RESOLVED, 1, 0, Severity.INFO)), "7.2")
    assert isinstance(result, NotSent)
    assert result.reason is Undelivered.UNREACHABLE
    alertmanager.start()
    await channel.repeat([told(channel, FIRED)], NOW)
    assert isinstance(await channel.send(told(channel, about(News.RESOLVED, 1, 0, Severity.INFO)), "7.2"), Sent)
    assert alertmanager.alerts() == {}


@pytest.mark.parametrize(
    ("fault", "reason", "retry_after_s"),
    [
        (Answer(400, "no"), Undelivered.REFUSED, None),
        (Answer(401, "no"), Undelivered.REFUSED, None),
        (Answer(429, "", {"Retry-After": "9"}), Undelivered.BUSY, 9.0),
        (Answer(503, "no"), Undelivered.SERVER, None),
        (Answer(302, "", {"Location": "/login"}), Undelivered.REFUSED, None),
        (HangsUp(), Undelivered.FAILED, None),
    ],
)
async def test_what_goes_wrong_has_a_reason_and_no_password(fault, reason, retry_after_s, caplog):
    with running(Hook()) as service:
        service.fault = fault
        channel = open_channel("am", f"alertmanager://ops:hunter2@127.0.0.1:{service.server_port}/am/")
        result = await channel.send(told(channel, FIRED), "7.1")
    asked = service.asked[0]
    assert isinstance(result, NotSent)
    assert (result.reason, result.retry_after_s) == (reason, retry_after_s)
    assert (asked.path, asked.headers["Authorization"]) == ("/am/api/v2/alerts", "Basic b3BzOmh1bnRlcjI=")
    assert "hunter2" not in caplog.text + repr(result) + repr(Address.read("alertmanager://ops:hunter2@h"))


def test_an_address_that_cannot_be_is_told_without_its_password():
    assert problem_with("alertmanager://ops:hunter2@alerts.example.com/prefix") is None
    assert problem_with("alertmanagers://[::1]:9093") is None
    said = [problem_with(f"alertmanager://{wrong}") for wrong in ("", "ops:hunter2@", "h:hunter2", "h?key=hunter2")]
    assert None not in said
    assert "hunter2" not in "".join(said)


def test_its_port_and_its_way_are_the_usual_ones():
    assert Address.read("alertmanager://h").url == "http://h:9093/api/v2/alerts"
    assert Address.read("alertmanagers://[::1]:1/x/").url == "https://[::1]:1/x/api/v2/alerts"


# --- through the outbox ------------------------------------------------------------------------------------------

TARGET = Target(ANN.key, Subject.ACCOUNT, ANN.name, "tiktok")


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "watch.db")
    store.sync_targets([TARGET], NOW)
    yield store
    store.close()


def judge(store, alert, story, level, at, channel="am"):
    """The alert as it is afterwards, if it is not over; the news of it is in the outbox."""
    told = {**alert.told, channel: level}
    step = Transition(Change.B_FIRED, at, 0, level, "why")
    outcome = Outcome(replace(alert, told=told), [step], [Owed(channel, level, story)])
    return next(iter(store.commit_judgement([outcome], at)), None)


def fresh():
    return Alert("violations", ANN.key, FIRED.labels, Firing(level=1, since=NOW, seen=NOW, peak=1))


async def run(store, channel, at):
    """A daemon that has just started, for one tick."""

    async def on_writer(work):
        return work()

    deliverer = Deliverer(store, on_writer, {"am": channel}, "me", lambda _deliveries: None, Scribe({}, {}))
    deliverer.start(at)
    await deliverer.settle()


async def test_what_is_on_survives_the_restart_of_both_and_ends_when_it_is_over(store, alertmanager):
    alert = judge(store, fresh(), FIRED, 1, NOW)
    await run(store, channel_to(alertmanager), NOW)
    assert list(alertmanager.alerts()) == ["high"]
    alertmanager.stop()
    alertmanager.start()
    await run(store, channel_to(alertmanager), NOW + timedelta(minutes=1))
    assert list(alertmanager.alerts()) == ["high"]
    judge(store, replace(alert, state=Ok()), about(News.RESOLVED, 1, 0, Severity.INFO), 0, NOW + timedelta(minutes=2))
    await run(store, channel_to(alertmanager), NOW + timedelta(minutes=2))
    assert alertmanager.alerts() == {}


def test_only_what_was_sent_last_and_says_that_it_is_on_stands(store):
    def send():
        [letter] = store.claim_letters("am", NOW, NOW + timedelta(minutes=10), "me", 10)
        store.record_deliveries([Delivery(letter.id, letter.alert_id, "am", letter.level, NOW, SENT, 1, None)])

    alert = judge(store, fresh(), FIRED, 1, NOW)
    assert store.standing("am") == []
    send()
    assert store.standing("am") == [FIRED]
    alert = judge(store, alert, CLIMBED, 2, NOW)
    assert store.standing("am") == [FIRED]
    send()
    assert (store.standing("am"), store.standing("other")) == ([CLIMBED], [])
    judge(store, replace(alert, state=Ok()), OVER, 0, NOW)
    assert store.standing("am") == [CLIMBED]
    send()
    assert store.standing("am") == []


async def test_what_was_sent_before_letters_had_facts_is_no_mistake(store, tmp_path, alertmanager):
    judge(store, fresh(), FIRED, 1, NOW)
    await run(store, channel_to(alertmanager), NOW)
    with closing(sqlite3.connect(tmp_path / "watch.db", isolation_level=None)) as other:
        other.execute("UPDATE outbox SET story = ''")  # as the migration leaves letters that were sent
    await run(store, channel_to(alertmanager), NOW + timedelta(minutes=1))
    assert store.standing("am") == []
