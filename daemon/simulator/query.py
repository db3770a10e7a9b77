"""One call, as the answers see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from daemon.simulator.speech import Parameters
from daemon.simulator.world import World


@dataclass(frozen=True, slots=True)
class Query:
    """Whom a call is about (``who``: identities of accounts, or video ids) and what else it says.

    ``account`` is whom its cookie logs in, "" without one. ``at`` is the callers' clock, ``spent_usd`` what the calls
    before this one have cost.
    """

    world: World
    who: Sequence[str]
    account: str
    params: Parameters
    at: datetime
    spent_usd: Decimal = Decimal()

    @property
    def subject(self) -> str:
        """The one whom the call is about."""
        return self.who[0]

    def between(self, low: float, high: float, *parts: object) -> float:
        """A number in [low, high) of the subject's own, the same at every call."""
        return self.world.nature.between(low, high, self.subject, *parts)


def read_ms(text: str) -> datetime:
    """The time of a number of milliseconds since 1970."""
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def write_ms(at: datetime) -> int:
    """The milliseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def read_month(text: str) -> tuple[date, date]:
    """The first day of the calendar month of MM-DD-YYYY, and that of the month after it."""
    first = datetime.strptime(text, "%m-%d-%Y").date().replace(day=1)  # noqa: DTZ007 - a date has no zone
    return first, (first + timedelta(days=31)).replace(day=1)
