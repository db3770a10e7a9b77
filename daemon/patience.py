"""How much a channel is asked to bear: how fast it is sent messages, and for how long none after one that failed.

A channel that fails waits as a whole: one message tries it out, and all others wait for how that ends. One that says no
to a message again and again may take the next: it is a channel that fails if it says no to one after the other.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

WAITS = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 300, 900, 1_800))
"""The wait after each failure in a row; after more of them, the last again and again."""

JITTER, ASKED_JITTER = 0.2, 0.1
"""How much longer or shorter a wait may be; one that a service asked for is never shorter."""

AT_LEAST = timedelta(seconds=1)

_SPANS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1)}


class Rate(NamedTuple):
    """So many messages at ``most`` in any span of this length; they may come at once."""

    most: int
    within: timedelta

    @classmethod
    def read(cls, text: str) -> Rate | None:
        """``20/min``: messages a second (s), minute (min) or hour (h); None if it is none."""
        found = re.fullmatch(r"([1-9]\d{0,3})/(s|min|h)", text)
        return cls(int(found[1]), _SPANS[found[2]]) if found else None


@dataclass(frozen=True, slots=True)
class Terms:
    """How fast a channel may be sent messages (None: as fast as it takes them), and which one stands in ("": none)."""

    rate: Rate | None = None
    fallback: str = ""


def wait(failures: int, seed: str, asked_s: float | None = None) -> timedelta:
    """How long to wait after so many failures in a row (from 1), or as long as a service asked for.

    ``seed`` spreads the attempts of many over time; the same comes to the same.
    """
    share = crc32(f"{seed}.{failures}".encode()) / 0xFFFFFFFF
    if asked_s is not None:
        return max(timedelta(seconds=asked_s), AT_LEAST) * (1 + ASKED_JITTER * share)
    return WAITS[min(failures, len(WAITS)) - 1] * (1 - JITTER + 2 * JITTER * share)


class Patience:
    """With one channel. A clock that goes back makes no pause longer."""

    def __init__(self) -> None:
        self._sent: deque[datetime] = deque()
        self._pause: tuple[datetime, datetime] | None = None
        self._failures = 0
        self._refused: set[str] = set()

    def free(self, rate: Rate | None, most: int, at: datetime) -> int:
        """How many messages may be sent at ``at``; ``most`` at a time, and one alone to a channel that failed."""
        if self._pause and self._pause[0] <= at < self._pause[1]:
            return 0
        most = 1 if self._failures else most
        if rate is None:
            return most
        lately = sum(abs(at - sent) < rate.within for sent in self._sent)
        return max(0, min(most, rate.most - lately))

    def sends(self, rate: Rate | None, at: datetime) -> None:
        """A message is sent, or was tried to be."""
        self._sent.append(at)
        while len(self._sent) > (0 if rate is None else rate.most):
            self._sent.popleft()

    def succeeded(self) -> None:
        """The channel works."""
        self._failures, self._pause = 0, None
        self._refused.clear()

    def failed(self, at: datetime, now: datetime, seed: str, asked_s: float | None) -> datetime:
        """The channel does not work, in a turn that began ``at`` and took until ``now``; when it may be tried again."""
        self._failures += 1
        self._pause = at, now + wait(self._failures, seed, asked_s)
        return self._pause[1]

    def refused(self, at: datetime, now: datetime, seed: str) -> None:
        """The channel did not want a message, in such a turn; ``seed`` tells it from others."""
        self._refused.add(seed)
        self._failures = len(self._refused) - 1
        self.failed(at, now, seed, None)
