"""TikHub, Douyin-Creator-V2 API: the videos of a Douyin account, as a list and as a file, and the overview of one.

Rates, cover clicks and followers won are documented as orders of the list only, not as fields, so they are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import ByAge, ByNewest
from daemon.providers.answer import Asked, Failure, Found, Reading, Reason, Videos
from daemon.providers.endpoint import Form, Page, Parameter
from daemon.providers.payload import amount, by_id, flag, ident, inner, number, sequence, table, tally, truth
from daemon.providers.tikhub import MOST_TOGETHER, first, lacks, whole
from daemon.providers.tikhub_douyin import NOON, Column, creator_route, metrics_of, milliseconds, tabulate
from rules.values import NO_LABELS, Metric, Subject, Unit

_LISTED = timedelta(days=30)
_MOST = 100
_NEWEST_FIRST = 1
_GENRES = (1, 2, 3, 4, 5, 8)


def _total(name: str, meaning: str) -> Metric:
    return Metric(name, Subject.VIDEO, Unit.COUNT, meaning, total=True)


_COLUMNS = (
    Column(_total("douyin_plays", "plays"), "metrics.play_count", amount),
    Column(_total("douyin_likes", "likes"), "metrics.digg_count", amount),
    Column(_total("douyin_comments", "comments"), "metrics.comment_count", amount),
    Column(_total("douyin_shares", "shares"), "metrics.share_count", amount),
    Column(_total("douyin_favorites", "times it was kept"), "metrics.collect_count", amount),
    Column(
        Metric("douyin_review_status", Subject.VIDEO, Unit.COUNT, "review code; undocumented"), "review.status", number
    ),
    Column(Metric("douyin_public", Subject.VIDEO, Unit.STATE, "everyone can see it"), "visibility.is_public", truth),
)
_LISTED_METRIC = Metric("items_listed", Subject.ACCOUNT, Unit.COUNT, "videos published in the past 30 days")
_EXPORTED = Metric("items_exported", Subject.ACCOUNT, Unit.COUNT, "videos of the past 30 days in the file, up to 1000")


# --- the list --------------------------------------------------------------------------------------------------------


def more(page: object) -> bool:
    """Say whether the list goes on after this page; without a cursor nothing but the same page can follow."""
    return _goes_on(page) is True and bool(_cursor(page))


def _goes_on(page: object) -> bool | None:
    return flag(table(page).get("has_more"))


def _cursor(page: object) -> object:
    """Return the place where the next page begins, a number or a text, as it is to be sent back."""
    cursor = table(page).get("cursor")
    return cursor if ident(cursor) else None


def read_list(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the counters of every video listed; the answer does not say whose videos they are."""
    lists = [table(page).get("items") for page in pages]
    if not lists or not all(isinstance(one, list) for one in lists):
        return lacks("list of videos")
    rows = [row for one in lists for row in sequence(one)]
    found = by_id(rows, "item_id")
    ended = _goes_on(pages[-1]) is False and "" not in found
    return Reading(
        {(_LISTED_METRIC.name, NO_LABELS): tally(found), **tabulate(rows, {"video": "item_id"}, _COLUMNS)},
        payload=whole(pages),
        videos=Videos(tuple(_listed(found)), asked.at - _LISTED if ended else None),
    )


def _listed(rows: Mapping[str, Mapping[str, object]]) -> Iterator[Found]:
    for video, row in rows.items():
        if video:
            yield Found(video, private=flag(inner(row, "visibility.is_public")) is False)


def _newest(asked: Sequence[Asked], page: Page) -> Mapping[str, object]:
    at = asked[0].at
    cursor = {} if page.before is None else {"cursor": _cursor(page.before)}
    return {
        "start_time": milliseconds(at - _LISTED),
        "end_time": milliseconds(at),
        "count": _MOST,
        "order_by": _NEWEST_FIRST,
        "fields": "metrics,review,visibility",
        # Whoever took part in a video is none of the watched accounts.
        "need_cooperation": False,
        "need_long_article": True,
        **cursor,
    }


# --- the file --------------------------------------------------------------------------------------------------------


def read_export(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return how many videos the file has, and keep its rows: no document names its columns."""
    rows = pages[0] if pages else None
    if not isinstance(rows, list):
        return Failure(Reason.BAD_PAYLOAD, "the answer is no spreadsheet")
    filled = [row for row in rows if table(row)]
    return Reading({(_EXPORTED.name, NO_LABELS): float(len(filled))}, payload=filled)


def _past_month(asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    at = asked[0].at
    return {
        "min_cursor": milliseconds(at - _LISTED),
        "max_cursor": milliseconds(at),
        "type_filters": list(_GENRES),
        "need_long_article": True,
    }


# --- one video -------------------------------------------------------------------------------------------------------


def read_overview(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the video's blocks as they came and no number: the document names the blocks, not the fields in them.

    One of several videos may have no row. An answer in which no row names a video is kept as it came.
    """
    rows = by_id(first(pages).get("items"), "item_id")
    if not rows.keys() - {""}:
        return Reading({}, payload=whole(pages))
    if asked.video_id not in rows:
        return Failure(Reason.NOT_FOUND, "the answer has no row of this video")
    return Reading({}, payload={**first(pages), "items": [rows[asked.video_id]]})


def _all_blocks(asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    blocks = "metrics,review,play_info,dou_plus,integrated_incentive,incentive_life,content_analysis"
    return {"ids": ",".join(one.video_id for one in asked), "fields": blocks}


# --- the endpoints ---------------------------------------------------------------------------------------------------

_HOUR = timedelta(hours=1)
_ARTICLES = Parameter("need_long_article", "also long articles", required=False)

ITEM_LIST = replace(
    creator_route(
        "fetch_item_list",
        Subject.ACCOUNT,
        (
            Parameter("start_time", "published since, in milliseconds since 1970"),
            Parameter("end_time", "published until, in milliseconds since 1970"),
            Parameter("count", "videos a page, 100 at most", required=False),
            Parameter("order_by", "1 is the newest first; 26 orders in all", required=False),
            Parameter("fields", "the blocks wanted, separated by commas", required=False),
            Parameter("need_cooperation", "also who took part in a video", required=False),
            _ARTICLES,
            Parameter("cursor", "where the page begins: the cursor of the page before", required=False),
        ),
        _newest,
        freshness="current; the videos published in the past 30 days, 100 a page",
        cadence=ByNewest(24 * _HOUR, ((6 * _HOUR, _HOUR), (24 * _HOUR, 3 * _HOUR), (72 * _HOUR, 6 * _HOUR))),
        metrics=(*metrics_of(_COLUMNS), _LISTED_METRIC),
        read=read_list,
    ),
    more=more,
    lists_videos=_LISTED,
)

ITEM_EXPORT = replace(
    creator_route(
        "fetch_item_list_download",
        Subject.ACCOUNT,
        (
            Parameter("min_cursor", "published since, in milliseconds since 1970"),
            Parameter("max_cursor", "published until, in milliseconds since 1970"),
            Parameter("type_filters", "videos by length 1-4, pictures 5, articles 8", required=False),
            _ARTICLES,
        ),
        _past_month,
        freshness="written when asked: a spreadsheet of the past 30 days, up to 1000 videos",
        cadence=NOON,
        metrics=(_EXPORTED,),
        read=read_export,
    ),
    form=Form.XLSX,
)

ITEM_OVERVIEW = replace(
    creator_route(
        "fetch_item_overview_data",
        Subject.VIDEO,
        (
            Parameter("ids", "video ids, separated by commas"),
            Parameter("fields", "the blocks wanted, separated by commas", required=False),
        ),
        _all_blocks,
        freshness="undocumented; kept as it came",
        cadence=ByAge(),
        metrics=(),
        read=read_overview,
    ),
    batch=MOST_TOGETHER,
)
