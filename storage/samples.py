"""The numbers back out: one ordered read of every window that a judgement needs."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal, select

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
    rows = streaming.execute(_windows(since).where(_chosen(schedule_ids)))
    for schedule_id, at_ms, series_id, numbers in rows:
        members = layouts.members(connection, series_id)
        yield schedule_id, at_ms / 1000, members, codec.numbers_from_bytes(numbers)


def _chosen(schedule_ids: Sequence[int] | None) -> ColumnElement[bool]:
    if schedule_ids is None:
        return schedules.c.due_ms.is_not(None)
    return schedules.c.id.in_(among(schedule_ids))


def _windows(since: Mapping[str, datetime]) -> Select[int, int, int, bytes]:
    start_ms = _newest_before(_since_ms(since))
    return (
        select(samples.c.schedule_id, samples.c.at_ms, samples.c.series_id, samples.c.numbers)
        .join_from(schedules, samples)
        .where(samples.c.at_ms >= func.coalesce(start_ms, 0))
        .order_by(schedules.c.id, samples.c.at_ms)
    )


def _since_ms(since: Mapping[str, datetime]) -> ColumnElement[int]:
    if not since:
        return literal(_END_OF_TIME_MS)
    times = {endpoint: codec.to_ms(at) for endpoint, at in since.items()}
    return case(times, value=schedules.c.endpoint, else_=_END_OF_TIME_MS)


def _newest_before(since_ms: ColumnElement[int]) -> ColumnElement[int]:
    earlier = samples.alias()
    newest = select(func.max(earlier.c.at_ms)).where(
        earlier.c.schedule_id == schedules.c.id, earlier.c.at_ms < since_ms
    )
    return newest.correlate(schedules).scalar_subquery()
