"""What people said of alerts: that they do not want to hear of some for a while, or that they know of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rules.selectors import Case, Selector


@dataclass(frozen=True, slots=True)
class Silence:
    """News of the alerts that ``match`` waits until ``ends`` (None: until they are over). ``by`` whom, and ``why``.

    It is in force from ``begins`` on.
    """

    id: int
    match: Selector[Case]
    begins: datetime
    ends: datetime | None
    by: str
    why: str

    def holds(self, case: Case, at: datetime) -> bool:
        """Whether news of an alert waits at ``at``."""
        return self.begins <= at and (self.ends is None or at < self.ends) and self.match.matches(case)

    @property
    def words(self) -> str:
        """Why news waits, in words."""
        why = f": {self.why}" if self.why else ""
        return f"silenced by {self.by}{why}"


@dataclass(frozen=True, slots=True)
class Said:
    """The ``silences`` in force, and up to which level somebody knows of an alert, by its id (``acks``)."""

    silences: tuple[Silence, ...] = ()
    acks: Mapping[int, int] = field(default_factory=dict)

    def silenced(self, case: Case, at: datetime) -> str:
        """Why news of an alert waits, in words; "" if it does not."""
        return next((silence.words for silence in self.silences if silence.holds(case, at)), "")


NOTHING_SAID = Said()
