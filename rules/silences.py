"""What people said of alerts: that they do not want to hear of some for a while, or that they know of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rules.selectors import Case, Selector

LONGEST = timedelta(days=30)
"""A silence is over after this at the latest: what is never to be heard of is a matter of rules."""

IDLE, OLD = timedelta(days=7), timedelta(days=14)
"""A silence that has nothing to hold for so long, or is so old, is one that somebody forgot."""


@dataclass(frozen=True, slots=True)
class Silence:
    """News of the alerts that ``match`` waits from ``begins`` on until ``ends``. ``by`` whom, and ``why``.

    One that ``awaits`` alerts (their ids) is over as soon as none of them is on any more. ``matched`` is when one that
    it matches was last known to be on. ``fault`` is why what was said of alerts cannot be read: then it holds nothing.
    """

    id: int
    match: Selector[Case]
    begins: datetime
    ends: datetime
    by: str
    why: str
    awaits: frozenset[int] = frozenset()
    matched: datetime | None = None
    fault: str = ""

    def holds(self, case: Case, at: datetime) -> bool:
        """Whether news of an alert waits at ``at``."""
        return self.begins <= at < self.ends and self.match.matches(case)

    def ending(self, stands: Mapping[int, int], at: datetime) -> str:
        """Why it is over, in words; "" if it is not. ``stands`` has all alerts that are on."""
        if at >= self.ends:
            return "its time is over"
        return "all that it was to last for is over" if self.awaits and not self.awaits & stands.keys() else ""

    @property
    def words(self) -> str:
        """Why news waits, in words."""
        why = f": {self.why}" if self.why else ""
        return f"silenced by {self.by}{why}"

    def is_stale(self, at: datetime) -> bool:
        """Whether it is in force, and somebody may have forgotten it."""
        return at < self.ends and (at - (self.matched or self.begins) > IDLE or at - self.begins > OLD)


@dataclass(frozen=True, slots=True)
class Said:
    """The ``silences`` in force, and up to which level somebody knows of an alert, by its id (``acks``)."""

    silences: tuple[Silence, ...] = ()
    acks: Mapping[int, int] = field(default_factory=dict)

    def silenced(self, case: Case, at: datetime) -> str:
        """Why news of an alert waits, in words; "" if it does not."""
        return next((silence.words for silence in self.silences if silence.holds(case, at)), "")


NOTHING_SAID = Said()


def stale(silences: Iterable[Silence], at: datetime) -> list[Silence]:
    """Those that somebody may have forgotten, the oldest first."""
    return sorted((each for each in silences if each.is_stale(at)), key=lambda silence: silence.begins)


def lapsed(acks: Mapping[int, int], stands: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """The alerts that somebody knew of and does not any more, each with why.

    ``acks`` are levels by the ids of alerts; ``stands`` has where all that are on stand (a level from 1 on).
    """
    for alert_id, level in acks.items():
        if alert_id not in stands:
            yield alert_id, "it is over"
        elif stands[alert_id] > level:
            yield alert_id, f"it has risen to level {stands[alert_id]}"
