"""One message at a time to one service, in a thread of its own: a service that hangs holds up nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from daemon.replies import Failure, Undelivered


@dataclass(frozen=True, slots=True)
class Sent:
    """The service took the message, ``latency_ms`` after it was handed over."""

    latency_ms: int


@dataclass(frozen=True, slots=True)
class NotSent:
    """The message did not leave, or not for certain.

    ``retry_after_s`` is how long the service asks to be left alone (at most a day), ``status`` its HTTP or SMTP
    status; None where it said nothing.
    """

    reason: Undelivered
    latency_ms: int
    retry_after_s: float | None = None
    status: int | None = None


class Courier:
    """Makes calls one after the other; those behind one that hangs time out.

    ``gap_s`` is the least time between the end of one call and the start of the next, ``timeout_s`` the most one call
    may take (waiting for its turn excluded).
    """

    def __init__(self, name: str, gap_s: float, timeout_s: float) -> None:
        self._gap_s = gap_s
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._free_at_s = time.monotonic()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"channel-{name}")

    async def carry(self, call: Callable[[], Failure | None]) -> Sent | NotSent:
        """Make a call that says why it failed, if it did."""
        async with self._lock:
            await asyncio.sleep(self._free_at_s - time.monotonic())
            started_s = time.perf_counter()
            failure = await self._failure_of(call)
            latency_ms = since_ms(started_s)
            self._free_at_s = time.monotonic() + self._gap_s
        if failure is None:
            return Sent(latency_ms)
        return NotSent(failure.reason, latency_ms, failure.retry_after_s, failure.status)

    def close(self) -> None:
        """End its thread, at the latest when the call in it ends."""
        self._thread.shutdown(wait=False)

    async def _failure_of(self, call: Callable[[], Failure | None]) -> Failure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except TimeoutError:
            return Failure(Undelivered.TIMEOUT)


def since_ms(started_s: float) -> int:
    """Milliseconds since a reading of ``time.perf_counter``."""
    return round((time.perf_counter() - started_s) * 1000)
