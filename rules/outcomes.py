"""What follows from looks: the steps that alerts make, and the news that is owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.story import Story
from rules.values import Alert, Change, Evidence


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in the life of an alert, with the reason and the numbers behind it."""

    change: Change
    at: datetime
    from_level: int
    to_level: int
    reason: str
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True, slots=True)
class Owed:
    """News that one channel has not been told yet; ``level`` is where it says that the alert stands.

    It is due at ``due`` (None: at once). Letters to a channel with the same ``bundle`` ("": none) are sent as one
    message; that waits until nothing was added to it for ``wait``.
    """

    channel: str
    level: int
    story: Story
    bundle: str = ""
    due: datetime | None = None
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows for one alert from one look: its new self, the steps it made, and what is owed to whom.

    ``refetch`` asks for one more look with newer numbers at once, to confirm a critical level; once a confirmation.
    """

    alert: Alert
    transitions: Sequence[Transition]
    owed: Sequence[Owed]
    refetch: bool = False
