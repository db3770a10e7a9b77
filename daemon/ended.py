"""Finished polls, and what they say besides numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.health import Look
from daemon.learning import End
from daemon.providers.answer import Reading, Reason
from storage.records import POLLED, Polled


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished poll, with what the store does not keep of it: why it failed in words, how long it took (seconds).

    ``reading`` is what it brought. It was not ``asked`` where nothing was sent, because it is known already that it
    would be in vain.
    """

    target: str
    endpoint: str
    polled: Polled
    detail: str = ""
    seconds: float = 0.0
    reading: Reading | None = None
    asked: bool = True

    @property
    def reason(self) -> Reason | None:
        """Why there are no numbers; None if there are."""
        return None if self.polled.outcome == POLLED else Reason(self.polled.outcome)


def ends(ended: Iterable[Ended]) -> list[End]:
    """What can be learned from: not from what was never asked, and a carried poll says nothing besides its numbers."""
    return [
        End(each.target, each.endpoint, each.polled.at, each.reason, each.reading)
        for each in ended
        if each.asked and each.polled.carrier is None
    ]


def looks(ended: Iterable[Ended]) -> list[Look]:
    """How polls ended, but for the carried: they end as their carriers do."""
    return [
        Look(each.polled.schedule_id, each.polled.at.timestamp(), each.reason, each.detail, each.polled.sent)
        for each in ended
        if each.polled.carrier is None
    ]
