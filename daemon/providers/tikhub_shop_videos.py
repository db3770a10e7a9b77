"""TikHub, TikTok-Creator API: one video of a shop creator's account: its days, its audience and its products.

Other creators' videos are counted, and nothing else of them is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import AtAges, Cadence, Every
from daemon.providers.answer import Asked, Failure, Reading, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Read
from daemon.providers.payload import amount, by_id, fraction, ident, sequence, table, tally, text
from daemon.providers.tikhub import MOST_TOGETHER, Body, first, whole
from daemon.providers.tikhub_segments import (
    Field,
    Row,
    currency,
    listed,
    money,
    names_of,
    newest,
    numbers,
    segments,
    segments_of,
    wrong_identity,
)
from daemon.providers.tikhub_shop import ITEM_ID, START_DATE, in_month, shop_route
from daemon.providers.tikhub_shop_summaries import metrics, money_metrics, read_newest
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_DETAIL = (
    Field("shop_video_detail_new_followers", "new_follower_cnt", "followers won by the video"),
    Field("shop_video_detail_shares", "share_cnt", "shares"),
    Field("shop_video_detail_comments", "comment_cnt", "comments"),
    Field("shop_video_detail_likes", "like_cnt", "likes"),
    Field("shop_video_detail_product_views", "product_view_cnt", "times its products were seen"),
    Field("shop_video_detail_completion_ratio", "video_completion_rate", "watched to the end", Unit.RATIO, fraction),
)
_SALES = (
    Field("video_product_revenue", "product_revenue", "value sold of the product", decode=money),
    Field("video_product_direct_revenue", "direct_revenue", "value sold directly", decode=money),
    Field("video_product_items_sold", "product_sales_cnt", "items sold"),
    Field("video_product_views", "product_view_cnt", "times the product was seen"),
    Field("video_product_clicks", "product_click_cnt", "times the product was clicked"),
    Field("video_product_orders", "order_cnt", "orders"),
)
_PRICES = (
    Field("video_product_price_min", "price_min", "lowest price", decode=money),
    Field("video_product_price_max", "price_max", "highest price", decode=money),
)
_PRODUCT_ID = Parameter("product_id", "the product's id: the target's option product_id")
_AUDIENCE = Metric(
    "shop_video_audience_ratio",
    Subject.VIDEO,
    Unit.RATIO,
    "share of the video's audience: of a gender, an age group or a region",
    ("dimension", "group"),
)
_DIMENSIONS = {"gender": "follower_genders", "age": "follower_ages", "region": "follower_regions"}
_ATTACHED = Metric("video_products", Subject.VIDEO, Unit.COUNT, "products attached to the video")
_RELATED = Metric("related_videos", Subject.VIDEO, Unit.COUNT, "other videos of the same product")
_RELATED_SUMS = {
    "related_video_likes": "video_like_cnt",
    "related_video_comments": "video_comment_cnt",
    "related_video_shares": "video_share_cnt",
}


# --- the video's days, and its sales of one product ------------------------------------------------------------------


def _read_detail(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    return read_newest(_DETAIL, "shop_video_detail_until", pages, asked)


def _read_sales(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    return read_newest(_SALES, "video_product_until", pages, asked, product=_product(asked))


def _product(asked: Asked) -> str:
    return asked.options.get("product_id", "")


# --- its audience ----------------------------------------------------------------------------------------------------


def _read_audience(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    data = first(pages)
    found = segments(data, "timed_profile")
    if isinstance(found, Failure):
        return found
    bucket = wrong_identity(found, asked) or newest(found, "timed_profile", asked.at)
    if isinstance(bucket, Failure):
        return bucket
    values: dict[SeriesKey, float | None] = {}
    for dimension, key in _DIMENSIONS.items():
        values |= _groups(dimension, bucket.stats.get(key), asked)
    return Reading(values, payload=data)


def _groups(dimension: str, rows: object, asked: Asked) -> dict[SeriesKey, float | None]:
    if not isinstance(rows, list):
        return asked.unknown(_AUDIENCE.name, dimension=dimension)
    named = ((text(row.get("key")), row) for row in map(table, rows))
    return {
        (_AUDIENCE.name, (("dimension", dimension), ("group", group))): fraction(row.get("value"))
        for group, row in named
        if group
    }


# --- its products ----------------------------------------------------------------------------------------------------


def _read_products(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    found = listed(pages)
    if isinstance(found, Failure):
        return found
    failure = wrong_identity(segments_of(pages), asked)
    if failure is not None:
        return failure
    mine = [products for row in found for products in _products_of(asked.video_id, row.get("videoToProductsMap"))]
    rows = by_id([row for products in mine for row in sequence(products)], "id")
    is_known = bool(mine) and all(isinstance(products, list) for products in mine)
    size = tally(rows) if is_known else None
    rows.pop("", None)
    common = currency(rows.values(), asked)
    values = {**(asked.unknown(*names_of(_PRICES)) if size is None else {}), (_ATTACHED.name, NO_LABELS): size}
    for product_id, row in rows.items():
        values |= numbers(_PRICES, row, common, product=product_id)
    records = (Record("video_product", key, {"title": text(row.get("name"))}) for key, row in rows.items())
    return Reading(values, tuple(records), payload=mine or whole(pages))


def _products_of(video: str, value: object) -> Iterator[object]:
    """Return a video's products: the map occurs as an object, a list of such, and a map by video id.

    It may name several videos, and of one without products it may say nothing.
    """
    if isinstance(value, list) or {"item_id", "products"} & table(value).keys():
        entries = map(table, sequence(value) or [value])
        yield from (entry.get("products") for entry in entries if ident(entry.get("item_id")) == video)
    elif video in table(value):
        entry = table(value)[video]
        yield table(entry).get("products", entry)


# --- other videos of a product ---------------------------------------------------------------------------------------


def _read_related(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    found = listed(pages)
    if isinstance(found, Failure):
        return found
    failure = wrong_identity(segments_of(pages), asked)
    if failure is not None:
        return failure
    others = by_id(found, "video.item_id")
    others.pop(asked.video_id, None)
    size = tally(others) if segments_of(pages) else None
    rows = others.values() if size is not None else ()
    counts = [{key: amount(row.get(key)) for key in _RELATED_SUMS.values()} for row in rows]
    values: dict[SeriesKey, float | None] = {(_RELATED.name, NO_LABELS): size}
    for name, key in _RELATED_SUMS.items():
        values[name, NO_LABELS] = None if size is None else _sum([row[key] for row in counts])
    return Reading(values, payload=counts)


def _sum(known: Sequence[float | None]) -> float | None:
    numbers_only = [number for number in known if number is not None]
    return sum(numbers_only, 0.0) if len(numbers_only) == len(known) else None


# --- the endpoints ---------------------------------------------------------------------------------------------------

_DAILY = Every(timedelta(days=1))
_TWICE = AtAges((timedelta(hours=48), timedelta(days=7)))


def _about_video(asked: Sequence[Asked], _page: Page) -> Row:
    return {"item_id": asked[0].video_id}


def _about_videos(asked: Sequence[Asked], _page: Page) -> Row:
    return {"item_ids": [one.video_id for one in asked]}


def _about_product(asked: Sequence[Asked], _page: Page) -> Row:
    return {"item_id": asked[0].video_id, "product_id": _product(asked[0])}


def _video(
    name: str,
    read: Read,
    about: Body,
    parameters: tuple[Parameter, ...],
    own: tuple[Metric, ...],
    recalls: frozenset[str] = frozenset(),
    cadence: Cadence = _DAILY,
) -> Endpoint:
    route = shop_route(
        name,
        Subject.VIDEO,
        (START_DATE, *parameters),
        in_month(about),
        freshness="the calendar month, about a day behind",
        cadence=cadence,
        metrics=own,
        read=read,
    )
    # A product is asked about only where the target's option says which.
    products = {Need.PRODUCT} if _PRODUCT_ID in parameters else frozenset()
    return replace(route, needs=route.needs | products, recalls=recalls)


VIDEO_DETAIL = _video(
    "get_video_detailed_stats",
    _read_detail,
    _about_video,
    (ITEM_ID,),
    metrics(_DETAIL, Subject.VIDEO, "shop_video_detail_until"),
)
VIDEO_AUDIENCE = _video(
    "get_video_audience_stats",
    _read_audience,
    _about_video,
    (ITEM_ID,),
    (_AUDIENCE,),
    frozenset({_AUDIENCE.name}),
    _TWICE,
)
VIDEO_PRODUCTS = replace(
    _video(
        "get_video_associated_product_list",
        _read_products,
        _about_videos,
        (Parameter("item_ids", "the ids of the videos"),),
        (_ATTACHED, *(field.metric(Subject.VIDEO, "product") for field in _PRICES)),
        names_of(_PRICES),
    ),
    batch=MOST_TOGETHER,
)
VIDEO_SALES = _video(
    "get_video_to_product_stats",
    _read_sales,
    _about_product,
    (ITEM_ID, _PRODUCT_ID),
    metrics(_SALES, Subject.VIDEO, "video_product_until", "product"),
    money_metrics(_SALES),
)
RELATED_VIDEOS = _video(
    "get_product_related_videos",
    _read_related,
    _about_product,
    (ITEM_ID, _PRODUCT_ID),
    (
        _RELATED,
        *(
            Metric(name, Subject.VIDEO, Unit.COUNT, f"{name.rpartition('_')[2]} of those videos together")
            for name in _RELATED_SUMS
        ),
    ),
)
