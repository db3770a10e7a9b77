"""The plan: who is watched, what is due, and who has claimed it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.dml import ReturningUpdate

from rules.values import Target
from storage import codec
from storage.database import Hot, Lease, among, write
from storage.records import CARRIED, Claim, Planned, Remembered, TakenOver
from storage.tables import progress, schedules, targets


def other_targets(
    connection: Connection, named: Sequence[Target], keys: Collection[str] | None = None
) -> tuple[list[Target], list[str]]:
    """Which of the named targets are not stored as they are; the keys (of ``keys``; None: all) not named."""
    rows = connection.execute(_WATCHED if keys is None else _WATCHED.where(targets.c.key.in_(among(keys))))
    known = {row.key: tuple(row) for row in rows}
    gone = known.keys() - {target.key for target in named}
    return [target for target in named if known.get(target.key) != _told(target)], sorted(gone)


def sync_targets(connection: Connection, named: Sequence[Target], gone: Collection[str], at_ms: int) -> None:
    """Store the named targets as watched ones; those that are gone (their keys) keep but their history."""
    rows = [dict(zip(_TOLD, _told(target), strict=True)) for target in named]
    write(connection, _UPSERT_TARGET, [{**row, "first_seen_ms": at_ms, "removed_ms": None} for row in rows])
    connection.execute(update(targets).where(targets.c.key.in_(among(gone))).values(removed_ms=at_ms))
    connection.execute(_UNPLAN.where(schedules.c.target_id.in_(_ids(gone))))


_TOLD = ("key", "subject", "platform", "name", "owner", "tags", "link")
_WATCHED = select(*(targets.c[name] for name in _TOLD)).where(targets.c.removed_ms.is_(None))


def _told(target: Target) -> tuple[str, ...]:
    tags = codec.to_json(target.tags)
    return target.key, target.subject.value, target.platform, target.name, target.owner, tags, target.link


_INSERT_TARGET = insert(targets)
_UPSERT_TARGET = _INSERT_TARGET.on_conflict_do_update(
    index_elements=["key"],
    set_={name: _INSERT_TARGET.excluded[name] for name in (*_TOLD[1:], "removed_ms")},
)

_UNPLAN = update(schedules).where(schedules.c.due_ms.is_not(None)).values(due_ms=None, owner=None)
"""Out of the plan. Whoever still holds a lease has lost it: an answer that is on its way is not wanted any more."""


def other_lines(
    connection: Connection, planned: Sequence[Planned], at_ms: int, keys: Collection[str] | None = None
) -> tuple[list[Planned], list[int]]:
    """Which of the named lines are not in the plan as they are; the ids (of ``keys``; None: all) of those not named."""
    wanted = _IN_PLAN if keys is None else _IN_PLAN.where(targets.c.key.in_(among(keys)))
    rows = connection.execute(wanted, {"now_ms": at_ms}).all()
    stay = {(row.key, row.endpoint, row.cadence) for row in rows if not row.is_far}
    named = {(line.target, line.endpoint) for line in planned}
    gone = [row.id for row in rows if (row.key, row.endpoint) not in named]
    return [line for line in planned if (line.target, line.endpoint, line.cadence) not in stay], gone


def plan(connection: Connection, planned: Sequence[Planned], gone: Collection[int], at_ms: int) -> None:
    """Take the named lines into the plan, or let them follow their new cadence; those that are gone (ids) leave it."""
    ids = target_ids(connection, {line.target for line in planned})
    connection.execute(_UNPLAN.where(schedules.c.id.in_(among(gone))))
    rows = [{**_schedule_row(line, ids[line.target]), "now_ms": at_ms} for line in planned]
    write(connection, _UPSERT_SCHEDULE, rows)


def target_ids(connection: Connection, keys: set[str]) -> dict[str, int]:
    """The row ids of targets by key. A key that ``sync_targets`` never named is missing."""
    if not keys:
        return {}  # most polls tell nothing besides numbers, and SQLAlchemy takes as long for nothing
    rows = connection.execute(select(targets.c.key, targets.c.id).where(targets.c.key.in_(among(keys))))
    return {row.key: row.id for row in rows}


def _schedule_row(line: Planned, target_id: int) -> dict[str, object]:
    return {
        "target_id": target_id,
        "endpoint": line.endpoint,
        "due_ms": codec.NEVER_MS if line.first_due is None else codec.to_ms(line.first_due),
        "interval_ms": line.interval // codec.MILLISECOND,
        "cadence": line.cadence,
        "failures": 0,
        "commit_number": 0,
    }


_INSERT_SCHEDULE = insert(schedules)
_WANTED = _INSERT_SCHEDULE.excluded
_NOW_MS: BindParameter[int] = bindparam("now_ms")
_KEPT = and_(schedules.c.due_ms.is_not(None), schedules.c.cadence == _WANTED.cadence)
_NEVER = schedules.c.due_ms == codec.NEVER_MS
# No turn is further away than one and a half of its intervals: the clock was set back.
_IS_FAR = 2 * (schedules.c.due_ms - _NOW_MS) > 3 * schedules.c.interval_ms
_IN_PLAN = (
    select(
        schedules.c.id,
        targets.c.key,
        schedules.c.endpoint,
        schedules.c.cadence,
        and_(_IS_FAR, ~_NEVER, schedules.c.owner.is_(None)).label("is_far"),
    )
    .join_from(schedules, targets)
    .where(schedules.c.due_ms.is_not(None))
)
_CARRIED = _WANTED.cadence == CARRIED
_NEXT_TURN_MS = schedules.c.polled_ms + schedules.c.interval_ms
_UPSERT_SCHEDULE = _INSERT_SCHEDULE.on_conflict_do_update(
    index_elements=["target_id", "endpoint"],
    set_={
        "cadence": _WANTED.cadence,
        "interval_ms": case(
            (_KEPT, schedules.c.interval_ms),
            # Until a poll brings the new one, what was seen last was to last as long as the old one said.
            (schedules.c.due_ms.is_not(None), func.max(schedules.c.interval_ms, _WANTED.interval_ms)),
            else_=_WANTED.interval_ms,
        ),
        "due_ms": case(
            (_CARRIED, codec.NEVER_MS),
            # One that was out of the plan has no other turn than it would have had in it: what it told was paid for.
            (schedules.c.due_ms.is_(None), func.max(_WANTED.due_ms, func.coalesce(_NEXT_TURN_MS, 0))),
            # A leased line is on its way: its due time is the lease, and the poll sets the next one.
            (schedules.c.owner.is_not(None), schedules.c.due_ms),
            (~_KEPT, func.min(schedules.c.due_ms, _NOW_MS + _WANTED.interval_ms)),
            (_NEVER, schedules.c.due_ms),
            (_IS_FAR, _NOW_MS + schedules.c.interval_ms),
            else_=schedules.c.due_ms,
        ),
    },
)


def wake(connection: Connection, lines: Sequence[tuple[str, str]], due_ms: int) -> None:
    """Bring the turn of lines (target key, endpoint) forward: not of one that is leased, and on its way, or carried."""
    _WAKE.write(connection, [(*line, due_ms) for line in lines])


_WAKE = Hot(
    update(schedules)
    .where(schedules.c.target_id == select(targets.c.id).where(targets.c.key == bindparam("of")).scalar_subquery())
    .where(schedules.c.endpoint == bindparam("asked"))
    .where(schedules.c.owner.is_(None), schedules.c.due_ms > bindparam("wanted_ms"))
    .where(schedules.c.cadence != literal_column(f"'{CARRIED}'"))
    .values(due_ms=bindparam("wanted_ms")),
    *("of", "asked", "wanted_ms"),
)


def take_over(connection: Connection, now_ms: int) -> TakenOver:
    """End every lease. What was not sent is due now; what may have been was paid for: its turn is over."""
    calls = connection.execute(_END_LEASE.where(_SENT).values(due_ms=now_ms + schedules.c.interval_ms))
    others = connection.execute(_END_LEASE.where(~_SENT).values(due_ms=now_ms))
    return TakenOver(unsent=others.rowcount, maybe_sent=calls.rowcount)


_SENT = schedules.c.call_id.is_not(None)
_END_LEASE = (
    update(schedules)
    .where(schedules.c.owner.is_not(None), schedules.c.due_ms.is_not(None))
    .values(owner=None, call_id=None)
)


def claim(
    connection: Connection, endpoint: str, lease: Lease, by_ms: int, beside: Collection[str] | None = None
) -> list[Claim]:
    """Lease lines of one endpoint that are due by a time, the longest due first. One statement.

    A line that somebody holds is due when that lease has ended. ``beside`` are the only targets that are wanted.
    """
    statement = _CLAIM if beside is None else _leasing(_DUE.where(schedules.c.target_id.in_(_ids(beside))))
    rows = connection.execute(statement, {"of": endpoint, "by_ms": by_ms, **lease._asdict()})
    return [Claim(row.id, row.key, endpoint, _interval(row), row.failures) for row in rows]


def _interval(row: Row[Any]) -> timedelta:
    return timedelta(milliseconds=row.interval_ms)


# SQLite has no row locks and leaves FOR UPDATE out; a database that has them can share one plan between machines.
_DUE = (
    select(schedules.c.id)
    .where(schedules.c.endpoint == bindparam("of"), schedules.c.due_ms <= bindparam("by_ms"))
    .where(or_(schedules.c.owner.is_(None), schedules.c.due_ms <= bindparam("now_ms")))
    .order_by(schedules.c.due_ms)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_KEY = select(targets.c.key).where(targets.c.id == schedules.c.target_id).scalar_subquery()


def _ids(keys: Collection[str]) -> Select[int]:
    return select(targets.c.id).where(targets.c.key.in_(among(keys)))


def _leasing(due: Select[int]) -> ReturningUpdate[Any]:
    return (
        update(schedules)
        .where(schedules.c.id.in_(due))
        .values(due_ms=bindparam("until_ms"), owner=bindparam("holder"), call_id=null())
        .returning(schedules.c.id, _KEY.label("key"), schedules.c.interval_ms, schedules.c.failures)
    )


_CLAIM = _leasing(_DUE)


def next_due(connection: Connection, at: datetime) -> datetime | None:
    """When the next line of the plan is due, ``at`` if one is overdue; None if none will ever be."""
    due_ms = connection.scalar(select(func.min(schedules.c.due_ms)).where(schedules.c.due_ms < codec.NEVER_MS))
    return None if due_ms is None else max(at, codec.from_ms(due_ms))


def remembered(connection: Connection, keys: Collection[str] | None = None) -> list[Remembered]:
    """The lines of the plan about the targets ``keys`` (None: about all)."""
    return _remembered(connection, _PLANNED if keys is None else _PLANNED.where(targets.c.key.in_(among(keys))))


def every_line(connection: Connection) -> list[Remembered]:
    """The lines of the plan, and those that left it."""
    return _remembered(connection, _LINES_EVER)


def unjudged(connection: Connection) -> list[Remembered]:
    """The lines of the plan with a poll that no judgement has seen."""
    judged = select(progress.c.judged).scalar_subquery()
    return _remembered(connection, _PLANNED.where(schedules.c.commit_number > judged))


def committed(connection: Connection) -> int:
    """The number of the newest commit of polls; 0 before the first."""
    number: int = connection.execute(select(progress.c.committed)).scalar_one()
    return number


def mark_judged(connection: Connection, number: int) -> None:
    """The polls of the commits up to this one have been judged."""
    connection.execute(update(progress).values(judged=number))


_LINES_EVER = (
    select(
        schedules.c.id,
        targets.c.key,
        schedules.c.endpoint,
        schedules.c.interval_ms,
        schedules.c.outcome,
        schedules.c.polled_ms,
        schedules.c.failures,
    )
    .join_from(schedules, targets)
    .order_by(schedules.c.id)
)
_PLANNED = _LINES_EVER.where(schedules.c.due_ms.is_not(None))


def _remembered(connection: Connection, lines: Select[Any]) -> list[Remembered]:
    return [
        Remembered(
            schedule_id=row.id,
            target=row.key,
            endpoint=row.endpoint,
            interval=_interval(row),
            outcome=row.outcome,
            polled=codec.from_ms_or_none(row.polled_ms),
            failures=row.failures,
        )
        for row in connection.execute(lines)
    ]
