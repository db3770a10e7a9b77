"""TikHub, Douyin-Creator-V2 API: the weekly diagnosis of a Douyin account in five dimensions.

The answer names no account, so it cannot prove whose cookie asked for it (provider document).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from daemon.cadence import Daily
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.payload import amount, fraction, number, table
from daemon.providers.tikhub import first, nothing
from daemon.providers.tikhub_douyin import BEIJING, creator_route
from rules.values import Metric, Subject, Unit

DIMENSIONS = ("Interact", "NewFans", "PlayCnt", "PlayFinishRatio", "PublishActivation")

_NOON = time(12)
_LABELS = ("dimension",)
_METRICS = (
    Metric("own_value", Subject.ACCOUNT, Unit.SCORE, "the account's value of the past 7 days, as a number", _LABELS),
    Metric("author_rank", Subject.ACCOUNT, Unit.RATIO, "share of the account's own past that was lower", _LABELS),
    Metric("similar_rank", Subject.ACCOUNT, Unit.RATIO, "share of similar creators that are lower", _LABELS),
    Metric("similar_count", Subject.ACCOUNT, Unit.COUNT, "how many similar creators there are", _LABELS),
    Metric("similar_value", Subject.ACCOUNT, Unit.SCORE, "the mean value of similar creators", _LABELS),
)


_FIELDS: Mapping[str, tuple[str, Callable[[object], float | None]]] = {
    "own_value": ("OwnValue", number),
    "author_rank": ("AuthorRank", fraction),
    "similar_rank": ("SimilarRank", fraction),
    "similar_count": ("SimilarCount", amount),
    "similar_value": ("SimilarValue", number),
}


def read(pages: Sequence[object], _asked: Asked) -> Reading | Failure:
    """Return 25 series, five a dimension; those that the answer leaves out are unknown."""
    data = first(pages)
    inner = data if data.keys() & set(DIMENSIONS) else table(data.get("data"))
    if not any(table(inner.get(dimension)) for dimension in DIMENSIONS):
        return Failure(Reason.EMPTY, "the diagnosis holds none of its five dimensions")
    values: dict[SeriesKey, float | None] = {
        (metric, (("dimension", dimension),)): decode(table(inner.get(dimension)).get(field))
        for dimension in DIMENSIONS
        for metric, (field, decode) in _FIELDS.items()
    }
    return Reading(values, payload=inner)


def measured_at(at: datetime) -> datetime:
    """Return the end of the newest day whose data is complete at ``at``.

    Provider document: the data of a day is updated at 12:00 of the next day, Beijing time.
    """
    local = at.astimezone(BEIJING)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - timedelta(days=local.time() < _NOON)).astimezone(UTC)


AUTHOR_DIAGNOSIS = replace(
    creator_route(
        "fetch_author_diagnosis",
        Subject.ACCOUNT,
        (),
        nothing,
        freshness="the 7 days up to yesterday, from 12:00 Beijing time; before noon up to the day before",
        cadence=Daily("Asia/Shanghai", time(12, 10), (time(12, 40), time(13, 30), time(15), time(18))),
        metrics=_METRICS,
        read=read,
    ),
    measured=measured_at,
)
