"""What goes into the store and what comes out of it. All times are aware UTC datetimes, kept to the millisecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from rules.story import Story
from rules.values import Labels, News, Record

SeriesKey = tuple[str, Labels]
"""A metric's name and the labels of one of its series."""

POLLED = "ok"
"""The outcome of a poll that brought numbers; any other outcome is the reason why there are none."""

CARRIED = "carried"
"""The cadence of a line that is never asked by itself: polls of other lines carry its numbers."""

SENT = "sent"
"""The outcome of a delivery that arrived; any other outcome is the reason why it did not."""
REFUSED = "refused"
"""The outcome of one that was not wanted."""


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
    BUSY = "busy"


class StoreUnusableError(Exception):
    """The database file cannot be opened, or written; ``reason`` says why, the text says it to the operator."""

    def __init__(self, reason: Unusable, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of the plan: ask ``endpoint`` about ``target`` (its key) by ``cadence``, first at ``first_due``.

    ``cadence`` is in words: two that differ have different words. ``interval`` is its usual time between two polls,
    good until a poll brings one of its own. Without ``first_due`` it is not asked until it is woken.
    """

    target: str
    endpoint: str
    interval: timedelta
    first_due: datetime | None
    cadence: str = ""


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
    """What one poll came to, and when the next is ``due`` (None: never, until it is woken or its cadence changes).

    ``values`` is None where the poll failed; a None inside it is *asked and not known*. ``payload`` is JSON.
    ``interval`` is the line's own from now on; None leaves it as it is. A poll with a ``carrier`` was none of its own:
    that line's poll brought its numbers, and it is accepted if that one is. One that was not ``sent``, because it is
    known that it would be in vain, is no failure more.
    """

    schedule_id: int
    at: datetime
    outcome: str
    due: datetime | None
    values: Mapping[SeriesKey, float | None] | None = None
    payload: bytes | None = None
    records: tuple[Record, ...] = ()
    interval: timedelta | None = None
    carrier: int | None = None
    sent: bool = True


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


class TakenOver(NamedTuple):
    """How many polls a dead process had leased: calls that were never sent, and calls that may have been."""

    unsent: int
    maybe_sent: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call about to be sent: what it may cost at most, how many targets it names, and their lines of the plan."""

    provider: str
    endpoint: str
    targets: int
    cost_usd: Decimal
    schedule_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt came to: how many calls it took (one a page), and what they cost or may have cost.

    Without ``outcome`` it is still under way.
    """

    ledger_id: int
    calls: int
    cost_usd: Decimal
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Spending:
    """What one endpoint took; what nobody knows the end of counts as one call that cost all it may.

    Each page of an answer is one of the ``calls``; the first pages are ``answers``.
    """

    provider: str
    endpoint: str
    calls: int
    usd: Decimal
    answers: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an account says it is, and when it last said so. "" is *never told*, and stored it leaves what is known."""

    uid: str
    sec_uid: str
    handle: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FoundVideo:
    """A video that a listing names. ``created`` is when it was published, None if unknown; ``title`` may be ""."""

    video_id: str
    created: datetime | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The videos that one answer names as those of an account (its key).

    New ones become targets, watched if ``sync_targets`` names them. An unknown time and an empty title leave what is
    known.
    """

    account: str
    platform: str
    videos: tuple[FoundVideo, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Discovered:
    """A video, the account that listed it last, and when it was first and last listed."""

    account: str
    video_id: str
    title: str
    created: datetime | None
    found: datetime
    listed: datetime


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a video (its key) can be seen: ``state`` is public, private, removed or restored.

    ``proofs`` counts proofs in a row, ``since`` is when the state began; what a proof is, the caller says.
    """

    target: str
    state: str
    proofs: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """What answers told besides numbers; ``ids`` by the account's key. It is stored with the polls that brought it."""

    found: Sequence[Listing] = ()
    ids: Mapping[str, Identity] = field(default_factory=dict)
    sights: Sequence[Sight] = ()


NOTHING_NOTED = Noted()


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A metric of an endpoint that is not believed, and what its numbers were like before (None: unknown)."""

    endpoint: str
    metric: str
    since: datetime
    reason: str
    typical: float | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A doubt about a metric of an endpoint ("": about all of it): ``targets`` of the last ``looks`` did the same.

    ``last`` is when something last said so, as far as it was written down.
    """

    endpoint: str
    metric: str
    kind: str
    targets: int
    looks: int
    since: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """News for one channel, leased to whoever claimed it until ``due``. ``attempts`` were made before.

    ``level`` is where it says that the alert stands, ``thing`` what it is about: a rule, a target and labels. It was to
    go at ``meant``, was ``tried`` first then (None: not yet), and was ``refused`` so often. Letters that come with the
    same ``bundle`` ("": none) are to be sent as one message.
    """

    id: int
    alert_id: int
    channel: str
    level: int
    story: Story
    created: datetime
    attempts: int
    due: datetime
    meant: datetime
    thing: str
    bundle: str = ""
    tried: datetime | None = None
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """How an attempt failed, and what the service answered (None: nothing)."""

    at: datetime
    outcome: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to hand over a letter; ``status`` is what the service answered (None: nothing).

    An attempt that failed and has no ``retry_due`` was the last one: the letter is dead, and the channel ``fallback``
    ("": none) is told its news.
    """

    letter_id: int
    alert_id: int
    channel: str
    level: int
    at: datetime
    outcome: str
    latency_ms: int
    retry_due: datetime | None = None
    status: int | None = None
    fallback: str = ""

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
class Delivered:
    """What became of a letter that was tried, as people read it in a list.

    It was to go at ``meant``; the newest of ``attempts`` was made ``at``, and ended as ``outcome`` says. By
    ``standing`` it arrived, waits to be tried again, or was given up.
    """

    letter_id: int
    alert_id: int
    channel: str
    title: str
    meant: datetime
    at: datetime
    attempts: int
    standing: Status
    outcome: str
    status: int | None
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter about an alert, written at ``created``, and the latest attempt to hand it over (None: none yet)."""

    channel: str
    created: datetime
    news: News
    title: str
    tried: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of what an operator watches.

    ``outbox_oldest`` is when the first waiting letter was or is to go (None: none waits). ``alerts`` counts the live
    alerts by rule and level, where level 0 is pending, or over but not yet told to everybody.
    """

    outbox_waiting: int
    outbox_oldest: datetime | None
    outbox_dead: int
    alerts: Mapping[tuple[str, int], int]
    database_bytes: int
