"""TikHub, TikTok-Creator API: what a shop creator's account sold, day by day: altogether, on LIVE and by videos.

The numbers are those of the newest day that is over and has data; a day's numbers may still change for a few days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Reading
from daemon.providers.endpoint import Endpoint, Parameter, Read
from daemon.providers.payload import amount, inner, truth
from daemon.providers.tikhub import Body, first, nothing
from daemon.providers.tikhub_segments import Field, currency, money, names_of, newest, numbers, segments, wrong_identity
from daemon.providers.tikhub_shop import START_DATE, in_month, shop_route
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_INSIGHTS = (
    Field("shop_revenue", "revenue", "revenue of LIVE and videos", decode=money),
    Field("shop_revenue_of_live", "live_revenue", "revenue of LIVE", decode=money),
    Field("shop_revenue_of_videos", "video_revenue", "revenue of videos", decode=money),
    Field("shop_base_revenue", "base_revenue", "revenue that commission is paid on", decode=money),
    Field("shop_commission_estimated", "commission_estimated", "commission, an estimate", decode=money),
    Field("shop_alc_base_revenue", "alc_base_revenue", "base revenue of the ALC model", decode=money),
    Field("shop_items_sold", "overall_item_sold_cnt", "items sold"),
    Field("shop_product_impressions", "product_show_cnt", "times a product was shown"),
    Field("shop_product_clicks", "product_click_cnt", "times a product was clicked"),
    Field("shop_alc_orders", "alc_pay_sku_order_cnt", "orders of the ALC model"),
)
_LIVE = (
    Field("shop_live_revenue", "live_revenue", "revenue of LIVE", decode=money),
    Field("shop_live_gpm", "live_show_gpm", "revenue per 1000 impressions of LIVE", decode=money),
    Field("shop_live_new_followers", "new_follower_cnt", "followers won on LIVE"),
    Field("shop_live_orders_paid", "sku_order_paid_cnt", "paid orders of LIVE"),
    Field("shop_live_items_sold", "item_sold_cnt", "items sold on LIVE"),
    Field("shop_live_product_views", "product_view", "times a product was seen on LIVE"),
    Field("shop_live_product_clicks", "product_click", "times a product was clicked on LIVE"),
    Field("shop_live_buyers", "live_pay_order_ucnt", "people who paid an order on LIVE"),
    Field("shop_live_click_ratio", "live_ctr", "product clicks a watch of LIVE", Unit.RATIO),
    Field("shop_live_conversion_ratio", "live_co", "orders a product click on LIVE", Unit.RATIO),
    Field("shop_live_likes", "live_like_cnt", "likes on LIVE"),
    Field("shop_live_comments", "live_comment_cnt", "comments on LIVE"),
    Field("shop_live_impressions", "live_show_cnt", "impressions of LIVE; the document calls them sessions"),
    Field("shop_live_watches", "live_watch_cnt", "times LIVE was watched"),
)
_VIDEOS = (
    Field("shop_video_views", "vv_cnt", "views of all videos"),
    Field("shop_video_new_followers", "new_follower_cnt", "followers won by videos"),
    Field("shop_videos_published", "video_cnt", "videos published"),
    Field("shop_video_gmv", "gmv", "value sold by videos", decode=money),
    Field("shop_video_items_sold", "items_sold", "items sold by videos"),
)
_MONTH = in_month()
_BOUND = Metric("shop_bound", Subject.ACCOUNT, Unit.STATE, "a shop is bound to the account")


def _until(name: str, subject: Subject) -> Metric:
    return Metric(name, subject, Unit.TIMESTAMP, "when the time ends that these numbers are about", ("period",))


def metrics(fields: Sequence[Field], subject: Subject, until: str, *labels: str) -> tuple[Metric, ...]:
    """Return what ``read_newest`` yields: the fields and the end of their time, in the metric ``until``."""
    return (*(field.metric(subject, "period", *labels) for field in fields), _until(until, subject))


def money_metrics(fields: Sequence[Field]) -> frozenset[str]:
    """Return the metrics of money; an answer without data keeps the currency of their last known numbers."""
    return names_of(field for field in fields if field.decode is money)


def read_newest(
    fields: Sequence[Field], until: str, pages: Sequence[object], asked: Asked, **labels: str
) -> Reading | Failure:
    """Return the numbers of the newest of the finest buckets; where it has none yet they are unknown."""
    data = first(pages)
    found = segments(data, "timed_stats")
    if isinstance(found, Failure):
        return found
    bucket = wrong_identity(found, asked) or newest(found, "timed_stats", asked.at)
    if isinstance(bucket, Failure):
        return bucket
    values = numbers(fields, bucket.stats, currency([bucket.stats], asked), period=bucket.period, **labels)
    values[until, (("period", bucket.period),)] = amount(bucket.end_s) if bucket.stats else None
    records = (Record(until.removesuffix("_until"), "newest", bucket.words()),) if bucket.stats else ()
    return Reading(values, records, payload=data)


def _read_insights(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    reading = read_newest(_INSIGHTS, "shop_insights_until", pages, asked)
    if isinstance(reading, Failure):
        return reading
    bound = truth(inner(reading.payload, "meta.is_bound_shop"))
    return replace(reading, values={**reading.values, (_BOUND.name, NO_LABELS): bound})


def _reader(fields: Sequence[Field], until: str) -> Read:
    def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
        return read_newest(fields, until, pages, asked)

    return read


def _summary(
    name: str,
    fields: Sequence[Field],
    until: str,
    *more: Metric,
    parameters: tuple[Parameter, ...] = (START_DATE,),
    body: Body = _MONTH,
    read: Read | None = None,
) -> Endpoint:
    route = shop_route(
        name,
        Subject.ACCOUNT,
        parameters,
        body,
        freshness="the newest day that is over, about a day behind; it may still be corrected",
        cadence=Every(timedelta(hours=24)),
        metrics=(*metrics(fields, Subject.ACCOUNT, until), *more),
        read=read or _reader(fields, until),
    )
    return replace(route, recalls=money_metrics(fields))


ACCOUNT_INSIGHTS = _summary(
    "get_account_insights_overview", _INSIGHTS, "shop_insights_until", _BOUND, read=_read_insights
)
LIVE_SUMMARY = _summary("get_live_analytics_summary", _LIVE, "shop_live_until")
VIDEO_SUMMARY = _summary("get_video_analytics_summary", _VIDEOS, "shop_video_until", parameters=(), body=nothing)
