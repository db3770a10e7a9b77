"""The numbers back out: one ordered read of every window that a judgement needs."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, case, func, literal, select

from storage import codec
from storage.database import among
from storage.layouts import Layouts
from storage.records import SeriesKey
from storage.tables import samples, schedules

SampleRow: TypeAlias = "tuple[int, float, tuple[SeriesKey, ...], array[float]]"
"""(schedule row, seconds since the epoch, the series, their numbers one by one; NaN is *asked and not known*)."""

_FETCHED = 1_000
_END_OF_TIME_MS = 2**62


def read(
    connection: Connection,
    schedule_ids: Sequence[int] | None,
    since: Mapping[str, datetime],
    layouts: Layouts,
) -> Iterator[SampleRow]:
    """The samples since a time that each endpoint has of its own, ordered by schedule row and time.

    Each row of the plan also yields the newest sample before that time, the value its window starts from; so the
    newest sample of all is always there. An endpoint without a time yields just that.
    """
    streaming = connection.execution_options(yield_per=_FETCHED)
    windows = _windows(_newest_before(_since_ms(since))).where(_chosen(schedule_ids))
    rows = streaming.execute(windows.order_by(schedules.c.id, samples.c.at_ms))
    for schedule_id, at_ms, series_id, numbers in rows:
        members = layouts.members(connection, series_id)
        yield schedule_id, at_ms / 1000, members, codec.numbers_from_bytes(numbers)


def history(
    connection: Connection, schedule_ids: Sequence[int], since: datetime, until: datetime, layouts: Layouts
) -> Iterator[SampleRow]:
    """The samples of these lines from one time to another, in the order of time, also of lines that left the plan.

    The newest sample of each line before that time comes too.
    """
    since_ms = literal(codec.to_ms(since))
    chosen = _windows(_newest_before(since_ms)).where(
        schedules.c.id.in_(among(schedule_ids)), samples.c.at_ms <= codec.to_ms(until)
    )
    for schedule_id, at_ms, series_id, numbers in connection.execute(chosen.order_by(samples.c.at_ms, schedules.c.id)):
        members = layouts.members(connection, series_id)
        yield schedule_id, at_ms / 1000, members, codec.numbers_from_bytes(numbers)


def backwards(
    connection: Connection, schedule_id: int, until: datetime, looks: int, layouts: Layouts
) -> Iterator[SampleRow]:
    """The newest samples of a line until a time, the newest first."""
    chosen = (
        select(samples.c.at_ms, samples.c.series_id, samples.c.numbers)
        .where(samples.c.schedule_id == schedule_id, samples.c.at_ms <= codec.to_ms(until))
        .order_by(samples.c.at_ms.desc())
        .limit(looks)
    )
    streaming = connection.execution_options(yield_per=_FETCHED // 10)
    for at_ms, series_id, numbers in streaming.execute(chosen):
        yield schedule_id, at_ms / 1000, layouts.members(connection, series_id), codec.numbers_from_bytes(numbers)


def _chosen(schedule_ids: Sequence[int] | None) -> ColumnElement[bool]:
    if schedule_ids is None:
        return schedules.c.due_ms.is_not(None)
    return schedules.c.id.in_(among(schedule_ids))


def _windows(start_ms: ScalarSelect[int]) -> Select[int, int, int, bytes]:
    return (
        select(samples.c.schedule_id, samples.c.at_ms, samples.c.series_id, samples.c.numbers)
        .join_from(schedules, samples)
        .where(samples.c.at_ms >= func.coalesce(start_ms, 0))
    )


def _since_ms(since: Mapping[str, datetime]) -> ColumnElement[int]:
    if not since:
        return literal(_END_OF_TIME_MS)
    times = {endpoint: codec.to_ms(at) for endpoint, at in since.items()}
    return case(times, value=schedules.c.endpoint, else_=_END_OF_TIME_MS)


def _newest_before(since_ms: ColumnElement[int]) -> ScalarSelect[int]:
    earlier = samples.alias()
    newest = select(func.max(earlier.c.at_ms)).where(
        earlier.c.schedule_id == schedules.c.id, earlier.c.at_ms < since_ms
    )
    return newest.correlate(schedules).scalar_subquery()
