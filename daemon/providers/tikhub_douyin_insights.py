"""TikHub, Douyin-Creator-V2 API: how one video is found and watched: sources, keywords, retention, bullet comments.

An empty list is documented for a video that nobody found or watched this way yet: it is a reading without series.
Words are those of many viewers together; no viewer is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import AtAges
from daemon.providers.answer import Asked, Failure, Reading
from daemon.providers.endpoint import Page, Parameter
from daemon.providers.payload import amount, fraction, percent, table, text, within
from daemon.providers.tikhub import first, lacks
from daemon.providers.tikhub_douyin import (
    ITEM_ID,
    Column,
    about_item,
    creator_route,
    metrics_of,
    names_of,
    part,
    tabulate,
)
from rules.values import NO_LABELS, Metric, Subject, Unit

_MINUTE_S = 60
"""Of a curve over the video's length the first minute becomes series; the rest stays in the payload."""
_MOMENT = re.compile(r"00:[0-5]\d", re.ASCII)
_RETENTION = 1

_ON_INCIDENT = AtAges((timedelta(hours=48),), again=timedelta(hours=24))
_TWICE = AtAges((timedelta(hours=48), timedelta(days=7)))


def _of_video(name: str, unit: Unit, meaning: str, *labels: str) -> Metric:
    return Metric(name, Subject.VIDEO, unit, meaning, labels)


def _difference(value: object) -> float | None:
    return within(value, -1, 1)


_SOURCES = (
    Column(
        _of_video("play_source_ratio", Unit.RATIO, "plays from this source of all", "app", "source"), "value", fraction
    ),
    Column(
        _of_video("play_source_change", Unit.RATIO, "difference of that to its history", "app", "source"),
        "history_difference",
        _difference,
    ),
)
_KEYWORDS = (
    Column(_of_video("search_keyword_count", Unit.COUNT, "searches with this keyword", "keyword"), "count", amount),
    Column(
        _of_video("search_keyword_ratio", Unit.RATIO, "searches with this keyword of all", "keyword"),
        "percentage",
        percent,
    ),
)
_SEARCHES = _of_video("search_count", Unit.COUNT, "searches that led to the video")
_CURVES = (
    Column(_of_video("watch_retention", Unit.RATIO, "viewers still there at mm:ss", "moment"), "value", fraction),
    Column(
        _of_video("watch_retention_similar", Unit.RATIO, "the same, mean of similar authors", "moment"),
        "value",
        fraction,
    ),
)
_MOMENTS = (
    Column(_of_video("danmaku_count", Unit.COUNT, "bullet comments at this second", "second"), "count", amount),
    Column(
        _of_video("danmaku_ratio", Unit.RATIO, "bullet comments at this second of all", "second"), "percentage", percent
    ),
)
_WORDS = (
    Column(
        _of_video("danmaku_word_count", Unit.COUNT, "times this word occurs in bullet comments", "sentiment", "word"),
        "count",
        amount,
    ),
)
_DANMAKU = (
    _of_video("danmaku_total", Unit.COUNT, "bullet comments"),
    _of_video("danmaku_peak_s", Unit.SECONDS, "second of the video with the most bullet comments"),
)


def read_sources(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return where the plays come from; a source without plays is not listed (provider document)."""
    data = first(pages)
    if not isinstance(data.get("play_source"), list):
        return lacks("list of play sources")
    return Reading(tabulate(data["play_source"], {"app": "app_id", "source": "key"}, _SOURCES), payload=data)


def read_keywords(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - as above
    """Return which searches led to the video."""
    data = first(pages)
    if not isinstance(data.get("keywords"), list):
        return lacks("list of search keywords")
    total = {(_SEARCHES.name, NO_LABELS): amount(data.get("total_count"))}
    return Reading(total | tabulate(data["keywords"], {"keyword": "keyword"}, _KEYWORDS), payload=data)


def read_retention(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the share of viewers at each named moment of the first minute, beside that of similar authors."""
    data = first(pages)
    curves = table(data.get("analysis_trend"))
    if not isinstance(curves.get("current_item"), list):
        return lacks("curve of this video")
    own, similar = (_start(curves.get(name), "key", _is_early) for name in ("current_item", "similar_author"))
    names = {"moment": "key"}
    return Reading(tabulate(own, names, _CURVES[:1]) | part(similar, names, _CURVES[1:], asked), payload=data)


def read_danmaku(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return when the bullet comments come, and the words in them that are the most frequent."""
    data = first(pages)
    if "total_count" not in data:
        return lacks("number of bullet comments")
    total, peak = _DANMAKU
    early = _start(data.get("bullet_distribution"), "time_point", _is_in_first_minute)
    values = {
        (total.name, NO_LABELS): amount(data.get("total_count")),
        (peak.name, NO_LABELS): amount(data.get("peak_time")),
        **part(early, {"second": "time_point"}, _MOMENTS, asked),
        **part(data.get("hot_words"), {"sentiment": "sentiment", "word": "word"}, _WORDS, asked),
    }
    return Reading(values, payload=data)


def _start(curve: object, key: str, is_early: Callable[[object], bool]) -> list[object] | None:
    """Return the points of a curve's first minute, which ``is_early`` tells by their key; None where it is no list."""
    return [point for point in curve if is_early(table(point).get(key))] if isinstance(curve, list) else None


def _is_early(moment: object) -> bool:
    return _MOMENT.fullmatch(text(moment)) is not None


def _is_in_first_minute(second: object) -> bool:
    known = amount(second)
    return known is not None and known < _MINUTE_S


def _retention(asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    return {"item_id": asked[0].video_id, "analysis_type": _RETENTION}


PLAY_SOURCE = creator_route(
    "fetch_item_play_source",
    Subject.VIDEO,
    (ITEM_ID,),
    about_item,
    freshness="undocumented; of use from 200 plays",
    cadence=_ON_INCIDENT,
    metrics=metrics_of(_SOURCES),
    read=read_sources,
)

SEARCH_KEYWORD = creator_route(
    "fetch_item_search_keyword",
    Subject.VIDEO,
    (ITEM_ID,),
    about_item,
    freshness="undocumented",
    cadence=_TWICE,
    metrics=(*metrics_of(_KEYWORDS), _SEARCHES),
    read=read_keywords,
)

WATCH_TREND = replace(
    creator_route(
        "fetch_item_watch_trend",
        Subject.VIDEO,
        (
            ITEM_ID,
            Parameter("analysis_type", "1 retention, 2 likes, 7 bounces; only retention is asked for", required=False),
        ),
        _retention,
        freshness="undocumented; of use from 200 plays",
        cadence=_ON_INCIDENT,
        metrics=metrics_of(_CURVES),
        read=read_retention,
    ),
    recalls=names_of(_CURVES[1:]),
)

DANMAKU = replace(
    creator_route(
        "fetch_item_danmaku_analysis",
        Subject.VIDEO,
        (ITEM_ID,),
        about_item,
        freshness="undocumented; some time after publication",
        cadence=_TWICE,
        metrics=(*metrics_of(_MOMENTS), *metrics_of(_WORDS), *_DANMAKU),
        read=read_danmaku,
    ),
    recalls=names_of((*_MOMENTS, *_WORDS)),
)
