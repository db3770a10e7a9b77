"""The public face of the memory: every method is one transaction, all of it or nothing, unless some go together.

One thread calls a store at a time. Several stores may share one file: claims never overlap between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from rules.outcomes import Outcome
from rules.values import Alert, Record, Target
from storage import (
    alerts,
    cohorts,
    database,
    incidents,
    ledger,
    notes,
    outbox,
    polls,
    quarantine,
    rulebook,
    samples,
    schedule,
)
from storage.codec import NEVER_MS, to_ms
from storage.cohorts import Passage
from storage.database import Lease, Transactions
from storage.letters import Letters
from storage.records import (
    NOTHING_NOTED,
    Attempt,
    Claim,
    Committed,
    Discovered,
    Identity,
    Incident,
    Noted,
    Planned,
    Polled,
    Quarantine,
    Remembered,
    Settled,
    Sight,
    Spending,
    TakenOver,
)
from storage.samples import SampleRow
from storage.silences import Spoken


class Store(Letters):
    """The database file of one daemon; ``spoken`` is what people said. Times are aware UTC, kept to the millisecond."""

    def __init__(self, engine: Engine) -> None:
        self._transactions = Transactions(engine)
        super().__init__(self._transactions)
        self._known, self.spoken = polls.Known(), Spoken(self._transactions)

    @classmethod
    def open(cls, path: str | Path, readonly: bool = False, patient: bool = False) -> Store:
        """Open a database file; one to be written is made where there is none, and brought up to date.

        Raises ``StoreUnusableError`` where the file is missing, foreign or newer; for a reader, of another version. All
        that writes does so where other processes write for five seconds, or a minute if it is ``patient``.
        """
        return cls(database.open_reader(Path(path)) if readonly else database.open_writer(Path(path), patient))

    @classmethod
    def sketch(cls, path: str | Path) -> Store:
        """Open a database file to try something out: nothing that is written is kept. For one thread.

        Numbers, answers and the ledger cannot be written at all. Raises ``StoreUnusableError`` as for a reader.
        """
        return cls(database.open_sketch(Path(path)))

    def close(self) -> None:
        """Let the file go."""
        self._transactions.close()

    def together(self) -> AbstractContextManager[None]:
        """Make one transaction of all that is written within, but for polls: those have to be kept on their own.

        It begins with the first writing; reads before that see what is stored by then.
        """
        return self._transactions.together()

    # --- the plan ---------------------------------------------------------------------------------------------

    def sync_targets(self, targets: Sequence[Target], at: datetime, keys: Collection[str] | None = None) -> None:
        """Make these the watched targets; the others (of ``keys``; None: all) leave the plan and keep their history."""
        with self._reading() as connection:
            named, gone = schedule.other_targets(connection, targets, keys)
        if named or gone:
            with self._writing() as connection:
                schedule.sync_targets(connection, named, gone, to_ms(at))

    def plan(self, planned: Sequence[Planned], at: datetime, keys: Collection[str] | None = None) -> None:
        """Make these lines, of targets that ``sync_targets`` was told, the plan: of ``keys`` or, by None, of all.

        A line that stays keeps its due time and its own interval, unless it would wait for more than one and a half of
        them: then it is due an interval from now. With another cadence it takes the planned interval, and is due an
        interval from now at the latest. One that goes loses its lease too: the answer to a poll under way is dropped.
        """
        with self._reading() as connection:
            named, gone = schedule.other_lines(connection, planned, to_ms(at), keys)
        if named or gone:
            with self._writing() as connection:
                schedule.plan(connection, named, gone, to_ms(at))

    def wake(self, lines: Sequence[tuple[str, str]], due: datetime) -> None:
        """Make lines of the plan (target key, endpoint) due at ``due``, but for those due earlier and those leased."""
        with self._writing() as connection:
            schedule.wake(connection, lines, to_ms(due))

    def claim(
        self,
        endpoint: str,
        at: datetime,
        lease_until: datetime,
        owner: str,
        limit: int,
        ahead: timedelta = timedelta(0),
        beside: Collection[str] | None = None,
    ) -> list[Claim]:
        """Lease up to ``limit`` polls of an endpoint that are due, or will be within ``ahead``.

        ``beside`` are the keys of the only targets that are wanted (None: all).
        Whoever does not commit by ``lease_until`` may lose them; until then nobody else is given them.
        """
        with self._writing() as connection:
            lease = Lease(to_ms(at), to_ms(lease_until), owner, limit)
            return schedule.claim(connection, endpoint, lease, to_ms(at + ahead), beside)

    def next_due(self, at: datetime) -> datetime | None:
        """When the next poll (or lease) is due: ``at`` if one is overdue, None if none will ever be."""
        with self._reading() as connection:
            return schedule.next_due(connection, at)

    def remembered(self, keys: Collection[str] | None = None) -> list[Remembered]:
        """The lines of the plan and their last polls, of the targets ``keys`` or, by None, of all."""
        with self._reading() as connection:
            return schedule.remembered(connection, keys)

    def every_line(self) -> list[Remembered]:
        """The lines of the plan, and those that left it: their numbers are still there."""
        with self._reading() as connection:
            return schedule.every_line(connection)

    # --- what is spent ----------------------------------------------------------------------------------------

    def open_calls(self, attempts: Sequence[Attempt], at: datetime) -> list[int]:
        """Write calls down before they are sent; their ids. Until it is settled, each counts with all it may cost."""
        with self._writing() as connection:
            return ledger.open_calls(connection, attempts, to_ms(at))

    def settle_calls(self, settled: Sequence[Settled]) -> None:
        """Write down what calls came to that are no polls; for polls, ``commit_polls`` does it."""
        with self._writing() as connection:
            ledger.settle(connection, settled)

    def spent(self, provider: str, since: datetime, until: datetime | None = None) -> Decimal:
        """What a provider's calls since a time, and before ``until``, have cost, or may have, in US dollars."""
        with self._reading() as connection:
            return ledger.spent(connection, provider, to_ms(since), NEVER_MS if until is None else to_ms(until))

    def spending(self, since: datetime) -> list[Spending]:
        """What each endpoint took since a time, the dearest first."""
        with self._reading() as connection:
            return ledger.spending(connection, to_ms(since))

    # --- what was seen ----------------------------------------------------------------------------------------

    def commit_polls(
        self, polled: Sequence[Polled], owner: str, settled: Sequence[Settled] = (), noted: Noted = NOTHING_NOTED
    ) -> Committed:
        """Store finished polls, what their calls cost, and what their answers told besides.

        A poll whose lease ``owner`` has lost is dropped; what it cost and told is not.
        """
        try:
            with self._writing() as connection:
                ledger.settle(connection, settled)
                notes.commit(connection, noted)
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

    def history(self, schedule_ids: Sequence[int], since: datetime, until: datetime) -> Iterator[SampleRow]:
        """The numbers of these (or former) lines between two times and the newest before them, in that order."""
        with self._reading() as connection:
            yield from samples.history(connection, schedule_ids, since, until, self._known.layouts)

    def backwards(self, schedule_id: int, until: datetime, looks: int) -> Iterator[SampleRow]:
        """The newest ``looks`` numbers of a line until a time, the newest first."""
        with self._reading() as connection:
            yield from samples.backwards(connection, schedule_id, until, looks, self._known.layouts)

    def snapshot(self, schedule_id: int, at: datetime) -> bytes | None:
        """The answer in force at a time, as JSON bytes; None before the first."""
        with self._reading() as connection:
            return polls.snapshot(connection, schedule_id, to_ms(at))

    def facts(self, target: str, kind: str, limit: int) -> list[Record]:
        """The records of one kind that the newest answers about a target hold, the latest to appear first."""
        with self._reading() as connection:
            return polls.records(connection, target, kind, limit)

    # --- what is known besides --------------------------------------------------------------------------------

    def identities(self) -> Mapping[str, Identity]:
        """The ids of every account that told them, by its key."""
        with self._reading() as connection:
            return notes.identified(connection)

    def discovered(self, accounts: Collection[str] | None = None) -> list[Discovered]:
        """Every video that was ever listed of these accounts (None: of all), as they became known one by one."""
        with self._reading() as connection:
            return notes.discovered(connection, accounts)

    def sights(self, videos: Collection[str] | None = None) -> list[Sight]:
        """What is known of the visibility of these videos (their keys); None: of all."""
        with self._reading() as connection:
            return notes.seen(connection, videos)

    def quarantine(self, rows: Sequence[Quarantine]) -> None:
        """Believe metrics of endpoints no more; a row that is there already is replaced."""
        with self._writing() as connection:
            quarantine.begin(connection, rows)

    def release(self, endpoint: str, metric: str) -> None:
        """Believe a metric of an endpoint again."""
        with self._writing() as connection:
            quarantine.end(connection, endpoint, metric)

    def quarantines(self) -> list[Quarantine]:
        """All that is not believed."""
        with self._reading() as connection:
            return quarantine.read(connection)

    def write_incident(self, incident: Incident) -> None:
        """Write down that an endpoint is in doubt; one of the same place is replaced."""
        with self._writing() as connection:
            incidents.write_down(connection, incident)

    def end_incident(self, endpoint: str, metric: str) -> None:
        """The doubt is over."""
        with self._writing() as connection:
            incidents.end(connection, endpoint, metric)

    def incidents(self) -> list[Incident]:
        """The doubts that go on, the oldest first."""
        with self._reading() as connection:
            return incidents.read(connection)

    # --- what was judged --------------------------------------------------------------------------------------

    def rules(self) -> Mapping[str, datetime]:
        """Since when each rule is in force, by name."""
        with self._reading() as connection:
            return rulebook.begun(connection)

    def begin_rules(self, names: Collection[str], at: datetime) -> None:
        """Make these the rules in force: those that are not yet, from now on."""
        if self.rules().keys() != set(names):
            with self._writing() as connection:
                rulebook.begin(connection, names, to_ms(at))

    def antedate_rules(self, begun: Mapping[str, datetime]) -> None:
        """Let these rules have been in force since then: they have judged what was seen before they came."""
        with self._writing() as connection:
            rulebook.antedate(connection, begun)

    def committed(self) -> int:
        """The number of the newest commit of polls; 0 before the first."""
        with self._reading() as connection:
            return schedule.committed(connection)

    def unjudged(self) -> list[Remembered]:
        """The lines of the plan whose last poll no judgement has seen."""
        with self._reading() as connection:
            return schedule.unjudged(connection)

    def passages(self, metrics: Collection[str]) -> list[Passage]:
        """What is kept of these metrics of videos at the ages of comparison, the oldest video first."""
        with self._reading() as connection:
            return cohorts.read(connection, metrics)

    def commit_judgement(
        self, outcomes: Sequence[Outcome], at: datetime, judged_to: int | None = None, passages: Sequence[Passage] = ()
    ) -> list[Alert]:
        """Store alerts, steps, owed letters and passages; the alerts among them that are live or remembered.

        ``judged_to`` is the number of the newest commit whose polls this judgement has seen. If nothing follows from
        them, that is written down only with the next commit: polls judged twice come to the same.

        What has been told is the store's to say: an owed letter counts as told, and the rest is as stored, without
        the channels that the outcome's alert does not name any more. An alert that never fired leaves no trace. One
        that is over is only remembered, without an id, if its past still matters: what begins then is another.
        """
        judged = self._known.judged if judged_to is None else judged_to
        live: list[Alert] = []
        if outcomes or passages:
            with self._writing() as connection:
                schedule.mark_judged(connection, judged)
                cohorts.commit(connection, passages)
                live = alerts.commit(connection, outcomes, to_ms(at))
        self._known.judged = judged
        return live

    def live_alerts(self) -> list[Alert]:
        """Alerts that are pending, firing or not told to be over; without an id, what is remembered of others."""
        with self._reading() as connection:
            return alerts.live(connection)

    def live_alerts_of(self, ids: Collection[int]) -> list[Alert]:
        """What is live of the things that these alerts are about; each may have become another since."""
        with self._reading() as connection:
            return alerts.live_now(connection, ids)

    # --- what is told -----------------------------------------------------------------------------------------

    def take_over(self, channels: Collection[str], at: datetime) -> TakenOver:
        """Take up what a dead process had leased, polls and letters; how many polls there were.

        A poll that was not sent is due now; one that may have been has had its turn, and is due an interval from now.
        Letters to other channels than ``channels`` are given up, and their news is owed again if they come back; those
        whose delivery was not committed are sent again. To be called at start by the only process.
        """
        with self._writing() as connection:
            outbox.give_up(connection, channels)
            outbox.take_over(connection, to_ms(at))
            return schedule.take_over(connection, to_ms(at))
