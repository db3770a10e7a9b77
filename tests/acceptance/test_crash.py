"""kill -9 in the middle of polling, judging and delivering: nothing is lost, nothing confirmed is told twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.clock import ManualClock, SystemClock
from daemon.simulator.server import Simulator
from daemon.simulator.world import World

COMMAND = shutil.which("creatorwatch", path=str(Path(sys.executable).parent))
ACCOUNTS = [f"violation-ladder-{name}" for name in ("ann", "bob", "cy")]

CONFIG = """
database: {database}
listen: 127.0.0.1:0
providers: {{tikhub: {{token: "${{TIKHUB_TOKEN}}", base_url: "{base_url}", rate_per_s: 1000}}}}
endpoints: {{get_account_health_status: {{interval: 1s, rate_per_s: 1000}}}}
accounts: [{accounts}]
channels: {{managers: {{url: "{inbox}"}}}}
rules:
  - {{name: points, on: account, on_first_sight: tell, summary: "{{name}} {{violation_score}}",
      levels: {{info: violation_score >= 9, warning: violation_score >= 15, high: violation_score >= 21}}}}
"""


class Daemon:
    """One real process after another on the same database."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            COMMAND,
            "run",
            str(self._config),
            env={**os.environ, "TIKHUB_TOKEN": "simulated", "COOKIE": "x"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return await self._process.wait()


async def until(condition, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def rows(database: Path, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def cookies(tmp_path):
    for name in ACCOUNTS:
        (tmp_path / name).write_text(f"sim-cookie:{name}", encoding="utf-8")
    return ", ".join(
        f'{{platform: tiktok, id: {n}, name: {n}, health_scheme: points, cookie: "${{file:{n}}}"}}' for n in ACCOUNTS
    )


async def test_nothing_is_lost_and_nothing_confirmed_is_repeated(tmp_path, managers, cookies):
    chance, world_clock = random.Random(5), ManualClock(SystemClock().now())
    simulator = Simulator(World(started=world_clock.now(), step=timedelta(hours=1)), world_clock.now)
    database, config = tmp_path / "watch.db", tmp_path / "rules.yaml"
    config.write_text(
        CONFIG.format(database=database, base_url=await simulator.start(), accounts=cookies, inbox=managers.url),
        encoding="utf-8",
    )
    daemon = Daemon(config)
    try:
        for moment in ("polling", "delivering", "any", "judging", "delivering", "any", "judging", "any"):
            world_clock.advance(timedelta(hours=1))
            heard, asked = len(managers.got), sum(simulator.calls.values())
            if moment == "delivering":
                managers.answering.clear()
            simulator.world.faults.update({"*": "slow"} if moment == "polling" else {})
            await daemon.start()
            await until(lambda asked=asked: sum(simulator.calls.values()) > asked)
            if moment == "delivering":
                await until(lambda heard=heard: len(managers.got) > heard)
            elif moment == "judging":
                await until(lambda asked=asked: sum(simulator.calls.values()) > asked + 3)
            elif moment == "any":
                await asyncio.sleep(chance.uniform(0, 1.5))
            await daemon.kill()
            managers.answering.set()
            simulator.world.clear()
        world_clock.advance(timedelta(days=2))
        asked = sum(simulator.calls.values())
        await daemon.start()
        await until(lambda: sum(simulator.calls.values()) > asked)
        await until(lambda: all(over(managers.titles(), name) for name in ACCOUNTS) and is_done(database), 60)
        assert await daemon.kill(signal.SIGTERM) == 0
    finally:
        await simulator.stop()
    check(database, managers)


def over(titles: list[str], name: str) -> bool:
    own = [title for title in titles if name in title]
    return bool(own) and own[-1].startswith("✔")


def is_done(database: Path) -> bool:
    """Whether no letter waits and no alert is on; what came and went may have been told at any time before."""
    waiting = "select count(*) from outbox where status = 'waiting'"
    return rows(database, f"select ({waiting}) + count(*) from alert where closed_ms is null") == [(0,)]


def covered(database: Path, id_text: str) -> list[int]:
    """The letters that a message is of: from the first to the last, all about one thing."""
    ends = [each.split(".") for each in id_text.split("-")]
    first, last = ends[0], ends[-1]
    thing = "select rule, target_id, labels from alert where id = "
    query = f"select o.id from outbox o join alert a on a.id = o.alert_id where o.id between {first[1]} and {last[1]}"
    return [row[0] for row in rows(database, f"{query} and (rule, target_id, labels) = ({thing}{first[0]})")]


def check(database: Path, inbox) -> None:
    waited = rows(database, "select id, alert_id, level, attempts, owner, status from outbox where status != 'sent'")
    covers = [covered(database, message["message"].rpartition("id: ")[2]) for message in inbox.got]
    assert waited == []
    arrived = {(letter,) for letters in covers for letter in letters}
    assert arrived == set(rows(database, "select id from outbox")), "every letter arrived"
    repeats = sum(any(letter in earlier for earlier in covers[:number]) for number, [letter, *_] in enumerate(covers))
    assert repeats <= 2, "at most the two that were killed between send and mark come again"
    confirmed = rows(database, "select outbox_id, count(*) from receipt where outcome = 'sent' group by outbox_id")
    assert {count for _, count in confirmed} == {1}
    assert rows(database, "select count(*) from alert where closed_ms is null") == [(0,)]
    for name in ACCOUNTS:
        once = [title for title, _ in itertools.groupby(t for t in inbox.titles() if name in t)]
        kinds = [title.split(":")[0] for title in once]
        assert kinds[0] != "✔ RESOLVED", "nobody is told the end of what they were not told"
        assert kinds[-1].startswith("✔")
    assert rows(database, "pragma integrity_check") == [("ok",)]
