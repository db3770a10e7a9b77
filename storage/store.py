"""The public face of the memory: every method is one transaction, all of it or nothing.

One thread calls a store at a time. Several stores may share one file: claims never overlap between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from rules.values import Alert, Outcome, Record, Target, Transition
from storage import alerts, database, outbox, overview, polls, samples, schedule
from storage.codec import to_ms
from storage.database import READING, Lease
from storage.records import (
    AlertRow,
    Claim,
    Committed,
    Counts,
    Delivery,
    Letter,
    Planned,
    Polled,
    Receipt,
    Remembered,
)
from storage.samples import SampleRow


class Store:
    """The database file of one daemon. Times go in and come out as aware UTC datetimes, kept to the millisecond."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{READING: True})
        self._known = polls.Known()

    @classmethod
    def open(cls, path: str | Path, readonly: bool = False) -> Store:
        """Open a database file; one to be written is made where there is none, and brought up to date.

        Raises ``StoreUnusableError`` where the file is missing, foreign, of a newer version or, for a reader, of
        another version at all.
        """
        open_engine = database.open_reader if readonly else database.open_writer
        return cls(open_engine(Path(path)))

    def close(self) -> None:
        """Let the file go."""
        self._engine.dispose()

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._engine.begin()

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._reader.begin()

    # --- the plan ---------------------------------------------------------------------------------------------

    def sync_targets(self, targets: Sequence[Target], at: datetime) -> None:
        """Make these the watched targets. The others keep their history and leave the plan; named again they return."""
        with self._writing() as connection:
            schedule.sync_targets(connection, targets, to_ms(at))

    def plan(self, planned: Sequence[Planned], at: datetime) -> None:
        """Make these lines the plan. Every target must have been named to ``sync_targets``.

        A line that stays keeps its due time, or is due an interval from now where a shorter interval says so, or where
        it would wait for more than one and a half. One that goes loses its lease too: the answer to a poll under way
        is dropped.
        """
        with self._writing() as connection:
            schedule.plan(connection, planned, to_ms(at))

    def claim(
        self,
        endpoint: str,
        at: datetime,
        lease_until: datetime,
        owner: str,
        limit: int,
        ahead: timedelta = timedelta(0),
    ) -> list[Claim]:
        """Lease up to ``limit`` polls of an endpoint that are due, or will be within ``ahead``.

        Whoever does not commit by ``lease_until`` may lose them; until then nobody else is given them.
        """
        with self._writing() as connection:
            lease = Lease(to_ms(at), to_ms(lease_until), owner, limit)
            return schedule.claim(connection, endpoint, lease, to_ms(at + ahead))

    def next_due(self, at: datetime) -> datetime | None:
        """When the next poll (or lease) is due: ``at`` if one is overdue, None for an empty plan."""
        with self._reading() as connection:
            return schedule.next_due(connection, at)

    def remembered(self) -> list[Remembered]:
        """Every line of the plan and its last poll."""
        with self._reading() as connection:
            return schedule.remembered(connection)

    # --- what was seen ----------------------------------------------------------------------------------------

    def commit_polls(self, polled: Sequence[Polled], owner: str) -> Committed:
        """Store finished polls. A poll whose lease ``owner`` has lost is dropped."""
        try:
            with self._writing() as connection:
                return polls.commit(connection, polled, owner, self._known)
        except BaseException:
            self._known.forget()
            raise

    def samples(self, schedule_ids: Sequence[int] | None, since: Mapping[str, datetime]) -> Iterator[SampleRow]:
        """The numbers of these lines (None: of the whole plan), ordered by line and time.

        ``since`` names the start of the window by endpoint. The newest sample before it comes too (the value the
        window starts from), so the newest of all always does.
        """
        with self._reading() as connection:
            yield from samples.read(connection, schedule_ids, since, self._known.layouts)

    def snapshot(self, schedule_id: int, at: datetime) -> bytes | None:
        """The answer in force at a time, as JSON bytes; None before the first."""
        with self._reading() as connection:
            return polls.snapshot(connection, schedule_id, to_ms(at))

    def facts(self, target: str, kind: str, limit: int) -> list[Record]:
        """The records of one kind that the newest answers about a target hold, the latest to appear first."""
        with self._reading() as connection:
            return polls.records(connection, target, kind, limit)

    # --- what was judged --------------------------------------------------------------------------------------

    def committed(self) -> int:
        """The number of the newest commit of polls; 0 before the first."""
        with self._reading() as connection:
            return schedule.committed(connection)

    def unjudged(self) -> list[Remembered]:
        """The lines of the plan whose last poll no judgement has seen."""
        with self._reading() as connection:
            return schedule.unjudged(connection)

    def commit_judgement(self, outcomes: Sequence[Outcome], at: datetime, judged_to: int | None = None) -> list[Alert]:
        """Store alerts, steps and owed letters together; those of the alerts that are live, with their ids.

        ``judged_to`` is the number of the newest commit whose polls this judgement has seen. If nothing follows from
        them, that is written down only with the next commit: polls judged twice come to the same.

        What has been told is the store's to say: an owed letter counts as told, and the rest is as stored, without
        the channels that the outcome's alert does not name any more. An alert that never fired leaves no trace.
        """
        self._known.judged = self._known.judged if judged_to is None else judged_to
        if not outcomes:
            return []
        with self._writing() as connection:
            schedule.mark_judged(connection, self._known.judged)
            return alerts.commit(connection, outcomes, to_ms(at))

    def live_alerts(self) -> list[Alert]:
        """Every alert that is pending or firing, and those that are over but not told to everybody who must know."""
        with self._reading() as connection:
            return alerts.live(connection)

    # --- what is told -----------------------------------------------------------------------------------------

    def take_over(self, channels: Collection[str], at: datetime) -> None:
        """Take up what a dead process had leased, polls and letters.

        Letters to other channels than ``channels`` are given up, and their news is owed again if they come back.
        To be called at start by the only process: what was asked or sent but not committed is done again.
        """
        with self._writing() as connection:
            schedule.take_over(connection, to_ms(at))
            outbox.take_over(connection, channels, to_ms(at))

    def claim_letters(self, channel: str, at: datetime, lease_until: datetime, owner: str, limit: int) -> list[Letter]:
        """Lease up to ``limit`` due letters to a channel, oldest first; one at a time for each thing alerted on.

        That is a rule, a target and labels: news of one incident does not overtake that of the one before it.
        """
        with self._writing() as connection:
            return outbox.claim(connection, channel, Lease(to_ms(at), to_ms(lease_until), owner, limit))

    def record_deliveries(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Store attempts; those that decided something (their letter was waiting). A dead letter is owed again."""
        with self._writing() as connection:
            return outbox.record(connection, deliveries)

    # --- what people look at ----------------------------------------------------------------------------------

    def alerts(self, limit: int, open_only: bool = False) -> list[AlertRow]:
        """Alerts, the newest first."""
        with self._reading() as connection:
            return overview.alert_rows(connection, limit, open_only)

    def transitions(self, alert_id: int) -> list[Transition]:
        """The steps of one alert, in order."""
        with self._reading() as connection:
            return overview.steps(connection, alert_id)

    def deliveries(self, limit: int) -> list[Receipt]:
        """Attempts to hand over a letter, the newest first."""
        with self._reading() as connection:
            return overview.attempts(connection, limit)

    def counts(self) -> Counts:
        """How much there is of what an operator watches."""
        with self._reading() as connection:
            return overview.counts(connection)
