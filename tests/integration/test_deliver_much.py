"""Delivery of much at a time: what it may cost, what goes ahead of it, and when it is broken off."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from daemon.courier import Sent
from daemon.patience import Terms
from daemon.scribe import Scribe
from rules.posting import FIRST_SIGHT
from rules.values import Alert, Ok, Subject, Target
from tests.delivered import HOUR, T0, Bench, Service


@pytest.fixture
def chat():
    return Service()


@pytest.fixture
def bench(tmp_path, chat):
    bench = Bench(tmp_path / "watch.db", chat)
    yield bench
    bench.store.close()


@pytest.fixture
def steps():
    """As many as the hundreds of steps that SQLite has taken."""
    taken = []

    def count(connection, _record):
        connection.set_progress_handler(lambda: taken.append(None), 100)

    event.listen(Engine, "connect", count)
    yield taken
    event.remove(Engine, "connect", count)


def second(service, then):
    """Let something happen while a service takes its second message."""

    def answer(_message):
        if len(service.tried) == 2:
            then()
        return Sent(5)

    service.answer = answer


def digest(bench, chat, things):
    """A digest that is told in parts of about five things."""
    chat.room = 300
    for number in range(things):
        bench.move(f"n{number:03}", 1, T0, due=T0 + HOUR, bundle="digest daily")


async def cost(path, letters, steps):
    """How many steps it takes to give up so many letters, and to write as many to who stands in."""
    chat = Service()
    bench = Bench(path, chat, Service("mail"), terms={"chat": Terms(fallback="mail")})
    videos = [Target(f"tiktok/video/{number}", Subject.VIDEO, "", "tiktok") for number in range(letters)]
    bench.store.sync_targets(videos, T0)
    for video in videos:
        bench.alerts[video.key] = Alert("views", video.key, (), Ok())
        bench.move(video.key, 2, T0, bundle=FIRST_SIGHT)
    chat.fail()
    await bench.at(T0)
    steps.clear()
    await bench.at(T0 + 25 * HOUR, steps=1)
    assert bench.store.counts().outbox_dead == letters
    bench.store.close()
    return len(steps)


async def test_four_times_as_many_letters_that_die_together_cost_about_four_times_as_much(tmp_path, steps):
    few, many = await cost(tmp_path / "few.db", 60, steps), await cost(tmp_path / "many.db", 240, steps)
    assert many < 7 * few


async def test_what_goes_by_itself_does_not_wait_for_all_parts_of_a_digest(bench, chat):
    digest(bench, chat, 100)
    bench.move("grave", 3, T0 + HOUR)
    second(chat, lambda: bench.move("graver", 3, T0 + HOUR))
    await bench.at(T0 + HOUR, steps=1)
    assert [chat.titles[0], chat.titles[2]] == ["▲ CRITICAL: grave", "▲ CRITICAL: graver"]
    parts = chat.titles[1:2] + chat.titles[3:]
    numbers = [tuple(map(int, re.findall(r"\d+", title)[-2:])) for title in parts]
    assert numbers == [(part, len(parts)) for part in range(1, len(parts) + 1)]
    assert bench.store.counts().outbox_waiting == 0


async def test_a_channel_that_a_reload_replaces_is_sent_no_more_than_the_message_that_was_begun(bench, chat):
    digest(bench, chat, 100)
    instead = Service(room=300)
    second(chat, lambda: bench.deliverer.adopt({"chat": instead}, Scribe({}, {})))
    await bench.at(T0 + HOUR, steps=1)
    assert len(chat.got) == 2
    await bench.at(T0 + HOUR)
    told = [story.headline[0] for _, message, _ in chat.got + instead.got for story in message.stories]
    assert sorted(told) == [f"n{number:03}" for number in range(100)]
