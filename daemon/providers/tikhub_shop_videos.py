"""TikHub, TikTok-Creator API: one video of a shop creator's account: its days, its audience and its products.

Other creators' videos are counted, and nothing else of them is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from daemon.cadence import AtAges, Cadence, Every
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Read
from daemon.providers.payload import amount, fraction, ident, sequence, table, text
from daemon.providers.tikhub import BASE_USD, COOKIE
from daemon.providers.tikhub_segments import (
    ITEM_ID,
    PRODUCT_ID,
    START_DATE,
    About,
    Field,
    Row,
    ask_for_month,
    currency,
    listed,
    money,
    newest,
    numbers,
    segments,
    segments_of,
    wrong_identity,
)
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
    data = table(pages[0]) if pages else {}
    found = segments(data, "timed_profile")
    if isinstance(found, Failure):
        return found
    bucket = wrong_identity(found, asked) or newest(found, "timed_profile", asked.at)
    if isinstance(bucket, Failure):
        return bucket
    return Reading(dict(_groups(bucket.stats)), payload=data)


def _groups(stats: Row) -> Iterator[tuple[SeriesKey, float | None]]:
    for dimension, key in _DIMENSIONS.items():
        for row in map(table, sequence(stats.get(key))):
            group = text(row.get("key"))
            if group:
                labels = (("dimension", dimension), ("group", group))
                yield (_AUDIENCE.name, labels), fraction(row.get("value"))


# --- its products ----------------------------------------------------------------------------------------------------


def _read_products(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    found = listed(pages)
    if isinstance(found, Failure):
        return found
    lists = [entry for row in found for entry in _entries(row.get("videoToProductsMap"))]
    mine = [products for video_id, products in lists if video_id in ("", asked.video_id)]
    if lists and not mine:
        return Failure(Reason.WRONG_IDENTITY, "the answer is about another video than the one asked for")
    rows = [table(row) for products in mine for row in sequence(products)]
    by_id: dict[str, Row] = {ident(row.get("id")): row for row in reversed(rows)}
    known = mine and "" not in by_id and all(isinstance(products, list) for products in mine)
    values: dict[SeriesKey, float | None] = {(_ATTACHED.name, NO_LABELS): float(len(by_id)) if known else None}
    by_id.pop("", None)
    common = currency(by_id.values(), asked)
    for product_id, row in by_id.items():
        values |= numbers(_PRICES, row, common, product=product_id)
    records = (Record("video_product", key, {"title": text(row.get("name"))}) for key, row in by_id.items())
    return Reading(values, tuple(records), payload=pages[0])


def _entries(value: object) -> Iterator[tuple[str, object]]:
    """Return (video id or "", its products): the map occurs as an object, a list of such, and a map by video id."""
    if isinstance(value, list) or {"item_id", "products"} & table(value).keys():
        for entry in map(table, sequence(value) or [value]):
            yield ident(entry.get("item_id")), entry.get("products")
    else:
        for video_id, inner in table(value).items():
            yield video_id, table(inner).get("products", inner)


# --- other videos of a product ---------------------------------------------------------------------------------------


def _read_related(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    found = listed(pages)
    if isinstance(found, Failure):
        return found
    failure = wrong_identity(segments_of(pages), asked)
    if failure is not None:
        return failure
    by_id = {ident(table(row.get("video")).get("item_id")): row for row in reversed(found)}
    by_id.pop(asked.video_id, None)
    rows = [] if "" in by_id else list(by_id.values())
    counts = [{key: amount(row.get(key)) for key in _RELATED_SUMS.values()} for row in rows]
    size = float(len(rows)) if "" not in by_id and segments_of(pages) else None
    values: dict[SeriesKey, float | None] = {(_RELATED.name, NO_LABELS): size}
    for name, key in _RELATED_SUMS.items():
        values[name, NO_LABELS] = None if size is None else _sum([row[key] for row in counts])
    return Reading(values, payload=counts)


def _sum(known: Sequence[float | None]) -> float | None:
    numbers_only = [number for number in known if number is not None]
    return sum(numbers_only, 0.0) if len(numbers_only) == len(known) else None


# --- the endpoints ---------------------------------------------------------------------------------------------------

_ROOT = "/api/v1/tiktok/creator/"
_DAILY = Every(timedelta(days=1))
_TWICE = AtAges((timedelta(hours=48), timedelta(days=7)))


def _about_video(asked: Asked, _page: Page) -> Row:
    return {"item_id": asked.video_id}


def _about_product(asked: Asked, _page: Page) -> Row:
    return {"item_id": asked.video_id, "product_id": _product(asked)}


def _video(
    name: str,
    read: Read,
    about: About,
    parameters: Sequence[Parameter],
    own: tuple[Metric, ...],
    recalled: Sequence[Field] = (),
    cadence: Cadence = _DAILY,
) -> Endpoint:
    needs = {Need.COOKIE, Need.VIDEO_ID} | ({Need.PRODUCT} if PRODUCT_ID in parameters else set())
    return Endpoint(
        name=name,
        provider=Provider.TIKHUB,
        platform=Platform.TIKTOK,
        subject=Subject.VIDEO,
        method="POST",
        path=_ROOT + name,
        parameters=(COOKIE, START_DATE, *parameters),
        needs=frozenset(needs),
        cost_usd=BASE_USD,
        freshness="the calendar month, about a day behind",
        cadence=cadence,
        metrics=own,
        ask=ask_for_month(_ROOT + name, about),
        read=read,
        recalls=money_metrics(recalled),
    )


VIDEO_DETAIL = _video(
    "get_video_detailed_stats",
    _read_detail,
    _about_video,
    (ITEM_ID,),
    metrics(_DETAIL, Subject.VIDEO, "shop_video_detail_until"),
)
VIDEO_AUDIENCE = _video(
    "get_video_audience_stats", _read_audience, _about_video, (ITEM_ID,), (_AUDIENCE,), cadence=_TWICE
)
VIDEO_PRODUCTS = _video(
    "get_video_associated_product_list",
    _read_products,
    lambda asked, _page: {"item_ids": [asked.video_id]},
    (Parameter("item_ids", "the ids of the videos"),),
    (_ATTACHED, *(field.metric(Subject.VIDEO, "product") for field in _PRICES)),
)
VIDEO_SALES = _video(
    "get_video_to_product_stats",
    _read_sales,
    _about_product,
    (ITEM_ID, PRODUCT_ID),
    metrics(_SALES, Subject.VIDEO, "video_product_until", "product"),
    _SALES,
)
RELATED_VIDEOS = _video(
    "get_product_related_videos",
    _read_related,
    _about_product,
    (ITEM_ID, PRODUCT_ID),
    (
        _RELATED,
        *(
            Metric(name, Subject.VIDEO, Unit.COUNT, f"{name.rpartition('_')[2]} of those videos together")
            for name in _RELATED_SUMS
        ),
    ),
)
