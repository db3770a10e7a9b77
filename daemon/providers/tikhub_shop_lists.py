"""TikHub, TikTok-Creator API: the lists of a shop creator's account: its videos, its products, its showcase.

One set of series a row. A row that occurs twice is read once, from the newest of the finest times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from daemon.cadence import ByNewest, Every
from daemon.providers.answer import Asked, Failure, Found, Reading, Reason, Videos
from daemon.providers.endpoint import Page, Parameter, Read
from daemon.providers.payload import (
    amount,
    by_id,
    fraction,
    ident,
    instant,
    sequence,
    state,
    table,
    tally,
    text,
    within,
)
from daemon.providers.tikhub import whole
from daemon.providers.tikhub_segments import Field, Row, currency, listed, money, more, names_of, numbers, total
from daemon.providers.tikhub_shop import START_DATE, months_since, shop_route
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

SHOWCASE_PAGE = 20
"""How many products of the showcase one call asks for."""

LISTED = timedelta(days=30)
"""The list of videos is of those that were published in so long a time, and of the rest of their months."""

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
        """Return the reading of rows whose id is under ``id``; what a list that is not whole lacks is unknown."""
        found = by_id(list(rows), "id")
        is_whole = size is not None and "" not in found
        found.pop("", None)
        common = currency(found.values(), asked)
        values = {**({} if is_whole else asked.unknown(*names_of(self.fields))), (self.size.name, NO_LABELS): size}
        for row_id, row in found.items():
            values |= numbers(self.fields, row, common, **{self.label: row_id})
        records = tuple(
            Record(self.kind, row_id, {word: text(row.get(key)) for word, key in self.words.items()})
            for row_id, row in found.items()
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
    """Return also which videos the list names. It lags: what it lacks may be there all the same."""
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
    return _SHOWCASE_LISTING.read(rows, tally({ident(row["id"]) for row in rows}), pages, asked)


def _shown(row: Row) -> Row:
    category = table(row.get("category_info")).get("name")
    return {**row, **table(row.get("affiliate_info")), "id": row.get("product_id"), "category": category}


def _more_showcase(page: object) -> bool:
    """Say whether the showcase may go on: no answer says so, but a page that is not full is the last."""
    return len(sequence(table(page).get("products"))) >= SHOWCASE_PAGE


def _ask_videos(asked: Sequence[Asked], page: Page) -> Row:
    month = months_since(LISTED.days, asked[0].at)[page.part - 1]
    return {"start_date": month, "page": page.number - 1, "rules": "VIDEO_LIST_PUBLISH_TIME"}


def _ask_products(asked: Sequence[Asked], page: Page) -> Row:
    at = asked[0].at
    return {
        "start_date": f"{at - timedelta(days=SALES_DAYS):%Y-%m-%d}",
        "end_date": f"{at:%Y-%m-%d}",
        "page": page.number - 1,
    }


def _ask_showcase(_asked: Sequence[Asked], page: Page) -> Row:
    return {"count": SHOWCASE_PAGE, "offset": (page.number - 1) * SHOWCASE_PAGE}


_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_PAGE = Parameter("page", "the page, counted from 0")

VIDEO_LIST = replace(
    shop_route(
        "get_video_list_analytics",
        Subject.ACCOUNT,
        (START_DATE, _PAGE, Parameter("rules", "the order of the list", required=False)),
        _ask_videos,
        freshness="the calendar months of the past 30 days, about a day behind",
        # Its numbers are new once a day; a look more often is for the video that was published since.
        cadence=ByNewest(_DAY, ((3 * _DAY, 6 * _HOUR),)),
        metrics=_VIDEO_LISTING.metrics(),
        read=_read_videos,
    ),
    more=more,
    parts=lambda at: len(months_since(LISTED.days, at)),
    lists_videos=LISTED,
)
PRODUCT_LIST = replace(
    shop_route(
        "get_product_analytics_list",
        Subject.ACCOUNT,
        (
            Parameter("start_date", "the first day, YYYY-MM-DD"),
            Parameter("end_date", "the last day, YYYY-MM-DD"),
            _PAGE,
        ),
        _ask_products,
        freshness="28 days, about a day behind",
        cadence=Every(_DAY),
        metrics=_PRODUCT_LISTING.metrics(),
        read=_list_reader(_PRODUCT_LISTING, "product", "id"),
    ),
    recalls=names_of(_PRODUCT),
    more=more,
)
SHOWCASE = replace(
    shop_route(
        "get_showcase_product_list",
        Subject.ACCOUNT,
        (Parameter("count", "products a page"), Parameter("offset", "products before the page")),
        _ask_showcase,
        freshness="current",
        cadence=Every(_DAY),
        metrics=_SHOWCASE_LISTING.metrics(),
        read=_read_showcase,
    ),
    recalls=names_of(_SHOWCASE),
    more=_more_showcase,
)
