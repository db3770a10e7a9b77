"""TikHub, TikTok-Analytics API: the totals of one video, and the keywords of its comments. Needs no cookie.

The daily arrays beside the totals cover the 14 days after publication; whether they are increments is documented
nowhere, so they are kept and no number is made of them. Of comments only their number is kept: they are other people's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from daemon.cadence import AtAges, Cadence
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Read, Request
from daemon.providers.payload import amount, ident, number, table, tally, text
from daemon.providers.tikhub import BASE_USD, another, first, lacks
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_TOTALS = {
    "tiktok_video_views": ("video_views", "views"),
    "tiktok_video_likes": ("likes", "likes"),
    "tiktok_video_comments": ("comments", "comments"),
    "tiktok_video_favorites": ("favorites", "times marked as favourite"),
}
_KEYWORDS = Metric("comment_keywords", Subject.VIDEO, Unit.COUNT, "keywords found in the comments")
_KEYWORD = Metric(
    "comment_keyword_comments", Subject.VIDEO, Unit.COUNT, "comments given as examples of this keyword", ("keyword",)
)


def read_totals(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the four totals; at least one must be there, what else is missing is unknown."""
    data = first(pages)
    if ident(data.get("item_id")) not in ("", asked.video_id):
        return another("video")
    totals = {name: table(data.get(key)).get("value") for name, (key, _) in _TOTALS.items()}
    if all(number(value) is None for value in totals.values()):
        return Failure(Reason.BAD_PAYLOAD, "the answer holds none of the video's totals")
    values = {(name, NO_LABELS): amount(value) for name, value in totals.items()}
    summary = table(data.get("video_summary"))
    words = {word: text(summary.get(word)) for word in ("title", "content")}
    return Reading(values, (Record("video_summary", "summary", words),) if summary else (), payload=data)


def read_keywords(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return how many keywords there are, and how many comments come with each; nothing of the comments themselves."""
    data = first(pages)
    if ident(data.get("item_id")) not in ("", asked.video_id):
        return another("video")
    rows = data.get("key_words")
    if not isinstance(rows, list):
        return lacks("list of keywords")
    counts = _counts([table(row) for row in rows])
    size = tally(counts)
    counts.pop("", None)
    values: dict[SeriesKey, float | None] = {(_KEYWORDS.name, NO_LABELS): size}
    values |= {(_KEYWORD.name, (("keyword", keyword),)): count for keyword, count in counts.items()}
    return Reading(values, payload={"item_id": asked.video_id, "key_words": counts})


def _counts(rows: Sequence[Mapping[str, object]]) -> dict[str, float | None]:
    counts: dict[str, float | None] = {}
    for row in rows:
        comments = row.get("comments")
        counts.setdefault(text(row.get("key_word")), float(len(comments)) if isinstance(comments, list) else None)
    return counts


_ROOT = "/api/v1/tiktok/analytics/"


def _endpoint(name: str, metrics: tuple[Metric, ...], freshness: str, cadence: Cadence, read: Read) -> Endpoint:
    def ask(asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
        return Request("GET", _ROOT + name, {"item_id": asked[0].video_id})

    return Endpoint(
        name=name,
        provider=Provider.TIKHUB,
        platform=Platform.TIKTOK,
        subject=Subject.VIDEO,
        method="GET",
        path=_ROOT + name,
        parameters=(Parameter("item_id", "the video's id"),),
        needs=frozenset({Need.VIDEO_ID}),
        cost_usd=BASE_USD,
        freshness=freshness,
        cadence=cadence,
        metrics=metrics,
        ask=ask,
        read=read,
        tells_absence=False,
    )


_DAY = timedelta(days=1)

VIDEO_METRICS = _endpoint(
    "fetch_video_metrics",
    tuple(Metric(name, Subject.VIDEO, Unit.COUNT, meaning, total=True) for name, (_, meaning) in _TOTALS.items()),
    "current; daily arrays of the 14 days after publication are kept",
    AtAges(tuple(day * _DAY for day in range(1, 15))),
    read_totals,
)
COMMENT_KEYWORDS = _endpoint(
    "fetch_comment_keywords", (_KEYWORDS, _KEYWORD), "not stated", AtAges((2 * _DAY, 7 * _DAY)), read_keywords
)
