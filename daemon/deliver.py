"""Deliver: waiting letters in, receipts out. Each channel goes its own way, so a slow one holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from daemon.channels import Channel
from daemon.courier import NotSent, Sent
from daemon.logs import report
from daemon.repeating import Repeating
from daemon.scribe import Scribe
from rules.story import Story
from storage.records import SENT, Delivery, Letter
from storage.store import Store

T = TypeVar("T")


class OnWriter(Protocol):
    """Runs a function on the thread that owns the store."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do ``work`` there; the answer can be awaited."""


LEASE = timedelta(minutes=10)
BATCH = 10
"""Messages a channel takes at a time: few enough to be sent well within their lease."""

RETRIES = tuple(
    timedelta(seconds=seconds)
    for seconds in (10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 21_600)
)
"""The wait before each further attempt: a day in all. After the last the letter is dead, and its news is owed anew."""


def retry_after(attempts: int, at: datetime) -> datetime | None:
    """When to try again after ``attempts`` failed attempts; None: never."""
    return at + RETRIES[attempts - 1] if attempts <= len(RETRIES) else None


class Deliverer:
    """Hands letters to channels, at least once, in order for each alert and channel.

    Letters of one bundle go as one message, each with a receipt of its own. ``delivered`` is told what was stored.
    """

    def __init__(
        self,
        store: Store,
        on_writer: OnWriter,
        channels: Mapping[str, Channel],
        owner: str,
        delivered: Callable[[Sequence[Delivery]], None],
        scribe: Scribe,
    ) -> None:
        self._store, self._on_writer, self._channels, self._owner = store, on_writer, channels, owner
        self._delivered, self._scribe = delivered, scribe
        self._repeating = Repeating()
        self._under_way: dict[str, asyncio.Task[int]] = {}
        self._leaving: set[asyncio.Task[int]] = set()

    def adopt(self, channels: Mapping[str, Channel], scribe: Scribe) -> None:
        """Send through these from now on, as ``scribe`` writes.

        A channel that is not among them sends what it has taken, and is closed.
        """
        for name, channel in self._channels.items():
            if channels.get(name) is not channel:
                self._leave(name, channel)
        self._channels, self._scribe = channels, scribe

    def _leave(self, name: str, channel: Channel) -> None:
        task = self._under_way.pop(name, None)
        if task is None or task.done():
            channel.close()
        else:
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            task.add_done_callback(lambda _task: channel.close())

    def start(self, at: datetime) -> None:
        """Let every channel that is free take its waiting letters."""
        for name, channel in self._channels.items():
            if name not in self._under_way or self._under_way[name].done():
                self._under_way[name] = asyncio.create_task(self._empty(channel, at))
                self._under_way[name].add_done_callback(report)

    async def settle(self) -> int:
        """Wait until no channel is sending; how many letters were tried."""
        tried = sum(await asyncio.gather(*self._under_way.values(), *self._leaving))
        self._under_way.clear()
        return tried

    async def _empty(self, channel: Channel, at: datetime) -> int:
        await self._repeating.tell(channel, self._standing, self._scribe, at)
        letters = await self._on_writer(lambda: self._claim(channel.name, at))
        for together in _messages(letters):
            deliveries = await self._send(channel, together, at)
            await self._on_writer(partial(self._record, deliveries))
        return len(letters)

    def _standing(self, name: str) -> Awaitable[Sequence[Story]]:
        return self._on_writer(lambda: self._store.standing(name))

    def _claim(self, name: str, at: datetime) -> Sequence[Letter]:
        return self._store.claim_letters(name, at, at + LEASE, self._owner, BATCH)

    async def _send(self, channel: Channel, letters: Sequence[Letter], at: datetime) -> Sequence[Delivery]:
        stories = [letter.story for letter in letters]
        message = await asyncio.to_thread(self._scribe.write, stories, channel.name, channel.markup, at)
        sent = await channel.send(message, _id_text(letters))
        return [
            Delivery(
                letter_id=letter.id,
                alert_id=letter.alert_id,
                channel=channel.name,
                level=letter.level,
                at=at,
                outcome=SENT if isinstance(sent, Sent) else sent.reason.value,
                latency_ms=sent.latency_ms,
                retry_due=retry_after(letter.attempts + 1, at) if isinstance(sent, NotSent) else None,
            )
            for letter in letters
        ]

    def _record(self, deliveries: Sequence[Delivery]) -> None:
        self._store.record_deliveries(deliveries)
        self._delivered(deliveries)


def _messages(letters: Iterable[Letter]) -> Iterable[Sequence[Letter]]:
    """The letters of each message: one, or all that came of a bundle."""
    messages: dict[str | int, list[Letter]] = {}
    for letter in letters:
        messages.setdefault(letter.bundle or letter.id, []).append(letter)
    return messages.values()


def _id_text(letters: Sequence[Letter]) -> str:
    """The same for the same letters, so that a reader can tell a repeat."""
    first, last = letters[0], letters[-1]
    return f"{first.alert_id}.{first.id}" + ("" if first is last else f"-{last.alert_id}.{last.id}")
