"""What goes into the store and what comes out of it. All times are aware UTC datetimes, kept to the millisecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rules.values import Labels, News, Record, Severity

SeriesKey = tuple[str, Labels]
"""A metric's name and the labels of one of its series."""

POLLED = "ok"
"""The outcome of a poll that brought numbers; any other outcome is the reason why there are none."""

SENT = "sent"
"""The outcome of a delivery that arrived; any other outcome is the reason why it did not."""


class Status(StrEnum):
    """Where a letter stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class Unusable(StrEnum):
    """Why a database file cannot be worked with."""

    MISSING = "missing"
    FOREIGN = "foreign"
    OLDER = "older"
    NEWER = "newer"


class StoreUnusableError(Exception):
    """The database file cannot be opened; ``reason`` says why, the text says it to the operator."""

    def __init__(self, reason: Unusable, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of the plan: ask ``endpoint`` about ``target`` (its key) every ``interval``."""

    target: str
    endpoint: str
    interval: timedelta
    first_due: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A due poll, leased to whoever claimed it. ``failures`` counts the failed polls in a row before it."""

    schedule_id: int
    target: str
    endpoint: str
    interval: timedelta
    failures: int


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll came to, and when the next is ``due``.

    ``values`` is None where the poll failed; a None inside it is *asked and not known*. ``payload`` is JSON.
    """

    schedule_id: int
    at: datetime
    outcome: str
    due: datetime
    values: Mapping[SeriesKey, float | None] | None = None
    payload: bytes | None = None
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit of polls: the schedule ids of those accepted, and the commit's number (rising by one)."""

    accepted: Sequence[int]
    number: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """Where one line of the plan stands. ``outcome`` and ``polled`` are None before the first poll."""

    schedule_id: int
    target: str
    endpoint: str
    interval: timedelta
    outcome: str | None
    polled: datetime | None
    failures: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for one channel, leased to whoever claimed it until ``due``. ``attempts`` were made before."""

    id: int
    alert_id: int
    channel: str
    level: int
    news: News
    severity: Severity
    title: str
    body: str
    created: datetime
    attempts: int
    due: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to hand over a letter.

    An attempt that failed and has no ``retry_due`` was the last one: the letter is dead.
    """

    letter_id: int
    alert_id: int
    channel: str
    level: int
    at: datetime
    outcome: str
    latency_ms: int
    retry_due: datetime | None = None

    @property
    def dead(self) -> bool:
        """Whether the letter has been given up."""
        return self.outcome != SENT and self.retry_due is None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as people read it in a list. ``level`` 0 means that it is not firing (any more, or yet)."""

    id: int
    rule: str
    target: str
    target_name: str
    labels: Labels
    level: int
    peak: int
    told: Mapping[str, int]
    opened: datetime
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One attempt to hand over the letter called ``title``, as people read it in a list."""

    letter_id: int
    title: str
    channel: str
    at: datetime
    outcome: str
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of what an operator watches.

    ``outbox_oldest`` is when the oldest waiting letter was written (None: none waits). ``alerts`` counts the live
    alerts by rule and level, where level 0 is pending, or over but not yet told to everybody.
    """

    outbox_waiting: int
    outbox_oldest: datetime | None
    outbox_dead: int
    alerts: Mapping[tuple[str, int], int]
    database_bytes: int
