"""TikHub, Douyin-Creator-V2 API: who watches one video, as shares of groups. No viewer is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import AtAges
from daemon.providers.answer import Asked, Failure, Reading, SeriesKey
from daemon.providers.payload import amount, by_id, fraction, inner, table
from daemon.providers.tikhub import first, lacks
from daemon.providers.tikhub_douyin import ITEM_ID, Column, about_item, creator_route, metrics_of, names_of, part
from rules.values import NO_LABELS, Metric, Subject, Unit

DIMENSIONS = ("active", "age", "career", "city_level", "gender", "new_user", "province")

_CADENCE = AtAges((timedelta(hours=48), timedelta(days=7)))
_FRESHNESS = "24 to 48 hours behind publication; of use from 1000 plays"
_GROUP = ("dimension", "group")
_SHARE = Column(
    Metric("portrait_ratio", Subject.VIDEO, Unit.RATIO, "viewers of this group of all", _GROUP), "value", fraction
)
_TGI = Column(
    Metric("portrait_tgi", Subject.VIDEO, Unit.SCORE, "that against the whole platform, which is 100", _GROUP),
    "value",
    amount,
)
_INTEREST = Column(
    Metric("viewer_interest_ratio", Subject.VIDEO, Unit.RATIO, "interest of the viewers in this", ("keyword",)),
    "value",
    fraction,
)
_FANS = {
    "1": Metric("viewer_fan_ratio", Subject.VIDEO, Unit.RATIO, "viewers who follow the account, of all"),
    "0": Metric("viewer_stranger_ratio", Subject.VIDEO, Unit.RATIO, "viewers who do not follow it, of all"),
}
_FAN_NAMES = frozenset(metric.name for metric in _FANS.values())


def read_portrait(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the groups that the answer lists; a dimension that is empty has too few viewers, and no series."""
    data = first(pages)
    if not data.keys() & set(DIMENSIONS):
        return lacks("dimension of the portrait")
    values: dict[SeriesKey, float | None] = {}
    for dimension in DIMENSIONS:
        groups = data.get(dimension)
        # Some dimensions come as a list of shares, the others as an object of two lists.
        ratios = groups if isinstance(groups, list) else table(groups).get("ratio_list")
        indices = table(groups).get("tgi_list")
        values |= _groups(dimension, ratios, _SHARE, asked) | _groups(dimension, indices, _TGI, asked)
    return Reading(values, payload=data)


def _groups(dimension: str, rows: object, column: Column, asked: Asked) -> dict[SeriesKey, float | None]:
    named = [{**table(row), "dimension": dimension} for row in rows] if isinstance(rows, list) else None
    return part(named, {"dimension": "dimension", "group": "key"}, (column,), asked, dimension=dimension)


def read_others(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return how many viewers are followers, and what else they care about."""
    data = first(pages)
    fans, words = (inner(data, path) for path in ("audience_distribution.fan_list", "audience_keyword.keyword_list"))
    if not isinstance(fans, list) and not isinstance(words, list):
        return lacks("distribution of the viewers")
    return Reading(_fans(fans, asked) | part(words, {"keyword": "keyword"}, (_INTEREST,), asked), payload=data)


def _fans(rows: object, asked: Asked) -> dict[SeriesKey, float | None]:
    if not isinstance(rows, list):
        return asked.unknown(*_FAN_NAMES)
    shares = by_id(rows, "key")
    return {
        (metric.name, NO_LABELS): fraction(shares[key].get("value")) for key, metric in _FANS.items() if key in shares
    }


AUDIENCE_PORTRAIT = replace(
    creator_route(
        "fetch_item_audience_portrait",
        Subject.VIDEO,
        (ITEM_ID,),
        about_item,
        freshness=_FRESHNESS,
        cadence=_CADENCE,
        metrics=metrics_of((_SHARE, _TGI)),
        read=read_portrait,
    ),
    recalls=names_of((_SHARE, _TGI)),
)

AUDIENCE_OTHERS = replace(
    creator_route(
        "fetch_item_audience_others",
        Subject.VIDEO,
        (ITEM_ID,),
        about_item,
        freshness=_FRESHNESS,
        cadence=_CADENCE,
        metrics=(*_FANS.values(), _INTEREST.metric),
        read=read_others,
    ),
    recalls=_FAN_NAMES | names_of((_INTEREST,)),
)
