"""TikHub, Douyin-Creator-V2 API: what an account publishes, by field ("vertical") and genre.

Only the list of fields is documented; of the two analyses the payload is kept and no number is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.providers.answer import Asked, Failure, Reading
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter
from daemon.providers.tikhub import Body, first, lacks, present, whole
from daemon.providers.tikhub_douyin import BEIJING, NOON, creator_route
from rules.values import Metric, Subject, Unit

_DAYS = 90
_GENRES = (1, 2, 3, 4, 5, 8)
_PLAYS = 1
_VERTICAL = Metric(
    "vertical_involved", Subject.ACCOUNT, Unit.STATE, "the past 90 days have videos of this field", ("vertical",)
)


def read_verticals(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return one series a field. None is documented for an account that published nothing, or nothing classified."""
    data = first(pages)
    verticals = data.get("primary_verticals")
    if not isinstance(verticals, list):
        return lacks("list of fields")
    return Reading(present(_VERTICAL, verticals, asked), payload=data)


def keep(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return the payload and no number: no field of these answers is documented."""
    return Reading({}, payload=whole(pages))


def _dates(asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    """Return the 90 days that end with yesterday, Beijing time: the longest range that is allowed."""
    yesterday = asked[0].at.astimezone(BEIJING).date() - timedelta(days=1)
    start = yesterday - timedelta(days=_DAYS - 1)
    return {"start_date": start.strftime("%Y%m%d"), "end_date": yesterday.strftime("%Y%m%d")}


def _of_verticals(asked: Sequence[Asked], page: Page) -> Mapping[str, object]:
    verticals = [name.strip() for name in asked[0].options.get("verticals", "").split(",") if name.strip()]
    return {**_dates(asked, page), "primary_verticals": verticals, "genres": list(_GENRES)}


def _plays(asked: Sequence[Asked], page: Page) -> Mapping[str, object]:
    return {**_of_verticals(asked, page), "metric_type": _PLAYS}


_RANGE = (
    Parameter("start_date", "the first day, YYYYMMDD"),
    Parameter("end_date", "the last day, YYYYMMDD; 90 days at most"),
)
_CHOICE = (
    Parameter("primary_verticals", "the fields wanted; fetch_item_analysis_involved_vertical lists an account's"),
    Parameter("genres", "videos by length 1-4, pictures 5, articles 8", required=False),
)

INVOLVED_VERTICAL = replace(
    creator_route(
        "fetch_item_analysis_involved_vertical",
        Subject.ACCOUNT,
        _RANGE,
        _dates,
        freshness="the 90 days up to yesterday",
        cadence=NOON,
        metrics=(_VERTICAL,),
        read=read_verticals,
    ),
    recalls=frozenset({_VERTICAL.name}),
)


def _analysis(name: str, body: Body, *parameters: Parameter) -> Endpoint:
    """Return a route that is asked only where the target's option ``verticals`` says about what."""
    route = creator_route(
        name,
        Subject.ACCOUNT,
        (*_RANGE, *_CHOICE, *parameters),
        body,
        freshness="the 90 days up to yesterday; kept as it came",
        cadence=NOON,
        metrics=(),
        read=keep,
    )
    return replace(route, needs=route.needs | {Need.VERTICALS})


ITEM_PERFORMANCE = _analysis(
    "fetch_item_analysis_item_performance",
    _plays,
    Parameter("metric_type", "1 plays, 2 likes, 3 comments, 4 shares", required=False),
)

ANALYSIS_OVERVIEW = _analysis("fetch_item_analysis_overview", _of_verticals)
