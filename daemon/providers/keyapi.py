"""KeyAPI: totals and increments of up to ten TikTok videos in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from daemon.cadence import ByAge, Every
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Request
from daemon.providers.payload import amount, ident, number, sequence, table
from rules.values import NO_LABELS, Metric, Subject, Unit

_NOT_COLLECTED = -99_999
"""Stands in the provider's own example where a total was not collected; documented nowhere."""


def _increment(value: object) -> float | None:
    """Return how much a total grew; it may shrink, so only the sentinel is unknown."""
    known = number(value)
    return None if known == _NOT_COLLECTED else known


_FIELDS: tuple[tuple[str, str, str, Callable[[object], float | None]], ...] = (
    ("views", "views", "total_views_cnt", amount),
    ("likes", "likes", "total_digg_cnt", amount),
    ("comments", "comments", "total_comments_cnt", amount),
    ("shares", "shares", "total_shares_cnt", amount),
    ("favorites", "times marked as favourite", "total_favorites_cnt", amount),
    ("views_1d", "growth of the views in 1 day", "total_views_1d_cnt", _increment),
    ("views_7d", "growth of the views in 7 days", "total_views_7d_cnt", _increment),
    ("views_30d", "growth of the views in 30 days", "total_views_30d_cnt", _increment),
    ("likes_1d", "growth of the likes in 1 day", "total_digg_1d_cnt", _increment),
    ("likes_7d", "growth of the likes in 7 days", "total_digg_7d_cnt", _increment),
    ("likes_30d", "growth of the likes in 30 days", "total_digg_30d_cnt", _increment),
    ("sales_estimated", "items sold, an estimate", "total_video_sale_cnt", amount),
    ("sales_value_estimated", "value sold, an estimate; currency undocumented", "total_video_sale_gmv_amt", amount),
)


_TOTALS = frozenset({"views", "likes", "comments", "shares", "favorites"})


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the row of the video asked for: rows may come in any order, and not for every id (provider document)."""
    if not pages or not all(isinstance(page, list) for page in pages):
        return Failure(Reason.BAD_PAYLOAD, "the answer is not a list of videos")
    rows = (table(row) for page in pages for row in sequence(page))
    row = next((row for row in rows if asked.video_id and ident(row.get("video_id")) == asked.video_id), None)
    if row is None:
        return Failure(Reason.EMPTY, "the provider has no row for this video yet")
    if "total_views_cnt" not in row:
        return Failure(Reason.BAD_PAYLOAD, "the video's row holds no view count")
    values = {(name, NO_LABELS): decode(row.get(field)) for name, _, field, decode in _FIELDS}
    return Reading(values, payload=row)


_PATH = "/v1/tiktok/video/detail/analytics"


def _ask(asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
    return Request("GET", _PATH, {"video_ids": ",".join(one.video_id for one in asked)})


VIDEO_ANALYTICS = Endpoint(
    name="video_detail_analytics",
    provider=Provider.KEYAPI,
    platform=Platform.TIKTOK,
    subject=Subject.VIDEO,
    method="GET",
    path=_PATH,
    parameters=(Parameter("video_ids", "up to ten video ids, separated by commas"),),
    needs=frozenset({Need.VIDEO_ID}),
    # The document says one credit a call, whatever the number of ids. A credit's price is ours to assume.
    cost_usd=Decimal("0.001"),
    freshness="an offline store that is about a day behind",
    cadence=ByAge(),
    metrics=tuple(
        Metric(name, Subject.VIDEO, Unit.COUNT, meaning, total=name in _TOTALS) for name, meaning, _, _ in _FIELDS
    ),
    ask=_ask,
    read=read,
    batch=10,
    tells_absence=False,
)


# --- the canary ------------------------------------------------------------------------------------------------------

_CANARY_VIEWS = "keyapi_canary_views"


def read_canary(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return whether the row of a video that is known to stay can be read, and its views have not fallen."""
    if not pages or not isinstance(pages[0], list):
        return Failure(Reason.BAD_PAYLOAD, "the answer is not a list of videos")
    wanted = asked.options.get("canary")
    row = next((row for row in map(table, pages[0]) if ident(row.get("video_id")) == wanted), {})
    views = amount(row.get("total_views_cnt"))
    fine = views is not None and views >= (asked.last.get((_CANARY_VIEWS, NO_LABELS)) or 1.0)
    return Reading({("keyapi_canary_ok", NO_LABELS): float(fine), (_CANARY_VIEWS, NO_LABELS): views}, payload=row)


def _ask_canary(asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
    return Request("GET", _PATH, {"video_ids": asked[0].options.get("canary", "")})


KEYAPI_CANARY = replace(
    VIDEO_ANALYTICS,
    name="keyapi_canary",
    platform=None,
    subject=Subject.PROVIDER,
    needs=frozenset({Need.CANARY}),
    cadence=Every(timedelta(hours=6)),
    metrics=(
        Metric("keyapi_canary_ok", Subject.PROVIDER, Unit.STATE, "the row of a known video is there and plausible"),
        Metric(_CANARY_VIEWS, Subject.PROVIDER, Unit.COUNT, "its views", total=True),
    ),
    ask=_ask_canary,
    read=read_canary,
    recalls=frozenset({_CANARY_VIEWS}),
    batch=1,
    vital=True,
)
