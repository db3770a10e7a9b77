"""What people look at, and what is counted for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection

from rules.outcomes import Transition
from rules.story import Story
from storage import overview
from storage.codec import to_ms
from storage.records import AlertRow, Counts, Posted, Receipt


class Views:
    """The part of a store that shows alerts, letters and totals. Every method sees a single moment."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._reading = reading

    def alerts(self, limit: int, open_only: bool = False) -> list[AlertRow]:
        """Alerts, the newest first."""
        with self._reading() as connection:
            return overview.alert_rows(connection, limit, open_only)

    def alerts_of(self, target: str, until: datetime, limit: int) -> list[AlertRow]:
        """Alerts on a target (its key) that began by a time, the newest first. They are as they are now."""
        with self._reading() as connection:
            return overview.alerts_of(connection, target, to_ms(until), limit)

    def posted(self, alert_id: int, until: datetime) -> list[Posted]:
        """The letters about one alert, in order."""
        with self._reading() as connection:
            return overview.posted(connection, alert_id, to_ms(until))

    def told_last(self, alerts: Collection[int]) -> Mapping[int, Story]:
        """What was told last, while they were on, of the things that these alerts (their ids) are about."""
        with self._reading() as connection:
            return overview.told_last(connection, alerts)

    def transitions(self, alert_id: int) -> list[Transition]:
        """The steps of one alert, in order."""
        with self._reading() as connection:
            return overview.steps(connection, alert_id)

    def deliveries(self, limit: int) -> list[Receipt]:
        """Attempts to hand over a letter, the newest first."""
        with self._reading() as connection:
            return overview.attempts(connection, limit)

    def given_up(self, since: datetime) -> int:
        """How many letters were given up since then."""
        with self._reading() as connection:
            return overview.given_up(connection, to_ms(since))

    def counts(self) -> Counts:
        """How much there is of what an operator watches."""
        with self._reading() as connection:
            return overview.counts(connection)
