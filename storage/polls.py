"""What was seen: one commit for a group of finished polls, and the records and answers they brought."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import zstandard
from sqlalchemy import Connection, bindparam, null, or_, select, true, update
from sqlalchemy.dialects.sqlite import insert

from rules.values import Record
from storage import codec
from storage.database import Parameters, among, write
from storage.layouts import Layouts
from storage.records import POLLED, Polled
from storage.tables import facts, samples, schedules, snapshots, targets

DAY_MS = 86_400_000

_COMPRESSOR = zstandard.ZstdCompressor(level=1)


class _Accepted(NamedTuple):
    """A poll whose lease still holds, with what its schedule row said before."""

    poll: Polled
    at_ms: int
    target_id: int
    endpoint: str
    failures: int
    known_digest: bytes | None
    digest: bytes | None


def commit(connection: Connection, polls: Sequence[Polled], owner: str, layouts: Layouts) -> list[int]:
    """Store the polls whose lease ``owner`` still holds; the ids of their schedule rows."""
    accepted = _accept(connection, polls, owner)
    write(connection, _UPDATE_SCHEDULE, [_schedule_row(entry) for entry in accepted])
    write(connection, _INSERT_SAMPLE, _sample_rows(connection, accepted, layouts))
    write(connection, _INSERT_SNAPSHOT, [_snapshot_row(e) for e in accepted if e.digest != e.known_digest])
    write(connection, _UPSERT_FACT, [row for entry in accepted for row in _fact_rows(entry)])
    return [entry.poll.schedule_id for entry in accepted]


def _accept(connection: Connection, polls: Sequence[Polled], owner: str) -> list[_Accepted]:
    held = _LEASES.where(schedules.c.owner == owner, schedules.c.id.in_(among(p.schedule_id for p in polls)))
    leases = {lease[0]: lease[1:] for lease in connection.execute(held)}
    accepted = []
    for poll in polls:
        lease = leases.pop(poll.schedule_id, None)  # a lease is good for one answer
        if lease is not None:
            digest = lease[-1] if poll.payload is None else blake2b(poll.payload, digest_size=16).digest()
            accepted.append(_Accepted(poll, codec.to_ms(poll.at), *lease, digest))
    return accepted


_LEASES = select(schedules.c.id, schedules.c.target_id, schedules.c.endpoint, schedules.c.failures, schedules.c.digest)


def _schedule_row(entry: _Accepted) -> Parameters:
    poll = entry.poll
    return {
        "row_id": poll.schedule_id,
        "due_ms": codec.to_ms(poll.due),
        "polled_ms": entry.at_ms,
        "outcome": poll.outcome,
        "failures": 0 if poll.outcome == POLLED else entry.failures + 1,
        "digest": entry.digest,
    }


_UPDATE_SCHEDULE = update(schedules).where(schedules.c.id == bindparam("row_id")).values(owner=null(), unjudged=true())


def _sample_rows(connection: Connection, accepted: Sequence[_Accepted], layouts: Layouts) -> list[Parameters]:
    rows: list[Parameters] = []
    for entry in accepted:
        values = entry.poll.values
        if values is not None:
            layout = layouts.find(connection, entry.endpoint, values)
            numbers = codec.numbers_to_bytes(map(values.__getitem__, layout.keys))
            rows.append(
                {
                    "schedule_id": entry.poll.schedule_id,
                    "at_ms": entry.at_ms,
                    "series_id": layout.series_id,
                    "numbers": numbers,
                }
            )
    return rows


# Two polls may describe the same instant (a provider that measures once a day): the later one replaces the earlier.
_INSERT_SAMPLE = insert(samples).prefix_with("OR REPLACE")
_INSERT_SNAPSHOT = insert(snapshots).prefix_with("OR REPLACE")


def _snapshot_row(entry: _Accepted) -> Parameters:
    payload = _COMPRESSOR.compress(entry.poll.payload or b"")
    return {"schedule_id": entry.poll.schedule_id, "at_ms": entry.at_ms, "payload": payload}


def snapshot(connection: Connection, schedule_id: int, at_ms: int) -> bytes | None:
    """The answer that was in force at a time, as JSON bytes; None before the first."""
    newest = (
        select(snapshots.c.payload)
        .where(snapshots.c.schedule_id == schedule_id, snapshots.c.at_ms <= at_ms)
        .order_by(snapshots.c.at_ms.desc())
        .limit(1)
    )
    payload = connection.scalar(newest)
    return None if payload is None else zstandard.ZstdDecompressor().decompress(payload)


def _fact_rows(entry: _Accepted) -> list[Parameters]:
    return [
        {
            "target_id": entry.target_id,
            "kind": record.kind,
            "record_id": record.id,
            "words": codec.to_json(record.words),
            "first_ms": entry.at_ms,
            "last_ms": entry.at_ms,
        }
        for record in entry.poll.records
    ]


_INSERT_FACT = insert(facts)
_SEEN = _INSERT_FACT.excluded
_UPSERT_FACT = _INSERT_FACT.on_conflict_do_update(
    index_elements=["target_id", "kind", "record_id"],
    set_={"words": _SEEN.words, "last_ms": _SEEN.last_ms},
    where=or_(facts.c.words != _SEEN.words, facts.c.last_ms < _SEEN.last_ms - DAY_MS),
)


def records(connection: Connection, target: str, kind: str, limit: int) -> list[Record]:
    """The records of one kind of a target, those that appeared last first."""
    newest = (
        select(facts.c.record_id, facts.c.words)
        .join_from(facts, targets)
        .where(targets.c.key == target, facts.c.kind == kind)
        .order_by(facts.c.first_ms.desc(), facts.c.record_id)
        .limit(limit)
    )
    return [Record(kind, row.record_id, codec.from_json(row.words)) for row in connection.execute(newest)]
