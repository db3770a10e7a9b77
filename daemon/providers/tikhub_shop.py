"""TikHub, TikTok-Creator API: what its routes about a shop creator have in common. Each wants the account's cookie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from daemon.providers.answer import Asked
from daemon.providers.endpoint import Page, Parameter, Platform
from daemon.providers.tikhub import Body, CookieApi, nothing

START_DATE = Parameter("start_date", "any day of the calendar month asked for, MM-DD-YYYY")
ITEM_ID = Parameter("item_id", "the video's id")

_MONTH = "%m-01-%Y"

shop_route = CookieApi(Platform.TIKTOK, "/api/v1/tiktok/creator/").route


def month_of(at: datetime) -> str:
    """Return the first of the calendar month to ask for, MM-DD-YYYY.

    The month of two days ago: the numbers lag a day, and the market's day may end up to a day after the UTC one.
    """
    return (at - timedelta(days=2)).strftime(_MONTH)


def months_since(days: int, at: datetime) -> list[str]:
    """Return the first of each calendar month that the past ``days`` lie in, MM-DD-YYYY, the newest month first.

    The newest is one that has begun on every market: the last does 12 hours after UTC.
    """
    since, found = (at - timedelta(days=days)).date(), [(at - timedelta(hours=12)).date().replace(day=1)]
    while found[-1] > since:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return [month.strftime(_MONTH) for month in found]


def in_month(about: Body = nothing) -> Body:
    """Return the body of a route about a calendar month; ``about`` gives what it wants besides.

    The date is always sent: without it the answer is about April 2025.
    """

    def body(asked: Sequence[Asked], page: Page) -> Mapping[str, object]:
        return {"start_date": month_of(asked[0].at), **about(asked, page)}

    return body
