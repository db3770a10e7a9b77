"""TikTok-Creator API: how a shop creator's numbers are cut into segments of time.

Two nestings occur, here by turns: as documented, the numbers of a day lie in the bucket itself, money is a number and
a rate too; as observed, they lie below ``stats``, money is an object of strings with its currency, rates are strings,
and the months stand beside the days, so that both together count everything twice. The newest day has no numbers yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from daemon.simulator.bodies import Body
from daemon.simulator.query import Query, read_month

OFFSET = timedelta(hours=-8)
"""The market's time zone: that of the United States, without summer time (observed)."""

_DAY = timedelta(days=1)
_LAG = timedelta(days=1)
_DAYS, _WHOLE = 11, 1

Numbers = Callable[[datetime, datetime, "Style"], Body]
"""(start, end, style) -> the numbers of that time."""


@dataclass(frozen=True, slots=True)
class Style:
    """How numbers are written: as documented (``literal``), or as observed."""

    literal: bool

    def money(self, amount: float) -> Body:
        """An amount of US dollars."""
        if self.literal:
            return {"amount": round(amount, 2)}
        text = f"{amount:.2f}"
        return {
            "amount": text,
            "amount_formatted": f"${amount:,.2f}",
            "amount_delimited": f"{amount:,.2f}",
            "currency_code": "USD",
            "currency_symbol": "$",
        }

    def rate(self, value: float) -> object:
        """A fraction of 1."""
        return round(value, 4) if self.literal else f"{value:.4f}"


def market_midnight(day: date) -> datetime:
    """When a natural day of the market begins."""
    return datetime.combine(day, time(), timezone(OFFSET)).astimezone(UTC)


def show_days(query: Query, numbers: Numbers, condition: Mapping[str, object], *, flat: bool = True) -> list[Body]:
    """The segments of a month, day by day: the days of ``start_date``'s month so far, or of this month.

    ``flat`` where the document puts the numbers into the bucket itself; else they lie below ``stats`` always.
    """
    style = Style(query.world.is_literal(query.subject))
    today = query.at.astimezone(timezone(OFFSET)).date()
    first, after = read_month(query.params.get("start_date", f"{today:%m-%d-%Y}"))
    days = _span(first, min(after, today + _DAY))
    months = [(market_midnight((first - _DAY).replace(day=1)), market_midnight(first))]
    months += [(days[0][0], days[-1][1])] if days else []
    return [
        _segment(spans, condition, granularity, [_bucket(query, *span, numbers, style, flat) for span in spans])
        for spans, granularity in ((months, _WHOLE), (days, _DAYS))
        if granularity == _DAYS or not style.literal
    ]


def _span(first: date, after: date) -> list[tuple[datetime, datetime]]:
    days = [first + number * _DAY for number in range((after - first).days)]
    return [(market_midnight(day), market_midnight(day + _DAY)) for day in days]


def _bucket(query: Query, start: datetime, end: datetime, numbers: Numbers, style: Style, flat: bool) -> Body:
    """The numbers of a time as far as they are known: a day's are a day after it is over."""
    known = min(end, market_midnight((query.at - _LAG).astimezone(timezone(OFFSET)).date()))
    ready = known >= end if end - start <= _DAY else known > start
    stats = numbers(start, known, style) if ready else {}
    return stats if style.literal and flat else {**show_span(start, end), "stats": stats}


def show_range(query: Query, key: str, buckets: Sequence[object], condition: Mapping[str, object]) -> Body:
    """The one segment of ``start_date``'s whole month; what each bucket holds lies below ``stats``."""
    first, after = read_month(query.params["start_date"])
    span = market_midnight(first), market_midnight(after)
    return _segment([span], condition, _WHOLE, [{**show_span(*span), "stats": one} for one in buckets], key)


def show_page(
    query: Query, rows: Sequence[Body], size: int, span: tuple[datetime, datetime], creator: str
) -> list[Body]:
    """The segment of one page (from 0) of a list."""
    page = int(query.params["page"])
    part = list(rows[page * size : (page + 1) * size])
    literal = query.world.is_literal(query.subject)
    listed: list[Body] = part if literal else [{**show_span(*span), "stats": part}]
    pages = -(-len(rows) // size)
    turn = {"has_more": page + 1 < pages, "next_page": page + 1, "total_page": pages, "total": len(rows)}
    segment = _segment([span], {"creator_id": creator}, _WHOLE, listed, "timed_lists")
    return [segment | {"list_control": {"rules": [], "next_pagination": turn}}]


def show_span(start: datetime, end: datetime) -> Body:
    """Where a bucket begins and ends; its end is no part of it."""
    return {"start_timestamp": int(start.timestamp()), "end_timestamp": int(end.timestamp())}


def _segment(
    spans: Sequence[tuple[datetime, datetime]],
    condition: Mapping[str, object],
    granularity: int,
    buckets: Sequence[Body],
    key: str = "timed_stats",
) -> Body:
    span = show_span(spans[0][0], spans[-1][1]) if spans else {}
    zone = {"timezone_offset": int(OFFSET.total_seconds()), "locale": "en"}
    return {
        "time_selector": {"period": 2, "granularity": granularity, **zone, **span},
        "filter": dict(condition),
        key: list(buckets),
    }
