"""Whatever fails, waits or dies in between: nothing is lost, nothing overtakes, and repeats come of deaths alone."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.courier import Sent
from daemon.patience import WAITS
from storage.store import Store
from tests.delivered import BUSY, DOWN, HOUR, MINUTE, REFUSED, SECOND, T0, Bench, Service

HELD = ({}, {"bundle": "quiet nights", "due": 3 * HOUR}, {"bundle": "group mei", "due": MINUTE, "wait": MINUTE})
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from("abcd"), st.integers(0, 3), st.integers(0, 2)),
        st.tuples(st.just("pass"), st.sampled_from([SECOND, 20 * SECOND, 10 * MINUTE, 2 * HOUR])),
        st.tuples(st.just("fail"), st.sampled_from([None, BUSY, DOWN, REFUSED])),
        st.tuples(st.just("refuse"), st.sampled_from("abcd")),
        st.tuples(st.just("kill"), st.integers(0, 4)),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "watch.db"
    Store.open(path).close()
    return path


class Run:
    """One schedule; ``kills`` are the numbers of messages that had been taken when a process died."""

    def __init__(self, path):
        self.chat = Service(room=300)
        self.bench, self.now, self.kills = Bench(path, self.chat), T0, []

    async def step(self, what, *how):
        match what:
            case "move":
                name, level, manner = how
                kept = dict(HELD[manner])
                if "due" in kept:
                    kept["due"] += self.now
                number = sum(each == name for _, each, _ in self.bench.written) + 1
                self.bench.move(name, level, self.now, title=f"{name}#{number}", **kept)
            case "pass":
                self.now += how[0]
                await self.turn()
            case "fail":
                self.chat.work() if how[0] is None else self.chat.fail(how[0])
            case "refuse":
                self.chat.answer = lambda message: REFUSED if f"{how[0]}#" in message.title else Sent(5)
            case "kill":
                self.bench.lives = how[0]
                await self.turn()
                self.kills.append(len(self.chat.got))
                self.bench.start()
                self.bench.store.take_over(["chat"], self.now)

    async def turn(self):
        with contextlib.suppress(RuntimeError):
            await self.bench.at(self.now)

    async def end(self):
        self.chat.work()
        for _ in range(8):
            self.now += HOUR
            await self.turn()


async def run(path, steps):
    found = Run(path)
    for each in steps:
        await found.step(*each)
    await found.end()
    return found


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_nothing_is_lost_nothing_overtakes_and_only_a_death_between_sending_and_receipt_repeats(empty, steps):
    with TemporaryDirectory() as folder:
        path = Path(shutil.copy(empty, folder))
        found = asyncio.run(run(path, steps))
        counts, tried = found.bench.store.counts(), found.bench.store.deliveries(10**6)
        found.bench.store.close()
    assert (counts.outbox_waiting, counts.outbox_dead) == (0, 0)
    arrived = [receipt.letter_id for receipt in tried if receipt.outcome == "sent"]
    assert sorted(arrived) == list(range(1, len(found.bench.written) + 1))

    heard: dict[str, list[tuple[int, int]]] = {}
    for position, (_, message, _) in enumerate(found.chat.got):
        for story in message.stories:
            name, _, number = story.headline[0].partition("#")
            heard.setdefault(name, []).append((int(number), position))
    written = [name for _, name, _ in found.bench.written]
    assert {name: own[-1][0] for name, own in heard.items()} == {name: written.count(name) for name in set(written)}
    for own in heard.values():
        for (number, position), (after, later) in pairwise(own):
            assert number < after or (number == after and any(position < kill <= later for kill in found.kills))


def test_a_death_at_any_turn_leaves_a_letter_that_is_sent_again_with_the_same_id(empty, tmp_path):
    for lives in range(4):
        path = Path(shutil.copy(empty, tmp_path / f"{lives}.db"))
        found = asyncio.run(run(path, [("move", "a", 2, 0), ("kill", lives), ("pass", WAITS[-1])]))
        ids = [id_text for _, _, id_text in found.chat.got]
        assert set(ids) == {"1.1"}
        assert len(ids) == (2 if lives == 1 else 1)
        found.bench.store.close()
