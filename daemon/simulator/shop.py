"""TikTok-Creator API: what a shop creator's account, its videos and its products show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from daemon.simulator.bodies import Body
from daemon.simulator.library import Clip
from daemon.simulator.query import Query, read_month
from daemon.simulator.segments import Style, market_midnight, show_days, show_page, show_range

VIDEOS_A_PAGE, PRODUCTS_A_PAGE = 10, 25

_PRICE_USD = 12.5
_CLICKED, _BOUGHT, _COMMISSION = 0.012, 0.03, 0.12  # clicks a view, items a click, share of the price
_NEVER_LIVE = 0.2
_IMAGE: Body = {"thumb_url_list": ["https://example.invalid/t.jpg"]}
_PLAY: Body = {
    "post_url": "https://example.invalid/c.jpg",
    "video_infos": [{"main_url": "https://example.invalid/v.mp4"}],
}


# --- the account -----------------------------------------------------------------------------------------------------


def show_account(query: Query) -> Body:
    """``get_creator_account_info``: the shop's own id of the account, and its uid on the platform."""
    person = query.world.person(query.subject)
    return {
        "user_id": _shop_id(query),
        "user_type": 1,
        "register_region_id": "us",
        "user_name": person.handle,
        "avatar": {"uri": "tos-x/avatar", "url_list": ["https://example.invalid/avatar.webp"]},
        "permission_list": [1, 2],
        "partner_id": "",
        "partner_name": "",
        "shop_account_official": False,
        "switch_info": "",
        "tt_uid": person.uid,
        "nick_name": person.handle.title(),
        "live_streamer_menu_experiment": "",
        "experiment_variants": {},
    }


def show_insights(query: Query) -> Body:
    """``get_account_insights_overview``: what was sold; LIVE sells nothing here (observed)."""

    def numbers(start: datetime, end: datetime, style: Style) -> Body:
        views, sold = _views(query, start, end), _sold(query, start, end)
        revenue = style.money(sold * _PRICE_USD)
        return {
            "live_revenue": style.money(0),
            "video_revenue": revenue,
            "revenue": revenue,
            "base_revenue": revenue,
            "commission_estimated": style.money(sold * _PRICE_USD * _COMMISSION),
            "alc_base_revenue": style.money(0),
            "overall_item_sold_cnt": sold,
            "product_show_cnt": views // 4,
            "product_click_cnt": int(views * _CLICKED),
            "alc_pay_sku_order_cnt": 0,
        }

    return {"segments": show_days(query, numbers, {}), "meta": {"is_bound_shop": True}}


def show_live(query: Query) -> Body:
    """``get_live_analytics_summary``; one account in five never was LIVE and has no segment."""

    def numbers(start: datetime, end: datetime, style: Style) -> Body:
        watches = _views(query, start, end) // 10
        clicks = watches // 8
        orders = clicks // 20
        return {
            "live_revenue": style.money(orders * _PRICE_USD),
            "live_show_gpm": style.money(1000 * orders * _PRICE_USD / max(1, 6 * watches)),
            "new_follower_cnt": watches // 60,
            "sku_order_paid_cnt": orders,
            "item_sold_cnt": orders,
            "product_view": 2 * clicks,
            "product_click": clicks,
            "live_pay_order_ucnt": orders,
            "live_ctr": style.rate(clicks / max(1, watches)),
            "live_co": style.rate(orders / max(1, clicks)),
            "live_like_cnt": watches // 3,
            "live_comment_cnt": watches // 25,
            "live_show_cnt": 6 * watches,
            "live_watch_cnt": watches,
        }

    if query.between(0, 1, "live") < _NEVER_LIVE:
        return {"segments": []}
    return {"segments": show_days(query, numbers, {"creator_id": _shop_id(query)})}


def show_videos(query: Query) -> Body:
    """``get_video_analytics_summary``: all videos together, by day of this month."""

    def numbers(start: datetime, end: datetime, style: Style) -> Body:
        sold = _sold(query, start, end)
        return {
            "vv_cnt": _views(query, start, end),
            "new_follower_cnt": query.world.followers(query.subject, end) - query.world.followers(query.subject, start),
            "video_cnt": len(query.world.library(query.subject, start, end)),
            "gmv": style.money(sold * _PRICE_USD),
            "items_sold": sold,
        }

    return {"segments": show_days(query, numbers, {"creator_id": _shop_id(query)}, flat=False)}


# --- its lists -------------------------------------------------------------------------------------------------------


def list_videos(query: Query) -> Body:
    """``get_video_list_analytics``: the videos that were published in a month and are public, the newest first."""
    first, after = read_month(query.params["start_date"])
    span = market_midnight(first), market_midnight(after)
    clips = query.world.library(query.subject, span[0], min(span[1] - timedelta(seconds=1), query.at))
    public = [clip for clip in clips if query.world.shows(clip.video_id, to_owner=False)]
    rows = [_listed(query, clip) for clip in public]
    return {"segments": show_page(query, rows, VIDEOS_A_PAGE, span, _shop_id(query))}


def _listed(query: Query, clip: Clip) -> Body:
    style = Style(query.world.is_literal(query.subject))
    views = query.world.counts(clip.video_id, query.at, query.subject)["views"]
    sold = int(views * _CLICKED * _BOUGHT)
    return {
        "video_meta": {**_meta(query, clip.video_id), "publish_time": int(clip.published.timestamp())},
        "new_follower_cnt": views // 900,
        "vv_cnt": views,
        "ctr": style.rate(_CLICKED),
        "gmv": style.money(sold * _PRICE_USD),
        "item_sold_cnt": sold,
        "direct_gmv": style.money(sold * _PRICE_USD),
        "completion_rate": style.rate(_completion(query, clip.video_id)),
    }


def list_products(query: Query) -> Body:
    """``get_product_analytics_list``: what every product sold from ``start_date`` to ``end_date``."""
    start, end = (market_midnight(date.fromisoformat(query.params[name])) for name in ("start_date", "end_date"))
    style, products = Style(query.world.is_literal(query.subject)), _products(query)
    sold = _sold(query, start, min(end, query.at)) // len(products)
    rows: list[Body] = [
        {
            "product": {"id": one, "name": f"Product {number}", "cover_image": _IMAGE},
            "item_sold_cnt": sold,
            "revenue": style.money(sold * _PRICE_USD),
            "commission": style.money(sold * _PRICE_USD * _COMMISSION),
        }
        for number, one in enumerate(products)
    ]
    return {"segments": show_page(query, rows, PRODUCTS_A_PAGE, (start, end), _shop_id(query))}


def list_showcase(query: Query) -> Body:
    """``get_showcase_product_list``: ``count`` products from ``offset`` on."""
    offset, count = int(query.params["offset"]), int(query.params["count"])
    return {"products": [_shown(query, one) for one in _products(query)[offset : offset + count]]}


def _shown(query: Query, product: str) -> Body:
    return {
        "product_id": product,
        "title": f"Product {product[-4:]}",
        "format_available_price": f"${_PRICE_USD:.2f}",
        "seller_info": {"seller_id": query.world.nature.digits("seller", product), "shop_name": "a simulated shop"},
        "cover": {"url_list": ["https://example.invalid/cover.jpg"]},
        "images": [],
        "source": "Affiliate",
        "stock_status": 1,
        "review_status": 1,
        "affiliate_info": {
            "commission_with_currency": f"${_PRICE_USD * _COMMISSION:.2f}",
            "commission_rate": int(10_000 * _COMMISSION),
        },
        "category_info": {"name": "Beauty & Personal Care"},
    }


# --- one video -------------------------------------------------------------------------------------------------------


def show_detail(query: Query) -> Body:
    """``get_video_detailed_stats``: the video's days."""

    def numbers(start: datetime, end: datetime, style: Style) -> Body:  # noqa: ARG001 - Numbers
        before, after = (query.world.counts(query.subject, at, query.account) for at in (start, end))
        gained = {kind: after[kind] - before[kind] for kind in after}
        return {
            "creator_id": _shop_id(query),
            "item_id": query.subject,
            "new_follower_cnt": gained["views"] // 900,
            "share_cnt": gained["shares"],
            "comment_cnt": gained["comments"],
            "like_cnt": gained["likes"],
            "product_view_cnt": gained["views"] // 4,
            "video_completion_rate": f"{_completion(query, query.subject):.4f}",
        }

    return {"segments": show_days(query, numbers, _about_video(query), flat=False)}


def show_audience(query: Query) -> Body:
    """``get_video_audience_stats``: shares are strings (documented)."""
    female, young = query.between(0.3, 0.7, "female"), query.between(0.2, 0.6, "young")
    stats: Body = {
        "follower_genders": _shares(female=female, male=1 - female),
        "follower_ages": _shares(**{"18-24": young, "25-34": 1 - young}),
        "follower_regions": _shares(US=1.0),
        "profile_type": 2,
    }
    return {"segments": [show_range(query, "timed_profile", [stats], _about_video(query))]}


def _shares(**groups: float) -> list[Body]:
    return [{"key": key, "value": f"{value:.2f}"} for key, value in groups.items()]


def show_products(query: Query) -> Body:
    """``get_video_associated_product_list``: the map is a list, a map by video id or, of one video, an object."""
    shown = [video for video in query.who if query.world.shows(video, to_owner=True)]
    entries = {video: {"item_id": video, "products": _attached(query, video)} for video in shown}
    forms: list[object] = [[*entries.values()], entries, *(entries.values() if len(shown) == 1 else ())]
    one = forms[int(query.between(0, len(forms), "form"))]
    segment = show_range(query, "timed_lists", (), {"item_ids": list(query.who)})
    return {"segments": [segment | {"timed_lists": [{"videoToProductsMap": one}]}]}


def _attached(query: Query, video: str) -> list[Body]:
    product = query.world.nature.digits("attached", video)
    return [
        {
            "id": product,
            "name": f"Product {product[-4:]}",
            "cover_image": _IMAGE,
            "product_detail_page_url": "https://example.invalid/p",
            "price_min": f"{_PRICE_USD:.2f}",
            "price_max": f"{1.5 * _PRICE_USD:.2f}",
            "stats": {"product": {"id": product}},
        }
    ]


def show_sales(query: Query) -> Body:
    """``get_video_to_product_stats``: what one video sold of one product."""
    views = query.world.counts(query.subject, query.at, query.account)["views"]
    clicks = int(views * _CLICKED)
    sold = int(clicks * _BOUGHT)
    amount = {"amount_formatted": f"${sold * _PRICE_USD:,.2f}", "amount": sold * _PRICE_USD}
    stats: Body = {
        "item_id": query.subject,
        "product_id": query.params["product_id"],
        "product_revenue": amount,
        "direct_revenue": {"amount_formatted": amount["amount_formatted"]},
        "product_sales_cnt": sold,
        "product_view_cnt": views // 4,
        "product_click_cnt": clicks,
        "order_cnt": sold,
    }
    return {"segments": [show_range(query, "timed_stats", [stats], _about_product(query))]}


def list_related(query: Query) -> Body:
    """``get_product_related_videos``: other creators' videos; ``stats`` is a list, or an object a bucket, by turns."""
    others = [query.world.nature.digits("related", query.params["product_id"], number) for number in range(3)]
    rows = [_related(query, other) for other in others]
    buckets: Sequence[object] = [rows] if query.world.is_literal(query.subject) else rows
    return {"segments": [show_range(query, "timed_lists", buckets, _about_product(query))]}


def _related(query: Query, video: str) -> Body:
    counts = query.world.counts(video, query.at)
    return {
        "video_product_id": query.params["product_id"],
        "video": {**_meta(query, video), "video_id": f"v{video[-11:]}", "publish_time": int(query.at.timestamp())},
        "video_like_cnt": counts["likes"],
        "video_comment_cnt": counts["comments"],
        "video_share_cnt": counts["shares"],
    }


# --- what they have in common ----------------------------------------------------------------------------------------


def _shop_id(query: Query) -> str:
    return query.world.nature.digits("shop", query.account)


def _products(query: Query) -> list[str]:
    count = int(query.between(5, 40, "products"))
    return [query.world.nature.digits("product", query.subject, number) for number in range(count)]


def _views(query: Query, start: datetime, end: datetime) -> int:
    return query.world.views(query.subject, end) - query.world.views(query.subject, start)


def _sold(query: Query, start: datetime, end: datetime) -> int:
    return max(0, int(_views(query, start, end) * _CLICKED * _BOUGHT))


def _completion(query: Query, video: str) -> float:
    return query.world.nature.between(0.1, 0.4, "completion", video)


def _meta(query: Query, video: str) -> Body:
    return {
        "item_id": video,
        "name": "a simulated video",
        "duration": int(query.world.nature.between(10, 60, "duration", video)),
        "video_play_info": _PLAY,
    }


def _about_video(query: Query) -> Body:
    return {"creator_id": _shop_id(query), "item_id": query.subject}


def _about_product(query: Query) -> Body:
    return {**_about_video(query), "product_id": query.params["product_id"]}
