"""Who looks after what, and who stands in for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delegation:
    """``to`` stands in for ``owner`` from ``begins`` until ``ends`` (aware)."""

    owner: str
    to: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Directory:
    """The channels of each person, and who stands in for whom; of two stand-ins at once the first."""

    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delegations: tuple[Delegation, ...] = ()

    def person(self, owner: str, at: datetime) -> str:
        """Who is told what ``owner`` looks after. In a circle nobody stands in: they are told themselves."""
        seen, person = {owner}, owner
        while (deputy := self._deputy(person, at)) is not None:
            if deputy in seen:
                return owner
            seen.add(deputy)
            person = deputy
        return person

    def told(self, owner: str, at: datetime) -> tuple[str, ...]:
        """The channels by which is told what ``owner`` looks after; none if nobody is known."""
        return self.channels.get(self.person(owner, at), ())

    def _deputy(self, owner: str, at: datetime) -> str | None:
        return next(
            (each.to for each in self.delegations if each.owner == owner and each.begins <= at < each.ends), None
        )
