"""TikHub, TikTok-Creator API: what its segmented answers have in common.

An answer holds segments, a segment holds buckets of time. Two nestings occur: the provider's document puts the numbers
into the bucket itself, live answers put them below its ``stats``. Segments overlap (months beside the days of a
month), so only the finest buckets are read, and none is ever added to another. Buckets are [start, end) in Unix
seconds, natural days in the time zone of the creator's market; ``{}`` is no data yet, and so is an answer without any
segment; a written zero is a zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import chain

from daemon.providers.answer import Asked, Failure, Reason, SeriesKey
from daemon.providers.payload import amount, flag, ident, instant, sequence, table, text, within
from daemon.providers.tikhub import another
from rules.values import Metric, Subject, Unit

DAY, RANGE = "day", "range"
UNKNOWN_CURRENCY = "unknown"

_DAY_S = 86_400
_LISTS = "timed_lists"
_CODE = re.compile(r"[A-Z]{3}")
_PRICE = re.compile(r"([^\d\s.,+-]{0,5})\s?(\d{1,3}(?:,\d{3})+|\d{1,15})(\.\d{1,2})?", re.ASCII)

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Bucket:
    """The numbers of one time, [start, end) in Unix seconds; infinitely long where the answer names no times."""

    stats: Row
    start_s: float = -math.inf
    end_s: float = math.inf
    offset_s: float = 0.0

    @property
    def days(self) -> float:
        """How many days it covers, at least 1 (a day of 23 or 25 hours is one)."""
        length_s = self.end_s - self.start_s
        return max(1, round(length_s / _DAY_S)) if math.isfinite(length_s) else math.inf

    @property
    def period(self) -> str:
        """The label ``period``: the numbers of a day and those of a longer time are different series."""
        return DAY if self.days == 1 else RANGE

    def words(self) -> Mapping[str, str]:
        """Return its first and its last instant in words, in the time zone of the creator's market."""
        zone = timezone(timedelta(seconds=self.offset_s))
        times = {"start": self.start_s, "end": self.end_s}
        return {
            name: datetime.fromtimestamp(at_s, UTC).astimezone(zone).isoformat()
            for name, at_s in times.items()
            if math.isfinite(at_s)
        }


# --- buckets ---------------------------------------------------------------------------------------------------------


def segments(page: object, key: str) -> list[Row] | Failure:
    """Return the segments of a page, each with its list ``key``; none where there is no data (never LIVE, no shop)."""
    rows = segments_of([page])
    if not isinstance(table(page).get("segments"), list) or not all(isinstance(row.get(key), list) for row in rows):
        return Failure(Reason.BAD_PAYLOAD, f"a segment of the answer holds no {key}")
    return rows


def segments_of(pages: Iterable[object]) -> list[Row]:
    """Return the segments of all pages, whatever is in them."""
    return [table(segment) for page in pages for segment in sequence(table(page).get("segments"))]


def newest(found: Iterable[Row], key: str, at: datetime) -> Bucket | Failure:
    """Return the newest of the finest buckets that has data: of days those that are over at ``at``.

    Where none has data yet, it is a bucket without numbers.
    """
    all_buckets = [bucket for segment in found for bucket in _buckets(segment, key)]
    buckets = finest(bucket for bucket in all_buckets if math.isfinite(bucket.days))
    if all_buckets and not buckets:
        return Failure(Reason.BAD_PAYLOAD, "the buckets of the answer name no times")
    known = [bucket for bucket in buckets if bucket.stats and (bucket.days > 1 or bucket.end_s <= at.timestamp())]
    nothing = Bucket({}, 0, _DAY_S * buckets[0].days) if buckets else Bucket({}, 0, _DAY_S)
    return max(known, key=lambda bucket: bucket.start_s) if known else nothing


def finest(found: Iterable[Bucket]) -> list[Bucket]:
    """Return those buckets that cover the shortest time, the newest first."""
    buckets = sorted(found, key=lambda bucket: -bucket.start_s)
    shortest = min((bucket.days for bucket in buckets), default=1)
    return [bucket for bucket in buckets if bucket.days == shortest]


def _buckets(segment: Row, key: str) -> Iterator[Bucket]:
    rows = [table(row) for row in sequence(segment.get(key))]
    selector = table(segment.get("time_selector"))
    offset_s = int(within(selector.get("timezone_offset"), 1 - _DAY_S, _DAY_S - 1) or 0)
    for position, row in enumerate(rows):
        whole = _span(selector)
        part = whole if key == _LISTS else _share(whole, position, len(rows))
        start_s, end_s = _span(row) or part or (-math.inf, math.inf)
        for stats in _stats(row):
            yield Bucket(stats, start_s, end_s, offset_s)


def _stats(row: Row) -> Iterable[Row]:
    """Return the numbers of a row: its own, or what lies below ``stats``, which is an object or (in lists) a list."""
    inner = row.get("stats", row)
    return map(table, inner) if isinstance(inner, list) else (table(inner),)


def _span(row: Row) -> tuple[float, float] | None:
    start, end = instant(row.get("start_timestamp")), instant(row.get("end_timestamp"))
    return (start.timestamp(), end.timestamp()) if start and end and start < end else None


def _share(span: tuple[float, float] | None, position: int, count: int) -> tuple[float, float] | None:
    """Return the part of a segment's time that a bucket without times stands for: whole days each, or all of it."""
    if span is None or (count > 1 and (span[1] - span[0]) % (count * _DAY_S)):
        return None
    step_s = (span[1] - span[0]) / count
    return span[0] + position * step_s, span[0] + (position + 1) * step_s


# --- lists -----------------------------------------------------------------------------------------------------------


def listed(pages: Sequence[object]) -> list[Row] | Failure:
    """Return the rows of all pages of a list, of each page those of the finest time and the newest first."""
    rows: list[Row] = []
    for page in pages:
        found = segments(page, _LISTS)
        if isinstance(found, Failure):
            return found
        rows += [bucket.stats for bucket in finest(one for segment in found for one in _buckets(segment, _LISTS))]
    return rows if pages else Failure(Reason.BAD_PAYLOAD, "no page came")


def more(page: object) -> bool:
    """Say whether the list goes on after this page."""
    return any(flag(pagination.get("has_more")) is True for pagination in _paginations(page))


def total(page: object) -> float | None:
    """Return how many rows the list has in all, as the platform counts them."""
    return next((amount(pagination.get("total")) for pagination in _paginations(page)), None)


def _paginations(page: object) -> Iterator[Row]:
    for segment in segments_of([page]):
        yield table(table(segment.get("list_control")).get("next_pagination"))


# --- numbers ---------------------------------------------------------------------------------------------------------


def money(value: object) -> float | None:
    """Return an amount of money: an object with ``amount``, a decimal string, or a price in words such as "$7.94"."""
    inner = table(value)
    known = amount(inner.get("amount") if inner else value)
    match = _PRICE.fullmatch(text(_formatted(value)))
    if known is not None or match is None:
        return known
    return float(Decimal(match[2].replace(",", "") + (match[3] or "")))


def currency(rows: Iterable[Row], asked: Asked) -> str:
    """Return the currency of an answer: a code, else the sign before a price, else that of the last known numbers."""
    values = [value for row in rows for value in row.values()]
    signs = (match[1] for match in map(_PRICE.fullmatch, map(text, map(_formatted, values))) if match)
    before = (dict(labels).get("currency", "") for _, labels in asked.last)
    return next(filter(None, chain(map(_code, values), signs, before)), UNKNOWN_CURRENCY)


def _formatted(value: object) -> object:
    return table(value).get("amount_formatted", value)


def _code(value: object) -> str:
    code = text(table(value).get("currency_code"))
    return code if _CODE.fullmatch(code) else ""


@dataclass(frozen=True, slots=True)
class Field:
    """One number of a row: the name of its metric, its key in the row, what it means, and how it is read.

    Money has its currency as a label.
    """

    name: str
    key: str
    meaning: str
    unit: Unit = Unit.COUNT
    decode: Callable[[object], float | None] = amount

    def metric(self, subject: Subject, *labels: str) -> Metric:
        """Return what it declares, with these labels besides the currency."""
        own = (*labels, "currency") if self.decode is money else labels
        return Metric(self.name, subject, self.unit, self.meaning, tuple(sorted(own)))


def names_of(fields: Iterable[Field]) -> frozenset[str]:
    """Return the names of their metrics."""
    return frozenset(field.name for field in fields)


def numbers(fields: Iterable[Field], row: Row, common: str, **labels: str) -> dict[SeriesKey, float | None]:
    """Return the series of one row; ``common`` is the currency of money that names none of its own."""
    values: dict[SeriesKey, float | None] = {}
    for field in fields:
        value = row.get(field.key)
        own = labels | {"currency": _code(value) or common} if field.decode is money else labels
        values[field.name, tuple(sorted(own.items()))] = field.decode(value)
    return values


# --- identity --------------------------------------------------------------------------------------------------------


def wrong_identity(found: Iterable[Row], asked: Asked) -> Failure | None:
    """Return a failure where a segment's filter names other videos, or another product, than the one asked for."""
    for condition in (table(segment.get("filter")) for segment in found):
        videos = [condition.get("item_id"), *sequence(condition.get("item_ids"))]
        if _names_others(videos, asked.video_id):
            return another("video")
        if _names_others([condition.get("product_id")], asked.options.get("product_id", "")):
            return another("product")
    return None


def _names_others(values: Iterable[object], own: str) -> bool:
    named = set(map(ident, values)) - {""}
    return bool(own and named) and own not in named
