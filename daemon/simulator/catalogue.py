"""Every route, with the parameters and prices of the provider documents."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from daemon.simulator import douyin, public, shop
from daemon.simulator.query import Query
from daemon.simulator.routes import BASE_USD, Answer, Route
from daemon.simulator.speech import KeyApi, KeyOfTikHub, Parameters

_DAY = r"\d{4}-\d\d-\d\d"
_COMPACT_DAY = r"\d{8}"
_AMERICAN_DAY = r"\d\d-\d\d-\d{4}"
_MS = r"\d{13}"
_COUNT = r"\d+"

_MONTH: Mapping[str, str] = {"start_date": _AMERICAN_DAY}
_APRIL: Parameters = {"start_date": "04-01-2025"}
"""What the provider takes where a call names no date."""


def _open(name: str, named: str, answer: Answer, main: str, cost_usd: Decimal = BASE_USD, **defaults: str) -> Route:
    """A route of TikTok-Analytics: GET, about the one that a parameter names."""
    path = f"/api/v1/tiktok/analytics/{name}"
    return Route("GET", path, answer, (named,), defaults=defaults, main=main, cost_usd=cost_usd)


def _shop(name: str, answer: Answer, main: str, shapes: Mapping[str, str], *named: str, **defaults: str) -> Route:
    """A route of TikTok-Creator: POST, with the cookie."""
    path, known = f"/api/v1/tiktok/creator/{name}", {"proxy": "", **(_APRIL if shapes is _MONTH else {}), **defaults}
    return Route("POST", path, answer, named, cookie=True, shapes=shapes, defaults=known, main=main)


def _douyin(name: str, answer: Answer, main: str, shapes: Mapping[str, str], *named: str, **defaults: str) -> Route:
    """A route of Douyin-Creator-V2: POST, with the cookie."""
    header = douyin.EXPORT_HEADER if name.endswith("_download") else ()
    path = f"/api/v1/douyin/creator_v2/{name}"
    return Route("POST", path, answer, named, cookie=True, shapes=shapes, defaults=defaults, main=main, header=header)


def _health(query: Query) -> object:
    return query.world.health(query.subject, query.at)


def _violations(query: Query) -> object:
    return query.world.violations(query.subject, int(query.params["page"]), query.at)


def _diagnosis(query: Query) -> object:
    return query.world.diagnosis(query.subject, query.at)


def _creator(query: Query) -> object:
    return query.world.creator(query.subject, query.at)


def _fake_views(query: Query) -> object:
    return query.world.fake_views(query.subject, query.params["content_category"], query.at)


def _videos(query: Query) -> object:
    return query.world.videos(query.who, query.at)


_ANALYTICS = (
    _open("fetch_creator_info_and_milestones", "user_id", _creator, "follower_count"),
    _open("detect_fake_views", "item_id", _fake_views, "fake_score", Decimal("0.01"), content_category="default"),
    _open("fetch_video_metrics", "item_id", public.show_totals, "value"),
    _open("fetch_comment_keywords", "item_id", public.show_comments, "comments"),
)
_LISTED = {"page": _COUNT}
_OF_PRODUCT = {"start_date": _AMERICAN_DAY, "product_id": _COUNT}
_SHOP = (
    _shop("get_account_health_status", _health, "violation_score", {}),
    _shop("get_account_violation_list", _violations, "total", {"page": r"[1-9]\d*"}, page="1"),
    _shop("get_creator_account_info", shop.show_account, "user_type", {}),
    _shop("get_account_insights_overview", shop.show_insights, "product_show_cnt", _MONTH),
    _shop("get_live_analytics_summary", shop.show_live, "live_watch_cnt", _MONTH),
    _shop("get_video_analytics_summary", shop.show_videos, "vv_cnt", {}),
    _shop(
        "get_video_list_analytics",
        shop.list_videos,
        "completion_rate",
        {**_MONTH, **_LISTED},
        **_APRIL,
        page="0",
        rules="VIDEO_LIST_PUBLISH_TIME",
    ),
    _shop(
        "get_product_analytics_list",
        shop.list_products,
        "item_sold_cnt",
        {"start_date": _DAY, "end_date": _DAY, **_LISTED},
        start_date="2025-04-01",
        end_date="2025-05-01",
        page="0",
    ),
    _shop(
        "get_showcase_product_list",
        shop.list_showcase,
        "commission_rate",
        {"count": _COUNT, "offset": _COUNT},
        count="20",
        offset="0",
    ),
    _shop("get_video_detailed_stats", shop.show_detail, "video_completion_rate", _MONTH, "item_id"),
    _shop("get_video_audience_stats", shop.show_audience, "value", _MONTH, "item_id"),
    _shop("get_video_associated_product_list", shop.show_products, "price_min", _MONTH, "item_ids"),
    _shop("get_video_to_product_stats", shop.show_sales, "product_view_cnt", _OF_PRODUCT, "item_id", **_APRIL),
    _shop("get_product_related_videos", shop.list_related, "video_like_cnt", _OF_PRODUCT, "item_id", **_APRIL),
)

_RANGE = {"start_date": _COMPACT_DAY, "end_date": _COMPACT_DAY}
_FIELDS = {**_RANGE, "primary_verticals": r"\[.+\]"}
_GENRES = "[1, 2, 3, 4, 5, 8]"
_DOUYIN = (
    _douyin("fetch_author_diagnosis", _diagnosis, "AuthorRank", {}),
    _douyin("fetch_item_analysis_involved_vertical", douyin.show_verticals, "primary_verticals", _RANGE),
    _douyin(
        "fetch_item_analysis_item_performance", douyin.show_undocumented, "", _FIELDS, genres=_GENRES, metric_type="1"
    ),
    _douyin("fetch_item_analysis_overview", douyin.show_undocumented, "", _FIELDS, genres=_GENRES),
    _douyin(
        "fetch_item_list",
        douyin.list_items,
        "play_count",
        {"start_time": _MS, "end_time": _MS, "count": _COUNT, "cursor": r"\d*"},
        count="10",
        order_by="1",
        fields="metrics,review,visibility",
        need_cooperation="True",
        need_long_article="True",
        cursor="",
    ),
    _douyin(
        "fetch_item_list_download",
        douyin.export_items,
        "播放量",
        {"min_cursor": _MS, "max_cursor": _MS},
        type_filters=_GENRES,
        need_long_article="True",
    ),
    _douyin(
        "fetch_item_overview_data",
        douyin.show_items,
        "play_count",
        {},
        "ids",
        fields="metrics,review,play_info,dou_plus,integrated_incentive,incentive_life,content_analysis",
    ),
    _douyin("fetch_item_audience_portrait", douyin.show_portrait, "value", {}, "item_id"),
    _douyin("fetch_item_audience_others", douyin.show_others, "value", {}, "item_id"),
    _douyin("fetch_item_danmaku_analysis", douyin.show_danmaku, "total_count", {}, "item_id"),
    _douyin("fetch_item_play_source", douyin.show_sources, "value", {}, "item_id"),
    _douyin("fetch_item_search_keyword", douyin.show_keywords, "percentage", {}, "item_id"),
    _douyin(
        "fetch_item_watch_trend", douyin.show_trend, "value", {"analysis_type": r"[127]"}, "item_id", analysis_type="1"
    ),
    _douyin(
        "fetch_live_room_history_list",
        douyin.list_lives,
        "watchCnt",
        {"start_date": _DAY, "end_date": _DAY, "limit": _COUNT},
        limit="400",
        need_living="1",
        download="0",
    ),
)

_BESIDE = (
    Route(
        "GET",
        "/v1/tiktok/video/detail/analytics",
        _videos,
        ("video_ids",),
        main="total_views_cnt",
        name="video_detail_analytics",
        speech=KeyApi(),
    ),
    Route(
        "GET",
        "/api/v1/tiktok/app/v3/handler_user_profile",
        public.show_tiktok_profile,
        ("sec_user_id", "user_id", "unique_id"),
        main="follower_count",
        name="tiktok_handler_user_profile",
    ),
    Route(
        "GET",
        "/api/v1/douyin/web/handler_user_profile",
        public.show_douyin_profile,
        ("sec_user_id",),
        main="follower_count",
        name="douyin_handler_user_profile",
    ),
    Route(
        "GET",
        "/api/v1/douyin/web/handler_user_profile_v2",
        public.show_douyin_profile,
        ("unique_id",),
        main="follower_count",
        name="douyin_handler_user_profile_v2",
    ),
    Route(
        "GET",
        "/api/v1/demo/tiktok/web/fetch_user_profile",
        public.show_demo,
        main="followerCount",
        cost_usd=Decimal(),
        name="canary",
    ),
    Route(
        "GET",
        "/api/v1/tikhub/user/get_user_info",
        public.show_key,
        main="balance",
        speech=KeyOfTikHub(),
    ),
)

ROUTES: Mapping[str, Route] = {route.path: route for route in (*_ANALYTICS, *_SHOP, *_DOUYIN, *_BESIDE)}
"""Every route by its path; any other path is a 404."""
