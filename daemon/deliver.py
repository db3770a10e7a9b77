"""Deliver: waiting letters in, receipts out. Each channel goes its own way, so a slow one holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from daemon.channels import Channel, NotSent, Sent
from daemon.logs import report
from rules.values import Message
from storage.records import SENT, Delivery, Letter
from storage.store import Store

T = TypeVar("T")


class OnWriter(Protocol):
    """Runs a function on the thread that owns the store."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do ``work`` there; the answer can be awaited."""


LEASE = timedelta(minutes=10)
BATCH = 10
"""Letters a channel takes at a time: few enough to be sent well within their lease."""

RETRIES = tuple(
    timedelta(seconds=seconds)
    for seconds in (10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 21_600)
)
"""The wait before each further attempt: a day in all. After the last the letter is dead, and its news is owed anew."""


def retry_after(attempts: int, at: datetime) -> datetime | None:
    """When to try again after ``attempts`` failed attempts; None: never."""
    return at + RETRIES[attempts - 1] if attempts <= len(RETRIES) else None


class Deliverer:
    """Hands letters to channels, at least once, in order for each alert and channel."""

    def __init__(
        self,
        store: Store,
        on_writer: OnWriter,
        channels: Mapping[str, Channel],
        owner: str,
        delivered: Callable[[Delivery], None],
    ) -> None:
        self._store, self._on_writer, self._channels, self._owner = store, on_writer, channels, owner
        self._delivered = delivered
        self._under_way: dict[str, asyncio.Task[int]] = {}

    def start(self, at: datetime) -> None:
        """Let every channel that is free take its waiting letters."""
        for name in self._channels:
            if name not in self._under_way or self._under_way[name].done():
                self._under_way[name] = asyncio.create_task(self._empty(name, at))
                self._under_way[name].add_done_callback(report)

    async def settle(self) -> int:
        """Wait until no channel is sending; how many letters were tried."""
        tried = sum(await asyncio.gather(*self._under_way.values()))
        self._under_way.clear()
        return tried

    async def _empty(self, name: str, at: datetime) -> int:
        letters = await self._on_writer(lambda: self._claim(name, at))
        for letter in letters:
            delivery = await self._send(letter, at)
            await self._on_writer(partial(self._record, delivery))
        return len(letters)

    def _claim(self, name: str, at: datetime) -> Sequence[Letter]:
        return self._store.claim_letters(name, at, at + LEASE, self._owner, BATCH)

    async def _send(self, letter: Letter, at: datetime) -> Delivery:
        message = Message(letter.title, letter.body, letter.severity, letter.news)
        sent = await self._channels[letter.channel].send(message, f"{letter.alert_id}.{letter.id}")
        return Delivery(
            letter_id=letter.id,
            alert_id=letter.alert_id,
            channel=letter.channel,
            level=letter.level,
            at=at,
            outcome=SENT if isinstance(sent, Sent) else sent.reason.value,
            latency_ms=sent.latency_ms,
            retry_due=retry_after(letter.attempts + 1, at) if isinstance(sent, NotSent) else None,
        )

    def _record(self, delivery: Delivery) -> None:
        self._store.record_deliveries([delivery])
        self._delivered(delivery)
