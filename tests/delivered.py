"""A deliverer over a real database, with channels that do as a test says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.courier import NotSent, Sent
from daemon.deliver import Deliverer
from daemon.replies import Undelivered
from daemon.scribe import Scribe
from rules.outcomes import Outcome, Owed, Transition
from rules.telling import news
from rules.values import Alert, Change, Firing, Ok, Severity, Subject, Target
from rules.wording import Markup
from storage.store import Store
from tests.told import a_story

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
KEY = "tiktok/account/1"
LADDER = ("warning", "high", "critical")
SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.HIGH, Severity.CRITICAL)
BUSY = NotSent(Undelivered.BUSY, 3, None, 429)
DOWN = NotSent(Undelivered.UNREACHABLE, 3)
REFUSED = NotSent(Undelivered.REFUSED, 3, None, 400)


class Service:
    """A channel that answers as ``answer`` says, after ``takes_s``, and keeps what came of it: (time, message, id)."""

    def __init__(self, name="chat", service="Telegram", room=10**6):
        self.name, self.markup, self.service, self.room = name, Markup.TEXT, service, room
        self.answer, self.takes_s = lambda _message: Sent(5), 0.0
        self.tried, self.got, self.at = [], [], T0

    def fits(self, message):
        return len(message.body) <= self.room

    async def send(self, message, id_text):
        self.tried.append((self.at, message, id_text))
        await asyncio.sleep(self.takes_s)
        answer = self.answer(message)
        if isinstance(answer, Sent):
            self.got.append((self.at, message, id_text))
        return answer

    def close(self):
        """Nothing to let go of."""

    def fail(self, failure=DOWN):
        self.answer = lambda _message: failure

    def work(self):
        self.answer = lambda _message: Sent(5)

    @property
    def titles(self):
        return [message.title for _, message, _ in self.got]


class Bench:
    """A store whose alerts a test moves, and the deliverer of one process after another."""

    def __init__(self, path, *services, terms=None):
        self.store = Store.open(path)
        self.store.sync_targets([Target(KEY, Subject.ACCOUNT, "Mei", "tiktok")], T0)
        self.services, self._terms = services, terms
        self.alerts: dict[str, Alert] = {}
        self.written: list[tuple[str, str, int]] = []
        self.start()

    def start(self):
        """A process begins; one that was there is dead."""
        self.lives = 10**9
        channels = {each.name: each for each in self.services}
        self.deliverer = Deliverer(self.store, self._run, channels, "me", self._delivered, Scribe({}, {}), self._terms)

    async def _run(self, work):
        self.lives -= 1
        if self.lives < 0:
            raise RuntimeError("killed")
        return work()

    def _delivered(self, deliveries):
        dead = {each.alert_id for each in deliveries if each.dead}
        live = {alert.id: alert for alert in self.store.live_alerts_of(dead)}
        for name, alert in self.alerts.items():
            self.alerts[name] = live.get(alert.id, alert)

    def move(self, name, level, at, *channels, due=None, bundle="", wait=timedelta(0), title=""):
        """An alert goes to a level; these channels (chat unless named) are owed news, if it is any to them."""
        alert = self.alerts.get(name) or Alert("points", KEY, (("id", name),), Ok())
        state = Firing(level, at, at, level) if level else Ok()
        owed = []
        for channel in channels or ("chat",):
            told = alert.told.get(channel, 0)
            what = news(told, level)
            if what is not None:
                severity = SEVERITIES[level]
                story = a_story(title or name, severity=severity, news=what, told=told, stand=level, ladder=LADDER)
                owed.append(Owed(channel, level, story, bundle, due, wait))
        told = {**alert.told, **{each.channel: each.level for each in owed}}
        step = Transition(Change.B_FIRED, at, 0, level, "why")
        live = self.store.commit_judgement([Outcome(replace(alert, state=state, told=told), [step], owed)], at)
        self.alerts.pop(name, None)
        if live:
            [self.alerts[name]] = live
        self.written += [(each.channel, name, level) for each in owed]

    async def at(self, at, steps=100):
        """Let all channels send what they may; how many letters were tried."""
        tried = 0
        for service in self.services:
            service.at = at
        for _ in range(steps):
            self.deliverer.start(at)
            now = await self.deliverer.settle()
            tried += now
            if not now:
                break
        return tried
