"""What can be asked of the providers, and which numbers that yields. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.providers.endpoint import Endpoint
from daemon.providers.keyapi import KEYAPI_CANARY, VIDEO_ANALYTICS
from daemon.providers.tikhub_account import CREATOR_ACCOUNT
from daemon.providers.tikhub_creator import CREATOR_INFO
from daemon.providers.tikhub_diagnosis import AUTHOR_DIAGNOSIS
from daemon.providers.tikhub_douyin_analysis import ANALYSIS_OVERVIEW, INVOLVED_VERTICAL, ITEM_PERFORMANCE
from daemon.providers.tikhub_douyin_audience import AUDIENCE_OTHERS, AUDIENCE_PORTRAIT
from daemon.providers.tikhub_douyin_insights import DANMAKU, PLAY_SOURCE, SEARCH_KEYWORD, WATCH_TREND
from daemon.providers.tikhub_douyin_items import ITEM_EXPORT, ITEM_LIST, ITEM_OVERVIEW
from daemon.providers.tikhub_douyin_lives import LIVE_HISTORY
from daemon.providers.tikhub_fakeviews import FAKE_VIEWS
from daemon.providers.tikhub_health import ACCOUNT_HEALTH
from daemon.providers.tikhub_profiles import DOUYIN_IDS, DOUYIN_PROFILE, TIKTOK_PROFILE
from daemon.providers.tikhub_service import CANARY, USER_INFO
from daemon.providers.tikhub_shop_lists import PRODUCT_LIST, SHOWCASE, VIDEO_LIST
from daemon.providers.tikhub_shop_summaries import ACCOUNT_INSIGHTS, LIVE_SUMMARY, VIDEO_SUMMARY
from daemon.providers.tikhub_shop_videos import (
    RELATED_VIDEOS,
    VIDEO_AUDIENCE,
    VIDEO_DETAIL,
    VIDEO_PRODUCTS,
    VIDEO_SALES,
)
from daemon.providers.tikhub_video import COMMENT_KEYWORDS, VIDEO_METRICS
from daemon.providers.tikhub_violations import VIOLATION_LIST
from rules.cohorts import PUBLISHED_AT
from rules.values import Metric, Subject, Unit

__all__ = ["ENDPOINTS", "HEALTH", "METRICS", "RECORDS"]

_ALL = (
    # an account of a TikTok Shop creator
    ACCOUNT_HEALTH,
    VIOLATION_LIST,
    CREATOR_ACCOUNT,
    ACCOUNT_INSIGHTS,
    LIVE_SUMMARY,
    VIDEO_SUMMARY,
    VIDEO_LIST,
    PRODUCT_LIST,
    SHOWCASE,
    # its videos
    VIDEO_DETAIL,
    VIDEO_AUDIENCE,
    VIDEO_PRODUCTS,
    VIDEO_SALES,
    RELATED_VIDEOS,
    # any TikTok account and video
    CREATOR_INFO,
    TIKTOK_PROFILE,
    FAKE_VIEWS,
    VIDEO_METRICS,
    COMMENT_KEYWORDS,
    VIDEO_ANALYTICS,
    # a Douyin account
    AUTHOR_DIAGNOSIS,
    ITEM_LIST,
    ITEM_EXPORT,
    LIVE_HISTORY,
    INVOLVED_VERTICAL,
    ITEM_PERFORMANCE,
    ANALYSIS_OVERVIEW,
    DOUYIN_PROFILE,
    DOUYIN_IDS,
    # its videos
    ITEM_OVERVIEW,
    PLAY_SOURCE,
    WATCH_TREND,
    AUDIENCE_PORTRAIT,
    AUDIENCE_OTHERS,
    DANMAKU,
    SEARCH_KEYWORD,
    # the provider itself
    USER_INFO,
    CANARY,
    KEYAPI_CANARY,
)

ENDPOINTS: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in _ALL}
"""Every endpoint by its name."""

_PLACE = ("endpoint", "metric")


def _state(name: str, subject: Subject, meaning: str, *labels: str, repeated: bool = False) -> Metric:
    return Metric(name, subject, Unit.STATE, meaning, labels, history=False, repeated=repeated)


HEALTH = (
    _state("provider_up", Subject.PROVIDER, "the newest call of this provider was not its failure", repeated=True),
    _state("endpoint_up", Subject.PROVIDER, "as provider_up, of one endpoint", "endpoint", repeated=True),
    _state("key_accepted", Subject.PROVIDER, "it takes the key, and the balance is not used up", repeated=True),
    _state("population_odd", Subject.PROVIDER, "so many targets do the same that it is not believed", *_PLACE),
    _state("schema_odd", Subject.PROVIDER, "a number is gone or has another scale, and is not believed", *_PLACE),
    Metric("spent_usd", Subject.PROVIDER, Unit.COUNT, "USD spent in this UTC day, month", ("period",), history=False),
    Metric("budget_used", Subject.PROVIDER, Unit.RATIO, "share of the budget spent", ("period",), history=False),
    Metric(
        "balance_ends_at",
        Subject.PROVIDER,
        Unit.TIMESTAMP,
        "when the balance is nothing, at the pace of the past day or, if it is faster, of the past 7 days",
        history=False,
    ),
    _state("cookie_ok", Subject.COOKIE, "the cookie is accepted; unknown between a first refusal and the second look"),
    _state("cookie_suspect", Subject.COOKIE, "the cookie was refused once, and is looked at again"),
    _state("visible", Subject.ACCOUNT, "the platform shows the account", repeated=True),
    _state("video_visible", Subject.VIDEO, "the newest answers about the video were its numbers", repeated=True),
    _state("video_state", Subject.VIDEO, "public, private, removed or (first seen again) restored", "state"),
    Metric(PUBLISHED_AT, Subject.VIDEO, Unit.TIMESTAMP, "when the video was published", history=False),
    Metric("videos_firing", Subject.ACCOUNT, Unit.COUNT, "videos with an alert of the rule", ("rule",), history=False),
    Metric(
        "videos_level",
        Subject.ACCOUNT,
        Unit.COUNT,
        "level of the rule (1 is the lowest) that enough videos have to be told as one; 0: none",
        ("rule",),
        history=False,
    ),
    Metric("videos_watched", Subject.ACCOUNT, Unit.COUNT, "videos that the rule judges", ("rule",), history=False),
    _state("rule_healthy", Subject.DAEMON, "it was judged wherever it was due; 0: it broke, a bug of ours", "rule"),
    _state("channel_ok", Subject.DAEMON, "the newest attempt to send a message there succeeded", "channel"),
    _state("config_ok", Subject.DAEMON, "the newest configuration file is in force; 0: it was not taken up"),
    Metric("outbox_waiting", Subject.DAEMON, Unit.COUNT, "messages that wait to be delivered", history=False),
    Metric("outbox_dead", Subject.DAEMON, Unit.COUNT, "messages given up within a day", history=False),
    Metric("outbox_oldest_age_s", Subject.DAEMON, Unit.SECONDS, "how long the oldest message was to go", history=False),
    Metric("database_bytes", Subject.DAEMON, Unit.COUNT, "size of the database", history=False),
)
"""What the daemon itself writes about its polls, its targets and itself; no endpoint yields these."""

METRICS: Mapping[str, Metric] = {
    metric.name: metric for metrics in (HEALTH, *(endpoint.metrics for endpoint in _ALL)) for metric in metrics
}
"""Every metric by its name; a name belongs to exactly one endpoint, or to ``HEALTH``."""

RECORDS = frozenset(
    {
        "fake_analysis",
        "health",
        "live_room",
        "milestone",
        "shop_account",
        "shop_insights",
        "shop_live",
        "shop_product",
        "shop_video",
        "shop_video_detail",
        "showcase_product",
        "suspicious_feature",
        "video_product",
        "video_summary",
        "violation",
        # what the daemon itself says in words, of what ``HEALTH`` says in numbers
        "config",
        "cookie",
        "failure",
        "incident",
    }
)
"""Every kind of record that there may be of a target."""
