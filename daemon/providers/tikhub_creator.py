"""TikHub, TikTok-Analytics API: a creator's followers, likes and milestones. Needs no cookie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Request
from daemon.providers.payload import amount, digest, ident, number, sequence, table, wording
from daemon.providers.tikhub import BASE_USD, another, first
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_METRICS = (
    Metric("follower_count", Subject.ACCOUNT, Unit.COUNT, "followers, exact", total=True),
    Metric("like_count", Subject.ACCOUNT, Unit.COUNT, "likes of all videos together", total=True),
)
_WORDS = {
    "title": "milestone_title",
    "year": "milestone_year",
    "month_day": "milestone_month_day",
    "summary": "creator_summary",
}


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the two totals. A follower count of 0 that cannot be true is a failure, not a number."""
    data = first(pages)
    info = table(data.get("creator_info"))
    failure = _doubt(data, info, asked)
    if failure is not None:
        return failure
    values = {(metric.name, NO_LABELS): amount(info.get(metric.name)) for metric in _METRICS}
    records = tuple(map(_milestone, map(table, sequence(data.get("milestones")))))
    return Reading(values, records, payload=data)


def _doubt(data: Mapping[str, object], info: Mapping[str, object], asked: Asked) -> Failure | None:
    uid = ident(data.get("user_id"))
    if not uid or any(number(info.get(metric.name)) is None for metric in _METRICS):
        return Failure(Reason.BAD_PAYLOAD, "the answer lacks the user id, the follower count or the like count")
    if uid != asked.uid:
        return another("account")
    if number(info.get("follower_count")) == 0 and _had_followers(info, asked):
        return Failure(Reason.EMPTY, "0 followers cannot be true: the account is private or the platform held back")
    return None


def _had_followers(info: Mapping[str, object], asked: Asked) -> bool:
    return any((asked.last.get(("follower_count", NO_LABELS)), amount(info.get("like_count"))))


def _milestone(row: Mapping[str, object]) -> Record:
    words = {word: wording(row.get(field)) for word, field in _WORDS.items()}
    return Record("milestone", digest(wording(row.get("milestone")), *words.values()), words)


_PATH = "/api/v1/tiktok/analytics/fetch_creator_info_and_milestones"


def _ask(asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
    return Request("GET", _PATH, {"user_id": asked[0].uid})


CREATOR_INFO = Endpoint(
    name="fetch_creator_info_and_milestones",
    provider=Provider.TIKHUB,
    platform=Platform.TIKTOK,
    subject=Subject.ACCOUNT,
    method="GET",
    path=_PATH,
    parameters=(Parameter("user_id", "the account's numeric id, not its handle"),),
    needs=frozenset({Need.UID}),
    cost_usd=BASE_USD,
    freshness="current",
    cadence=Every(timedelta(hours=3), alerted=timedelta(hours=1)),
    metrics=_METRICS,
    ask=_ask,
    read=read,
    recalls=frozenset({"follower_count"}),
)
