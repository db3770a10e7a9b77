"""TikHub, TikTok-Analytics API: the provider's verdict on bought views of one video, with the numbers it judged by.

The numbers judged are kept apart from those of other sources (``judged_``): two sources in one series make jumps. In
the provider's own example views, fake views and organic views do not add up, so none is derived from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from daemon.cadence import AtAges
from daemon.providers.answer import Asked, Failure, Reading, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Request
from daemon.providers.payload import amount, digest, inner, number, percent, sequence, table, text, truth, within
from daemon.providers.tikhub import first, lacks
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

COMPONENTS = (
    "engagement",
    "distribution",
    "consistency",
    "creator_credibility",
    "content_authenticity",
    "follower_correlation",
    "racing_mechanism",
    "fan_growth",
)


def _score(value: object) -> float | None:
    return within(value, 0, 100)


def _age_s(days: object) -> float | None:
    known = within(days, 0, 36_525)
    return None if known is None else known * 86_400


_Field = tuple[str, Unit, str, str, Callable[[object], float | None]]
_FIELDS: tuple[_Field, ...] = (
    ("fake_score", Unit.SCORE, "bought views, 0-100, lower is better", "fake_view_analysis.fake_score", _score),
    (
        "fake_view_ratio",
        Unit.RATIO,
        "bought views of all views; never below 0.05 in the examples",
        "fake_view_analysis.fake_view_percentage",
        percent,
    ),
    (
        "fake_views_estimated",
        Unit.COUNT,
        "bought views, an estimate",
        "fake_view_analysis.estimated_fake_views",
        amount,
    ),
    ("fake_suspicious", Unit.STATE, "the provider calls it suspicious", "fake_view_analysis.is_suspicious", truth),
    ("judged_views", Unit.COUNT, "views judged", "video_metrics.total_views", amount),
    ("judged_likes", Unit.COUNT, "likes judged", "video_metrics.total_likes", amount),
    ("judged_comments", Unit.COUNT, "comments judged", "video_metrics.total_comments", amount),
    ("judged_favorites", Unit.COUNT, "favourites judged", "video_metrics.total_favorites", amount),
    ("judged_shares", Unit.COUNT, "shares judged", "video_metrics.total_shares", amount),
    ("judged_like_ratio", Unit.RATIO, "likes a view", "video_metrics.engagement_rates.like_ratio", amount),
    ("judged_comment_ratio", Unit.RATIO, "comments a view", "video_metrics.engagement_rates.comment_ratio", amount),
    (
        "judged_favorite_ratio",
        Unit.RATIO,
        "favourites a view",
        "video_metrics.engagement_rates.favorite_ratio",
        amount,
    ),
    ("judged_share_ratio", Unit.RATIO, "shares a view", "video_metrics.engagement_rates.share_ratio", amount),
    ("traffic_pool_tier", Unit.COUNT, "traffic pool of the views, 1-8", "traffic_pool.current_tier", amount),
    ("traffic_pool_expected_tier", Unit.COUNT, "pool of the organic views", "traffic_pool.expected_tier", amount),
    (
        "organic_views_estimated",
        Unit.COUNT,
        "organic views, an estimate of its own",
        "traffic_pool.estimated_organic_views",
        amount,
    ),
    ("creator_trust_score", Unit.SCORE, "trust in the account, 0-100", "creator_metrics.trust_score", _score),
    ("creator_age_s", Unit.SECONDS, "age of the account", "creator_metrics.account_age_days", _age_s),
    ("judged_creator_followers", Unit.COUNT, "followers judged", "creator_metrics.follower_count", amount),
)
_COMPONENT = Metric(
    "fake_component", Subject.VIDEO, Unit.SCORE, "anomaly of one dimension, 0-100, lower is better", ("component",)
)
_TOTALS = frozenset({"judged_views", "judged_likes", "judged_comments", "judged_favorites", "judged_shares"})
_METRICS = (
    *(Metric(name, Subject.VIDEO, unit, meaning, total=name in _TOTALS) for name, unit, meaning, _, _ in _FIELDS),
    _COMPONENT,
)


_DECODERS = tuple(((name, NO_LABELS), path, decode) for name, _, _, path, decode in _FIELDS)


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return the verdict; only ``fake_score`` must be there, what else is missing is unknown."""
    data = first(pages)
    analysis = table(data.get("fake_view_analysis"))
    if number(analysis.get("fake_score")) is None:
        return lacks("fake score")
    values: dict[SeriesKey, float | None] = {series: decode(inner(data, path)) for series, path, decode in _DECODERS}
    values |= _components(table(analysis.get("component_scores")))
    return Reading(values, tuple(_records(data, analysis)), payload=data)


_SCORE_KEYS: Mapping[str, SeriesKey] = {
    f"{name}_score": ("fake_component", (("component", name),)) for name in COMPONENTS
}


def _components(scores: Mapping[str, object]) -> dict[SeriesKey, float | None]:
    undocumented: Mapping[str, SeriesKey] = {
        key: ("fake_component", (("component", key.removesuffix("_score")),))
        for key in sorted(scores.keys() - _SCORE_KEYS.keys())
    }
    return {series: _score(scores.get(key)) for key, series in (*_SCORE_KEYS.items(), *undocumented.items())}


def _records(data: Mapping[str, object], analysis: Mapping[str, object]) -> Iterator[Record]:
    for feature in filter(None, map(text, sequence(data.get("suspicious_features")))):
        yield Record("suspicious_feature", digest(feature), {"text": feature})
    words = {name: text(analysis.get(name)) for name in ("confidence_level", "main_detection_reason")}
    yield Record("fake_analysis", "analysis", words)


_PATH = "/api/v1/tiktok/analytics/detect_fake_views"


def _ask(asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
    category = asked[0].options.get("content_category", "default")
    return Request("GET", _PATH, {"item_id": asked[0].video_id, "content_category": category})


FAKE_VIEWS = Endpoint(
    name="detect_fake_views",
    provider=Provider.TIKHUB,
    platform=Platform.TIKTOK,
    subject=Subject.VIDEO,
    method="GET",
    path=_PATH,
    parameters=(
        Parameter("item_id", "the video's id"),
        Parameter(
            "content_category",
            "what engagement is normal: default, entertainment, education, product or verified_large",
            required=False,
        ),
    ),
    needs=frozenset({Need.VIDEO_ID}),
    cost_usd=Decimal("0.01"),
    freshness="judged when asked",
    cadence=AtAges((timedelta(hours=24), timedelta(hours=72), timedelta(days=7)), again=timedelta(hours=6)),
    metrics=_METRICS,
    ask=_ask,
    read=read,
)
