"""Deliver: waiting letters in, receipts out. Each channel goes its own way, so a slow one holds up no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import structlog

from daemon.channels import Channel
from daemon.courier import NotSent, Sent
from daemon.illustrator import WAIT_S, Illustrator
from daemon.logs import report
from daemon.packing import Packed, Packer
from daemon.patience import Patience, Terms, wait
from daemon.repeating import Repeating
from daemon.replies import Undelivered
from daemon.scribe import Scribe
from rules.digest import FLOOD, LATE
from rules.story import Story
from rules.wording import Message
from storage.records import SENT, Delivery, Letter, Trouble
from storage.store import Store

T = TypeVar("T")
log = structlog.get_logger("creatorwatch.deliver")


class OnWriter(Protocol):
    """Runs a function on the thread that owns the store."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do ``work`` there; the answer can be awaited."""


LEASE = timedelta(minutes=10)
BATCH = FLOOD
"""Things a channel is told of at a time, besides those that go together with one of them."""

GIVE_UP_AFTER = timedelta(days=1)
"""So long a letter is tried. Then it is dead: its news is owed anew, and told by the channel that stands in."""


class _Claimed(NamedTuple):
    """Letters, and how their channel failed last since they were to go."""

    letters: Sequence[Letter] = ()
    trouble: Trouble | None = None


NOTHING = _Claimed()


@dataclass(slots=True)
class _Lane:
    """A channel, what was agreed with it, and what task is sending."""

    channel: Channel
    terms: Terms
    patience: Patience = field(default_factory=Patience)
    task: asyncio.Task[int] | None = None

    def free(self, at: datetime) -> int:
        """How many messages may be sent now."""
        return self.patience.free(self.terms.rate, BATCH, at)


class Deliverer:
    """Hands letters to channels, at least once, in order for each thing and channel.

    Letters that go together are one message, each with a receipt of its own. ``delivered`` is told what was stored.
    ``terms`` are those of channels that have any; without an ``illustrator`` messages have no charts.
    """

    def __init__(
        self,
        store: Store,
        on_writer: OnWriter,
        channels: Mapping[str, Channel],
        owner: str,
        delivered: Callable[[Sequence[Delivery]], None],
        scribe: Scribe,
        terms: Mapping[str, Terms] | None = None,
        illustrator: Illustrator | None = None,
    ) -> None:
        self._store, self._on_writer, self._owner = store, on_writer, owner
        self._illustrator = illustrator
        self._delivered, self._scribe = delivered, scribe
        self._repeating = Repeating()
        self._lanes: dict[str, _Lane] = {}
        self._leaving: set[asyncio.Task[int]] = set()
        self._is_ending = False
        self.adopt(channels, scribe, terms)

    def adopt(self, channels: Mapping[str, Channel], scribe: Scribe, terms: Mapping[str, Terms] | None = None) -> None:
        """Send through these from now on, as ``scribe`` writes.

        A channel that is not among them finishes the message that it is sending, and is closed.
        """
        before, agreed = self._lanes, terms or {}
        self._scribe, self._lanes = scribe, {}
        for name, channel in channels.items():
            lane = before.get(name)
            if lane is None or lane.channel is not channel:
                lane = _Lane(channel, Terms())
            lane.terms = agreed.get(name, Terms())
            self._lanes[name] = lane
        for name, lane in before.items():
            if self._lanes.get(name) is not lane:
                self._leave(lane)

    def _leave(self, lane: _Lane) -> None:
        task = lane.task
        if task is None or task.done():
            lane.channel.close()
        else:
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            task.add_done_callback(lambda _task: lane.channel.close())

    def start(self, at: datetime) -> None:
        """Let every channel that is free take its waiting letters."""
        for lane in self._lanes.values():
            if lane.task is None or lane.task.done():
                lane.task = asyncio.create_task(self._empty(lane, at))
                lane.task.add_done_callback(report)

    async def end(self) -> None:
        """From now on no message is begun, and what was claimed is put back; wait for those under way."""
        self._is_ending = True
        under_way = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if under_way or self._leaving:
            await asyncio.wait([*under_way, *self._leaving])

    async def settle(self) -> int:
        """Wait until no channel is sending; how many letters were tried."""
        under_way = [lane.task for lane in self._lanes.values() if lane.task is not None]
        tried = sum(await asyncio.gather(*under_way, *self._leaving))
        for lane in self._lanes.values():
            lane.task = None
        return tried

    async def _empty(self, lane: _Lane, at: datetime) -> int:
        """Send what is due, as far as the channel bears it; how many letters were tried."""
        await self._repeating.tell(lane.channel, self._standing, self._scribe, at)
        return await self._tell(lane, at, time.monotonic())

    async def _tell(self, lane: _Lane, at: datetime, began_s: float, *, alone: bool = False) -> int:
        """The same, of all or of what goes ``alone``; what comes to do so goes ahead of what is left of the others."""
        channel, free = lane.channel, lane.free(at)
        claimed = await self._on_writer(lambda: self._claim(channel.name, free, at, alone)) if free else NOTHING
        if not claimed.letters:
            return 0
        packer = Packer(channel, self._scribe, claimed.trouble, at)
        packed = await asyncio.to_thread(packer.pack, claimed.letters)
        tried, ahead, until_s = 0, 0, time.monotonic() + WAIT_S
        while tried < len(packed) and self._may_go_on(lane, began_s, at):
            each, tried = packed[tried], tried + 1
            sent = await channel.send(await self._illustrated(each, channel, until_s), each.id_text)
            now = _later(at, began_s)
            lane.patience.sends(lane.terms.rate, now)
            deliveries = self._outcome(lane, each.letters, sent, at, now)
            await self._on_writer(partial(self._record, deliveries))
            if not alone and any(len(left.letters) > 1 for left in packed[tried : tried + 1]):
                ahead += await self._tell(lane, now, time.monotonic(), alone=True)
        rest = [letter.id for letter in _letters(packed[tried:])]
        if rest:
            await self._on_writer(lambda: self._store.put_back(rest))
        return ahead + len(_letters(packed[:tried]))

    def _may_go_on(self, lane: _Lane, began_s: float, at: datetime) -> bool:
        """Whether what was claimed is ours for long enough, and the channel bears more and is to be sent it."""
        is_ours = time.monotonic() - began_s < LEASE.total_seconds() / 2
        is_open = not self._is_ending and self._lanes.get(lane.channel.name) is lane
        return is_ours and is_open and lane.free(_later(at, began_s)) > 0

    async def _illustrated(self, packed: Packed, channel: Channel, until_s: float) -> Message:
        """With its chart; one that failed once goes without, as that may have been why."""
        if self._illustrator is None or any(letter.attempts for letter in packed.letters):
            return packed.message
        return await self._illustrator.illustrate(packed.message, channel, self._scribe, until_s)

    def _standing(self, name: str) -> Awaitable[Sequence[Story]]:
        return self._on_writer(lambda: self._store.standing(name))

    def _claim(self, name: str, free: int, at: datetime, alone: bool) -> _Claimed:
        letters = self._store.claim_letters(name, at, at + LEASE, self._owner, free, at - LATE, alone=alone)
        if not letters:
            return NOTHING
        meant = min(letter.meant for letter in letters)
        is_late = at - meant >= LATE or any(letter.attempts for letter in letters)
        trouble = self._store.trouble(name, meant) if is_late else None
        return _Claimed(letters, trouble)

    def _outcome(
        self, lane: _Lane, letters: Sequence[Letter], sent: Sent | NotSent, at: datetime, now: datetime
    ) -> Sequence[Delivery]:
        """What becomes of the letters of a message, which were claimed ``at``, and tried until ``now``."""
        if isinstance(sent, Sent):
            lane.patience.succeeded()
            return [_delivery(each, SENT, sent, at) for each in letters]
        again = _again(lane.patience, letters[0], sent, at, now)
        log.warning(
            "a message did not leave",
            channel=lane.channel.name,
            reason=sent.reason.value,
            status=sent.status,
            letters=len(letters),
            again=again.isoformat(),
        )
        return [_failure(each, lane.terms, sent, again, at) for each in letters]

    def _record(self, deliveries: Sequence[Delivery]) -> None:
        self._store.record_deliveries(deliveries)
        self._delivered(deliveries)


def _later(at: datetime, began_s: float) -> datetime:
    """What time it is in a turn that began at ``at``."""
    return at + timedelta(seconds=time.monotonic() - began_s)


def _again(patience: Patience, first: Letter, sent: NotSent, at: datetime, now: datetime) -> datetime:
    """When to try a message again. One that was refused waits by itself: the service may take the next, or parts."""
    seed = str(first.id)
    if sent.reason is Undelivered.REFUSED:
        patience.refused(at, now, seed)
        return now + wait(first.refused + 1, seed)
    return patience.failed(at, now, seed, sent.retry_after_s)


def _failure(letter: Letter, terms: Terms, sent: NotSent, again: datetime, at: datetime) -> Delivery:
    """The receipt of an attempt that failed."""
    is_last = again - (letter.tried or at) > GIVE_UP_AFTER
    due, fallback = (None, terms.fallback) if is_last else (again, "")
    return replace(_delivery(letter, sent.reason.value, sent, at), retry_due=due, status=sent.status, fallback=fallback)


def _delivery(letter: Letter, outcome: str, sent: Sent | NotSent, at: datetime) -> Delivery:
    return Delivery(letter.id, letter.alert_id, letter.channel, letter.level, at, outcome, sent.latency_ms)


def _letters(packed: Iterable[Packed]) -> Sequence[Letter]:
    return [letter for each in packed for letter in each.letters]
