"""TikHub, Douyin-Creator-V2 API: what its routes have in common.

Each wants the cookie of the account. An answer about one video does not name the video (provider document).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.cadence import Daily
from daemon.providers.answer import Asked, SeriesKey
from daemon.providers.endpoint import Page, Parameter, Platform
from daemon.providers.payload import ident, inner, sequence, table
from daemon.providers.tikhub import CookieApi
from rules.values import Metric

BEIJING = ZoneInfo("Asia/Shanghai")
"""The zone of all days and times of these routes."""

NOON = Daily("Asia/Shanghai", time(12, 10))
"""The numbers of a day are complete at 12:00 of the next one (provider document)."""

ITEM_ID = Parameter("item_id", "the video's id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Column:
    """A field that every row of a list has, and the metric it holds; a dotted field lies in an object of the row."""

    metric: Metric
    field: str
    decode: Callable[[object], float | None]


def metrics_of(columns: Sequence[Column]) -> tuple[Metric, ...]:
    """Return what the columns declare."""
    return tuple(column.metric for column in columns)


def tabulate(rows: object, labels: Mapping[str, str], columns: Sequence[Column]) -> dict[SeriesKey, float | None]:
    """Return a series for each row and column. ``labels`` maps a label to the field that holds its value.

    A row that lacks one of them cannot be told from others and is left out; of two rows of the same name the first
    counts.
    """
    values: dict[SeriesKey, float | None] = {}
    for row in map(table, sequence(rows)):
        names = tuple((label, ident(row.get(field))) for label, field in sorted(labels.items()))
        for column in columns if all(name for _, name in names) else ():
            values.setdefault((column.metric.name, names), column.decode(inner(row, column.field)))
    return values


def part(
    rows: object, labels: Mapping[str, str], columns: Sequence[Column], asked: Asked, **own: str
) -> dict[SeriesKey, float | None]:
    """Return what ``tabulate`` does of a list that an answer may lack: then the last of its series are unknown.

    ``own`` are the labels that tell them from those of another part. The endpoint ``recalls`` the columns' metrics.
    """
    if isinstance(rows, list):
        return tabulate(rows, labels, columns)
    return asked.unknown(*names_of(columns), **own)


def names_of(columns: Sequence[Column]) -> frozenset[str]:
    """Return the names of the columns' metrics."""
    return frozenset(column.metric.name for column in columns)


def about_item(asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    """Return the body of a route about one video, without the cookie."""
    return {"item_id": asked[0].video_id}


def milliseconds(at: datetime) -> int:
    """Return a time as these routes want it, in milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


creator_route = CookieApi(Platform.DOUYIN, "/api/v1/douyin/creator_v2/").route
