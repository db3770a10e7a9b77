"""The tables. Every time is an integer: milliseconds since the epoch, UTC. JSON is text in a canonical order.

The classes declare; statements are written against the tables below them, because a row of numbers a poll is too
many for objects.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class Target(SQLModel, table=True):
    """A watched thing. It stays here after it left the configuration, so that its history keeps a name."""

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, index=True)
    subject: str
    platform: str
    name: str
    owner: str
    tags: str
    link: str
    first_seen_ms: int = Field(sa_type=BigInteger)
    removed_ms: int | None = Field(default=None, sa_type=BigInteger)


class Series(SQLModel, table=True):
    """The ordered series that the numbers of a sample belong to: ``[[metric, [[label, value], ...]], ...]``."""

    __table_args__ = (UniqueConstraint("endpoint", "members", name="uq_series_endpoint_members"),)

    id: int | None = Field(default=None, primary_key=True)
    endpoint: str
    members: str


class Schedule(SQLModel, table=True):
    """One line of the plan and its last poll. ``due_ms`` is NULL where it has left the plan.

    ``commit_number`` is that of the commit that stored the last poll, 0 before the first. ``interval_ms`` is the line's
    own, as ``cadence`` (in words) last fixed it. ``call_id`` is the ledger's row of the call under way: with an owner
    and without it, nothing has been sent.
    """

    __table_args__ = (
        UniqueConstraint("target_id", "endpoint", name="uq_schedule_target_id_endpoint"),
        Index("ix_schedule_endpoint_due_ms", "endpoint", "due_ms"),
    )

    id: int | None = Field(default=None, primary_key=True)
    target_id: int = Field(foreign_key="target.id")
    endpoint: str
    due_ms: int | None = Field(default=None, sa_type=BigInteger)
    interval_ms: int = Field(sa_type=BigInteger)
    owner: str | None = None
    polled_ms: int | None = Field(default=None, sa_type=BigInteger)
    outcome: str | None = None
    failures: int
    commit_number: int
    digest: bytes | None = None
    cadence: str = Field(default="", sa_column_kwargs={"server_default": ""})
    call_id: int | None = None


class Progress(SQLModel, table=True):
    """One row: the number of the newest commit of polls, and of the newest whose polls have been judged.

    A mark a line would touch every line's page a second time; that was a third of the cost of a poll.
    """

    id: int = Field(primary_key=True)
    committed: int
    judged: int


class Sample(SQLModel, table=True):
    """The numbers of one successful poll: little-endian float64, NaN where asked and not known.

    One row a poll, clustered by schedule and time: measured a third of the size of one row a number, and a window
    is one range read.
    """

    __table_args__ = {"sqlite_with_rowid": False}

    schedule_id: int = Field(primary_key=True, foreign_key="schedule.id")
    at_ms: int = Field(primary_key=True, sa_type=BigInteger)
    series_id: int = Field(foreign_key="series.id")
    numbers: bytes


class Snapshot(SQLModel, table=True):
    """An answer as it came (zstd of JSON), written only when it differs from the one before it.

    Appended, with an index: rows of this size are dear to insert in the middle of a clustered table.
    """

    __table_args__ = (UniqueConstraint("schedule_id", "at_ms", name="uq_snapshot_schedule_id_at_ms"),)

    id: int | None = Field(default=None, primary_key=True)
    schedule_id: int = Field(foreign_key="schedule.id")
    at_ms: int = Field(sa_type=BigInteger)
    payload: bytes


class Fact(SQLModel, table=True):
    """The words of one record of a target, as an endpoint has it.

    ``last_ms`` is when it last was other than before; ``ended_ms`` when an answer first held it no more, NULL while
    it is there.
    """

    target_id: int = Field(primary_key=True, foreign_key="target.id")
    endpoint: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    words: str
    first_ms: int = Field(sa_type=BigInteger)
    last_ms: int = Field(sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger)


class Ledger(SQLModel, table=True):
    """One attempted call, written before it is sent. ``outcome`` is NULL until it is known, and for good after a crash.

    ``cost_microusd`` is the most it may have cost.
    """

    __table_args__ = (Index("ix_ledger_provider_at_ms", "provider", "at_ms"),)

    id: int | None = Field(default=None, primary_key=True)
    at_ms: int = Field(sa_type=BigInteger)
    provider: str
    endpoint: str
    targets: int
    calls: int
    cost_microusd: int = Field(sa_type=BigInteger)
    outcome: str | None = None


class Identity(SQLModel, table=True):
    """Who an account says it is; "" where no answer told."""

    target_id: int | None = Field(default=None, primary_key=True, foreign_key="target.id")
    uid: str
    sec_uid: str
    handle: str
    at_ms: int = Field(sa_type=BigInteger)


class Discovery(SQLModel, table=True):
    """A video that an answer named as one of an account's; ``target_id`` is the video's own."""

    target_id: int | None = Field(default=None, primary_key=True, foreign_key="target.id")
    account_id: int = Field(foreign_key="target.id")
    video_id: str
    title: str
    created_ms: int | None = Field(default=None, sa_type=BigInteger)
    found_ms: int = Field(sa_type=BigInteger)
    listed_ms: int = Field(sa_type=BigInteger)


class Sight(SQLModel, table=True):
    """Whether a video can be seen: ``state`` is public, private, removed or restored."""

    target_id: int | None = Field(default=None, primary_key=True, foreign_key="target.id")
    state: str
    proofs: int
    since_ms: int = Field(sa_type=BigInteger)


class Cohort(SQLModel, table=True):
    """What a video of an account had at an age of comparison."""

    __table_args__ = {"sqlite_with_rowid": False}

    account_id: int = Field(primary_key=True, foreign_key="target.id")
    metric: str = Field(primary_key=True)
    age_s: int = Field(primary_key=True)
    video_id: int = Field(primary_key=True, foreign_key="target.id")
    born_ms: int = Field(sa_type=BigInteger)
    value: float


class Quarantine(SQLModel, table=True):
    """A metric of an endpoint that is not believed, because its numbers no longer look like themselves."""

    endpoint: str = Field(primary_key=True)
    metric: str = Field(primary_key=True)
    since_ms: int = Field(sa_type=BigInteger)
    reason: str
    typical: float | None = None


class Rule(SQLModel, table=True):
    """A rule that is in force, by its name, and since when."""

    name: str = Field(primary_key=True)
    begun_ms: int = Field(sa_type=BigInteger)


class Incident(SQLModel, table=True):
    """So many targets did the same at once that what an endpoint says of a metric ("": of all) is in doubt."""

    endpoint: str = Field(primary_key=True)
    metric: str = Field(primary_key=True)
    kind: str
    targets: int
    looks: int
    since_ms: int = Field(sa_type=BigInteger)
    last_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class Alert(SQLModel, table=True):
    """One incident. Live while ``closed_ms`` is NULL; ids are never used again, so a stale one hits nothing."""

    __table_args__ = (
        Index("uq_alert_live", "rule", "target_id", "labels", unique=True, sqlite_where=text("closed_ms IS NULL")),
        Index("ix_alert_target_id_rule", "target_id", "rule"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    rule: str
    target_id: int = Field(foreign_key="target.id")
    labels: str
    level: int
    peak: int
    state: str
    told: str
    opened_ms: int = Field(sa_type=BigInteger)
    closed_ms: int | None = Field(default=None, sa_type=BigInteger)
    past: str = Field(default="", sa_column_kwargs={"server_default": ""})
    meaning: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Memory(SQLModel, table=True):
    """What is still remembered of an alert that is over, until it begins again or nothing of it matters."""

    rule: str = Field(primary_key=True)
    target_id: int = Field(primary_key=True, foreign_key="target.id")
    labels: str = Field(primary_key=True)
    past: str


class Transition(SQLModel, table=True):
    """One step in the life of an alert."""

    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id", index=True)
    at_ms: int = Field(sa_type=BigInteger)
    change: str
    from_level: int
    to_level: int
    reason: str
    evidence: str


class Outbox(SQLModel, table=True):
    """A letter for one channel; ``status`` is waiting, sent or dead. Those of one ``bundle`` ("": none) go together.

    ``title`` is the first line in English, for lists; ``story`` are the facts, as JSON, of which the words are made. It
    was to go at ``meant_ms``; ``due_ms`` is when it may go now, or its lease ends.
    """

    __table_args__ = (
        Index("ix_outbox_status_due_ms", "status", "due_ms"),
        Index("ix_outbox_alert_id_channel", "alert_id", "channel"),
    )

    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id")
    channel: str
    level: int
    news: str
    severity: str
    title: str
    story: str = Field(default="", sa_column_kwargs={"server_default": ""})
    created_ms: int = Field(sa_type=BigInteger)
    due_ms: int = Field(sa_type=BigInteger)
    owner: str | None = None
    attempts: int
    status: str
    bundle: str = Field(default="", sa_column_kwargs={"server_default": ""})
    meant_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class Receipt(SQLModel, table=True):
    """One attempt to hand over a letter; ``status`` is what the service answered, if it did."""

    __table_args__ = (Index("ix_receipt_channel", "channel"),)

    id: int | None = Field(default=None, primary_key=True)
    outbox_id: int = Field(foreign_key="outbox.id", index=True)
    channel: str
    at_ms: int = Field(sa_type=BigInteger)
    outcome: str
    latency_ms: int
    status: int | None = None


class Silence(SQLModel, table=True):
    """Somebody does not want to hear of some alerts for a while: until ``ends_ms``, unless it was ended before.

    ``awaits`` are the ids (JSON) of the alerts that it ends with, ``[]`` if it does not. ``matched_ms`` is when one of
    those was last known to be on. ``link`` is a digest of the link that made it: used again, that makes no other.
    """

    __table_args__ = (UniqueConstraint("link", name="uq_silence_link"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    condition: str
    begins_ms: int = Field(sa_type=BigInteger)
    ends_ms: int = Field(sa_type=BigInteger)
    awaits: str
    who: str
    why: str
    matched_ms: int = Field(sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger)
    link: str | None = None


class Ack(SQLModel, table=True):
    """Somebody knows of an alert, up to ``level``, until ``ended_ms`` (NULL: still): it lapsed, or went further."""

    __table_args__ = (Index("uq_ack_in_force", "alert_id", unique=True, sqlite_where=text("ended_ms IS NULL")),)

    id: int | None = Field(default=None, primary_key=True)
    alert_id: int = Field(foreign_key="alert.id")
    level: int
    who: str
    at_ms: int = Field(sa_type=BigInteger)
    ended_ms: int | None = Field(default=None, sa_type=BigInteger)


class Audit(SQLModel, table=True):
    """Who said what of alerts, and how. Each change of silences and acks has its row here; none is ever taken out."""

    id: int | None = Field(default=None, primary_key=True)
    at_ms: int = Field(sa_type=BigInteger)
    who: str
    what: str
    about: str
    how: str


metadata = SQLModel.metadata


def _table(model: type[SQLModel]) -> Table:
    return metadata.tables[model.__name__.lower()]


targets = _table(Target)
series = _table(Series)
schedules = _table(Schedule)
progress = _table(Progress)
samples = _table(Sample)
snapshots = _table(Snapshot)
facts = _table(Fact)
ledger = _table(Ledger)
identities = _table(Identity)
discoveries = _table(Discovery)
sights = _table(Sight)
cohorts = _table(Cohort)
quarantines = _table(Quarantine)
rules = _table(Rule)
incidents = _table(Incident)
alerts = _table(Alert)
memories = _table(Memory)
transitions = _table(Transition)
outbox = _table(Outbox)
receipts = _table(Receipt)
silences = _table(Silence)
acks = _table(Ack)
audits = _table(Audit)
