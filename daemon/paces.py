"""How often lines were asked in the past, as far as it follows from what is known now: by their cadences alone.

An alert had them asked oftener, money that was spared less often; neither is stored.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import isnan

from daemon.cadence import AtAges, ByNewest, Cadence, Daily, Every, Near, Standing, slowest
from daemon.providers import ENDPOINTS
from daemon.schedule import next_turn
from rules.values import Target
from storage.samples import SampleRow


class Paces:
    """``published`` says when a video was published, of an account when its videos were, as far as that is known."""

    def __init__(self, cadences: Mapping[str, Cadence], published: Callable[[str], Iterable[datetime]]) -> None:
        self._cadences, self._published = cadences, published
        self._births: dict[str, list[datetime]] = {}

    def slowest_s(self, target: Target, endpoint: str, row: SampleRow) -> float | None:
        """The longest interval (seconds) by what the poll ``row`` brought; None where it falls with nothing known."""
        cadence = self._cadences[endpoint]
        if not isinstance(cadence, ByNewest | Near):
            return None
        return slowest(cadence, self._standing(carrier(target, endpoint), row)).total_seconds()

    def interval(self, target: Target, endpoint: str, row: SampleRow) -> timedelta:
        """The interval of a line by what the poll ``row`` brought: that of one that is over, where it was the last."""
        cadence, whom = self._cadences[endpoint], carrier(target, endpoint)
        if isinstance(cadence, Every | Daily):  # most are, and need no more
            return cadence.usual
        standing = self._standing(whom, row)
        if isinstance(cadence, AtAges):
            return next_turn(whom, endpoint, cadence, standing).interval
        return slowest(cadence, standing)

    def _standing(self, whom: str, row: SampleRow) -> Standing:
        _, at_s, keys, numbers = row
        at = datetime.fromtimestamp(at_s, UTC)
        values = {key: None if isnan(number) else number for key, number in zip(keys, numbers, strict=True)}
        return Standing(at, self._newest(whom, at), values)

    def _newest(self, whom: str, at: datetime) -> datetime | None:
        if whom not in self._births:
            self._births[whom] = sorted(self._published(whom))
        place = bisect_right(self._births[whom], at)
        return self._births[whom][place - 1] if place else None


def carrier(target: Target, endpoint: str) -> str:
    """Whom a call asks about that tells of a target: of a video perhaps its account."""
    return target.key if ENDPOINTS[endpoint].subject is target.subject else target.account
