"""TikHub, Douyin-Creator-V2 API: what its routes have in common.

Each wants the cookie of the account. An answer about one video does not name the video (provider document).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.cadence import Cadence, Daily
from daemon.providers.answer import Asked, Failure, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Read, Request
from daemon.providers.payload import ident, sequence, table
from daemon.providers.tikhub import BASE_USD, COOKIE
from rules.values import Metric, Subject

BEIJING = ZoneInfo("Asia/Shanghai")
"""The zone of all days and times of these routes."""

NOON = Daily("Asia/Shanghai", time(12, 10))
"""The numbers of a day are complete at 12:00 of the next one (provider document)."""

ITEM_ID = Parameter("item_id", "the video's id")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Body = Callable[[Asked, Page], Mapping[str, object]]
"""(the target, the page) -> what is asked, without the cookie."""


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
            values.setdefault((column.metric.name, names), column.decode(_at(row, column.field)))
    return values


def _at(value: object, path: str) -> object:
    for key in path.split("."):
        value = table(value).get(key)
    return value


def by_id(rows: object, field: str) -> dict[str, Mapping[str, object]]:
    """Return the rows by their id, the first of each; "" stands for all that have none."""
    found: dict[str, Mapping[str, object]] = {}
    for row in map(table, sequence(rows)):
        found.setdefault(ident(row.get(field)), row)
    return found


def tally(rows: Mapping[str, object]) -> float | None:
    """Return how many rows there are by id; unknown if one of them has none."""
    return None if "" in rows else float(len(rows))


def first(pages: Sequence[object]) -> Mapping[str, object]:
    """Return the object that the first page is, or an empty one."""
    return table(pages[0]) if pages else {}


def lacks(what: str) -> Failure:
    """Return the failure of an answer without what its document says it holds."""
    return Failure(Reason.BAD_PAYLOAD, f"the answer holds no {what}")


def about_item(asked: Asked, _page: Page) -> Mapping[str, object]:
    """Return the body of a route about one video, without the cookie."""
    return {"item_id": asked.video_id}


def milliseconds(at: datetime) -> int:
    """Return a time as these routes want it, in milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def creator_route(
    name: str,
    subject: Subject,
    parameters: tuple[Parameter, ...],
    body: Body,
    *,
    freshness: str,
    cadence: Cadence,
    metrics: tuple[Metric, ...],
    read: Read,
) -> Endpoint:
    """Return a route of this API. ``parameters`` and ``body`` are without the cookie, which each route wants."""
    path = f"/api/v1/douyin/creator_v2/{name}"

    def ask(asked: Sequence[Asked], cookie: str, page: Page) -> Request:
        return Request("POST", path, {}, {"cookie": cookie, **body(asked[0], page)})

    return Endpoint(
        name=name,
        provider=Provider.TIKHUB,
        platform=Platform.DOUYIN,
        subject=subject,
        method="POST",
        path=path,
        parameters=(COOKIE, *parameters),
        needs=frozenset({Need.COOKIE, Need.VIDEO_ID} if subject is Subject.VIDEO else {Need.COOKIE}),
        cost_usd=BASE_USD,
        freshness=freshness,
        cadence=cadence,
        metrics=metrics,
        ask=ask,
        read=read,
        tells_absence=subject is Subject.ACCOUNT,
    )
