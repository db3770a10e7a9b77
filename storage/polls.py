"""What was seen: one commit for a group of finished polls, and the records and answers they brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import zstandard
from sqlalchemy import Connection, bindparam, func, null, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from rules.values import Record
from storage import codec
from storage.database import Hot, Parameters, write
from storage.layouts import Layouts
from storage.records import POLLED, Committed, Polled
from storage.tables import facts, progress, samples, schedules, snapshots, targets

_COMPRESSOR = zstandard.ZstdCompressor(level=1)


@dataclass(slots=True)
class Known:
    """What need not be asked of the database or written again. ``forget`` it when a transaction was undone.

    ``judged`` is the number of the newest commit whose polls have been judged.
    """

    judged: int = 0
    layouts: Layouts = field(default_factory=Layouts)
    words: dict[int, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what may not have been committed."""
        self.layouts.forget()
        self.words.clear()


class _Accepted(NamedTuple):
    """A poll whose lease still holds, with what its schedule row said before."""

    poll: Polled
    at_ms: int
    target_id: int
    endpoint: str
    failures: int
    known_digest: bytes | None
    digest: bytes | None


def commit(connection: Connection, polls: Sequence[Polled], owner: str, known: Known) -> Committed:
    """Store the polls whose lease ``owner`` still holds."""
    accepted = _accept(connection, polls, owner)
    number = connection.execute(_NEXT, {"judged_to": known.judged}).scalar_one()
    _UPDATE_SCHEDULE.write(connection, [_schedule_row(entry, number) for entry in accepted])
    _INSERT_SAMPLE.write(connection, list(_sample_rows(connection, accepted, known.layouts)))
    _INSERT_SNAPSHOT.write(connection, [_snapshot_row(e) for e in accepted if e.digest != e.known_digest])
    news = [entry for entry in accepted if _has_news(entry, known)]
    write(connection, _END_FACTS, [_present(entry) for entry in news])
    _UPSERT_FACT.write(connection, [row for entry in news for row in _fact_rows(entry)])
    return Committed([entry.poll.schedule_id for entry in accepted], number)


_NEXT = (
    update(progress)
    .values(committed=progress.c.committed + 1, judged=bindparam("judged_to"))
    .returning(progress.c.committed)
)


def _accept(connection: Connection, polls: Sequence[Polled], owner: str) -> list[_Accepted]:
    carried = codec.to_json([poll.schedule_id for poll in polls if poll.carrier is not None])
    held = {"holder": owner, "ids": codec.to_json([poll.schedule_id for poll in polls]), "carried": carried}
    leases = {lease[0]: lease[1:] for lease in connection.execute(_LEASES, held)}
    accepted: list[_Accepted] = []
    carriers: set[int] = set()
    for poll in polls:
        lease = leases.pop(poll.schedule_id, None)  # a lease is good for one answer
        if lease is not None and (poll.carrier is None or poll.carrier in carriers):
            carriers.add(poll.schedule_id)
            digest = lease[-1] if poll.payload is None else blake2b(poll.payload, digest_size=16).digest()
            accepted.append(_Accepted(poll, codec.to_ms(poll.at), *lease, digest))
    return accepted


_LISTED = func.json_each(bindparam("ids")).table_valued("value")
_CARRIED = func.json_each(bindparam("carried")).table_valued("value")
_LEASES = (
    select(schedules.c.id, schedules.c.target_id, schedules.c.endpoint, schedules.c.failures, schedules.c.digest)
    .where(schedules.c.id.in_(select(_LISTED.c.value)), schedules.c.due_ms.is_not(None))
    .where(or_(schedules.c.owner == bindparam("holder"), schedules.c.id.in_(select(_CARRIED.c.value))))
)


def _schedule_row(entry: _Accepted, number: int) -> tuple[object, ...]:
    poll = entry.poll
    failures = 0 if poll.outcome == POLLED else entry.failures + poll.sent
    due_ms = codec.NEVER_MS if poll.due is None else codec.to_ms(poll.due)
    interval_ms = None if poll.interval is None else poll.interval // codec.MILLISECOND
    standing = due_ms, interval_ms, entry.at_ms, poll.outcome, failures
    return *standing, entry.digest, number, poll.schedule_id


_UPDATE_SCHEDULE = Hot(
    update(schedules)
    .where(schedules.c.id == bindparam("row_id"))
    .values(**{name: bindparam(name) for name in ("due_ms", "polled_ms", "outcome", "failures", "digest")})
    .values(interval_ms=func.coalesce(bindparam("new_interval_ms"), schedules.c.interval_ms))
    .values(owner=null(), call_id=null(), commit_number=bindparam("number")),
    *("due_ms", "new_interval_ms", "polled_ms", "outcome", "failures", "digest", "number", "row_id"),
)


def _sample_rows(
    connection: Connection, accepted: Sequence[_Accepted], layouts: Layouts
) -> Iterator[tuple[object, ...]]:
    for entry in accepted:
        values = entry.poll.values
        if values is not None:
            layout = layouts.find(connection, entry.endpoint, values)
            numbers = codec.numbers_to_bytes(map(values.__getitem__, layout.keys))
            yield entry.poll.schedule_id, entry.at_ms, layout.series_id, numbers


# Two polls may describe the same instant (a provider that measures once a day): the later one replaces the earlier.
_INSERT_SAMPLE = Hot(insert(samples).prefix_with("OR REPLACE"), "schedule_id", "at_ms", "series_id", "numbers")
_INSERT_SNAPSHOT = Hot(insert(snapshots).prefix_with("OR REPLACE"), "schedule_id", "at_ms", "payload")


def _snapshot_row(entry: _Accepted) -> tuple[object, ...]:
    return entry.poll.schedule_id, entry.at_ms, _COMPRESSOR.compress(entry.poll.payload or b"")


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


def _has_news(entry: _Accepted, known: Known) -> bool:
    """Whether the records are other than those of the poll before. A poll that failed says nothing of records."""
    poll = entry.poll
    if poll.values is None:
        return False
    words = hash(tuple((each.kind, each.id, codec.to_json(each.words)) for each in poll.records))
    if known.words.get(poll.schedule_id) == words:
        return False
    known.words[poll.schedule_id] = words
    return True


def _present(entry: _Accepted) -> Parameters:
    return {
        "at_ms": entry.at_ms,
        "of_target": entry.target_id,
        "of_endpoint": entry.endpoint,
        "present": codec.to_json([f"{each.kind} {each.id}" for each in entry.poll.records]),
    }


_PRESENT = func.json_each(bindparam("present")).table_valued("value")
_END_FACTS = (
    update(facts)
    .where(facts.c.target_id == bindparam("of_target"), facts.c.endpoint == bindparam("of_endpoint"))
    .where(facts.c.ended_ms.is_(None), (facts.c.kind + " " + facts.c.record_id).not_in(select(_PRESENT.c.value)))
    .values(ended_ms=bindparam("at_ms"))
)


def _fact_rows(entry: _Accepted) -> Iterator[tuple[object, ...]]:
    for each in entry.poll.records:
        words = codec.to_json(each.words)
        yield entry.target_id, entry.endpoint, each.kind, each.id, words, entry.at_ms, entry.at_ms


_INSERT_FACT = insert(facts)
_SEEN = _INSERT_FACT.excluded
_UPSERT_FACT = Hot(
    _INSERT_FACT.on_conflict_do_update(
        index_elements=["target_id", "endpoint", "kind", "record_id"],
        set_={"words": _SEEN.words, "last_ms": _SEEN.last_ms, "ended_ms": null()},
        where=or_(facts.c.words != _SEEN.words, facts.c.ended_ms.is_not(None)),
    ),
    *("target_id", "endpoint", "kind", "record_id", "words", "first_ms", "last_ms"),
)


def records(connection: Connection, target: str, kind: str, limit: int) -> list[Record]:
    """The records of one kind of a target that have not ended, those that appeared last first."""
    newest = (
        select(facts.c.record_id, facts.c.words)
        .join_from(facts, targets)
        .where(targets.c.key == target, facts.c.kind == kind, facts.c.ended_ms.is_(None))
        .order_by(facts.c.first_ms.desc(), facts.c.record_id)
        .limit(limit)
    )
    return [Record(kind, row.record_id, codec.from_json(row.words)) for row in connection.execute(newest)]
