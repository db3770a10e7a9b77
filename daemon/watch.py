"""The three verbs at work: asking on the event loop, storing and judging on one thread, telling per channel."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from daemon.deliver import Deliverer
from daemon.ended import Ended
from daemon.judge import Judge
from daemon.logs import report
from daemon.metrics import Metrics
from daemon.poll import Call, Poller, Reply
from daemon.providers.endpoint import Provider
from rules.outcomes import Outcome

T = TypeVar("T")
log = structlog.get_logger("creatorwatch.watch")

STORE_PAUSES_S = (0.5, 2.0, 10.0, 30.0)


class Writer:
    """The one thread that owns the store, the windows and the alerts."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")

    async def run(self, work: Callable[[], T]) -> T:
        """Do ``work`` on the thread, after all that was given to it before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Finish what was begun, and end the thread."""
        self._thread.shutdown()


class Watch:
    """Moves polls from due to told. Every method is given the time; none waits for another verb.

    ``owing`` is set when letters were written: whoever delivers need not wait for the next tick.
    """

    def __init__(
        self,
        writer: Writer,
        poller: Poller,
        judge: Judge,
        deliverer: Deliverer,
        metrics: Metrics,
        owner: str,
        in_flight: Mapping[Provider, int],
        renew: Callable[[datetime], Sequence[Outcome]],
    ) -> None:
        self._writer, self._poller, self._judge, self._deliverer = writer, poller, judge, deliverer
        self._metrics, self._owner, self._in_flight, self._renew = metrics, owner, in_flight, renew
        self.owing = asyncio.Event()
        self._calls: dict[asyncio.Task[None], Provider] = {}
        self._replies: list[Reply] = []
        self._settling: asyncio.Task[None] | None = None

    async def poll(self, at: datetime) -> None:
        """Start the calls that are due and may be made now; their answers are settled as they come."""
        under_way = Counter(self._calls.values())
        free = {provider: most - under_way[provider] for provider, most in self._in_flight.items()}
        for call in await self._writer.run(lambda: self._poller.claim(at, free)):
            task = asyncio.create_task(self._ask(call, at))
            self._calls[task] = call.endpoint.provider
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        del self._calls[task]
        report(task)

    async def _ask(self, call: Call, at: datetime) -> None:
        reply = await self._poller.poll(call, at)
        self._replies.append(reply)  # not in one line: the list may have become another one while it was awaited
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle())
            self._settling.add_done_callback(report)

    async def _settle(self) -> None:
        """Commit and judge in groups: whatever ended while the last group was being written is the next."""
        while self._replies:
            replies, self._replies = self._replies, []
            started_s = time.perf_counter()
            ended = await self._writer.run(partial(self._take_in, replies))
            settled = [reply.settled for reply in replies if reply.settled is not None]
            at = max(reply.at for reply in replies)
            outcomes = await self._store(partial(self._judge.settle, ended, settled, self._owner, at))
            self._metrics.judged(time.perf_counter() - started_s, len(ended))
            self._count_polls(ended)
            self.count(outcomes)

    def _take_in(self, replies: Sequence[Reply]) -> Sequence[Ended]:
        return [each for reply in replies for each in self._poller.take_in(reply)]

    async def _store(self, settle: Callable[[], Sequence[Outcome]]) -> Sequence[Outcome]:
        """Answers are paid for: a disk that is full or locked is tried again for a while before they are lost."""
        for pause_s in STORE_PAUSES_S:
            try:
                return await self._writer.run(settle)
            except Exception:
                log.exception("polls could not be stored", again_in_s=pause_s)
                await asyncio.sleep(pause_s)
        return await self._writer.run(settle)

    def _count_polls(self, ended: Sequence[Ended]) -> None:
        for each in ended:
            self._metrics.counted(each.endpoint, each.polled.outcome, each.seconds)
            if each.reason is not None:
                log.warning(
                    "poll failed",
                    target=each.target,
                    endpoint=each.endpoint,
                    reason=each.reason.value,
                    detail=each.detail,
                    again=each.polled.due and each.polled.due.isoformat(),
                )

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count the steps that alerts made, and say them in the log and whether somebody is owed a letter."""
        if any(outcome.owed for outcome in outcomes):
            self.owing.set()
        for outcome in outcomes:
            for transition in outcome.transitions:
                self._metrics.transitioned(outcome.alert.rule, transition.change)
                log.info(
                    "alert",
                    rule=outcome.alert.rule,
                    target=outcome.alert.target,
                    labels=dict(outcome.alert.labels),
                    change=transition.change.name.lower(),
                    level=transition.to_level,
                )

    async def look(self, at: datetime) -> None:
        """Judge what time alone changes, and what somebody is still owed; follow what was learned of whom to watch."""
        if self._judge.has_learned(at):
            self.count(await self._writer.run(lambda: self._renew(at)))
        self.count(await self._writer.run(lambda: self._judge.watch_time(at)))

    async def resume(self, at: datetime) -> None:
        """Pick up where the last process stopped."""
        self.count(await self._writer.run(lambda: self._judge.resume(at)))

    def deliver(self, at: datetime) -> None:
        """Let the channels that are free send what waits."""
        self._deliverer.start(at)

    async def settle(self) -> None:
        """Wait until every call that was started is answered, committed and judged."""
        while under_way := [*self._calls, *self._still_settling()]:
            await asyncio.wait(under_way)

    async def drain(self, seconds: float) -> None:
        """Let calls and letters under way finish for so long; then give the calls up, and commit what was answered."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(self._deliverer.end(), self.settle())
        except TimeoutError:
            log.warning("given up at the end", calls=len(self._calls))
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, *self._still_settling(), return_exceptions=True)

    def _still_settling(self) -> list[asyncio.Task[None]]:
        return [] if self._settling is None or self._settling.done() else [self._settling]

    async def step(self, at: datetime) -> None:
        """One whole turn at a virtual time: poll, judge, deliver, and wait for all of it."""
        await self.poll(at)
        await self.settle()
        await self.look(at)
        tried = 1
        while tried:
            self.deliver(at)
            tried = await self._deliverer.settle()
