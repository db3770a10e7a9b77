"""The process that is killed: a deliverer over a store, that goes on where the one before it stopped."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from daemon.channels import open_channel
from daemon.clock import SystemClock
from daemon.deliver import Deliverer
from daemon.patience import Rate, Terms
from daemon.scribe import Scribe
from daemon.watch import Writer
from rules.outcomes import Outcome, Owed, Transition
from rules.posting import GROUP, QUIET
from rules.story import Story, Who
from rules.telling import news
from rules.values import Alert, Change, Firing, Ok, Severity, Subject, Target
from storage.store import Store

SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.HIGH, Severity.CRITICAL)
LADDER = ("warning", "high", "critical")
TARGET = Target("tiktok/account/1", Subject.ACCOUNT, "Mei", "tiktok")
FIRED_A_BATCH = 40
"""Alerts that begin with one commit."""

LONGEST = 60
"""Batches that an alert lasts at most."""

GLANCE_S = 0.02
MOST_S = 900.0
"""So long a process lives at most."""

MINUTE = timedelta(minutes=1)
HELD = (
    (timedelta(0), "", timedelta(0)),
    (MINUTE, f"{GROUP} lin", MINUTE),
    (timedelta(0), "", timedelta(0)),
    (60 * MINUTE, f"{QUIET} nights", timedelta(0)),
)
"""How news of an alert goes, by its number: how long it waits, with what, and for how long more of that is waited for.

An hour is what a night is to a daemon that runs for years.
"""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process is started with: ``ports`` of its channels, and a clock that was set at ``began`` and runs fast.

    ``generation`` is the number of the process; it is part of every address that it sends to.
    """

    database: str
    ports: Mapping[str, int]
    alerts: int
    seed: int
    generation: int
    began: str
    speed: float
    pause_s: float

    def text(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Step:
    """An alert goes to ``level``, as the step of this ``number`` in its life (from 1)."""

    alert: int
    number: int
    level: int

    @property
    def mark(self) -> str:
        """How its message names it."""
        return f"a{self.alert:06d}s{self.number}l{self.level}"


def batches(alerts: int, seed: int) -> list[list[Step]]:
    """The steps of each commit. Every alert fires, about half climb, and all end; none takes two steps in one."""
    chance = Random(seed)
    planned: list[list[Step]] = [[] for _ in range(-(-alerts // FIRED_A_BATCH) + LONGEST)]
    for alert in range(alerts):
        when, level = alert // FIRED_A_BATCH, chance.randint(1, 3)
        later = sorted(chance.sample(range(1, LONGEST), 2))
        lives = [(0, level)]
        if level < len(LADDER) and chance.random() < 0.75:
            lives.append((later[0], level + 1))
        lives.append((later[1], 0))
        for number, (after, to) in enumerate(lives, 1):
            planned[when + after].append(Step(alert, number, to))
    return planned


class Life:
    """The rest of the plan, one commit after another; what was committed, and where alerts stand, is the store's."""

    def __init__(self, orders: Orders, store: Store, done: int) -> None:
        self._store, self._channels = store, tuple(orders.ports)
        self._left = iter(list(enumerate(batches(orders.alerts, orders.seed), 1))[done:])
        self._alerts = {dict(alert.labels)["id"]: alert for alert in store.live_alerts()}

    def go_on(self, at: datetime) -> bool:
        """Commit the next batch; False if there is none."""
        number, steps = next(self._left, (0, ()))
        if not number:
            return False
        outcomes = [self._outcome(step, at) for step in steps]
        for each in self._store.commit_judgement(outcomes, at, number):
            self._alerts[dict(each.labels)["id"]] = each
        return True

    def _outcome(self, step: Step, at: datetime) -> Outcome:
        name = str(step.alert)
        alert = self._alerts.pop(name, None) or Alert("points", TARGET.key, (("id", name),), Ok())
        state = Firing(step.level, at, at, step.level) if step.level else Ok()
        owed = list(self._owed(step, alert, at))
        told = {**alert.told, **{each.channel: each.level for each in owed}}
        change = Transition(Change.B_FIRED, at, alert.level, step.level, step.mark)
        return Outcome(replace(alert, state=state, told=told), [change], owed)

    def _owed(self, step: Step, alert: Alert, at: datetime) -> Iterator[Owed]:
        after, bundle, wait = HELD[step.alert % len(HELD)]
        for channel in self._channels:
            told = alert.told.get(channel, 0)
            what = news(told, step.level)
            if what is not None:
                story = Story(
                    what,
                    SEVERITIES[step.level],
                    at,
                    alert.rule,
                    Who("", ""),
                    (step.mark,),
                    told=told,
                    stand=step.level,
                    ladder=LADDER,
                )
                yield Owed(channel, step.level, story, bundle, at + after if bundle else None, wait)


def done(database: Path) -> int:
    """How many batches were committed."""
    with closing(sqlite3.connect(database)) as connection:
        [(number,)] = connection.execute("select judged from progress").fetchall()
    return int(number)


class FastClock:
    """Shows ``began`` when that was, and runs ``speed`` times as fast ever since, in every process."""

    def __init__(self, began: datetime, speed: float) -> None:
        self._began, self._speed = began, speed

    def now(self) -> datetime:
        """Whole milliseconds."""
        passed = (SystemClock().now() - self._began) * self._speed
        return self._began + timedelta(milliseconds=passed // timedelta(milliseconds=1))


async def live(orders: Orders) -> None:
    """Commit and deliver until everything is told."""
    clock, writer = FastClock(datetime.fromisoformat(orders.began).astimezone(UTC), orders.speed), Writer()
    store = await writer.run(lambda: Store.open(orders.database))
    channels = {
        name: open_channel(name, f"json://127.0.0.1:{port}/{orders.generation}?rto=3")
        for name, port in orders.ports.items()
    }

    def open_life() -> Life:
        store.sync_targets([TARGET], clock.now())
        store.take_over(channels.keys(), clock.now())
        return Life(orders, store, done(Path(orders.database)))

    life = await writer.run(open_life)
    terms = {next(iter(channels)): Terms(Rate(60, MINUTE))}
    deliverer = Deliverer(store, writer.run, channels, str(orders.generation), _ignore, Scribe({}, {}), terms)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    goes_on = True
    while goes_on or (await writer.run(store.counts)).outbox_waiting:
        until_s = asyncio.get_running_loop().time() + orders.pause_s
        goes_on = goes_on and await writer.run(lambda: life.go_on(clock.now()))
        while asyncio.get_running_loop().time() < until_s:
            deliverer.start(clock.now())
            await asyncio.sleep(GLANCE_S)
    await deliverer.settle()
    for channel in channels.values():
        channel.close()
    await writer.run(store.close)
    writer.close()


def _ignore(_deliveries: Sequence[Any]) -> None:
    """No letter dies here."""


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(live(Orders(**json.loads(sys.argv[1]))), MOST_S))
