"""TikHub, TikTok-Creator API: the lists of a shop creator's account: its videos, its products, its showcase.

One set of series a row. A row that occurs twice is read once, from the newest of the finest times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from daemon.cadence import ByNewest, Every
from daemon.providers.answer import Asked, Failure, Found, Reading, Reason, SeriesKey, Videos
from daemon.providers.endpoint import Ask, Endpoint, More, Need, Page, Parameter, Platform, Provider, Read, Request
from daemon.providers.payload import amount, fraction, ident, instant, sequence, state, table, text, within
from daemon.providers.tikhub import BASE_USD, COOKIE, whole
from daemon.providers.tikhub_segments import (
    START_DATE,
    Field,
    Row,
    ask_for_month,
    currency,
    listed,
    money,
    more,
    numbers,
    total,
)
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

SHOWCASE_PAGE = 20
"""How many products of the showcase one call asks for."""

SALES_DAYS = 28
"""The products' sales are those of so many days before the poll and of its own day, in UTC."""


def _basis_points(value: object) -> float | None:
    known = within(value, 0, 10_000)
    return None if known is None else known / 10_000


def _timestamp_s(value: object) -> float | None:
    time = instant(value)
    return time.timestamp() if time else None


def _is_one(value: object) -> float | None:
    known = amount(value)
    return state(None if known is None else known == 1)


_VIDEO = (
    Field("shop_listed_video_views", "vv_cnt", "views of the month"),
    Field("shop_listed_video_new_followers", "new_follower_cnt", "followers won in the month"),
    Field("shop_listed_video_click_ratio", "ctr", "product clicks a view", Unit.RATIO),
    Field("shop_listed_video_completion_ratio", "completion_rate", "watched to the end", Unit.RATIO, fraction),
    Field("shop_listed_video_items_sold", "item_sold_cnt", "items sold in the month"),
    Field("shop_listed_video_gmv", "gmv", "value sold in the month", decode=money),
    Field("shop_listed_video_direct_gmv", "direct_gmv", "value sold directly in the month", decode=money),
    Field("shop_listed_video_published", "publish_time", "when it was published", Unit.TIMESTAMP, _timestamp_s),
)
_PRODUCT = (
    Field("shop_product_items_sold", "item_sold_cnt", "items sold in 28 days"),
    Field("shop_product_revenue", "revenue", "value sold in 28 days; always 0 for owners of a shop", decode=money),
    Field("shop_product_commission", "commission", "commission of 28 days, an estimate", decode=money),
)
_SHOWCASE = (
    Field("showcase_in_stock", "stock_status", "the product is in stock", Unit.STATE, _is_one),
    Field("showcase_approved", "review_status", "the product passed its review", Unit.STATE, _is_one),
    Field("showcase_price", "format_available_price", "price shown", decode=money),
    Field("showcase_commission", "commission_with_currency", "commission an item", decode=money),
    Field("showcase_commission_ratio", "commission_rate", "commission of the price", Unit.RATIO, _basis_points),
)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What the rows of one list become: their label, the words of their records, and the metric of their number."""

    kind: str
    label: str
    words: Mapping[str, str]
    fields: tuple[Field, ...]
    size: Metric
    subject: Subject = Subject.ACCOUNT

    def read(self, rows: Iterable[Row], size: float | None, pages: Sequence[object], asked: Asked) -> Reading:
        """Return the reading of rows whose id is under ``id``."""
        by_id: dict[str, Row] = {}
        for row in rows:
            by_id.setdefault(ident(row.get("id")), row)
        by_id.pop("", None)
        common = currency(by_id.values(), asked)
        values: dict[SeriesKey, float | None] = {(self.size.name, NO_LABELS): size}
        for row_id, row in by_id.items():
            values |= numbers(self.fields, row, common, **{self.label: row_id})
        records = tuple(
            Record(self.kind, row_id, {word: text(row.get(key)) for word, key in self.words.items()})
            for row_id, row in by_id.items()
        )
        return Reading(values, records, payload=whole(pages))

    def metrics(self) -> tuple[Metric, ...]:
        labels = () if self.subject is Subject.VIDEO else (self.label,)
        return (self.size, *(field.metric(self.subject, *labels) for field in self.fields))


def _size(name: str, meaning: str) -> Metric:
    return Metric(name, Subject.ACCOUNT, Unit.COUNT, meaning)


_VIDEO_LISTING = _Listing(
    "shop_video",
    "video",
    {"title": "name"},
    _VIDEO,
    _size("shop_videos_listed", "videos of the month's list"),
    Subject.VIDEO,
)
_PRODUCT_LISTING = _Listing(
    "shop_product", "product", {"title": "name"}, _PRODUCT, _size("shop_products_listed", "products sold in 28 days")
)
_SHOWCASE_LISTING = _Listing(
    "showcase_product",
    "product",
    {"title": "title", "source": "source", "category": "category", "price": "format_available_price"},
    _SHOWCASE,
    _size("showcase_products", "products in the showcase"),
)


def _with_id(row: Row, about: str, key: str) -> Row:
    """Return a row together with what it says of its subject; the subject's id becomes ``id``."""
    subject = table(row.get(about))
    return {**row, **subject, "id": subject.get(key)}


def _list_reader(listing: _Listing, about: str, key: str) -> Read:
    def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
        found = listed(pages)
        if isinstance(found, Failure):
            return found
        return listing.read((_with_id(row, about, key) for row in found), total(pages[0]), pages, asked)

    return read


_read_video_rows = _list_reader(_VIDEO_LISTING, "video_meta", "item_id")


def _read_videos(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return also which videos the list names. It lags and is of one month: what it lacks may be there all the same."""
    reading = _read_video_rows(pages, asked)
    if isinstance(reading, Failure):
        return reading
    found = (Found(one.id, _published(reading, one.id), one.words["title"]) for one in reading.records)
    return replace(reading, videos=Videos(tuple(found)))


def _published(reading: Reading, video_id: str) -> datetime | None:
    return instant(reading.values.get(("shop_listed_video_published", (("video", video_id),))))


def _read_showcase(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    lists = [table(page).get("products") for page in pages]
    if not lists or not all(isinstance(one, list) for one in lists):
        return Failure(Reason.BAD_PAYLOAD, "a page of the showcase holds no products field")
    rows = [_shown(table(row)) for one in lists for row in sequence(one)]
    ids = {ident(row["id"]) for row in rows}
    size = None if "" in ids else float(len(ids))
    return _SHOWCASE_LISTING.read(rows, size, pages, asked)


def _shown(row: Row) -> Row:
    category = table(row.get("category_info")).get("name")
    return {**row, **table(row.get("affiliate_info")), "id": row.get("product_id"), "category": category}


def _more_showcase(page: object) -> bool:
    """Say whether the showcase may go on: no answer says so, but a page that is not full is the last."""
    return len(sequence(table(page).get("products"))) >= SHOWCASE_PAGE


_ROOT = "/api/v1/tiktok/creator/"


def _ask_products(asked: Sequence[Asked], cookie: str, page: Page) -> Request:
    at = asked[0].at
    dates = {"start_date": f"{at - timedelta(days=SALES_DAYS):%Y-%m-%d}", "end_date": f"{at:%Y-%m-%d}"}
    return Request(
        "POST", _ROOT + "get_product_analytics_list", {}, {"cookie": cookie, **dates, "page": page.number - 1}
    )


def _ask_showcase(_asked: Sequence[Asked], cookie: str, page: Page) -> Request:
    body = {"cookie": cookie, "count": SHOWCASE_PAGE, "offset": (page.number - 1) * SHOWCASE_PAGE}
    return Request("POST", _ROOT + "get_showcase_product_list", {}, body)


def _list(
    name: str,
    listing: _Listing,
    parameters: Sequence[Parameter],
    freshness: str,
    ask: Ask,
    read: Read,
    go_on: More,
) -> Endpoint:
    return Endpoint(
        name=name,
        provider=Provider.TIKHUB,
        platform=Platform.TIKTOK,
        subject=Subject.ACCOUNT,
        method="POST",
        path=_ROOT + name,
        parameters=(COOKIE, *parameters),
        needs=frozenset({Need.COOKIE}),
        cost_usd=BASE_USD,
        freshness=freshness,
        cadence=Every(timedelta(hours=24)),
        metrics=listing.metrics(),
        ask=ask,
        read=read,
        more=go_on,
    )


def _newest_first(_asked: Asked, page: Page) -> Row:
    return {"page": page.number - 1, "rules": "VIDEO_LIST_PUBLISH_TIME"}


_HOUR = timedelta(hours=1)
_PAGE = Parameter("page", "the page, counted from 0")

VIDEO_LIST = replace(
    _list(
        "get_video_list_analytics",
        _VIDEO_LISTING,
        (START_DATE, _PAGE, Parameter("rules", "the order of the list", required=False)),
        "the calendar month, about a day behind",
        ask_for_month(_ROOT + "get_video_list_analytics", _newest_first),
        _read_videos,
        more,
    ),
    cadence=ByNewest(24 * _HOUR, ((6 * _HOUR, _HOUR), (24 * _HOUR, 3 * _HOUR), (72 * _HOUR, 6 * _HOUR))),
    lists_videos=True,
)
PRODUCT_LIST = _list(
    "get_product_analytics_list",
    _PRODUCT_LISTING,
    (Parameter("start_date", "the first day, YYYY-MM-DD"), Parameter("end_date", "the last day, YYYY-MM-DD"), _PAGE),
    "28 days, about a day behind",
    _ask_products,
    _list_reader(_PRODUCT_LISTING, "product", "id"),
    more,
)
SHOWCASE = _list(
    "get_showcase_product_list",
    _SHOWCASE_LISTING,
    (Parameter("count", "products a page"), Parameter("offset", "products before the page")),
    "current",
    _ask_showcase,
    _read_showcase,
    _more_showcase,
)
